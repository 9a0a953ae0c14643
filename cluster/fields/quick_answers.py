"""Methods of a relation's manager in fewer steps than Django's, for the relations of three rows that most are."""

from __future__ import annotations

from typing import Any

from django.db.models import Manager, QuerySet

from cluster.relations.holding import held_list
from cluster.relations.state import has_row


class QuickAnswers:
    """Answers that need no queryset, and querysets that are not copied first, as nobody else has them.

    Where the relation is live, Django's queryset answers: ``count()``, ``exists()`` and ``first()`` by one query, the
    others by none until they are evaluated.
    """

    instance: Any
    _relation: Any
    model: Any
    get_queryset: Any
    _whole: Any
    _db: str | None
    _hints: dict[str, Any]

    def all(self) -> Any:
        """Return everything in the relation."""
        held = held_list(self.instance, self._relation)
        if held is None or held.source is None:
            return self.get_queryset()
        return self._whole.over(held.source, self._db, self._hints)

    def count(self) -> int:
        """Count the objects."""
        held = held_list(self.instance, self._relation)
        return counting(self).count() if held is None else len(held.objects())

    def exists(self) -> bool:
        """Tell whether there is any object."""
        held = held_list(self.instance, self._relation)
        return counting(self).exists() if held is None else bool(held.objects())

    def first(self) -> Any:
        """Return the first object, or ``None``."""
        held = held_list(self.instance, self._relation)
        if held is None or self._whole.is_ordered or not held.is_in_key_order(self.model._meta.pk.attname):
            return self.get_queryset().first()
        objects = held.objects()
        return objects[0] if objects else None

    def filter(self, *args: Any, **kwargs: Any) -> Any:
        """Return the objects that match."""
        return fresh_queryset(self).filter(*args, **kwargs)

    def exclude(self, *args: Any, **kwargs: Any) -> Any:
        """Return the objects that do not match."""
        return fresh_queryset(self).exclude(*args, **kwargs)

    def order_by(self, *field_names: Any) -> Any:
        """Return the objects in another order."""
        return fresh_queryset(self).order_by(*field_names)

    def values(self, *fields: Any, **expressions: Any) -> Any:
        """Return dictionaries of values instead of objects."""
        return fresh_queryset(self).values(*fields, **expressions)

    def values_list(self, *fields: Any, **options: Any) -> Any:
        """Return tuples of values instead of objects."""
        return fresh_queryset(self).values_list(*fields, **options)


def fresh_queryset(manager: Any) -> Any:
    """Return a queryset that may be changed in place, for nobody else has it."""
    queryset = manager.get_queryset()
    queryset._is_fresh = True
    return queryset


def counting(manager: Any) -> Any:
    """Return what counts where nothing is held: Django's manager, which needs no join if the through model will do."""
    return manager.live_manager if has_row(manager.instance) else manager.get_queryset()


def quick_answers(superclass: type[Any]) -> dict[str, Any]:
    """Return the quick methods in which no class of the user's has a say.

    Args:
        superclass: The manager class of the related model, which starts from all its objects.
    """
    queryset_class = superclass._queryset_class
    return {
        name: method
        for name, method in vars(QuickAnswers).items()
        if callable(method)
        and getattr(superclass, name) is getattr(Manager, name)
        and getattr(queryset_class, name) is getattr(QuerySet, name)
    }
