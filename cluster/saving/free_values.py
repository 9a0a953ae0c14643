"""Values that nobody has, for rows that exchange unique ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import IntegrityError
from django.db.models import Max, Min, Model

from cluster.saving.check_constraints import may_be_stored
from cluster.saving.kinds_of_values import Scale, can_be_made, counted_values, kind_of, random_values, scale_of
from cluster.saving.order import Park
from cluster.saving.unique import UniqueSet, as_stored, fields_of_unique_sets, folded

# How many values of one sort a row is offered, as check constraints may refuse them.
TRIES = 100


@dataclass(slots=True)
class FreeValues:
    """Makes values that no row of a table has and none is going to have.

    Attributes:
        wanted: By field the values that rows are going to have.
        can_dangle: Whether a key may point at nothing for a while.
    """

    using: str
    wanted: dict[Any, list[Any]] = field(default_factory=dict)
    can_dangle: bool = True
    sorts: dict[Any, list[Iterator[Any]]] = field(default_factory=dict)
    bounds: dict[Any, list[Any]] = field(default_factory=dict)

    @classmethod
    def for_rows(cls, written: Iterable[Any], using: str) -> FreeValues:
        """Return a maker that keeps clear of what these rows are going to have."""
        return cls.for_instances((each.instance for each in written), using)

    @classmethod
    def for_instances(cls, instances: Iterable[Model], using: str, *, can_dangle: bool = True) -> FreeValues:
        """Return a maker that keeps clear of what these instances have."""
        wanted: dict[Any, list[Any]] = {}
        for each in instances:
            for unique in fields_of_unique_sets(each):
                wanted.setdefault(unique, []).append(each.__dict__.get(unique.attname))
        return cls(using, wanted, can_dangle)

    def choose(self, unique_set: UniqueSet, park: Park) -> tuple[Any, Any]:
        """Return a field of a unique set and a temporary value for it that the checks of the row's model let pass.

        Raises:
            IntegrityError: No field of the set can take one.
        """
        for each in sorted(unique_set.fields, key=lambda one: (not one.null, one.is_relation)):
            for value in self._offers(unique_set, each):
                if may_be_stored(park.model, {**park.known, each.attname: value}, each):
                    return each, value
        names = ", ".join(each.name for each in unique_set.fields)
        raise IntegrityError(
            f"Cannot save {park.path}: it exchanges unique values of {names} with another row, and none of these fields"
            " can take a temporary value. Save one of the two rows with other values first."
        )

    def _offers(self, unique_set: UniqueSet, each: Any) -> Iterator[Any]:
        if unique_set.takes_null(each):
            yield None
        if can_be_made(each) and (self.can_dangle or not each.is_relation):
            if each not in self.sorts:
                self.sorts[each] = list(self._sorts_of(each))
            for sort in self.sorts[each]:
                yield from islice(sort, TRIES)

    def _sorts_of(self, each: Any) -> Iterator[Iterator[Any]]:
        """Return where free values come from, each source giving one only once: the cheap ones first."""
        kind = kind_of(each)
        at_random, scale = random_values(kind), scale_of(kind, self.using)
        if at_random is not None:
            yield at_random
            return
        if scale is not None:
            yield self._beyond(each, scale, scale.step, of=max)
            yield self._beyond(each, scale, -scale.step, of=min)
        yield self._gaps(each, kind)

    def _beyond(self, each: Any, scale: Scale, step: Any, *, of: Any) -> Iterator[Any]:
        """Return values above or below all that the table has and that rows are going to have."""
        value = of(self._bounds_of(each), default=scale.start)
        while (value := scale.after(value, step)) is not None:
            yield value

    def _bounds_of(self, each: Any) -> list[Any]:
        if each not in self.bounds:
            rows = each.model._base_manager.using(self.using)
            found = rows.aggregate(lowest=Min(each.attname), highest=Max(each.attname))
            self.bounds[each] = self._stored(each, found.values())
        return self.bounds[each]

    def _gaps(self, each: Any, kind: Any) -> Iterator[Any]:
        """Return values from some start on that no row has or is going to have; they are looked for in the table."""
        rows = each.model._base_manager.using(self.using).values_list(each.attname, flat=True)
        taken = {folded(value) for value in self._stored(each, rows)}
        yield from (value for value in counted_values(kind, self.using) if folded(value) not in taken)

    def _stored(self, each: Any, values: Iterable[Any]) -> list[Any]:
        """Return these values and the wanted ones, as they are or will be stored."""
        known = (value for value in (*values, *self.wanted.get(each, ())) if not hasattr(value, "resolve_expression"))
        return [value for value in (as_stored(each, one) for one in known) if value is not None]
