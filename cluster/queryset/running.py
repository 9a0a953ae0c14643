"""Running a planned query over rows: joins, conditions, groups, windows, order, distinct."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Model

from cluster.queryset.compiling import Compiler
from cluster.queryset.joins import join_rows
from cluster.queryset.ordering import Sorter, sorter
from cluster.queryset.planning import Plan
from cluster.queryset.registry import Evaluator
from cluster.queryset.rows import Row, identity_of
from cluster.queryset.windows import fill_windows


class PreparedQuery:
    """A plan whose expressions are compiled when they are first needed, to be run over any rows of the base table.

    Attributes:
        plan: The resolved parts.
        compiler: What compiles their expressions.
    """

    def __init__(self, plan: Plan, using: str, *, distinct: bool) -> None:
        self.plan = plan
        self.compiler = Compiler(using)
        self._distinct = distinct

    @functools.cached_property
    def columns(self) -> list[Evaluator]:
        """The selected values, with an ``UnsavedKey`` for keys to come."""
        return self._compiled([expression for _, expression in self.plan.selection.columns])

    @functools.cached_property
    def _where(self) -> Evaluator | None:
        return self._condition(self.plan.where)

    @functools.cached_property
    def _having(self) -> Evaluator | None:
        return self._condition(self.plan.having)

    @functools.cached_property
    def _qualify(self) -> Evaluator | None:
        return self._condition(self.plan.qualify)

    @functools.cached_property
    def _sort(self) -> Sorter | None:
        return sorter(self.plan.ordering, self.compiler) if self.plan.ordering else None

    @functools.cached_property
    def _group_keys(self) -> list[Evaluator]:
        return self._compiled(self.plan.grouping or ())

    @functools.cached_property
    def _distinct_parts(self) -> list[Evaluator]:
        if self.plan.distinct_on:
            return self._compiled(self.plan.distinct_on)
        return [*self.columns, *self._compiled(self.plan.ordering)]

    def _compiled(self, expressions: Iterable[Any]) -> list[Evaluator]:
        return [self.compiler.compile_key(expression) for expression in expressions]

    def _condition(self, node: Any) -> Evaluator | None:
        return None if node is None or not node.children else self.compiler.compile_key(node)

    def run(self, instances: Iterable[Model], outer: Row | None = None) -> list[Row]:
        """Return the rows of the query over instances of its base table, before its slice."""
        tables = {} if outer is None else outer.tables
        rows = self.filtered([Row({**tables, self.plan.base_alias: instance}) for instance in instances])
        rows = self._kept(self._grouped(rows, outer), self._having)
        qualify, sort = self._qualify, self._sort
        self.compiler.stage = rows
        # Compiling the columns tells which windows there are.
        if self.columns or qualify or sort:
            fill_windows(rows, self.compiler)
        rows = self._kept(rows, qualify)
        if sort is not None:
            rows = sort(rows)
        return self._distinct_rows(rows) if self._distinct else rows

    def filtered(self, rows: list[Row]) -> list[Row]:
        """Return rows of the base table joined with the other tables, as far as WHERE keeps them."""
        for alias, join in self.plan.joins:
            rows = join_rows(rows, alias, join, self.compiler)
        return self._kept(rows, self._where)

    def _kept(self, rows: list[Row], condition: Evaluator | None) -> list[Row]:
        if condition is None:
            return rows
        self.compiler.stage = rows
        return [row for row in rows if condition(row)]

    def _grouped(self, rows: list[Row], outer: Row | None) -> list[Row]:
        plan = self.plan
        if plan.grouping is None:
            aggregates = any(expression.contains_aggregate for _, expression in plan.selection.columns)
            return [summary_row(rows, outer)] if aggregates or plan.having is not None else rows
        base = plan.base_alias if plan.selection.of_instances else None
        groups: dict[Any, list[Row]] = {}
        for row in rows:
            groups.setdefault(self._identity(row, self._group_keys, base), []).append(row)
        if not groups and not plan.grouping and base is None:
            return [summary_row(rows, outer)]
        return [Row(members[0].tables, members) for members in groups.values()]

    def _distinct_rows(self, rows: Sequence[Row]) -> list[Row]:
        plan = self.plan
        base = plan.base_alias if plan.selection.of_instances and not plan.distinct_on else None
        kept: dict[Any, Row] = {}
        for row in rows:
            kept.setdefault(self._identity(row, self._distinct_parts, base), row)
        return list(kept.values())

    def _identity(self, row: Row, parts: Sequence[Evaluator], base: str | None) -> Any:
        return (None if base is None else id(row.tables[base]), identity_of([part(row) for part in parts]))


def summary_row(rows: list[Row], outer: Row | None) -> Row:
    """Return the one row of an aggregation without GROUP BY."""
    tables = rows[0].tables if rows else NullTables({} if outer is None else outer.tables)
    return Row(tables, rows)


class NullTables(dict[Any, Any]):
    """The tables of a row that stands for no rows at all: every table is a NULL row."""

    def __missing__(self, alias: Any) -> None:
        return None
