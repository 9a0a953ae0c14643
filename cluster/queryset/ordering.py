"""Sorting rows as ORDER BY does, with the vendor's place for NULL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cluster.errors import NotInMemoryError
from cluster.queryset.columns import UnsavedKey
from cluster.queryset.registry import Evaluator
from cluster.queryset.rows import Row

if TYPE_CHECKING:
    from cluster.queryset.compiling import Compiler

Sorter = Callable[[Sequence[Row]], list[Row]]


def nulls_come_first(term: Any, *, order_by_nulls_first: bool) -> bool:
    """Tell whether NULLs come first: as the term says, or as the vendor does."""
    if getattr(term, "nulls_first", None):
        return True
    if getattr(term, "nulls_last", None):
        return False
    return order_by_nulls_first is not is_descending(term)


def is_descending(term: Any) -> bool:
    """Tell whether a term orders downwards; an expression that is no ``OrderBy`` orders upwards."""
    return bool(getattr(term, "descending", False))


def sorter(terms: Sequence[Any], compiler: Compiler) -> Sorter:
    """Return a function that sorts rows by several terms; rows that are equal keep their places."""
    order_by_nulls_first = compiler.features.order_by_nulls_first
    steps = [
        (
            compiler.compile_key(term),
            is_descending(term),
            nulls_come_first(term, order_by_nulls_first=order_by_nulls_first),
        )
        for term in reversed(terms)
    ]

    def sort(rows: Sequence[Row]) -> list[Row]:
        result = list(rows)
        for evaluate, descending, nulls_first in steps:
            result = sort_by(result, evaluate, descending=descending, nulls_first=nulls_first)
        return result

    return sort


def sort_by(rows: list[Row], evaluate: Evaluator, *, descending: bool, nulls_first: bool) -> list[Row]:
    """Sort rows by one value, stably."""
    return sort_pairs([(evaluate(row), row) for row in rows], descending=descending, nulls_first=nulls_first)


def sort_pairs(pairs: list[tuple[Any, Any]], *, descending: bool, nulls_first: bool) -> list[Any]:
    """Return the second parts of pairs, sorted stably by their first."""
    unsaved = [item for value, item in pairs if type(value) is UnsavedKey]
    nulls = [item for value, item in pairs if is_null(value)]
    known = [pair for pair in pairs if type(pair[0]) is not UnsavedKey and not is_null(pair[0])]
    try:
        known.sort(key=_first, reverse=descending)
    except TypeError as error:
        raise NotInMemoryError(
            f"Cannot order {type(known[0][0]).__name__} values in memory: only the database knows their order."
        ) from error
    items = [item for _, item in known]
    # A key to come is greater than every key in use.
    items = [*reversed(unsaved), *items] if descending else [*items, *unsaved]
    return [*nulls, *items] if nulls_first else [*items, *nulls]


def is_null(value: Any) -> bool:
    """Tell whether a value sorts as NULL: none, or a composite key of an outer join's missing row."""
    return value is None or (type(value) is tuple and all(part is None for part in value))


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]
