"""What evaluators receive: rows of joined instances, groups of them, and window partitions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.hashable import make_hashable


class Row:
    """One row of the joined tables.

    Attributes:
        tables: The instance under each table alias; ``None`` is the NULL row of an outer join.
        group: The rows behind this one after GROUP BY, or ``None`` before grouping.
        values: What was worked out ahead for this row, of windows, by expression id.
    """

    __slots__ = ("group", "tables", "values")

    def __init__(self, tables: dict[Any, Any], group: list[Row] | None = None) -> None:
        self.tables = tables
        self.group = group
        self.values: dict[int, Any] | None = None

    def remember(self, key: int, value: Any) -> None:
        """Keep a value that was worked out ahead."""
        if self.values is None:
            self.values = {}
        self.values[key] = value


@dataclass(frozen=True, slots=True)
class Partition:
    """The rows of one window partition, in the window's order.

    Attributes:
        rows: The rows in order.
        peers: For each row the number of its peer group, counted from 0; rows that the ordering does not tell
            apart are peers. Without ordering all rows are peers.
        frames: For each row the positions of the rows in its frame.
    """

    rows: Sequence[Row]
    peers: Sequence[int]
    frames: Sequence[Sequence[int]]


def identity_of(values: Iterable[Any]) -> tuple[Any, ...]:
    """Return what rows have in common that are one row for GROUP BY, DISTINCT, PARTITION BY and UNION."""
    return tuple(map(value_identity, values))


def value_identity(value: Any) -> Any:
    """Return something hashable that is equal for values that the database takes for equal.

    A column of JSON can hold ``true`` and 1, or an object and an array, which are equal to ``make_hashable()``.
    """
    kind = type(value)
    if kind is bool:
        return kind, value
    if kind is dict:
        return kind, frozenset((key, value_identity(item)) for key, item in value.items())
    if kind is list:
        return kind, identity_of(value)
    return make_hashable(value)
