"""What must be unique among the rows of a model, in the terms of a form's rows."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import Model

from cluster.saving.reading import CHUNK, chunks
from cluster.saving.unique import UniqueSet, Unsaved, unique_sets
from cluster.saving.uniqueness import DateCheck, Table, date_checks, date_key, image_of

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One thing that must be unique.

    Attributes:
        model: The model.
        unique_set: The fields or expressions that are unique; ``None`` where a value is unique within a period.
        date_check: The period, the field and the date field, where a value is.
    """

    model: type[Model]
    unique_set: Any = None
    date_check: DateCheck | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields whose values are unique."""
        if self.date_check is not None:
            return (self.date_check[1],)
        return tuple(field.name for field in self.unique_set.fields)

    @property
    def is_plain(self) -> bool:
        """Whether the values themselves are unique, in all rows or within a period."""
        return self.unique_set is None or (self.unique_set.is_plain and self.unique_set.condition is None)

    def names(self) -> set[str]:
        """Return the names of all fields that matter."""
        if self.date_check is not None:
            return set(self.date_check[1:])
        return set(self.unique_set.names)

    def key(self, instance: Model) -> Key | None:
        """Return what no two rows may have in common, or ``None`` if the row is free or only the database can tell."""
        image = image_of(instance)
        if self.date_check is None:
            return self.unique_set.exact_key(image)  # type: ignore[no-any-return]
        return date_key(self.model, self.date_check, image)

    def stored(self, keys: set[Key], own: set[Any], using: str) -> set[Key]:
        """Return those of the keys that rows of others have; one query.

        Args:
            keys: The keys.
            own: The primary keys of the rows that do not count.
            using: The database.
        """
        keys = {key for key in keys if not any(isinstance(part, Unsaved) for part in key)}
        table = Table(self.model, [], own, using)
        found: set[Key] = set()
        parameters = connections[using].features.max_query_params or CHUNK
        for chunk in chunks(keys, parameters // (len(next(iter(keys), ())) + 1)):
            if self.date_check is None:
                found |= table.stored_keys(self.unique_set, {key: [] for key in chunk})
            else:
                found |= table.stored_dates(self.date_check, {value for value, _ in chunk}) & keys
        return found

    def error(self, instance: Any) -> tuple[str | None, ValidationError]:
        """Return the field (``None`` for several) and the error of an instance whose value another row has."""
        if self.date_check is not None:
            return self.date_check[1], instance.date_error_message(*self.date_check)
        found: tuple[str | None, ValidationError] = self.unique_set.error(instance)
        return found


@functools.cache
def rules_of(model: type[Model]) -> tuple[Rule, ...]:
    """Return what must be unique in a model, a key that people type included."""
    key: Any = model._meta.pk
    keys = [UniqueSet(model, (key,))] if key.concrete else []
    dated = [Rule(model, date_check=check) for check in date_checks(model)]
    return (*(Rule(model, each) for each in (*keys, *unique_sets(model))), *dated)
