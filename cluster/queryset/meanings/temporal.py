"""Arithmetic with dates, times, moments and durations: moments are absolute, and what is rounded is refused."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db.models.expressions import Combinable

from cluster.errors import NotInMemoryError
from cluster.queryset.meanings.numbers import EXACT

Operation = Callable[[Any, Any], Any]

_ANY_DAY = datetime.date(2000, 1, 1)
_NUMBERS = (int, float, Decimal)
_TEMPORAL_TYPES = (datetime.date, datetime.time, datetime.timedelta)


def absolute(value: Any) -> Any:
    """Return a date or moment in a form in which Python's arithmetic is absolute, not that of a wall clock."""
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC) if value.tzinfo is not None else value
    if isinstance(value, datetime.date):
        return datetime.datetime.combine(value, datetime.time())
    return value


def add_temporal(left: Any, right: Any) -> Any:
    """``+`` of a duration and a date, time, moment or duration."""
    if isinstance(left, datetime.timedelta) and not isinstance(right, datetime.timedelta):
        left, right = right, left
    if not isinstance(right, datetime.timedelta) or not isinstance(left, _TEMPORAL_TYPES):
        return _refuse_temporal(left, right)
    if isinstance(left, datetime.time):
        return (datetime.datetime.combine(_ANY_DAY, left) + right).time()
    return absolute(left) + right


def subtract_temporal(left: Any, right: Any) -> Any:
    """``-`` of two moments, or of a duration from a date, time, moment or duration."""
    if isinstance(right, datetime.timedelta):
        return add_temporal(left, -right) if not isinstance(left, datetime.timedelta) else left - right
    if isinstance(left, datetime.time) and isinstance(right, datetime.time):
        return datetime.datetime.combine(_ANY_DAY, left) - datetime.datetime.combine(_ANY_DAY, right)
    if isinstance(left, datetime.date) and isinstance(right, datetime.date):
        return _difference(absolute(left), absolute(right))
    return _refuse_temporal(left, right)


def _difference(left: datetime.datetime, right: datetime.datetime) -> datetime.timedelta:
    if (left.tzinfo is None) != (right.tzinfo is None):
        left, right = left.replace(tzinfo=datetime.UTC), right.replace(tzinfo=datetime.UTC)
    return left - right


def multiply_temporal(left: Any, right: Any) -> Any:
    """``*`` of a duration and a number."""
    if not isinstance(left, datetime.timedelta):
        left, right = right, left
    if isinstance(left, datetime.timedelta) and isinstance(right, _NUMBERS):
        return _whole_microseconds(left, EXACT.multiply(_microseconds(left), Decimal(right)))
    return _refuse_temporal(left, right)


def divide_temporal(left: Any, right: Any) -> Any:
    """``/`` of a duration by a number."""
    if isinstance(left, datetime.timedelta) and isinstance(right, _NUMBERS):
        if right == 0:
            raise ZeroDivisionError
        return _whole_microseconds(left, EXACT.divide(_microseconds(left), Decimal(right)))
    return _refuse_temporal(left, right)


def _microseconds(value: datetime.timedelta) -> Decimal:
    return Decimal(value // datetime.timedelta(microseconds=1))


def _whole_microseconds(duration: datetime.timedelta, result: Decimal) -> datetime.timedelta:
    if result != result.to_integral_value():
        raise NotInMemoryError(
            f"Cannot multiply or divide the duration {duration!r} in memory: the databases round {result} microseconds "
            "differently."
        )
    return datetime.timedelta(microseconds=int(result))


def _refuse_temporal(left: Any, right: Any) -> Any:
    raise NotInMemoryError(
        f"Cannot compute with {left!r} and {right!r} in memory: the databases disagree on such operands."
    )


_TEMPORAL: dict[str, Operation] = {
    Combinable.ADD: add_temporal,
    Combinable.SUB: subtract_temporal,
    Combinable.MUL: multiply_temporal,
    Combinable.DIV: divide_temporal,
}


def temporal(operation: Operation, connector: str) -> Operation:
    """Return an operation that also knows dates, times, moments and durations."""
    special = _TEMPORAL.get(connector, _refuse_temporal)

    def operate(left: Any, right: Any) -> Any:
        if isinstance(left, _TEMPORAL_TYPES) or isinstance(right, _TEMPORAL_TYPES):
            return special(left, right)
        if isinstance(left, bool) or not isinstance(left, _NUMBERS) or not isinstance(right, _NUMBERS):
            raise NotInMemoryError(
                f"Cannot compute {left!r} {connector} {right!r} in memory: the databases disagree on such operands."
            )
        return operation(left, right)

    return operate
