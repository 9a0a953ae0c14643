"""Values that nobody has, for rows that exchange unique ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db import IntegrityError, connections
from django.db.models import CharField, DateField, DecimalField, IntegerField, Max, Model, TextField, UUIDField
from django.utils import timezone

from cluster.saving.unique import UniqueSet, as_stored, can_be_made, fields_of_unique_sets


@dataclass(slots=True)
class FreeValues:
    """Makes values that no row of a table has and none is going to have."""

    using: str
    wanted: dict[Any, list[Any]] = field(default_factory=dict)
    last: dict[Any, Any] = field(default_factory=dict)

    @classmethod
    def for_rows(cls, written: Iterable[Any], using: str) -> FreeValues:
        """Return a maker that keeps clear of what these rows are going to have."""
        return cls.for_instances((each.instance for each in written), using)

    @classmethod
    def for_instances(cls, instances: Iterable[Model], using: str) -> FreeValues:
        """Return a maker that keeps clear of what these instances have."""
        wanted: dict[Any, list[Any]] = {}
        for each in instances:
            for unique in fields_of_unique_sets(each):
                wanted.setdefault(unique, []).append(each.__dict__.get(unique.attname))
        return cls(using, wanted)

    def choose(self, unique_set: UniqueSet, path: str) -> tuple[Any, Any]:
        """Return a field of a unique set and a temporary value for it.

        Raises:
            IntegrityError: No field of the set can take one.
        """
        for each in sorted(unique_set.fields, key=lambda one: not one.null):
            if unique_set.takes_null(each):
                return each, None
            value = self._make(each) if can_be_made(each) else None
            if value is not None:
                return each, value
        names = ", ".join(each.name for each in unique_set.fields)
        raise IntegrityError(
            f"Cannot save {path}: it exchanges unique values of {names} with another row, and none of these fields can "
            "take a temporary value. Save one of the two rows with other values first."
        )

    def _make(self, each: Any) -> Any:
        if isinstance(each, UUIDField):
            return uuid4()
        if isinstance(each, CharField | TextField):
            return uuid4().hex[: each.max_length]
        if isinstance(each, IntegerField | DecimalField):
            return self._next_number(each)
        if isinstance(each, DateField):
            return self._next(each, timezone.now(), timedelta(days=1))
        return None

    def _next_number(self, each: Any) -> Any:
        value = self._next(each, 0, 1)
        if isinstance(each, IntegerField):
            _, highest = connections[self.using].ops.integer_field_range(each.get_internal_type())
            return value if highest is None or value <= highest else self._gap(each)  # type: ignore[redundant-expr]
        return value

    def _gap(self, each: Any) -> int | None:
        """Return the lowest number from zero on that no row has or is going to have; it is looked for in the table."""
        rows = each.model._base_manager.using(self.using).values_list(each.attname, flat=True)
        taken = {as_stored(each, value) for value in (*rows, *self.wanted.get(each, ()))}
        gap = next((value for value in range(len(taken) + 1) if value not in taken), None)
        self.wanted.setdefault(each, []).append(gap)
        return gap

    def _next(self, each: Any, start: Any, step: Any) -> Any:
        """Return a value above all that the table has and that rows are going to have."""
        if each not in self.last:
            highest = each.model._base_manager.using(self.using).aggregate(highest=Max(each.attname))["highest"]
            values = [as_stored(each, value) for value in (highest, *self.wanted.get(each, ()))]
            self.last[each] = max((value for value in values if value is not None), default=start)
        self.last[each] += step
        return self.last[each]
