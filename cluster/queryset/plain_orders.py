"""The plain orderings: by own columns, and how instances are put into one."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from django.db.models import Model

from cluster.queryset.ordering import sort_pairs
from cluster.queryset.plain_columns import STRINGS, PlainColumn, plain_column

Term = tuple[PlainColumn, bool]
"""A column to order by, and whether downwards."""


# Names may come from a request: of those that were asked for once, not all are kept.
@functools.lru_cache(maxsize=1024)
def plain_order(model: type[Model], names: tuple[Any, ...]) -> tuple[Term, ...] | None:
    """Return the terms that names ask to order by, or ``None`` where one of them is not plain."""
    terms = []
    for name in names:
        if not isinstance(name, str):
            return None
        bare = name.removeprefix("-")
        column = plain_column(model, bare)
        if column is None or (column.field.is_relation and bare not in (column.field.attname, "pk")):
            return None
        terms.append((column, name.startswith("-")))
    return tuple(terms)


def asked_order(model: type[Model], names: tuple[Any, ...]) -> tuple[Term, ...] | None:
    """Return the terms of what was given to ``order_by()``, or ``None`` where some of it is not plain."""
    return plain_order(model, names) if STRINGS.issuperset(map(type, names)) else None


@functools.cache
def default_order(model: type[Model]) -> tuple[Term, ...] | None:
    """Return the terms of a model's own ordering, or ``None`` where one of them is not plain."""
    return plain_order(model, tuple(model._meta.ordering or ()))


def first_in_order(instances: Sequence[Model], column: PlainColumn, *, descending: bool) -> Model | None:
    """Return the first instance in the order of one column, or ``None`` where NULLs need the vendor's rule."""
    values = column.values(instances)
    if None in values:
        return None
    best = max(values) if descending else min(values)
    return instances[values.index(best)]


def in_order(instances: list[Model], column: PlainColumn, queryset: Any, *, descending: bool) -> list[Model]:
    """Return instances in the order of one column; those with equal values keep their places.

    Args:
        instances: The instances.
        column: The column.
        queryset: What is asked for the vendor's place of NULL, where there is any.
        descending: Whether the order is downwards.
    """
    get = column.sort_key(instances)
    if get is not None:
        return sorted(instances, key=get, reverse=descending)
    pairs = list(zip(column.keys(instances), instances, strict=True))
    return sort_pairs(pairs, descending=descending, nulls_first=queryset._nulls_first() is not descending)
