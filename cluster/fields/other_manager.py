"""A relation over another manager of the related model than its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Model

from cluster.relations import HeldList
from cluster.relations.holding import new_list


def other_manager_of(instance: Model, name: str, manager: str) -> Any:
    """Return a relation over another manager; what a pickled one is restored by."""
    return getattr(instance, name)(manager=manager)


class OtherManager:
    """Mixed into a relation's manager that was asked for by the name of a manager of the related model.

    It changes what it shows, as in Django: the other objects of the relation are held too, and stay.
    """

    instance: Any
    _relation: Any
    _named: str
    get_live_queryset: Any
    get_object_list: Any
    get_queryset: Any
    add: Any
    _meant: Any
    _named_in: Any

    def _live_rows(self) -> list[Model]:
        """Return what the relation's own manager finds in the database, and what this one finds besides."""
        own = getattr(self.instance, self._relation.name)._live_rows()
        known = set(own)
        return [*own, *(each for each in self.get_live_queryset() if each not in known)]

    def remove(self, *objs: Any, **options: Any) -> None:
        """Take out those of the objects that the manager shows."""
        named, shown = self._named_in(objs, self._shown), self._shown()
        super().remove(*(each for each in named if each in shown), **options)  # type: ignore[misc]

    def clear(self, **options: Any) -> None:
        """Take out what the manager shows."""
        super().remove(*self._shown(), **options)  # type: ignore[misc]

    def set(self, objs: Iterable[Any], *, clear: bool = False, **options: Any) -> None:
        """Declare what the manager is to show."""
        wanted = self._meant(tuple(objs))
        staying = new_list(self._relation, () if clear else wanted)
        super().remove(*(each for each in self._shown() if each not in staying))  # type: ignore[misc]
        self.add(*wanted, **options)

    def __reduce__(self) -> Any:
        return (other_manager_of, (self.instance, self._relation.name, self._named))

    def _shown(self) -> HeldList:
        self.get_object_list()
        return new_list(self._relation, self.get_queryset())
