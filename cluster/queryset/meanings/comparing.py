"""How SQL compares two values that Python would compare otherwise, or not at all."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cluster.errors import NotInMemoryError
from cluster.queryset.columns import UnsavedKey

_NUMBERS = (int, float, Decimal)


def equal(left: Any, right: Any) -> bool:
    """Say whether two values that are not NULL are equal for the database."""
    left, right = paired(left, right)
    return bool(left == right)


def less(left: Any, right: Any) -> bool:
    """Say whether the first of two values that are not NULL sorts before the second for the database."""
    left, right = paired(left, right)
    try:
        return bool(left < right)
    except TypeError as error:
        raise incomparable(left, right) from error


def less_or_equal(left: Any, right: Any) -> bool:
    """``<=`` of two values that are not NULL."""
    return not less(right, left)


def greater(left: Any, right: Any) -> bool:
    """``>`` of two values that are not NULL."""
    return less(right, left)


def greater_or_equal(left: Any, right: Any) -> bool:
    """``>=`` of two values that are not NULL."""
    return not less(left, right)


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": equal,
    "gt": greater,
    "gte": greater_or_equal,
    "lt": less,
    "lte": less_or_equal,
}


def paired(left: Any, right: Any) -> tuple[Any, Any]:
    """Return two values in the one type in which the database compares them."""
    if type(left) is type(right) and not isinstance(left, (datetime.datetime, datetime.time, memoryview)):
        return left, right
    if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS):
        return _paired_numbers(left, right)
    if isinstance(left, datetime.date) and isinstance(right, datetime.date):
        return _moment(left), _moment(right)
    if isinstance(left, datetime.time) and isinstance(right, datetime.time):
        return left.replace(tzinfo=None), right.replace(tzinfo=None)
    if isinstance(left, (bytes, bytearray, memoryview)) and isinstance(right, (bytes, bytearray, memoryview)):
        return bytes(left), bytes(right)
    if isinstance(left, str) and isinstance(right, str):
        return str(left), str(right)
    if isinstance(left, UnsavedKey) or isinstance(right, UnsavedKey):
        return left, right
    raise incomparable(left, right)


def _paired_numbers(left: Any, right: Any) -> tuple[Any, Any]:
    # PostgreSQL compares numeric with double precision as doubles.
    if isinstance(left, float) and isinstance(right, Decimal):
        return left, float(right)
    if isinstance(left, Decimal) and isinstance(right, float):
        return float(left), right
    return left, right


def _moment(value: datetime.date) -> datetime.datetime:
    """Return a date as midnight in the zone of the connection, which is UTC under USE_TZ."""
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime.combine(value, datetime.time())
    return value if value.tzinfo is not None else value.replace(tzinfo=datetime.UTC)


def incomparable(left: Any, right: Any) -> NotInMemoryError:
    """Return the refusal to compare values of two types, on which the databases disagree."""
    return NotInMemoryError(
        f"Cannot compare {left!r} with {right!r} in memory: the databases disagree on comparing "
        f"{type(left).__name__} with {type(right).__name__}. Cast one of them to the type of the other."
    )


class NullAware:
    """A test that is unknown where either side is NULL."""

    __slots__ = ("test",)

    def __init__(self, test: Callable[[Any, Any], Any]) -> None:
        self.test = test

    def __call__(self, left: Any, right: Any) -> bool | None:
        return None if left is None or right is None else self.test(left, right)
