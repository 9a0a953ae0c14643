"""Subqueries inside a query in memory: ``Exists``, ``Subquery``, ``OuterRef`` and querysets as values.

A subquery that does not refer to the outer row runs once. One that does runs in memory per row where it is held. Where
it is live it is asked for all rows in one query if it is tied to the outer row by equality alone, otherwise once per
row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models.expressions import Col, Exists, Subquery, Value
from django.db.models.lookups import Exact
from django.db.models.sql import Query
from django.db.models.sql.where import AND, WhereNode

from cluster.errors import NotInMemoryError
from cluster.queryset.columns import UnsavedKey, column_reader, prepared_value
from cluster.queryset.outer_rows import outer_columns, with_values
from cluster.queryset.registry import Evaluator, compiles
from cluster.queryset.rows import Row, value_identity

if TYPE_CHECKING:
    from cluster.queryset.compiling import Compiler

Rows = list[tuple[Any, ...]]
Runner = Callable[[Row], Rows]

_TIE = "__cluster_tie"
_START: Any = object()


@compiles(Query)
def compile_scalar_query(node: Query, compiler: Compiler) -> Evaluator:
    """Give the single value of a subquery, NULL where it has no row."""
    run = runner(node, compiler)

    def evaluate_scalar(row: Row) -> Any:
        rows = run(row)
        if len(rows) > 1 and len({repr(found) for found in rows}) > 1:
            raise NotInMemoryError(
                "Cannot use a subquery with more than one row as a value: the databases disagree on it. Slice it to "
                "one row."
            )
        return _value(rows[0]) if rows else None

    return evaluate_scalar


def _value(row: tuple[Any, ...]) -> Any:
    return row[0] if len(row) == 1 else row


@compiles(Subquery)
def compile_subquery(node: Subquery, compiler: Compiler) -> Evaluator:
    """Give the single value of a subquery."""
    return compile_scalar_query(node.query, compiler)


@compiles(Exists)
def compile_exists(node: Exists, compiler: Compiler) -> Evaluator:
    """Tell whether a subquery has a row."""
    if getattr(node.query, "outer_alias", None) is not None:
        return _exists_behind_row(node.query, compiler)
    run = runner(node.query, compiler)

    def evaluate_exists(row: Row) -> bool:
        return bool(run(row))

    return evaluate_exists


def _exists_behind_row(query: Any, compiler: Compiler) -> Evaluator:
    """Tell for a row of the outer query whether the subquery, which starts at that row, has a row.

    It is run for all rows of the stage at once, so that relations that are not held take one query.
    """
    prepared = query.get_compiler(compiler.using).prepared
    prepared.compiler.matches = compiler.matches
    asked: dict[int, Row] = {}
    found: set[int] = set()

    def evaluate_exists(row: Row) -> bool:
        if id(row) not in asked:
            rows = [other for other in (row, *compiler.stage) if id(other) not in asked]
            asked.update((id(other), other) for other in rows)
            found.update(rows_with_matches(rows, query, prepared))
        return id(row) in found

    return evaluate_exists


def rows_with_matches(rows: Sequence[Row], query: Any, prepared: Any) -> set[int]:
    """Return the identities of the rows for which a subquery that starts at their instance has a row.

    Where the outer query has joined the relation already, the subquery is about the joined row alone.
    """
    base, alias = prepared.plan.base_alias, query.outer_alias
    starts = [
        Row({**row.tables, base: row.tables[alias], _START: row}) for row in rows if row.tables[alias] is not None
    ]
    found = prepared.filtered(starts)
    if query.reused is not None:
        outer, inner = query.reused
        found = [row for row in found if _is_meant(row.tables[inner], row.tables[_START].tables[outer], query)]
    return {id(row.tables[_START]) for row in found}


def _is_meant(inner: Any, outer: Any, query: Any) -> bool:
    """Say whether the row that a subquery found is the one that the outer query has joined."""
    return query.matches_missing if inner is None and outer is None else _is_same(inner, outer)


def _is_same(inner: Any, outer: Any) -> bool:
    if inner is None or outer is None or inner.pk is not None or not inner._meta.auto_created:
        return inner is not None and bool(inner == outer)
    # Rows of a link's table are made anew by each join from what is held: their keys tell them apart.
    keys = [column_reader(field) for field in inner._meta.concrete_fields if field.is_relation]
    return all(key(inner) == key(outer) for key in keys)


def compile_query_list(query: Query, compiler: Compiler) -> Evaluator:
    """Give the values of a subquery's only column, for IN."""
    query = query.clone()
    query.clear_ordering(force=False)
    if not query.has_select_fields:
        query.clear_select_clause()
        query.add_fields(["pk"])
    run = runner(query, compiler)

    def evaluate_list(row: Row) -> list[Any]:
        return [_value(found) for found in run(row)]

    return evaluate_list


def runner(query: Query, compiler: Compiler) -> Runner:
    """Return the function that gives a subquery's rows for a row of the outer query."""
    is_correlated = bool(outer_columns(query))
    if getattr(query, "source", None) is not None:
        return _held_runner(query, compiler, is_correlated=is_correlated)
    if not is_correlated:
        return _once(lambda: run_live(query, compiler))
    tie = find_tie(query)
    return _row_runner(query, compiler) if tie is None else _batch_runner(query, tie, compiler)


def _once(run: Callable[[], Rows]) -> Runner:
    kept: list[Rows] = []

    def run_once(row: Row) -> Rows:
        if not kept:
            kept.append(run())
        return kept[0]

    return run_once


def _held_runner(query: Any, compiler: Compiler, *, is_correlated: bool) -> Runner:
    inner = query.get_compiler(compiler.using)
    if not is_correlated:
        return _once(lambda: list(inner.key_rows()))

    def run_held(row: Row) -> Rows:
        return list(inner.key_rows(row))

    return run_held


def run_live(query: Query, compiler: Compiler) -> Rows:
    """Ask the database for the rows of a subquery as a query of its own."""
    live = query.clone()
    live.subquery = False
    using = getattr(query, "_db", None) or compiler.using
    return list(live.get_compiler(using).results_iter(tuple_expected=True))


def _row_runner(query: Query, compiler: Compiler) -> Runner:
    columns = outer_columns(query)

    def run_for_row(row: Row) -> Rows:
        values = {column: _outer_value(column, row, compiler) for column in columns}
        return run_live(with_values(query, values), compiler)

    return run_for_row


def _outer_value(column: Any, row: Row, compiler: Compiler) -> Value:
    return Value(compiler.compile(column)(row), output_field=column.target)


def find_tie(query: Query) -> Any | None:
    """Return the one condition ``inner column = outer column`` that ties a subquery to the outer row, if it is so."""
    columns = outer_columns(query)
    if len(columns) != 1 or query.combinator or query.distinct_fields or query.where.negated:
        return None
    if query.where.connector != AND or _aggregates_without_groups(query) or _has_windows(query):
        return None
    for child in query.where.children:
        if isinstance(child, Exact) and child.rhs == columns[0] and isinstance(child.lhs, Col):
            return child
    return None


def _aggregates_without_groups(query: Query) -> bool:
    if query.group_by is not None:
        return False
    return any(annotation.contains_aggregate for annotation in query.annotations.values())


def _has_windows(query: Query) -> bool:
    """Tell whether a subquery looks at other rows of its own, which must be those of one outer row."""
    expressions: list[Any] = [*query.annotations.values(), query.where, *query.order_by]
    return any(getattr(expression, "contains_over_clause", False) for expression in expressions)


def _batch_runner(query: Query, tie: Any, compiler: Compiler) -> Runner:
    outer_value = compiler.compile_key(tie.rhs)
    found: dict[Any, Rows] = {}

    def run_in_batch(row: Row) -> Rows:
        key = outer_value(row)
        if key is None or type(key) is UnsavedKey:
            return []
        identity = value_identity(key)
        if identity not in found:
            keys = {value_identity(each): each for each in (key, *map(outer_value, compiler.stage))}
            asked = {i: k for i, k in keys.items() if k is not None and type(k) is not UnsavedKey}
            found.update(_fetch(query, tie, asked, compiler))
        return found[identity]

    return run_in_batch


def _fetch(query: Query, tie: Any, keys: Mapping[Any, Any], compiler: Compiler) -> dict[Any, Rows]:
    live = query.clone()
    low, high = live.low_mark, live.high_mark
    live.clear_limits()
    live.where = WhereNode([child for child in query.where.children if child is not tie], connector=AND)
    live.where.add(tie.lhs.target.get_lookup("in")(tie.lhs, list(keys.values())), AND)
    live.add_annotation(tie.lhs.target.get_col(tie.lhs.alias), _TIE)
    grouped: dict[Any, Rows] = {key: [] for key in keys}
    for *values, key in run_live(live, compiler):
        # A field of the user's may give values of another form than the one in which they are compared.
        grouped.setdefault(value_identity(prepared_value(key, tie.lhs.target)), []).append(tuple(values))
    return {key: rows[low:high] for key, rows in grouped.items()}
