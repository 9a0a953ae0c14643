"""Classes with a ``from_serializable_data()`` of their own, which are asked for the instances of their nodes.

They call the package's method by ``super()``, with the data that they were given or with other data.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from cluster.serialization.json_data import copy_of_json
from cluster.serialization.nodes import Node


@dataclass(frozen=True, slots=True)
class Asked:
    """A node whose class is being asked for its instance.

    Attributes:
        builder: What builds the instance where the data is as it was.
        before: A copy of the data as it was read.
    """

    builder: Any
    node: Node
    before: Any

    def is_for(self, data: Any) -> bool:
        """Whether data is that of the node, as it was read."""
        return data is self.node.data and is_equal(data, self.before)

    def unchanged_children(self) -> dict[tuple[str, int], Node]:
        """Return the children whose data is as it was read, by relation and identity of the data."""
        was_read_again = self.node.report is None
        if was_read_again or self.node.plan.upgrade is not None:
            return {}
        return {
            (name, id(child.data)): child
            for name, children in self.node.children.items()
            for child, before in zip(children, self.before[name], strict=True)
            if is_equal(child.data, before)
        }


def is_equal(data: Any, before: Any) -> bool:
    """Whether data is surely equal to its copy: what is nested too deeply for Python to compare is not."""
    try:
        return bool(data == before)
    except RecursionError:
        return False


_asked: ContextVar[Asked | None] = ContextVar("asked", default=None)


@contextmanager
def asking(builder: Any, node: Node) -> Iterator[None]:
    """Answer ``from_serializable_data()`` of the package with a node that is read already."""
    token = _asked.set(Asked(builder, node, copy_of_json(node.data)))
    try:
        yield
    finally:
        _asked.reset(token)


def asked_for(model: type[Model]) -> Asked | None:
    """Return the node of a class whose instance is being asked for."""
    asked = _asked.get()
    return asked if asked is not None and asked.node.model is model else None
