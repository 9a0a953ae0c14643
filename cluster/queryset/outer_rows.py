"""References of a live subquery to the row of the query around it, and values in their place.

Django's own ``get_external_cols()`` and ``replace_expressions()`` do not look into the parts of combined queries, nor
into subqueries of subqueries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models.expressions import Col, ColPairs, Value
from django.db.models.lookups import Exact, In, Lookup
from django.db.models.sql import Query
from django.db.models.sql.where import WhereNode

from cluster.errors import NotInMemoryError


def outer_columns(query: Query) -> list[Col]:
    """Return the columns of the outer row that a subquery refers to, as often as it does."""
    return [column for column in _columns(_parts(query)) if _is_outer(column.alias, query)]


def _is_outer(alias: str, query: Query) -> bool:
    # Of an expression that was part of another query before, Django forgets what was outside of its subqueries.
    return alias in query.external_aliases or alias not in query.alias_map


def _parts(query: Any) -> list[Any]:
    return [*query.annotations.values(), *query.where.children, *query.combined_queries]


def _columns(nodes: list[Any]) -> Iterator[Col]:
    for node in nodes:
        if isinstance(node, Col):
            yield node
        elif isinstance(node, Query):
            yield from outer_columns(node)
        elif hasattr(node, "get_source_expressions"):
            yield from _columns(node.get_source_expressions())


def with_values(node: Any, values: Mapping[Col, Value]) -> Any:
    """Return a subquery, or an expression in one, with values in place of columns of the outer row."""
    if isinstance(node, Col):
        return values.get(node, node)
    if isinstance(node, Query):
        return _query_with_values(node, values)
    if isinstance(node, WhereNode):
        return node.create([with_values(child, values) for child in node.children], node.connector, node.negated)
    if isinstance(node, ColPairs):
        return _columns_with_values(node, values)
    return _expression_with_values(node, values)


def _query_with_values(node: Any, values: Mapping[Col, Value]) -> Any:
    query = node.clone()
    query.where = with_values(query.where, values)
    query.annotations = {name: with_values(annotation, values) for name, annotation in query.annotations.items()}
    query.combined_queries = tuple(with_values(part, values) for part in query.combined_queries)
    return query


def _columns_with_values(node: Any, values: Mapping[Col, Value]) -> Any:
    if not any(column in values for column in node.get_cols()):
        return node
    raise NotInMemoryError(
        f"Cannot ask the database about the composite key {node.field.name!r} of each row in memory. Compare the parts "
        "of the key one by one."
    )


def _expression_with_values(node: Any, values: Mapping[Col, Value]) -> Any:
    sources = node.get_source_expressions() if hasattr(node, "get_source_expressions") else []
    if not sources:
        return node
    clone = node.copy()
    if isinstance(node, Lookup) and isinstance(node.rhs, ColPairs) and values.keys() >= set(node.rhs.get_cols()):
        clone.lhs = with_values(node.lhs, values)
        clone.rhs = tuple(values[column].value for column in node.rhs.get_cols())
    else:
        clone.set_source_expressions([None if source is None else with_values(source, values) for source in sources])
        if isinstance(clone, In) and isinstance(clone.rhs, Value):
            # IN takes no value without brackets, which Django 5.2 gives to a column alone.
            return Exact(clone.lhs, clone.rhs)
    return clone
