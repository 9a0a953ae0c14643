"""``QuerySet.aggregate()`` and ``count()`` over rows in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models.expressions import Ref

from cluster._compat import orders_by_groups
from cluster.queryset.combining import combined_rows
from cluster.queryset.compiling import Compiler
from cluster.queryset.execution import output_readers
from cluster.queryset.rows import Row
from cluster.queryset.running import summary_row
from cluster.queryset.windows import fill_windows

if TYPE_CHECKING:
    from cluster.queryset.held_query import HeldQuery


def aggregated(query: HeldQuery, using: str, expressions: dict[str, Any]) -> dict[str, Any]:
    """Return the values of aggregates over all rows of a query, which is changed on the way."""
    aggregates = resolved_aggregates(query, expressions)
    query.select_related = False
    query.clear_deferred_loading()
    if query.combinator:
        alias = query.get_initial_alias()
        rows = [Row({alias: row.instance}) for row in combined_rows(query.get_compiler(using))]
        compiler = Compiler(using)
    else:
        _prepare_rows(query, aggregates)
        rows, _, compiler = query.get_compiler(using).rows()
    readers = output_readers(list(aggregates.values()), compiler)
    fill_windows(rows, compiler)
    row = summary_row(rows, None)
    return {name: read(row) for name, read in zip(aggregates, readers, strict=True)}


def resolved_aggregates(query: HeldQuery, expressions: dict[str, Any]) -> dict[str, Any]:
    """Resolve aggregates against a query and each other, with Django's checks."""
    replacements: dict[Any, Any] = {}
    mask = query.annotation_select_mask
    for alias, expression in expressions.items():
        query.check_alias(alias)
        aggregate = expression.resolve_expression(query, allow_joins=True, reuse=None, summarize=True)
        if not aggregate.contains_aggregate:
            raise TypeError(f"{alias} is not an aggregate expression")
        query.append_annotation_mask([alias])
        aggregate = aggregate.replace_expressions(replacements)
        query.annotations[alias] = aggregate
        replacements[Ref(alias, aggregate)] = aggregate
    aggregates = {alias: query.annotations.pop(alias) for alias in expressions}
    query.set_annotation_mask(mask)
    return aggregates


def _prepare_rows(query: HeldQuery, aggregates: dict[str, Any]) -> None:
    """Make a query give the rows that Django's inner query of an aggregation would have."""
    if orders_by_groups(query):
        query.clear_ordering(force=False)
    if not has_aggregation(query):
        return
    if not query.distinct and query.default_cols:
        query.group_by = (query.model._meta.pk.get_col(query.get_initial_alias()),)
        query.default_cols = False
    columns = dict.fromkeys(query._gen_cols(aggregates.values(), resolve_refs=False))
    for position, column in enumerate(columns, start=1):
        query.add_annotation(column, f"__col{position}")


def has_aggregation(query: HeldQuery) -> bool:
    """Tell whether a query aggregates already, by an annotation or a filter on one."""
    _, having, _ = query.where.split_having_qualify()
    return having is not None or any(
        getattr(annotation, "contains_aggregate", True) for annotation in query.annotations.values()
    )
