"""Which row of one list is which row of another: by key, by what is unique among siblings, by content, by likeness."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from cluster.comparing.shape import Row, Shape, comparable_key
from cluster.saving.frozen import hashable

ValueIndex = dict[tuple[str, Hashable], list[int]]

# A value that more rows than this share says nothing about which of them is meant; it keeps the search near-linear.
CROWD = 8
# The part of its values that a row must have kept to be taken for the same row.
LIKENESS = 0.5


@dataclass(frozen=True, slots=True)
class Matching:
    """Which rows of two lists are the same, by index.

    Attributes:
        pairs: The rows in both, in the order of the first list.
        removed: The rows of the first list that the second lacks.
        added: The rows of the second list that the first lacks.
    """

    pairs: list[tuple[int, int]]
    removed: list[int]
    added: list[int]


def match_rows(
    shape: Shape, parent_name: str | None, before: Sequence[Row], after: Sequence[Row], *, likeness: bool = True
) -> Matching:
    """Match the rows of two lists of siblings.

    Rows that both have a key match by it alone. A row without key matches one that has none, or whose key is found
    nowhere in the other list, by the fields that are unique among siblings, else by equal content, else by likeness.

    Args:
        shape: The shape of the rows.
        parent_name: The field by which they point at their parent; it tells siblings nothing.
        before: The first list.
        after: The second list.
        likeness: Whether rows that are only like each other match.
    """
    keys_before, keys_after = _keys(shape, before), _keys(shape, after)
    if keys_before == keys_after and None not in keys_before and len(set(keys_before)) == len(keys_before):
        return Matching([(index, index) for index in range(len(before))], [], [])
    matcher = _Matcher(shape, parent_name, before, after, keys_before, keys_after)
    matcher.match(likeness=likeness)
    return matcher.result()


def _keys(shape: Shape, rows: Sequence[Row]) -> list[Any]:
    keys = [row.get("pk") for row in rows]
    if all(type(key) is int for key in keys):
        return keys
    return [_whole(shape.comparable_key(key)) for key in keys]


def _whole(key: Any) -> Any:
    """Return a key, or ``None`` for a composite one of which a part is still to come."""
    return None if isinstance(key, tuple) and None in key else key


def moved_pairs(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the fewest pairs, in order of the first list, whose rows must move for the order of the second."""
    ranks = [after for _, after in pairs]
    if all(first < second for first, second in pairwise(ranks)):
        return []
    stay = _longest_increasing(ranks)
    return [pair for pair in pairs if pair[1] not in stay]


def _longest_increasing(ranks: Sequence[int]) -> set[int]:
    """Return the members of a longest increasing subsequence of distinct numbers."""
    tails: list[int] = []
    previous: dict[int, int | None] = {}
    for rank in ranks:
        place = bisect_left(tails, rank)
        previous[rank] = tails[place - 1] if place else None
        tails[place : place + 1] = [rank]
    chosen: set[int] = set()
    step: int | None = tails[-1]
    while step is not None:
        chosen.add(step)
        step = previous[step]
    return chosen


class _Matcher:
    """The state of one matching: what is still unmatched on either side."""

    def __init__(
        self,
        shape: Shape,
        parent_name: str | None,
        before: Sequence[Row],
        after: Sequence[Row],
        keys_before: list[Any],
        keys_after: list[Any],
    ) -> None:
        self.shape = shape
        self.ignored = {"pk", parent_name}
        self.natural_keys = shape.keys_among_siblings(parent_name)
        self.before, self.after = before, after
        self.keys_before, self.keys_after = keys_before, keys_after
        self.matched: dict[int, int] = {}
        self.open_before = dict.fromkeys(range(len(before)))
        self.open_after = dict.fromkeys(range(len(after)))

    def match(self, *, likeness: bool) -> None:
        self._pair_up(
            self._by_value(self.keys_before, self.open_before), self._by_value(self.keys_after, self.open_after)
        )
        for names in self.natural_keys:
            if self.is_done:
                return
            self._pair_by(lambda row, names=names: self._natural_key(row, names))
        if not self.is_done:
            self._pair_by(self._content)
        if likeness and not self.is_done:
            self._pair_by_likeness()

    @property
    def is_done(self) -> bool:
        return not self.open_before or not self.open_after

    def result(self) -> Matching:
        return Matching(sorted(self.matched.items()), list(self.open_before), list(self.open_after))

    def _pair_up(self, before: dict[Any, list[int]], after: dict[Any, list[int]]) -> None:
        """Match indexes filed under the same value, in order."""
        for value, indexes in before.items():
            for first, second in zip(indexes, after.get(value, ()), strict=False):
                self._match(first, second)

    def _match(self, first: int, second: int) -> None:
        if self.may_match(first, second):
            self.matched[first] = second
            del self.open_before[first], self.open_after[second]

    def may_match(self, first: int, second: int) -> bool:
        """Whether two rows can be one: two that have different keys cannot."""
        mine, theirs = self.keys_before[first], self.keys_after[second]
        return mine is None or theirs is None or mine == theirs

    def _by_value(self, values: Sequence[Any], indexes: Iterable[int]) -> dict[Any, list[int]]:
        filed: dict[Any, list[int]] = {}
        for index in indexes:
            if values[index] is not None:
                filed.setdefault(values[index], []).append(index)
        return filed

    def _pair_by(self, value_of: Any) -> None:
        before = {index: value_of(self.before[index]) for index in self.open_before}
        after = {index: value_of(self.after[index]) for index in self.open_after}
        self._pair_up(_filed(before), _filed(after))

    def _natural_key(self, row: Row, names: tuple[str, ...]) -> Hashable:
        if any(row.get(name) is None for name in names):
            return None
        return tuple(_hashable(self.shape.fields.get(name), row[name]) for name in names)

    def _content(self, row: Row) -> Hashable:
        return tuple(self._values(row))

    def _values(self, row: Row) -> list[tuple[str, Hashable]]:
        own = self.shape.layout_of(row).own
        fields = self.shape.fields
        return [(name, _hashable(fields.get(name), row[name])) for name in own if name not in self.ignored]

    def _pair_by_likeness(self) -> None:
        """Match the rows most alike first; only rows that share a rare value, or their place, are looked at."""
        before = {index: dict(self._values(self.before[index])) for index in self.open_before}
        after = {index: dict(self._values(self.after[index])) for index in self.open_after}
        index, found = _index_of(before), []
        for second, values in after.items():
            for first in self._candidates(second, values, index):
                likeness = _likeness(before[first], values)
                if likeness >= LIKENESS:
                    found.append((-likeness, abs(first - second), first, second))
        for _, _, first, second in sorted(found):
            if first in self.open_before and second in self.open_after:
                self._match(first, second)

    def _candidates(self, second: int, values: dict[str, Hashable], index: ValueIndex) -> list[int]:
        votes: Counter[int] = Counter()
        for item in values.items():
            sharing = index.get(item, ())
            if len(sharing) <= CROWD:
                votes.update(sharing)
        if second in self.open_before:
            votes[second] += 1
        return [first for first, _ in votes.most_common(CROWD) if self.may_match(first, second)]


def _filed(values: dict[int, Any]) -> dict[Any, list[int]]:
    filed: dict[Any, list[int]] = {}
    for index, value in values.items():
        if value is not None:
            filed.setdefault(value, []).append(index)
    return filed


def _index_of(rows: dict[int, dict[str, Hashable]]) -> ValueIndex:
    index: ValueIndex = {}
    for number, values in rows.items():
        for item in values.items():
            index.setdefault(item, []).append(number)
    return index


def _hashable(field: Any, value: Any) -> Hashable:
    return hashable(comparable_key(field, value))


def _likeness(before: dict[str, Hashable], after: dict[str, Hashable]) -> float:
    kept = sum(1 for name, value in after.items() if before.get(name) == value)
    return kept / max(len(after), 1)
