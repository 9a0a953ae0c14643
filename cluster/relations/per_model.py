"""What is worked out once per class, and anew when models that point at the class were added."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Generic, TypeVar

from django.db.models import Model

from cluster.relations.describe import Relations, relations_of

Made = TypeVar("Made")


class PerModel(Generic[Made]):
    """Decorates a function of a model: remembers what it returned until the relations of the model are others.

    What Django's own lists of fields say is as up to date as the relations, which are described anew whenever Django
    makes one of these lists anew.
    """

    def __init__(self, make: Callable[[type[Model]], Made]) -> None:
        self._make = make
        self._made: dict[type[Model], tuple[Relations, Made]] = {}
        update_wrapper(self, make)

    def __call__(self, model: type[Model]) -> Made:
        """Return what is remembered, or make it."""
        relations = relations_of(model)
        known = self._made.get(model)
        if known is None or known[0] is not relations:
            known = self._made[model] = (relations, self._make(model))
        return known[1]
