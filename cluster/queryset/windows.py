"""Window expressions: partitions, their order, peers and frames."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.db.models.aggregates import Aggregate
from django.db.models.expressions import ValueRange, Window, WindowFrameExclusion

from cluster.errors import NotInMemoryError
from cluster.queryset import registry
from cluster.queryset.ordering import sorter
from cluster.queryset.registry import Evaluator, compiles
from cluster.queryset.rows import Partition, Row, identity_of

if TYPE_CHECKING:
    from cluster.queryset.compiling import Compiler


def fill_windows(rows: Sequence[Row], compiler: Compiler) -> None:
    """Work out every window expression that was compiled, for all rows."""
    for fill in compiler.windows.values():
        fill.over(rows)


@compiles(Window)
def compile_window(node: Window, compiler: Compiler) -> Evaluator:
    """Give the value that was worked out for the row in ``fill_windows``."""
    key = id(node)
    compiler.windows.setdefault(key, WindowFill(node, compiler))

    def evaluate_window(row: Row) -> Any:
        return None if row.values is None else row.values[key]

    return evaluate_window


class WindowFill:
    """Works out one window expression for all rows of a query."""

    __slots__ = ("function", "node", "order", "partition_keys", "sort")

    def __init__(self, node: Any, compiler: Compiler) -> None:
        self.node = node
        terms = [] if node.order_by is None else node.order_by.get_source_expressions()
        parts = [] if node.partition_by is None else node.partition_by.get_source_expressions()
        self.partition_keys = [compiler.compile_key(part) for part in parts]
        self.order = [compiler.compile_key(term) for term in terms]
        self.sort = sorter(terms, compiler)
        self.function = window_function(node.source_expression, compiler)
        if node.frame is not None:
            check_frame(node.frame, compiler)

    def over(self, rows: Sequence[Row]) -> None:
        """Keep the window's value with every row."""
        partitions: dict[Any, list[Row]] = {}
        for row in rows:
            partitions.setdefault(identity_of([key(row) for key in self.partition_keys]), []).append(row)
        for members in partitions.values():
            self._fill(self.sort(members))

    def _fill(self, rows: list[Row]) -> None:
        peers = peer_numbers([identity_of([key(row) for key in self.order]) for row in rows])
        frames = frames_of(self.node.frame, peers, is_ordered=bool(self.order))
        values = self.function(Partition(rows, peers, frames))
        for row, value in zip(rows, values, strict=True):
            row.remember(id(self.node), value)


def window_function(expression: Any, compiler: Compiler) -> Any:
    """Return the function from a partition to the values of its rows."""
    build = registry.windows.find(type(expression))
    if build is None and isinstance(expression, Aggregate):
        build = registry.windows.find(Aggregate)
    if build is None:
        raise registry.refuse(expression, registry.windows)
    return build(expression, compiler)


def peer_numbers(keys: Sequence[Any]) -> list[int]:
    """Number the groups of rows that the ordering does not tell apart."""
    numbers = [0] * len(keys)
    for position, (previous, current) in enumerate(pairwise(keys), start=1):
        numbers[position] = numbers[position - 1] + (previous != current)
    return numbers


def check_frame(frame: Any, compiler: Compiler) -> None:
    """Raise Django's errors for impossible bounds, and refuse bounds that are distances of values."""
    start, end = frame.start.value, frame.end.value
    frame.window_frame_start_end(compiler.connection, start, end)
    if isinstance(frame, ValueRange) and (start or end):
        raise NotInMemoryError(
            f"Cannot use the window frame {frame!r} in memory: bounds that are distances of values need the database. "
            "Use RowRange."
        )


def frames_of(frame: Any, peers: Sequence[int], *, is_ordered: bool) -> list[Sequence[int]]:
    """Return the positions of the rows in the frame of each row."""
    size = len(peers)
    if frame is None:
        # SQL's default: up to the last peer of the row with an ordering, else everything.
        ends = last_peers(peers) if is_ordered else [size] * size
        return [range(end) for end in ends]
    if isinstance(frame, ValueRange):
        bounds = _value_bounds(frame, peers)
    else:
        bounds = [_row_bounds(frame, position, size) for position in range(size)]
    return [_without_excluded(frame, range(*bound), at, peers) for at, bound in enumerate(bounds)]


def last_peers(peers: Sequence[int]) -> list[int]:
    """Return for each row the position after its last peer."""
    ends = {peer: position + 1 for position, peer in enumerate(peers)}
    return [ends[peer] for peer in peers]


def _row_bounds(frame: Any, position: int, size: int) -> tuple[int, int]:
    start, end = frame.start.value, frame.end.value
    low = 0 if start is None else max(0, position + start)
    high = size if end is None else min(size, position + end + 1)
    return low, max(low, high)


def _value_bounds(frame: Any, peers: Sequence[int]) -> list[tuple[int, int]]:
    firsts: dict[int, int] = {}
    starts = [firsts.setdefault(peer, position) for position, peer in enumerate(peers)]
    ends = last_peers(peers)
    return [
        (0 if frame.start.value is None else start, len(peers) if frame.end.value is None else end)
        for start, end in zip(starts, ends, strict=True)
    ]


def _without_excluded(frame: Any, positions: range, at: int, peers: Sequence[int]) -> Sequence[int]:
    exclusion = frame.exclusion
    if exclusion == WindowFrameExclusion.CURRENT_ROW:
        return [position for position in positions if position != at]
    if exclusion == WindowFrameExclusion.GROUP:
        return [position for position in positions if peers[position] != peers[at]]
    if exclusion == WindowFrameExclusion.TIES:
        return [position for position in positions if position == at or peers[position] != peers[at]]
    return positions
