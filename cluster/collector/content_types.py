"""Content types, read once per walk or load, without creating missing ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.apps import apps
from django.db.models import F, IntegerField, Model, Value

from cluster.collector.edges import concrete
from cluster.saving.reading import chunks

# Databases limit how many queries one statement may unite.
MOST_TABLES = 100


class ContentTypes:
    """The content types of one database, by number and by model; nothing is read until one is asked for."""

    def __init__(self, using: str) -> None:
        self.using = using

    @cached_property
    def _labels(self) -> dict[int, tuple[str, str]]:
        model = apps.get_model("contenttypes", "ContentType")
        rows = model._base_manager.using(self.using).values_list("pk", "app_label", "model")
        return {number: (app_label, name) for number, app_label, name in rows}

    @cached_property
    def _numbers(self) -> dict[tuple[str, str], int]:
        return {label: number for number, label in self._labels.items()}

    def of(self, model: type[Model]) -> list[int]:
        """Return the numbers under which rows of a concrete model may be pointed at: its own and its proxies'."""
        kin = [model, *(other for other in apps.get_models() if other._meta.proxy and concrete(other) is model)]
        labels = [(one._meta.app_label, str(one._meta.model_name)) for one in kin]
        return [self._numbers[label] for label in labels if label in self._numbers]

    def model(self, number: int) -> type[Model] | None:
        """Return the concrete model that a number stands for, or ``None`` where it is gone."""
        label = self._labels.get(number)
        if label is None:
            return None
        try:
            return concrete(apps.get_model(*label))
        except LookupError:
            return None

    def number(self, app_label: str, name: str) -> int | None:
        """Return the number of a content type by its natural key."""
        return self._numbers.get((app_label, name))


def used_types(holders: Sequence[tuple[type[Model], str]], using: str) -> dict[tuple[type[Model], str], set[Any]]:
    """Return which numbers occur in generic foreign keys, each given by its model and attname; one query for many."""
    found: dict[tuple[type[Model], str], set[Any]] = {holder: set() for holder in holders}
    for piece in chunks(enumerate(holders), MOST_TABLES):
        first, *others = [
            model._base_manager.using(using)
            .order_by()
            .annotate(holder_number=Value(number, IntegerField()), type_number=F(attname))
            .values_list("holder_number", "type_number")
            .distinct()
            for number, (model, attname) in piece
        ]
        for number, type_number in first.union(*others) if others else first:
            found[holders[number]].add(type_number)
    return found
