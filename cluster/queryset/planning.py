"""The parts of a query, resolved by Django's own compiler before memory runs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models.constants import LOOKUP_SEP
from django.db.models.expressions import OrderBy, Ref
from django.db.models.sql.compiler import PositionRef

from cluster.errors import NotInMemoryError
from cluster.queryset.private import DjangoCompiler

if TYPE_CHECKING:
    from cluster.queryset.held_query import HeldQuery


@dataclass(frozen=True, slots=True)
class Selection:
    """What a query gives for each row.

    Attributes:
        columns: Name (``None`` for a column of the model) and expression of each value, in order.
        of_instances: Whether the model's own columns are selected, so that rows stand for whole instances.
    """

    columns: Sequence[tuple[str | None, Any]]
    of_instances: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts of a query, resolved: every join that they need is in the query's ``alias_map``.

    ``related`` has the filtered relations that ``select_related()`` names, with the aliases of their tables: Django
    sets each row's related instance as an attribute.
    """

    base_alias: str | None
    selection: Selection
    ordering: Sequence[OrderBy]
    distinct_on: Sequence[Any]
    where: Any
    having: Any
    qualify: Any
    grouping: Sequence[Any] | None
    joins: Sequence[tuple[str, Any]]
    related: Sequence[tuple[str, str]] = ()


class PlanningCompiler(DjangoCompiler):  # type: ignore[misc]
    """Django's compiler as far as it resolves the parts of a query."""

    query: HeldQuery

    def plan(self) -> Plan:
        """Resolve the query; joins that ordering and distinct fields add to it are taken back afterwards."""
        refcounts = self.query.alias_refcount.copy()
        try:
            return self._plan()
        finally:
            self.query.reset_refcounts(refcounts)

    def _plan(self) -> Plan:
        query = self.query
        base_alias = query.get_initial_alias() if not query.alias_map else query.base_table
        check_loading(self)
        related = self.filtered_related()
        selection = self.selection()
        self.select = [(expression, None, name) for name, expression in selection.columns]
        ordering = self.resolved_ordering()
        distinct_on = self.distinct_on()
        must_group_by = query.group_by is not None
        where, having, qualify = query.where.split_having_qualify(must_group_by=must_group_by)
        self.having = having
        grouping = self.grouping(selection, ordering)
        if grouping is not None and distinct_on:
            raise NotImplementedError("annotate() + distinct(fields) is not implemented.")
        if grouping is not None and self._meta_ordering:
            ordering = []
        joins = [
            (alias, join)
            for alias, join in query.alias_map.items()
            if alias != base_alias and query.alias_refcount.get(alias)
        ]
        return Plan(base_alias, selection, ordering, distinct_on, where, having, qualify, grouping, joins, related)

    def filtered_related(self) -> list[tuple[str, str]]:
        """Join the filtered relations that ``select_related()`` names."""
        query = self.query
        asked = query.select_related if isinstance(query.select_related, dict) else {}
        names = [name for name in query._filtered_relations if name in asked]
        return [
            (name, query.setup_joins([name], query.get_meta(), query.get_initial_alias()).joins[-1]) for name in names
        ]

    def selection(self) -> Selection:
        """Return what the query selects, in Django's order."""
        query = self.query
        annotations = query.annotation_select
        if query.selected is None:
            columns = [(None, col) for col in query.select]
            return Selection([*columns, *annotations.items()], query.default_cols)
        columns = []
        for name, chosen in query.selected.items():
            if isinstance(chosen, str):
                columns.append((name, query.annotations[chosen]))
            else:
                columns.append((name, query.select[chosen] if isinstance(chosen, int) else chosen))
        return Selection(columns, of_instances=False)

    def resolved_ordering(self) -> list[OrderBy]:
        """Return the terms of ORDER BY as resolved expressions."""
        terms = []
        for term, _ in self._order_by_pairs():
            terms.append(term.resolve_expression(self.query, allow_joins=True, reuse=None))
        return terms

    def distinct_on(self) -> list[Any]:
        """Return the expressions of ``distinct(*fields)``."""
        query = self.query
        expressions: list[Any] = []
        for name in query.distinct_fields:
            if name in query.annotation_select:
                expressions.append(query.annotation_select[name])
                continue
            _, targets, alias, joins, path, _, transform = self._setup_joins(
                name.split(LOOKUP_SEP), query.get_meta(), None
            )
            targets, alias, _ = query.trim_joins(targets, joins, path)
            expressions += [transform(target, alias) for target in targets]
        return expressions

    def grouping(self, selection: Selection, ordering: Sequence[OrderBy]) -> list[Any] | None:
        """Return the expressions of GROUP BY as Django collects them, or ``None`` without grouping."""
        query = self.query
        if query.group_by is None:
            return None
        expressions, refs = self._explicit_groups()
        for name, expression in selection.columns:
            if name not in refs or name is None:
                expressions += expression.get_group_by_cols()
        if not self._meta_ordering:
            for term in ordering:
                if not isinstance(term.expression, PositionRef):
                    expressions += term.get_group_by_cols()
        if self.having:
            expressions += self.having.get_group_by_cols()
        return list(dict.fromkeys(expressions))

    def _explicit_groups(self) -> tuple[list[Any], set[str]]:
        query = self.query
        expressions: list[Any] = []
        refs: set[str] = set()
        for item in () if query.group_by is True else query.group_by:
            expression = item if hasattr(item, "as_sql") else query.resolve_ref(item)
            if isinstance(expression, Ref):
                refs.add(expression.refs)  # type: ignore[attr-defined]
                expression = expression.source  # type: ignore[attr-defined]
            expressions.append(expression)
        return expressions, refs


def check_loading(compiler: PlanningCompiler) -> None:
    """Refuse SQL that is to be selected, and names in ``only()``, ``defer()`` and ``select_related()`` like Django."""
    query = compiler.query
    if query.extra_select or query.extra_tables:
        raise NotInMemoryError(
            f"Cannot run extra() on held {query.model._meta.object_name} objects: it needs the database. Save the "
            "cluster first, or write it with expressions."
        )
    mask = query.get_select_mask()
    if isinstance(query.select_related, dict) and query.select_related:
        throwaway = query.clone()
        throwaway.get_initial_alias()
        DjangoCompiler(throwaway, compiler.connection, compiler.using).get_related_selections([], mask)
