"""The children of one parent in three versions: which are the same, and in which order the merged ones stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cluster.comparing.conflicts import Side
from cluster.comparing.matching import match_rows
from cluster.comparing.shape import Row, Shape

Placed = tuple[int, Row]


@dataclass(slots=True, eq=False)
class Sibling:
    """One child in up to three versions, in each with its place; ``result`` is ``None`` where it is not kept."""

    base: Placed | None = None
    mine: Placed | None = None
    theirs: Placed | None = None
    result: dict[str, Any] | None = None

    @property
    def where(self) -> Placed:
        """The place and the row by which the child is named: in the base, else in the version that added it."""
        placed = self.base or self.mine or self.theirs
        assert placed is not None
        return placed


@dataclass(slots=True, eq=False)
class Siblings:
    """The children of one parent.

    Attributes:
        all: Those of the base, then those that mine added, then those that theirs added.
        mine: Those in mine, in its order.
        theirs: Those in theirs, in its order.
    """

    all: list[Sibling]
    mine: list[Sibling]
    theirs: list[Sibling]

    def common_in(self, side: str) -> list[Sibling]:
        """Return the children that all three versions have, in the order of one."""
        common = [each for each in self.all if each.base and each.mine and each.theirs]
        return sorted(common, key=lambda each: getattr(each, side)[0])

    def _is_moved(self, side: str) -> bool:
        return self.common_in(side) != self.common_in("base")

    @property
    def orders_differ(self) -> bool:
        """Whether both versions have orders of their own."""
        return (
            self.common_in("mine") != self.common_in("theirs") and self._is_moved("mine") and self._is_moved("theirs")
        )

    @property
    def primary(self) -> Side:
        """The version whose order holds where the two do not contradict each other."""
        return "theirs" if self._is_moved("theirs") and not self._is_moved("mine") else "mine"


def siblings_of(
    shape: Shape, parent_name: str | None, base: Sequence[Row], mine: Sequence[Row], theirs: Sequence[Row]
) -> Siblings:
    """Find out which rows of three lists are the same."""
    every = [Sibling(base=placed) for placed in enumerate(base)]
    mine_by_place = _placed(shape, parent_name, base, mine, every, "mine")
    theirs_by_place = _placed(shape, parent_name, base, theirs, every, "theirs")
    my_new = [(place, row) for place, row in enumerate(mine) if place not in mine_by_place]
    their_new = [(place, row) for place, row in enumerate(theirs) if place not in theirs_by_place]
    matching = match_rows(shape, parent_name, _rows(my_new), _rows(their_new), likeness=False)
    partner = dict(matching.pairs)
    for index, placed in enumerate(my_new):
        sibling = Sibling(mine=placed, theirs=their_new[partner[index]] if index in partner else None)
        every.append(sibling)
        mine_by_place[placed[0]] = sibling
        if sibling.theirs is not None:
            theirs_by_place[sibling.theirs[0]] = sibling
    for index in matching.added:
        sibling = Sibling(theirs=their_new[index])
        every.append(sibling)
        theirs_by_place[their_new[index][0]] = sibling
    return Siblings(
        [each for each in every if each.mine or each.theirs], _in_order(mine_by_place), _in_order(theirs_by_place)
    )


def _placed(
    shape: Shape, parent_name: str | None, base: Sequence[Row], rows: Sequence[Row], every: list[Sibling], side: str
) -> dict[int, Sibling]:
    """Note in the children of the base where they are in one version; return them by that place."""
    by_place = {}
    for first, second in match_rows(shape, parent_name, base, rows).pairs:
        setattr(every[first], side, (second, rows[second]))
        by_place[second] = every[first]
    return by_place


def _rows(placed: Sequence[Placed]) -> list[Row]:
    return [row for _, row in placed]


def _in_order(by_place: dict[int, Sibling]) -> list[Sibling]:
    return [by_place[place] for place in sorted(by_place)]


def ordered_siblings(siblings: Siblings, primary: Side) -> list[Sibling]:
    """Return the children that are kept: in the order of one version, those of the other behind who was before them."""
    first, second = (siblings.mine, siblings.theirs) if primary == "mine" else (siblings.theirs, siblings.mine)
    in_first = {id(each) for each in first}
    followers: dict[int | None, list[Sibling]] = {}
    before: int | None = None
    for each in second:
        if id(each) in in_first:
            before = id(each)
        else:
            followers.setdefault(before, []).append(each)
    ordered = list(followers.get(None, ()))
    for each in first:
        ordered.append(each)
        ordered += followers.get(id(each), ())
    return [each for each in ordered if each.result is not None]
