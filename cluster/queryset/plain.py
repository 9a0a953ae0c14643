"""The short way: plain filters, orderings and columns, without building a query.

Plain are lookups without transforms on own fields and on fields behind forward keys, with plain values. For what is not
plain Django's ``Query`` is built. Both ways use the same tests of lookups and the same readers of columns.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from django.db.models import Model

from cluster.queryset.plain_columns import STRINGS, PlainColumn, plain_column
from cluster.queryset.plain_filters import Filter
from cluster.queryset.plain_orders import Term, default_order, first_in_order, in_order


class Shown:
    """What ``values()`` or ``values_list()`` gives for each instance."""

    __slots__ = ("columns", "fields", "names", "style")

    def __init__(self, fields: tuple[str, ...], names: tuple[str, ...], columns: list[PlainColumn], style: str) -> None:
        self.fields = fields
        self.names = names
        self.columns = columns
        self.style = style

    def of(self, instances: Sequence[Model]) -> list[Any]:
        """Return the values of the instances."""
        if self.style == "flat":
            return self.columns[0].values(instances)
        rows = zip(*[column.values(instances) for column in self.columns], strict=True)
        if self.style == "list":
            return list(rows)
        names = self.names
        return [dict(zip(names, row)) for row in rows]  # noqa: B905  (strict is slow, and the lengths are equal)


class PlainQuery:
    """What was asked of a queryset so far, while all of it is plain.

    Attributes:
        filters: The filters, in order.
        order: The names given to ``order_by()``; ``None`` for the model's own ordering.
        terms: What these names stand for.
        is_reversed: Whether the ordering is reversed.
        is_sliced: Whether a slice was taken.
        low: The start of the slice.
        high: The end of the slice, or ``None``.
        shown: What ``values()`` asked for; ``None`` gives the instances.
    """

    # On the class, so that a copy of an empty one touches only what differs.
    filters: tuple[Filter, ...] = ()
    order: tuple[str, ...] | None = None
    terms: tuple[Term, ...] | None = None
    is_reversed = False
    is_sliced = False
    low = 0
    high: int | None = None
    shown: Shown | None = None

    def copy(self) -> PlainQuery:
        """Return a copy, to be changed before anyone else sees it."""
        copy = object.__new__(PlainQuery)
        if self is not EMPTY:
            copy.__dict__.update(self.__dict__)
        return copy

    def filtered(self, added: Filter) -> PlainQuery:
        """Return this with one more filter."""
        copy = self.copy()
        copy.filters = (*self.filters, added)
        return copy

    def ordered(self, order: tuple[str, ...] | None, terms: tuple[Term, ...]) -> PlainQuery:
        """Return this in another order."""
        copy = self.copy()
        copy.order = order
        copy.terms = terms
        return copy

    def turned(self) -> PlainQuery:
        """Return this in reverse order."""
        copy = self.copy()
        copy.is_reversed = not self.is_reversed
        return copy

    def showing(self, shown: Shown) -> PlainQuery:
        """Return this with values in place of instances."""
        copy = self.copy()
        copy.shown = shown
        return copy

    def sliced(self, start: int | None, stop: int | None) -> PlainQuery:
        """Return this with a slice of its slice, as ``Query.set_limits`` works it out."""
        copy = self.copy()
        low, high = self.low, self.high
        if stop is not None:
            high = low + stop if high is None else min(high, low + stop)
        if start is not None:
            low = low + start if high is None else min(high, low + start)
        copy.low, copy.high = low, high
        copy.is_sliced = low != 0 or high is not None
        return copy

    def candidates(self, source: Any) -> Collection[Model]:
        """Return the instances that can match: one, where a primary key is asked for."""
        for step in self.filters:
            if step.key is not None:
                found = source.by_key(step.key.value)
                return () if found is None else (found,)
        return source.instances()  # type: ignore[no-any-return]

    def selected(self, source: Any, using: Callable[[], str]) -> list[Model]:
        """Return the instances that pass all filters, in held order."""
        if not self.filters:
            return source.instances()  # type: ignore[no-any-return]
        if self.is_sliced and self.high == self.low:
            return []
        instances = self.candidates(source)
        for step in self.filters:
            instances = step.select(instances, using)
        return instances  # type: ignore[return-value]

    def matching(self, source: Any, using: Callable[[], str]) -> Iterator[Model]:
        """Give the instances that pass all filters in held order, one by one where no target may need fetching."""
        filters = self.filters
        if any(condition.column.path for step in filters for condition in step.conditions):
            return iter(self.selected(source, using))
        return (item for item in self.candidates(source) if all(step.matches(item) for step in filters))

    def terms_for(self, model: type[Model]) -> tuple[Term, ...] | None:
        """Return the terms of the ordering, or ``None`` where it is not plain: that of the model may not be."""
        return default_order(model) if self.terms is None else self.terms

    def results(self, queryset: Any) -> list[Any] | None:
        """Return the results for a queryset, or ``None`` where the model's ordering is not plain."""
        terms = self.terms_for(queryset.model)
        if terms is None:
            return None
        instances = self.selected(queryset._source, queryset._get_using)
        if terms and len(instances) > 1:
            instances = self._ordered(instances, terms, queryset)
        if self.is_sliced:
            instances = instances[self.low : self.high]
        return instances if self.shown is None else self.shown.of(instances)

    def _ordered(self, instances: list[Model], terms: Sequence[Term], queryset: Any) -> list[Model]:
        if self.high == 1 and self.low == 0 and len(terms) == 1:
            column, descending = terms[0]
            first = first_in_order(instances, column, descending=descending is not self.is_reversed)
            if first is not None:
                return [first]
        for column, descending in reversed(terms):
            instances = in_order(instances, column, queryset, descending=descending is not self.is_reversed)
        return instances


EMPTY = PlainQuery()

UNORDERED = EMPTY.ordered(None, ())
"""What is asked of a new queryset of a model without an ordering: everything, as it comes."""


def plain_shown(model: type[Model], fields: tuple[str, ...], style: str) -> Shown | None:
    """Return what ``values()`` names, or ``None`` where some of it is not plain."""
    if not STRINGS.issuperset(map(type, fields)) or len(set(fields)) != len(fields):
        return None
    return _shown(model, fields, style)


# Names may come from a request: of those that were asked for once, not all are kept.
@functools.lru_cache(maxsize=1024)
def _shown(model: type[Model], fields: tuple[str, ...], style: str) -> Shown | None:
    names = fields or tuple(field.attname for field in model._meta.concrete_fields)
    columns = [plain_column(model, name) for name in names]
    if None in columns:
        return None
    return Shown(fields, names, columns, style)  # type: ignore[arg-type]
