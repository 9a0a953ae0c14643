"""What a diff consists of: the differences row by row, and the changes that people read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from django.db.models import Model

from cluster.comparing.shape import Row, Shape


@dataclass(frozen=True, slots=True)
class Step:
    """One step from a row down to one of its children.

    Attributes:
        relation: The name of the child relation.
        index: The child's place in the list, counted from 0.
        key: The child's primary key, or ``None``.
        label: The value by which people know the child, or an empty string.
    """

    relation: str
    index: int
    key: Any = None
    label: str = ""

    def __str__(self) -> str:
        return f"{self.relation}[{self.index}]"


@dataclass(frozen=True, slots=True)
class ListDifference:
    """How one list of children differs from another.

    Attributes:
        model: The model of the children.
        removed: The rows that are gone, each with the step to it in the first list.
        added: The rows that are new, each with the step to it in the second list.
        moved: The fewest rows that had to move: the step in the first list and the place in the second.
    """

    model: type[Model]
    removed: tuple[tuple[Step, Row], ...]
    added: tuple[tuple[Step, Row], ...]
    moved: tuple[tuple[Step, int], ...]


@dataclass(frozen=True, slots=True)
class LinkDifference:
    """How the links of one row differ: the keys unlinked and linked, and the whole list as it became."""

    unlinked: tuple[Any, ...]
    linked: tuple[Any, ...]
    after: tuple[Any, ...]

    def applied(self, target: Shape, present: Sequence[Any]) -> list[Any]:
        """Return the keys in ``present`` with the difference made; in the order of ``after`` if they are the same."""
        gone = {target.comparable_key(key) for key in self.unlinked}
        there = {target.comparable_key(key): key for key in present}
        coming = {target.comparable_key(key): key for key in self.linked}
        result = {key: given for key, given in (there | coming).items() if key not in gone}
        if result.keys() == {target.comparable_key(key) for key in self.after}:
            return list(self.after)
        return list(result.values())


@dataclass(frozen=True, slots=True)
class RowDifference:
    """What differs in one row that is in both clusters, and in the lists of its children and links.

    Attributes:
        steps: The way to the row in the first cluster; empty for the root.
        model: The row's model.
        key: The row's primary key in the first cluster, else in the second.
        values: Before and after by field name.
        silent: Values by name that are written differently but mean no change: a key that only one side has, the key
            of the parent, ``"1.50"`` for ``Decimal("1.5")``.
        children: By relation name.
        links: By field name.
    """

    steps: tuple[Step, ...]
    model: type[Model]
    key: Any
    values: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    silent: dict[str, Any] = field(default_factory=dict)
    children: dict[str, ListDifference] = field(default_factory=dict)
    links: dict[str, LinkDifference] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference, as people read it.

    Attributes:
        steps: The way from the root to the row that changed, was added, removed or moved.
        model: The model of that row.
        key: Its primary key, or ``None``.
    """

    kind: ClassVar[str]
    steps: tuple[Step, ...]
    model: type[Model]
    key: Any

    @property
    def path(self) -> str:
        """The way to what changed, such as ``albums[2].title``.

        Places are those of the first cluster; the last one of a row that was added is that of the second.
        """
        return path_of(self.steps)

    def as_data(self) -> dict[str, Any]:
        """Return the change as plain data."""
        own = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in {"steps", "model"}}
        return {"kind": self.kind, "path": self.path, "model": self.model._meta.label_lower, **own}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOfField(Change):
    """A difference in one field, whose name ends the path."""

    field: str

    @property
    def path(self) -> str:
        return path_of(self.steps, self.field)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChanged(ChangeOfField):
    """A value of a row that is in both."""

    kind: ClassVar[str] = "changed"
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RowAdded(Change):
    """A child that only the second cluster has, with everything below it."""

    kind: ClassVar[str] = "added"
    data: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRemoved(Change):
    """A child that only the first cluster has, with everything below it."""

    kind: ClassVar[str] = "removed"
    data: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMoved(Change):
    """A child that has another place among its siblings."""

    kind: ClassVar[str] = "moved"
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked(ChangeOfField):
    """A link that only the second cluster has; ``target`` is the key of the linked object."""

    kind: ClassVar[str] = "linked"
    target: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlinked(ChangeOfField):
    """A link that only the first cluster has; ``target`` is the key of the object that was linked."""

    kind: ClassVar[str] = "unlinked"
    target: Any


def path_of(steps: tuple[Step, ...], name: str | None = None) -> str:
    """Return a path as text, such as ``albums[2].songs[0].title``."""
    parts = [str(step) for step in steps]
    return ".".join(parts if name is None else [*parts, name])


def changes_of(row: RowDifference) -> Iterator[Change]:
    """Return what people read of the differences of one row: values, links, then children."""
    where: Mapping[str, Any] = {"steps": row.steps, "model": row.model, "key": row.key}
    for name, (before, after) in row.values.items():
        yield FieldChanged(**where, field=name, before=before, after=after)
    for name, links in row.links.items():
        yield from (Unlinked(**where, field=name, target=key) for key in links.unlinked)
        yield from (Linked(**where, field=name, target=key) for key in links.linked)
    for children in row.children.values():
        yield from _changes_of_list(row.steps, children)


def _changes_of_list(steps: tuple[Step, ...], children: ListDifference) -> Iterator[Change]:
    model = children.model
    for step, data in children.removed:
        yield RowRemoved(steps=(*steps, step), model=model, key=step.key, data=data)
    for step, data in children.added:
        yield RowAdded(steps=(*steps, step), model=model, key=step.key, data=data)
    for step, place in children.moved:
        yield RowMoved(steps=(*steps, step), model=model, key=step.key, before=step.index, after=place)
