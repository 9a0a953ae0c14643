"""How the results of a held queryset are given out."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from django.db.models import Model
from django.db.models.query import ModelIterable


class HeldModelIterable(ModelIterable):  # type: ignore[type-arg]
    """Gives the very instances that are held.

    Annotations are set on them as attributes. Where a join repeats an instance with other values, the repetition is
    a copy, so that each result has its own.
    """

    def __iter__(self) -> Iterator[Model]:
        queryset = self.queryset
        compiler = queryset.query.get_compiler(using=queryset.db)
        given: dict[int, dict[str, Any]] = {}
        for instance, values in compiler.instances():
            yield _annotated(instance, values, given) if values else instance


def _annotated(instance: Model, values: dict[str, Any], given: dict[int, dict[str, Any]]) -> Model:
    earlier = given.setdefault(id(instance), values)
    if earlier is not values and earlier != values:
        instance = copy.copy(instance)
    for name, value in values.items():
        setattr(instance, name, value)
    return instance
