"""Finding in a snapshot the rows that a diff is about, and seeing that they are as the diff expects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cluster.comparing.changes import ListDifference, RowDifference, Step, path_of
from cluster.comparing.shape import Row, Shape, same_value, shape_of
from cluster.errors import DiffMismatchError, Problem

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class ListEdit:
    """What happens to one list of children, by places in that list.

    Attributes:
        removed: The places of the children that go.
        moved: The new and the present place of the children that move.
        added: The place and the data of the children that come.
    """

    removed: frozenset[int]
    moved: tuple[tuple[int, int], ...]
    added: tuple[tuple[int, Row], ...]

    def edited(self, items: Sequence[Item], new: Sequence[Item]) -> list[Item]:
        """Return the list as it becomes; ``new`` stands for the added rows, in their order."""
        leaving = self.removed.union(present for _, present in self.moved)
        result = [item for index, item in enumerate(items) if index not in leaving]
        coming = [(place, items[present]) for place, present in self.moved]
        coming += [(place, item) for (place, _), item in zip(self.added, new, strict=True)]
        for place, item in sorted(coming, key=_place):
            result.insert(place, item)
        return result


def _place(coming: tuple[int, Any]) -> int:
    return coming[0]


@dataclass(frozen=True, slots=True)
class Located:
    """The differences of one row, and where that row is.

    Attributes:
        difference: The differences.
        shape: The shape of the row.
        places: The row's place in its list, and those of the rows above it, from the root down.
        row: The row.
        lists: What happens to its children, by relation name.
    """

    difference: RowDifference
    shape: Shape
    places: tuple[int, ...]
    row: Row
    lists: dict[str, ListEdit]


@dataclass(slots=True)
class Locator:
    """Locates the differences of one diff and notes whatever does not fit.

    Attributes:
        missing: The problems of rows that are not there, which several differences may meet.
        places: By identity of a list of rows, the places of the rows by key; noted when a row is not at its place.
    """

    root: Row
    shape: Shape
    problems: list[Problem] = field(default_factory=list)
    missing: set[Problem] = field(default_factory=set)
    places: dict[int, dict[Any, int]] = field(default_factory=dict)

    def locate(self, differences: Sequence[RowDifference]) -> list[Located]:
        """Return where each row is.

        Raises:
            DiffMismatchError: A row is missing or is not as the diff expects.
        """
        located = [found for each in differences if (found := self._locate(each)) is not None]
        if self.problems:
            raise DiffMismatchError(self.problems)
        return located

    def _locate(self, difference: RowDifference) -> Located | None:
        row, shape, places = self.root, self.shape, []
        for depth, step in enumerate(difference.steps):
            shape = shape.child(step.relation)
            place = self._find(shape, row.get(step.relation, ()), step)
            if place is None:
                self._missing(difference.steps[: depth + 1])
                return None
            places.append(place)
            row = row[step.relation][place]
        self._check_values(difference, shape, row)
        lists = {name: self._edit(difference, shape, row, name, each) for name, each in difference.children.items()}
        return Located(difference, shape, tuple(places), row, lists)

    def _check_values(self, difference: RowDifference, shape: Shape, row: Row) -> None:
        for name, (before, after) in difference.values.items():
            present = row.get(name, before)
            if not same_value(shape.fields.get(name), present, before):
                path = path_of(difference.steps, name)
                expected = f"The diff changes {before!r} to {after!r}, but the value is {present!r}."
                self.problems.append(Problem(path, f"{expected} Compare again, or merge."))

    def _edit(self, difference: RowDifference, shape: Shape, row: Row, name: str, children: ListDifference) -> ListEdit:
        rows, below = row.get(name, ()), shape.child(name)
        removed = [self._place_of(difference, below, rows, step) for step, _ in children.removed]
        moved = [(place, self._place_of(difference, below, rows, step)) for step, place in children.moved]
        for step, _ in children.added:
            if step.key is not None and step.key in self._places_by_key(below, rows):
                path = path_of((*difference.steps, step))
                self.problems.append(Problem(path, f"The diff adds the row {step.key!r}, which is there already."))
        return ListEdit(
            frozenset(place for place in removed if place is not None),
            tuple((new, place) for new, place in moved if place is not None),
            tuple((step.index, data) for step, data in children.added),
        )

    def _place_of(self, difference: RowDifference, shape: Shape, rows: Sequence[Row], step: Step) -> int | None:
        place = self._find(shape, rows, step)
        if place is None:
            self._missing((*difference.steps, step))
        return place

    def _find(self, shape: Shape, rows: Sequence[Row], step: Step) -> int | None:
        """Return where the row of a step is: by key, else at its place if it is known by the same name."""
        there = rows[step.index] if step.index < len(rows) else None
        if step.key is None:
            return step.index if there is not None and shape.label_of(there) == step.label else None
        if there is not None and shape.key_of(there) == step.key:
            return step.index
        return self._places_by_key(shape, rows).get(step.key)

    def _places_by_key(self, shape: Shape, rows: Sequence[Row]) -> dict[Any, int]:
        places = self.places.get(id(rows))
        if places is None:
            # The first one counts, of several with the same key.
            keys = reversed([(shape.key_of(row), place) for place, row in enumerate(rows)])
            places = self.places[id(rows)] = dict(keys)
        return places

    def _missing(self, steps: tuple[Step, ...]) -> None:
        problem = Problem(path_of(steps), f"The row that the diff is about is not there (pk {steps[-1].key!r}).")
        if problem not in self.missing:
            self.missing.add(problem)
            self.problems.append(problem)


def locate(difference_rows: Sequence[RowDifference], model: Any, root: Row) -> list[Located]:
    """Return where the rows of a diff are in a snapshot.

    Raises:
        DiffMismatchError: A row is missing or is not as the diff expects.
    """
    shape = shape_of(model)
    return Locator(root, shape).locate(difference_rows)
