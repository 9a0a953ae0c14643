"""Where the rows of a queryset in memory come from, and where changes to them go."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from django.db.models import Model


class Source(Protocol):
    """The list of instances behind a queryset.

    A relation's manager gives one that changes the held list; ``FakeQuerySet(model, instances)`` makes a plain one.
    """

    @property
    def hints(self) -> dict[str, Any]:
        """What the database router is told when it chooses where missing related rows are fetched."""
        ...

    @property
    def linked_by(self) -> Collection[Any]:
        """The relations to the rows of the through models by which the instances are linked to what holds them."""
        ...

    def instances(self) -> list[Model]:
        """Return the instances in held order, in a list that nobody changes."""
        ...

    def in_key_order(self) -> bool:
        """Whether the instances are known to be in the order of their primary keys, those without one last."""
        ...

    def by_key(self, key: Any) -> Model | None:
        """Return the instance with this primary key in constant time, or ``None``."""
        ...

    def build(self, **kwargs: Any) -> Model:
        """Return a new instance of the model, pointing at the parent where there is one; it is not added."""
        ...

    def refuse_moves(self, changes: Sequence[tuple[Model, str, Any]]) -> None:
        """Refuse to set attributes that would take instances out of the list.

        Args:
            changes: The instances with the attributes and the values that are to be set.

        Raises:
            NotInMemoryError: One of them would.
        """
        ...

    def add(self, instances: Iterable[Model]) -> None:
        """Add instances to the list."""
        ...

    def remove(self, instances: Iterable[Model]) -> None:
        """Take instances out of the list; saving the cluster deletes their rows."""
        ...


@runtime_checkable
class HoldsRelations(Protocol):
    """An instance some of whose relations are in memory."""

    def held_objects(self, accessor: str) -> Sequence[Model] | None:
        """Return the objects held for a relation, or ``None`` where the database answers."""
        ...
