"""A held queryset inside a query of the database stands for the keys of its rows."""

from __future__ import annotations

from typing import Any

from django.db import router
from django.db.models import Q
from django.db.models.expressions import ResolvedOuterRef
from django.db.models.sql import Query
from django.db.models.sql.where import WhereNode

from cluster.errors import NotInMemoryError


def held_keys(query: Any, using: str) -> list[Any]:
    """Run a query in memory and return the primary keys of its instances; rows that are not saved have none."""
    keys = []
    if refers_to_outer(query):
        raise NotInMemoryError(
            f"Cannot use held {query.model._meta.object_name} objects that refer to an outer query of the database. "
            "Filter the live relation instead."
        )
    rows, plan, _ = query.clone().get_compiler(using).rows()
    for row in rows:
        for member in row.group or (row,):
            instance = member.tables[plan.base_alias]
            if instance is not None and instance.pk is not None and not instance._state.adding:
                keys.append(instance.pk)
    return list(dict.fromkeys(keys))


def refers_to_outer(query: Any) -> bool:
    """Tell whether a query has an ``OuterRef`` that was not resolved in memory."""
    nodes = [*query.where.children, *query.annotations.values()]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ResolvedOuterRef):
            return True
        if hasattr(node, "get_source_expressions"):
            nodes += node.get_source_expressions()
    return False


def keyed_query(query: Any) -> Query:
    """Return a query of the database for the rows that a held one finds, selecting what that selects."""
    keys = held_keys(query, router.db_for_read(query.model, **query.source.hints))
    live = query.clone()
    live.__class__ = Query
    live.source = None
    live.where = WhereNode()
    if live.has_limit_one():
        # Django asks for it where a query is compared with one value.
        live.low_mark = 0
        live.high_mark = 1
    else:
        # The keys are those of the slice; MariaDB knows no LIMIT in a subquery of IN.
        live.clear_limits()
    live.add_q(Q(pk__in=keys))
    return live  # type: ignore[no-any-return]
