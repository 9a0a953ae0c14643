"""The way to a row of a snapshot, and whether what is there is a row at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.comparing.changes import Step
from cluster.comparing.shape import Row, Shape
from cluster.errors import Problem, SerializedDataError

NO_ROW = "a row must be a mapping of names to values"


@dataclass(frozen=True, slots=True)
class Trail:
    """The way to a row, one link per level, so that rows without difference cost no more than one object."""

    parent: Trail | None
    relation: str
    index: int
    row: Row
    shape: Shape

    def steps(self) -> tuple[Step, ...]:
        """Return the way as steps from the root."""
        steps, trail = [], self
        while trail.parent is not None:
            steps.append(step_to(trail.shape, trail.relation, trail.index, trail.row))
            trail = trail.parent
        return tuple(reversed(steps))

    def below(self, name: str, rows: Sequence[Row]) -> Iterator[Trail]:
        """Return the ways on to the children in a relation."""
        shape = self.shape.child(name)
        return (Trail(self, name, index, row, shape) for index, row in enumerate(rows))


def root_trail(shape: Shape, row: Row) -> Trail:
    """Return the way to the root."""
    return Trail(None, "", 0, row, shape)


def step_to(shape: Shape, relation: str, index: int, row: Row) -> Step:
    """Return the step to a row, with what people know it by."""
    return Step(relation, index, shape.key_of(row), shape.label_of(row))


def checked_row(trail: Trail) -> Row:
    """Return the row at the end of a way, refusing anything else."""
    if not isinstance(trail.row, Mapping):
        raise _not_comparable(trail, "", NO_ROW, trail.row)
    return trail.row


def check_below(trail: Trail) -> None:
    """Refuse a row with anything below it that is no list or no row."""
    unfinished = [trail]
    while unfinished:
        trail = unfinished.pop()
        layout = trail.shape.layout_of(trail.row)
        for name in layout.links:
            checked_list(trail, name, trail.row[name])
        for name in layout.children:
            unfinished += trail.below(name, checked_rows(trail, name, trail.row[name]))


def checked_rows(trail: Trail, name: str, value: Any) -> Sequence[Row]:
    """Return the rows of a relation, refusing anything else."""
    rows = checked_list(trail, name, value)
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise _not_comparable(trail, f"{name}[{index}]", NO_ROW, row)
    return rows


def checked_list(trail: Trail, name: str, value: Any) -> Sequence[Any]:
    """Return the list under a relation's name, refusing anything else."""
    if not isinstance(value, list | tuple):
        raise _not_comparable(trail, name, "a relation must be a list", value)
    return value


def _not_comparable(trail: Trail, name: str, rule: str, value: Any) -> SerializedDataError:
    path = ".".join(["$", *(str(step) for step in trail.steps()), *([name] if name else [])])
    return SerializedDataError([Problem(path, f"Cannot compare {value!r}: {rule}.")])
