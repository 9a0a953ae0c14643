"""UNION, INTERSECT and EXCEPT of querysets, held or live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError
from django.db.models import F, Model, QuerySet
from django.db.models.expressions import Ref
from django.db.models.sql.compiler import PositionRef

from cluster.queryset.columns import column_reader, without_unsaved
from cluster.queryset.meanings.json_values import to_python
from cluster.queryset.ordering import nulls_come_first, sort_pairs
from cluster.queryset.rows import identity_of

if TYPE_CHECKING:
    from cluster.queryset.execution import HeldCompiler


@dataclass(frozen=True, slots=True)
class CombinedRow:
    """One row of a combined query.

    Attributes:
        values: The selected values, by which rows are compared.
        instance: The instance, where the parts give instances.
    """

    values: tuple[Any, ...]
    instance: Model | None = None

    def cut(self, width: int) -> CombinedRow:
        """Return the row without the values behind the selected ones."""
        return CombinedRow(self.values[:width], self.instance)

    def key(self) -> Any:
        """Return what makes the row equal to another one."""
        return identity_of(self.values)

    def output(self) -> tuple[Any, ...]:
        """Return the values as callers see them."""
        return tuple(to_python(without_unsaved(value)) for value in self.values)


@dataclass(frozen=True, slots=True)
class Term:
    """A term of ORDER BY, resolved, and the expression as it was given."""

    resolved: Any
    source: Any


def combined_rows(compiler: HeldCompiler) -> list[CombinedRow]:
    """Run the parts of a combined query, combine, order and slice them."""
    query: Any = compiler.query
    columns = selected_columns(compiler)
    terms = ordering(compiler, columns)
    hidden = {f"__orderbycol{number}": source for number, source in enumerate(_hidden(terms, query), start=1)}
    parts = [part_rows(compiler, part, hidden) for part in query.combined_queries]
    rows = combine(query.combinator, parts, keep_all=query.combinator_all)
    for position, term in reversed(terms):
        index = len(columns) + list(hidden.values()).index(term.source) if position is None else position
        first = nulls_come_first(term.resolved, order_by_nulls_first=compiler.connection.features.order_by_nulls_first)
        pairs = [(row.values[index], row) for row in rows]
        rows = sort_pairs(pairs, descending=term.resolved.descending, nulls_first=first)
    rows = rows[query.low_mark : query.high_mark]
    return [row.cut(len(columns)) for row in rows] if hidden else rows


def part_rows(compiler: HeldCompiler, part: Any, hidden: dict[str, Any]) -> list[CombinedRow]:
    """Run one part, selecting what the whole selects and what it orders by."""
    query, using = compiler.query, compiler.using
    if hidden or query.selected is not None:
        part = part.clone()
    if query.selected is not None and part.selected is None:
        part.set_values(query.selected)
    for alias, source in hidden.items():
        part.add_annotation(source, alias)
    inner = part.get_compiler(using)
    if hasattr(inner, "combined_part"):
        return inner.combined_part()  # type: ignore[no-any-return]
    if not part.default_cols:
        return _live_values(inner)
    live: QuerySet[Any] = QuerySet(part.model, part.chain(), using)
    return [model_row(instance, [getattr(instance, name) for name in part.annotation_select]) for instance in live]


def _live_values(inner: Any) -> list[CombinedRow]:
    return [CombinedRow(tuple(row)) for row in inner.results_iter(tuple_expected=True)]


def model_row(instance: Model, annotations: Sequence[Any]) -> CombinedRow:
    """Return the row of an instance: the values of all its columns and annotations."""
    own = [column_reader(field)(instance) for field in instance._meta.concrete_fields]
    return CombinedRow((*own, *annotations), instance)


def combine(combinator: str, parts: Sequence[list[CombinedRow]], *, keep_all: bool) -> list[CombinedRow]:
    """Combine the rows of several parts; except for UNION ALL each row comes once."""
    if combinator == "union" and keep_all:
        return [row for part in parts for row in part]
    if combinator == "union":
        kept: dict[Any, CombinedRow] = {}
        for part in parts:
            for row in part:
                kept.setdefault(row.key(), row)
        return list(kept.values())
    first, *others = parts
    in_others = [{row.key() for row in part} for part in others]
    rows = {row.key(): row for row in reversed(first)}
    unique = [rows.pop(row.key()) for row in first if row.key() in rows]
    if combinator == "intersection":
        return [row for row in unique if all(row.key() in keys for keys in in_others)]
    return [row for row in unique if not any(row.key() in keys for keys in in_others)]


def ordering(compiler: HeldCompiler, columns: Sequence[tuple[str | None, Any]]) -> list[tuple[int | None, Term]]:
    """Return the terms of ORDER BY with the positions of the selected columns that they order by, or ``None``."""
    query = compiler.query
    compiler.select = [(expression, None, name) for name, expression in columns]
    terms: list[tuple[int | None, Term]] = []
    for asked, _ in compiler._order_by_pairs():
        term = Term(asked.resolve_expression(query, allow_joins=True, reuse=None), asked.expression)
        terms.append((_position(term, columns, query), term))
    return terms


def _hidden(terms: Sequence[tuple[int | None, Term]], query: Any) -> list[Any]:
    sources = [term.source for position, term in terms if position is None]
    if sources and any(part.has_select_fields for part in query.combined_queries):
        raise DatabaseError("ORDER BY term does not match any column in the result set.")
    return sources


def selected_columns(compiler: HeldCompiler) -> list[tuple[str | None, Any]]:
    """Return the names and expressions of the columns that the parts select."""
    query = compiler.query
    selection = compiler.selection()
    columns = list(selection.columns)
    if selection.of_instances:
        alias = query.get_initial_alias()
        own = [(None, field.get_col(alias)) for field in query.get_meta().concrete_fields]
        columns = [*own, *columns]
    return columns


def _position(term: Term, columns: Sequence[tuple[str | None, Any]], query: Any) -> int | None:
    expression: Any = term.resolved.expression
    if isinstance(expression, PositionRef):
        return int(expression.ordinal) - 1  # type: ignore[attr-defined]
    if isinstance(expression, Ref):
        # What Django makes of a name where the vendor has no NULLS LAST.
        return columns.index((expression.refs, expression.source))  # type: ignore[attr-defined]
    # After values() an annotation is meant by its name alone.
    named = query.annotation_select if query.has_select_fields else ()
    asked = term.source.name if isinstance(term.source, F) else None  # type: ignore[attr-defined]
    for position, (name, column) in enumerate(columns):
        if column == expression and (name not in named or name == asked):
            return position
    return None
