"""Window functions: one value for each row of an ordered partition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Aggregate
from django.db.models import functions as db

from cluster.errors import NotInMemoryError
from cluster.queryset import registry
from cluster.queryset.registry import compiles_window

if TYPE_CHECKING:
    from cluster.queryset.compiling import Compiler
    from cluster.queryset.rows import Partition

Windowing = Callable[["Partition"], list[Any]]


@compiles_window(db.RowNumber)
def build_row_number(expression: Any, compiler: Compiler) -> Windowing:
    """``ROW_NUMBER()``."""
    return row_numbers


def row_numbers(partition: Partition) -> list[Any]:
    """Count the rows from 1."""
    return list(range(1, len(partition.rows) + 1))


@compiles_window(db.Rank)
def build_rank(expression: Any, compiler: Compiler) -> Windowing:
    """``RANK()``."""
    return ranks


def ranks(partition: Partition) -> list[Any]:
    """Give each row the number of the first of its peers."""
    first: dict[int, int] = {}
    return [first.setdefault(peer, position) for position, peer in enumerate(partition.peers, start=1)]


@compiles_window(db.DenseRank)
def build_dense_rank(expression: Any, compiler: Compiler) -> Windowing:
    """``DENSE_RANK()``."""
    return dense_ranks


def dense_ranks(partition: Partition) -> list[Any]:
    """Count the groups of peers from 1."""
    return [peer + 1 for peer in partition.peers]


@compiles_window(db.PercentRank)
def build_percent_rank(expression: Any, compiler: Compiler) -> Windowing:
    """``PERCENT_RANK()``."""
    return percent_ranks


def percent_ranks(partition: Partition) -> list[Any]:
    """Give the rank as a share of the other rows, from 0 to 1."""
    others = len(partition.rows) - 1
    return [(rank - 1) / others if others else 0.0 for rank in ranks(partition)]


@compiles_window(db.CumeDist)
def build_cume_dist(expression: Any, compiler: Compiler) -> Windowing:
    """``CUME_DIST()``."""
    return cumulative_distribution


def cumulative_distribution(partition: Partition) -> list[Any]:
    """Give the share of the rows up to the last peer."""
    last = {peer: position for position, peer in enumerate(partition.peers, start=1)}
    return [last[peer] / len(partition.rows) for peer in partition.peers]


class Buckets:
    """``NTILE``: as even as can be, larger buckets first."""

    __slots__ = ("argument",)

    def __init__(self, expression: Any, compiler: Compiler) -> None:
        (number,) = expression.get_source_expressions()
        self.argument = compiler.compile(number)

    def __call__(self, partition: Partition) -> list[Any]:
        number = self.argument(partition.rows[0])
        size, larger = divmod(len(partition.rows), number)
        result: list[Any] = []
        for bucket in range(1, min(number, len(partition.rows)) + 1):
            result += [bucket] * (size + (bucket <= larger))
        return result


@compiles_window(db.Ntile)
def build_ntile(expression: Any, compiler: Compiler) -> Windowing:
    """``NTILE()``."""
    return Buckets(expression, compiler)


class Neighbour:
    """``LAG`` and ``LEAD``: the value of a row some places away."""

    __slots__ = ("default", "direction", "offset", "source")

    def __init__(self, expression: Any, compiler: Compiler, *, direction: int) -> None:
        source, offset, *default = expression.get_source_expressions()
        self.source = compiler.compile(source)
        self.offset = compiler.compile(offset)
        self.default = compiler.compile(default[0]) if default else None
        self.direction = direction

    def __call__(self, partition: Partition) -> list[Any]:
        return [self._value(partition, position) for position in range(len(partition.rows))]

    def _value(self, partition: Partition, position: int) -> Any:
        row = partition.rows[position]
        other = position + self.direction * self.offset(row)
        if 0 <= other < len(partition.rows):
            return self.source(partition.rows[other])
        return None if self.default is None else self.default(row)


@compiles_window(db.Lag)
def build_lag(expression: Any, compiler: Compiler) -> Windowing:
    """``LAG()``."""
    return Neighbour(expression, compiler, direction=-1)


@compiles_window(db.Lead)
def build_lead(expression: Any, compiler: Compiler) -> Windowing:
    """``LEAD()``."""
    return Neighbour(expression, compiler, direction=1)


class Picked:
    """The value of one row of the frame."""

    __slots__ = ("pick", "source")

    def __init__(self, expression: Any, compiler: Compiler, pick: Callable[[Sequence[int]], int | None]) -> None:
        self.source = compiler.compile(expression.get_source_expressions()[0])
        self.pick = pick

    def __call__(self, partition: Partition) -> list[Any]:
        picked = [self.pick(frame) for frame in partition.frames]
        return [None if position is None else self.source(partition.rows[position]) for position in picked]


def _first(frame: Sequence[int]) -> int | None:
    return frame[0] if len(frame) else None


def _last(frame: Sequence[int]) -> int | None:
    return frame[-1] if len(frame) else None


@compiles_window(db.FirstValue)
def build_first_value(expression: Any, compiler: Compiler) -> Windowing:
    """``FIRST_VALUE()``."""
    return Picked(expression, compiler, _first)


@compiles_window(db.LastValue)
def build_last_value(expression: Any, compiler: Compiler) -> Windowing:
    """``LAST_VALUE()``."""
    return Picked(expression, compiler, _last)


class Nth:
    """``NTH_VALUE``: counted from 1 within the frame."""

    __slots__ = ("nth", "source")

    def __init__(self, expression: Any, compiler: Compiler) -> None:
        source, nth = expression.get_source_expressions()
        self.source = compiler.compile(source)
        self.nth = compiler.compile(nth)

    def __call__(self, partition: Partition) -> list[Any]:
        return [self._value(partition, position) for position in range(len(partition.rows))]

    def _value(self, partition: Partition, position: int) -> Any:
        frame, nth = partition.frames[position], self.nth(partition.rows[position])
        return self.source(partition.rows[frame[nth - 1]]) if nth <= len(frame) else None


@compiles_window(db.NthValue)
def build_nth_value(expression: Any, compiler: Compiler) -> Windowing:
    """``NTH_VALUE()``."""
    return Nth(expression, compiler)


class AggregatedFrames:
    """An aggregate over the frame of each row."""

    __slots__ = ("aggregate", "condition", "source")

    def __init__(self, expression: Any, compiler: Compiler) -> None:
        build = registry.aggregates.find(type(expression))
        if build is None:
            raise registry.refuse(expression, registry.aggregates)
        if getattr(expression, "distinct", False) or getattr(expression, "order_by", None):
            raise NotInMemoryError(
                f"Cannot evaluate {expression!r} over a window in memory: the databases do not know DISTINCT and "
                "ORDER BY of an aggregate there."
            )
        self.aggregate = build(expression)
        self.source = compiler.compile(expression.source_expressions[0])
        self.condition = None if expression.filter is None else compiler.compile(expression.filter)

    def __call__(self, partition: Partition) -> list[Any]:
        values = [self.source(row) for row in partition.rows]
        if self.condition is not None:
            kept = [bool(self.condition(row)) for row in partition.rows]
            return [self.aggregate([values[at] for at in frame if kept[at]]) for frame in partition.frames]
        return [self.aggregate([values[at] for at in frame]) for frame in partition.frames]


@compiles_window(Aggregate)
def build_aggregate(expression: Any, compiler: Compiler) -> Windowing:
    """An aggregate with ``OVER``."""
    return AggregatedFrames(expression, compiler)
