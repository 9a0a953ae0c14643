"""The parsed form of serialized data, between reading it and building instances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import DEFERRED, Model

from cluster.relations import Relation
from cluster.relations.describe import tables_of
from cluster.serialization.options import LoadReport
from cluster.serialization.plans import ModelPlan

ABSENT: Any = DEFERRED
"""Stands among a node's values for a field that the data does not have; Django's own mark for "not loaded"."""


class Node:
    """One object of the data.

    Attributes:
        data: The data as it was given, which tells a class's own ``from_serializable_data()`` which node it asks for.
        above: The node of the parent.
        index: The place among the siblings; among the roots -1 where there is only one.
        values: One per concrete field, ``ABSENT`` for those that the data does not have.
        key: The primary key, or ``None`` without one.
        children: The parsed children by relation name; relations that the data does not have are not in it.
        links: The parsed keys by name of the many-to-many.
        report: What was found in the data of an object whose class may still pass on other data.
        is_dropped: Whether a foreign key whose target is gone takes the object out.
        row_is_gone: Whether the database was asked and has no row with this key.
        database: The alias of the database from which the row may be taken, for a child taken from another parent.
        instance: What was built.
        twin: The node of the same row in another relation, whose instance this one shares.
    """

    __slots__ = (
        "above",
        "children",
        "data",
        "database",
        "index",
        "instance",
        "is_dropped",
        "key",
        "links",
        "plan",
        "relation",
        "report",
        "row_is_gone",
        "twin",
        "values",
    )

    def __init__(self, plan: ModelPlan, data: Any, above: Node | None, relation: Relation | None, index: int) -> None:
        self.plan = plan
        self.data = data
        self.above = above
        self.relation = relation
        self.index = index
        self.values: list[Any] = []
        self.key: Any = None
        self.children: dict[str, list[Node]] = {}
        self.links: dict[str, list[Any]] = {}
        self.report = LoadReport() if self.is_asked_for else None
        self.is_dropped = False
        self.row_is_gone = False
        self.database: str | None = None
        self.instance: Model | None = None
        self.twin: Node | None = None

    @property
    def path(self) -> str:
        """Where the object is, as a JSON path."""
        return self.path_to()

    def path_to(self, *steps: str) -> str:
        """Return the JSON path of something below the object."""
        parts = list(reversed(steps))
        node = self
        while node.above is not None and node.relation is not None:
            parts.append(f".{node.relation.name}[{node.index}]")
            node = node.above
        root = "$" if node.index < 0 else f"$[{node.index}]"
        return root + "".join(reversed(parts))

    @property
    def model(self) -> type[Model]:
        """The class of the object."""
        return self.plan.model

    @property
    def parent_field(self) -> Any:
        """The ``ParentalKey`` by which the object belongs to the one above."""
        return None if self.relation is None else self.relation.field

    @property
    def is_asked_for(self) -> bool:
        """Whether a class has a say in its instance: everywhere but at a root, where it had that already."""
        return self.plan.reads_itself and (self.above is not None or self.index >= 0)

    def identities(self) -> Iterator[tuple[type[Model], Any]]:
        """Give the models, with the key, whose rows the object stands for: its own and those that it inherits from."""
        for model in tables_of(self.model):
            yield model, self.key

    def begin_again(self, data: Any) -> None:
        """Take other data, which is still to be read."""
        self.data = data
        self.values, self.key, self.children, self.links = [], None, {}, {}
        self.report, self.row_is_gone, self.database = None, False, None

    def forget(self) -> None:
        """Take the object out with everything below it, what was built included."""
        for node in self.drop():
            node.instance = None

    def drop(self) -> list[Node]:
        """Take the object out together with everything below it; return what was not out before."""
        dropped = [] if self.is_dropped else [self]
        for node in dropped:
            node.is_dropped = True
            for children in node.children.values():
                dropped += [child for child in children if not child.is_dropped]
        return dropped
