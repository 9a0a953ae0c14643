"""A ``HeldQuery`` run over instances, behind the interface of Django's compiler."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db.models import Model
from django.db.models.sql.constants import MULTI, SINGLE

from cluster.errors import NotInMemoryError
from cluster.queryset.combining import CombinedRow, combined_rows, model_row
from cluster.queryset.compiling import Compiler
from cluster.queryset.conversion import converter
from cluster.queryset.planning import Plan, PlanningCompiler
from cluster.queryset.registry import Evaluator
from cluster.queryset.rows import Row
from cluster.queryset.running import PreparedQuery


class HeldCompiler(PlanningCompiler):
    """Runs a ``HeldQuery`` over the instances of its source, with the interface of Django's compiler.

    Inside a query of the database it gives the SQL that stands for the keys of its rows.
    """

    _prepared: PreparedQuery | None = None

    @property
    def prepared(self) -> PreparedQuery:
        """The query, planned once for all outer rows that it may be run for."""
        if self._prepared is None:
            self._prepared = PreparedQuery(self.plan(), self.using, distinct=self.query.distinct)
        return self._prepared

    def rows(self, outer: Row | None = None) -> tuple[list[Row], Plan, Compiler]:
        """Run the query and return its rows, with the plan and the compiler of their expressions."""
        prepared = self.prepared
        rows = prepared.run(self.query.base_instances(), outer)
        return rows[self.query.low_mark : self.query.high_mark], prepared.plan, prepared.compiler

    def value_rows(self, outer: Row | None = None) -> Iterator[tuple[Any, ...]]:
        """Run the query and give the selected values of each row, converted as the backend would."""
        if self.query.combinator:
            return (row.output() for row in combined_rows(self))
        rows, plan, compiler = self.rows(outer)
        expressions = [expression for _, expression in plan.selection.columns]
        if plan.selection.of_instances:
            own = [field.get_col(plan.base_alias) for field in self.query.get_meta().concrete_fields]
            expressions = [*own, *expressions]
        readers = output_readers(expressions, compiler)
        return (tuple(read(row) for read in readers) for row in rows)

    def key_rows(self, outer: Row | None = None) -> Iterator[tuple[Any, ...]]:
        """Run the query for another one in memory: like ``value_rows``, with an ``UnsavedKey`` for keys to come."""
        if self.query.combinator:
            return self.value_rows(outer)
        rows, _, _ = self.rows(outer)
        columns = self.prepared.columns
        return (tuple(read(row) for read in columns) for row in rows)

    def instances(self) -> Iterator[tuple[Model, dict[str, Any]]]:
        """Run the query and give each row's instance with the values of its annotations."""
        if self.query.combinator:
            return self._combined_instances()
        return self._instances()

    def _combined_instances(self) -> Iterator[tuple[Model, dict[str, Any]]]:
        names = list(self.query.annotation_select)
        for row in combined_rows(self):
            if row.instance is None:
                raise NotInMemoryError(
                    f"Cannot make {self.query.model._meta.object_name} objects in memory of the values that another "
                    "part of a combined query gives: select the same in all parts."
                )
            values = row.output()[len(row.values) - len(names) :]
            yield row.instance, dict(zip(names, values, strict=True))

    def combined_part(self) -> list[CombinedRow]:
        """Run the query as a part of a combined one."""
        if self.query.combinator:
            return combined_rows(self)
        rows, plan, _ = self.rows()
        columns = self.prepared.columns
        if not plan.selection.of_instances:
            return [CombinedRow(tuple(read(row) for read in columns)) for row in rows]
        pairs = [(row.tables[plan.base_alias], [read(row) for read in columns]) for row in rows]
        return [model_row(instance, values) for instance, values in pairs if instance is not None]

    def _instances(self) -> Iterator[tuple[Model, dict[str, Any]]]:
        rows, plan, compiler = self.rows()
        names = [name or "" for name, _ in plan.selection.columns]
        readers = output_readers([expression for _, expression in plan.selection.columns], compiler)
        base = plan.base_alias
        for row in rows:
            instance = row.tables[base]
            if instance is not None:
                values = {name: read(row) for name, read in zip(names, readers, strict=True)}
                # None rather than no attribute, as Django has it: a held instance may have one of an earlier query.
                values.update((name, row.tables[alias]) for name, alias in plan.related)
                yield instance, values

    def results_iter(self, *args: Any, **kwargs: Any) -> Iterator[tuple[Any, ...]]:
        """Give the selected values of each row, as Django's compiler does."""
        return self.value_rows()

    def has_results(self) -> bool:
        """Tell whether the query has any row."""
        return next(self.value_rows(), None) is not None

    def execute_sql(self, result_type: str = MULTI, **kwargs: Any) -> Any:
        """Give the rows, or the first one, as Django's compiler does."""
        rows = self.value_rows()
        return next(rows, None) if result_type == SINGLE else iter([list(rows)])

    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        """Return the SQL that stands for the keys of the rows, for use inside a query of the database."""
        live = self.query.keyed()
        compiler = live.get_compiler(connection=self.connection)
        return compiler.as_sql(*args, **kwargs)

    def explain_query(self) -> Iterator[str]:
        """Refuse: there is no plan of the database to explain."""
        raise NotInMemoryError(
            f"Cannot explain a query on held {self.query.model._meta.object_name} objects: no SQL is run. "
            "Save the cluster and explain the live query."
        )


def output_readers(expressions: Sequence[Any], compiler: Compiler) -> list[Evaluator]:
    """Return the functions that give the values of expressions as callers see them."""
    return [_converted(compiler.compile(item), converter(item, compiler.connection)) for item in expressions]


def _converted(evaluate: Evaluator, convert: Callable[[Any], Any] | None) -> Evaluator:
    if convert is None:
        return evaluate

    def evaluate_output(row: Row) -> Any:
        value = evaluate(row)
        return None if value is None else convert(value)

    return evaluate_output
