"""The records of one save: what is held where, and what is to be written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

from cluster.relations import Baseline, ClusterState, HeldList, Relation
from cluster.relations.held import Key

Fields = tuple[Any, ...]


@dataclass(slots=True, eq=False)
class Node:
    """An instance that holds relations, and where it is in the cluster.

    Attributes:
        is_new: Whether the database has no row of it before the save, so that nothing there can belong to it.
    """

    instance: Model
    state: ClusterState
    above: Node | None = None
    relation: Relation | None = None
    index: int = 0
    is_new: bool = False


def path_of(node: Node | None, *steps: str) -> str:
    """Return where something is, such as ``albums[2].songs[0]``; the root itself has an empty path."""
    parts = list(reversed(steps))
    while node is not None and node.relation is not None:
        parts.append(f"{node.relation.name}[{node.index}]")
        node = node.above
    return ".".join(reversed(parts))


@dataclass(slots=True, eq=False)
class Holding:
    """One held relation of one node.

    Attributes:
        objects: The held objects as they were when the survey came by.
        known: The rows of the relation as far as they are known, by key.
        on_their_way: The keys of rows among them that another parent is about to take over.
    """

    node: Node
    relation: Relation
    held: HeldList
    baseline: Baseline | None
    objects: list[Model]
    known: dict[Key, dict[str, Any]] = field(default_factory=dict)
    on_their_way: set[Key] = field(default_factory=set)

    def path(self, index: int) -> str:
        """Return the path of one of the held objects."""
        return path_of(self.node, f"{self.relation.name}[{index}]")

    @property
    def is_of_another_row(self) -> bool:
        """Whether the baseline is that of a row which the instance stood for before it was given another key."""
        owner = None if self.baseline is None else self.baseline.owner
        return owner is not None and (self.node.is_new or owner != self.node.instance.pk)

    @property
    def parent_value(self) -> Any:
        """The value by which children point at the parent; ``None`` until it has one."""
        return getattr(self.node.instance, self.relation.parent_attname)


@dataclass(slots=True, eq=False)
class Insert:
    """A held child that has no row.

    Attributes:
        was_new: Whether it was never saved when the save began, and not a row that is gone.
    """

    instance: Model
    holding: Holding
    index: int
    level: int
    pointers: list[tuple[Any, Model]]
    was_new: bool = field(init=False)

    def __post_init__(self) -> None:
        self.was_new = self.instance._state.adding

    @property
    def is_done(self) -> bool:
        """Whether somebody, such as a receiver, has saved a new object before its turn came."""
        return self.was_new and not self.instance._state.adding


@dataclass(slots=True, eq=False)
class Update:
    """A held child whose row is to change.

    Attributes:
        fields: The fields to write, the parent's key among them where it changes.
        known: The row's values as far as they are known, by attname.
    """

    instance: Model
    holding: Holding
    index: int
    level: int
    fields: list[Any]
    known: dict[str, Any]
    pointers: list[tuple[Any, Model]]

    @property
    def path(self) -> str:
        """Where the child is."""
        return self.holding.path(self.index)


@dataclass(slots=True, eq=False)
class Delete:
    """A row that is no longer in its relation: it is deleted, or released by a null key.

    Attributes:
        values: The row's values as far as they are known, by attname.
        parked: The values among them that it has for the time being, as others take its own.
    """

    model: type[Model]
    pk: Any
    values: dict[str, Any]
    holding: Holding
    parked: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The relation that the row is taken out of."""
        return path_of(self.holding.node, self.holding.relation.name)


@dataclass(slots=True, eq=False)
class LinkChange:
    """What changes in one held many-to-many."""

    holding: Holding
    added: list[tuple[int, Model]]
    removed: list[Any]


@dataclass(slots=True)
class Work:
    """Everything that a save writes besides the root's own row."""

    using: str
    nodes: list[Node] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)
    inserts: list[Insert] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    deletes: list[Delete] = field(default_factory=list)
    releases: list[Delete] = field(default_factory=list)
    links: list[LinkChange] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be written."""
        return not (self.inserts or self.updates or self.deletes or self.releases or self.links)

    def written(self) -> Iterable[Insert | Update]:
        """Return the changes that write a held child's row."""
        return (*self.inserts, *self.updates)
