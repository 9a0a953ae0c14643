"""Aggregates over the rows of a group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db.models.aggregates import Aggregate

from cluster.queryset import registry
from cluster.queryset.ordering import sorter
from cluster.queryset.registry import Evaluator
from cluster.queryset.rows import Row, value_identity

if TYPE_CHECKING:
    from cluster.queryset.compiling.compiler import Compiler


def compile_aggregate(node: Aggregate, compiler: Compiler) -> Evaluator:
    """Compile an aggregate over the rows of a group."""
    build = registry.aggregates.find(type(node))
    if build is None:
        raise registry.refuse(node, registry.aggregates)
    implementation = build(node)
    collect = aggregate_values(node, compiler)

    def evaluate_aggregate(row: Row) -> Any:
        return implementation(collect(row.group or ()))

    return evaluate_aggregate


def aggregate_values(node: Any, compiler: Compiler) -> Any:
    """Return the function from a group's rows to the values of an aggregate: filtered, ordered and distinct."""
    argument = compiler.compile_key(node.source_expressions[0])
    condition = None if node.filter is None else compiler.compile_key(node.filter)
    order_by = getattr(node, "order_by", None)
    sort = None if not order_by else sorter(order_by.get_source_expressions(), compiler)

    def collect(rows: Sequence[Row]) -> list[Any]:
        if condition is not None:
            rows = [row for row in rows if condition(row)]
        if sort is not None:
            rows = sort(rows)
        values = [argument(row) for row in rows]
        return distinct_values(values) if node.distinct else values

    return collect


def distinct_values(values: Sequence[Any]) -> list[Any]:
    """Return values without repetition, first ones kept."""
    return list({value_identity(value): value for value in values}.values())
