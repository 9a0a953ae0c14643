"""The plain source: a list."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db.models import Model


class ListSource:
    """A list of instances of one model that belongs to no relation."""

    linked_by: Collection[Any] = ()

    def __init__(self, model: type[Model], instances: Iterable[Model]) -> None:
        self.model = model
        self._instances = instances if isinstance(instances, list) else list(instances)

    @property
    def hints(self) -> dict[str, Any]:
        """Nothing: the instances belong to no other."""
        return {}

    def instances(self) -> list[Model]:
        """Return what is in the list now."""
        return self._instances.copy()

    def in_key_order(self) -> bool:
        """Return ``False``, as nobody has looked."""
        return False

    def by_key(self, key: Any) -> Model | None:
        """Return the first instance with this primary key, or ``None``."""
        return next((instance for instance in self._instances if instance.pk == key), None)

    def build(self, **kwargs: Any) -> Model:
        """Return a new instance of the model."""
        return self.model(**kwargs)

    def refuse_moves(self, changes: Sequence[tuple[Model, str, Any]]) -> None:
        """Refuse nothing: what the instances are does not tell whether they are in the list."""

    def add(self, instances: Iterable[Model]) -> None:
        """Append instances that are not in the list."""
        present = {id(instance) for instance in self._instances}
        self._instances.extend(instance for instance in instances if id(instance) not in present)

    def remove(self, instances: Iterable[Model]) -> None:
        """Take instances out of the list."""
        gone = {id(instance) for instance in instances}
        self._instances[:] = [instance for instance in self._instances if id(instance) not in gone]
