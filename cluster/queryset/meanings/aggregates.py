"""Aggregates over the values of a group, NULLs left out as SQL leaves them out."""

from __future__ import annotations

import datetime
import functools
import math
import operator
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from django.db.models import aggregates as db
from django.db.models.expressions import Value

from cluster import _compat
from cluster.errors import NotInMemoryError
from cluster.queryset.meanings.arithmetic import add, divide, division_scale
from cluster.queryset.meanings.comparing import less
from cluster.queryset.meanings.numbers import EXACT
from cluster.queryset.registry import Evaluator, compiles, compiles_aggregate

if TYPE_CHECKING:
    from cluster.queryset.compiling import Compiler

Aggregation = Callable[[list[Any]], Any]

_SUMMED = (int, float, Decimal, datetime.timedelta)
_COMPARED = (int, float, Decimal, str, datetime.date, datetime.time, datetime.timedelta)


def present(values: list[Any]) -> list[Any]:
    """Return the values that are not NULL."""
    return [value for value in values if value is not None]


def _checked(name: str, values: list[Any], kinds: tuple[type, ...]) -> list[Any]:
    known = present(values)
    for value in known:
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise NotInMemoryError(
                f"Cannot compute {name} of {value!r} in memory: the databases disagree on it for a "
                f"{type(value).__name__}."
            )
    return known


@compiles_aggregate(db.Count)
def build_count(expression: Any) -> Aggregation:
    """``COUNT``."""
    return count


def count(values: list[Any]) -> int:
    """Return how many values are not NULL."""
    return sum(1 for value in values if value is not None)


@compiles_aggregate(db.Sum)
def build_sum(expression: Any) -> Aggregation:
    """``SUM``."""
    return total


def total(values: list[Any]) -> Any:
    """Return the sum in the type of the values; one after the other, as the databases add floats."""
    known = _checked("the sum", values, _SUMMED)
    return functools.reduce(_add, known) if known else None


def _add(left: Any, right: Any) -> Any:
    return left + right if isinstance(left, datetime.timedelta) else add(left, right)


@compiles_aggregate(db.Avg)
def build_avg(expression: Any) -> Aggregation:
    """``AVG``."""
    return average


def average(values: list[Any]) -> Any:
    """Return the mean: of integers and decimals a decimal with PostgreSQL's places."""
    known = _checked("the average", values, _SUMMED)
    if not known:
        return None
    result = functools.reduce(_add, known)
    if isinstance(result, datetime.timedelta):
        return result / len(known)
    return divide(Decimal(result), Decimal(len(known))) if isinstance(result, int) else divide(result, len(known))


@compiles_aggregate(db.Max)
def build_max(expression: Any) -> Aggregation:
    """``MAX``."""
    return largest


def largest(values: list[Any]) -> Any:
    """Return the largest value."""
    known = _checked("the maximum", values, _COMPARED)
    return functools.reduce(_greater_of, known) if known else None


def _greater_of(left: Any, right: Any) -> Any:
    return right if less(left, right) else left


@compiles_aggregate(db.Min)
def build_min(expression: Any) -> Aggregation:
    """``MIN``."""
    return smallest


def smallest(values: list[Any]) -> Any:
    """Return the smallest value."""
    known = _checked("the minimum", values, _COMPARED)
    return functools.reduce(_lesser_of, known) if known else None


def _lesser_of(left: Any, right: Any) -> Any:
    return right if less(right, left) else left


@compiles_aggregate(db.Variance)
def build_variance(expression: Any) -> Aggregation:
    """``VAR_POP`` and ``VAR_SAMP``."""
    return Spread(sample=expression.function == "VAR_SAMP", root=False)


@compiles_aggregate(db.StdDev)
def build_stddev(expression: Any) -> Aggregation:
    """``STDDEV_POP`` and ``STDDEV_SAMP``."""
    return Spread(sample=expression.function == "STDDEV_SAMP", root=True)


class Spread:
    """Variance or standard deviation, of a population or a sample."""

    __slots__ = ("root", "sample")

    def __init__(self, *, sample: bool, root: bool) -> None:
        self.sample = sample
        self.root = root

    def __call__(self, values: list[Any]) -> Any:
        known = _checked("the variance", values, (int, float, Decimal))
        if len(known) < (2 if self.sample else 1):
            return None
        return self._of_floats(known) if isinstance(known[0], float) else self._of_decimals(known)

    def _of_floats(self, known: list[float]) -> float:
        mean = math.fsum(known) / len(known)
        variance = math.fsum((value - mean) ** 2 for value in known) / (len(known) - self.sample)
        return math.sqrt(variance) if self.root else variance

    def _of_decimals(self, known: list[Any]) -> Decimal:
        """Count as ``numeric_stddev_internal`` of PostgreSQL does, with its places."""
        numbers = [Decimal(value) for value in known]
        size = Decimal(len(numbers))
        squares = functools.reduce(EXACT.add, (EXACT.multiply(number, number) for number in numbers))
        square = EXACT.power(functools.reduce(EXACT.add, numbers), 2)
        numerator = EXACT.subtract(EXACT.multiply(size, squares), square)
        if numerator <= 0:
            return Decimal(0)
        denominator = size * (size - 1 if self.sample else size)
        quantum = Decimal(1).scaleb(-division_scale(numerator, denominator))
        variance = EXACT.divide(numerator, denominator).quantize(quantum, ROUND_HALF_UP, EXACT)
        return EXACT.sqrt(variance).quantize(quantum, ROUND_HALF_UP, EXACT) if self.root else variance


def _any(values: list[Any]) -> Any:
    return next(iter(present(values)), None)


class BitAggregation:
    """A bit operation over all values."""

    __slots__ = ("operation",)

    def __init__(self, operation: Callable[[int, int], int]) -> None:
        self.operation = operation

    def __call__(self, values: list[Any]) -> Any:
        known = _checked("the bits", values, (int,))
        return functools.reduce(self.operation, known) if known else None


_BIT_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "BIT_AND": operator.and_,
    "BIT_OR": operator.or_,
    "BIT_XOR": operator.xor,
}


def build_any_value(expression: Any) -> Aggregation:
    """``ANY_VALUE``: the first in the order of the rows."""
    return _any


def build_bits(expression: Any) -> Aggregation:
    """``BIT_AND``, ``BIT_OR`` and ``BIT_XOR``."""
    return BitAggregation(_BIT_OPERATIONS[expression.function])


class StringAggregation:
    """Joins texts."""

    __slots__ = ("delimiter", "sort")

    def __init__(self, delimiter: str, *, sort: bool) -> None:
        self.delimiter = delimiter
        self.sort = sort

    def __call__(self, values: list[Any]) -> str | None:
        known = present(values)
        for value in known:
            if not isinstance(value, str):
                raise NotInMemoryError(f"Cannot join {value!r} as text in memory. Cast it to a TextField first.")
        if self.sort:
            known.sort()
        return self.delimiter.join(known) if known else None


def build_string_agg(expression: Any) -> Aggregation:
    """``STRING_AGG``; DISTINCT without an order comes out sorted, as on PostgreSQL."""
    delimiter = expression.source_expressions[1]
    while not isinstance(delimiter, Value):
        sources = delimiter.get_source_expressions()
        if len(sources) != 1:
            raise NotInMemoryError("Cannot evaluate StringAgg in memory with an expression as its delimiter.")
        (delimiter,) = sources
    return StringAggregation(str(delimiter.value), sort=expression.distinct and not expression.order_by)


compiles_aggregate(*_compat.classes_of(db, "AnyValue"))(build_any_value)
compiles_aggregate(*_compat.classes_of(db, "BitAnd", "BitOr", "BitXor"))(build_bits)
compiles_aggregate(*_compat.classes_of(db, "StringAgg"))(build_string_agg)


@compiles(*_compat.classes_of(db, "AggregateFilter"))
def compile_aggregate_filter(expression: Any, compiler: Compiler) -> Evaluator:
    """The condition of ``FILTER (WHERE ...)``."""
    return compiler.compile(expression.condition)
