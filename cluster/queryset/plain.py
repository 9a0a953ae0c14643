"""The short way: plain filters, orderings and columns, without building a query.

Plain are lookups without transforms on own fields and on fields behind forward keys, with plain values. What is not
plain (to-many relations, transforms, expressions, NULL in a list, ...) returns ``None`` here, and Django's ``Query`` is
built. Both ways use the same tests of lookups and the same readers of columns.

The classes are not frozen, for making a frozen instance takes longer than filtering three rows; nothing changes them.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from typing import Any

from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP
from django.db.models.expressions import Col

from cluster.queryset import registry
from cluster.queryset.columns import MISSING
from cluster.queryset.ordering import sort_pairs
from cluster.queryset.plain_columns import PlainColumn, forward_column, plain_column

_CONTAINERS = (list, tuple, set, frozenset)
_LOOKUPS = frozenset(
    {
        "exact", "iexact", "gt", "gte", "lt", "lte", "in", "isnull", "contains", "icontains", "startswith",
        "istartswith", "endswith", "iendswith", "range", "regex", "iregex",
    }
)  # fmt: skip
_COMPARISONS = (operator.gt, operator.ge, operator.lt, operator.le)
_LARGEST_OF_ALL = 32767
_KEY_LOOKUPS = frozenset({"exact", "in", "isnull"})


class Condition:
    """One lookup on a column.

    Attributes:
        column: The column.
        test: Compares a value of the column with ``value``.
        value: The prepared right side.
        skips_null: NULL in the column does not match, without asking the test.
        reads_keys: Whether a key to come is something, not NULL: for ``isnull``.
        is_key: Whether this asks for one primary key.
    """

    __slots__ = ("column", "is_key", "reads_keys", "skips_null", "test", "value")

    def __init__(self, column: PlainColumn, test: Callable[[Any, Any], Any], value: Any, *, skips_null: bool) -> None:
        self.column = column
        self.test = test
        self.value = value
        self.skips_null = skips_null
        self.reads_keys = False
        self.is_key = test is operator.eq and column.field.primary_key and not column.path

    def matches(self, instance: Model) -> bool:
        """Tell whether one instance matches; the column is an own one."""
        column = self.column
        value = column.key(instance) if self.reads_keys else column.value(instance)
        return bool(self.test(value, self.value)) if value is not None or not self.skips_null else False

    def marks(self, instances: Sequence[Model], using: Callable[[], str]) -> list[Any]:
        """Tell for each instance whether it matches."""
        column, test, value = self.column, self.test, self.value
        alias = using() if column.path else None
        if self.reads_keys:
            return [test(own, value) for own in column.keys(instances, alias)]
        values = column.values(instances, alias)
        if test is operator.eq:
            return [own == value for own in values]
        if test is is_member:
            return [own in value for own in values]
        if self.skips_null:
            return [own is not None and test(own, value) for own in values]
        return [test(own, value) for own in values]


class Filter:
    """The conditions of one ``filter()`` or ``exclude()``.

    Attributes:
        conditions: What must hold, all together.
        negated: Whether it must not.
        kwargs: The arguments, to build a query from when one is needed.
    """

    __slots__ = ("conditions", "kwargs", "negated")

    def __init__(self, conditions: list[Condition], kwargs: dict[str, Any], *, negated: bool) -> None:
        self.conditions = conditions
        self.kwargs = kwargs
        self.negated = negated

    def matches(self, instance: Model) -> bool:
        """Tell whether one instance passes."""
        return all(condition.matches(instance) for condition in self.conditions) is not self.negated

    def select(self, instances: Sequence[Model], using: Callable[[], str]) -> list[Model]:
        """Return the instances that pass."""
        if not self.negated:
            for condition in self.conditions:
                instances = list(compress(instances, condition.marks(instances, using)))
            return instances  # type: ignore[return-value]
        passed = {id(item) for item in _all(self.conditions, instances, using)}
        return [item for item in instances if id(item) not in passed]


def _all(conditions: list[Condition], instances: Sequence[Model], using: Callable[[], str]) -> Sequence[Model]:
    for condition in conditions:
        instances = list(compress(instances, condition.marks(instances, using)))
    return instances


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
        is_reversed: Whether the ordering is reversed.
        low: The start of the slice.
        high: The end of the slice, or ``None``.
        shown: What ``values()`` asked for; ``None`` gives the instances.
    """

    __slots__ = ("filters", "high", "is_reversed", "low", "order", "shown")

    def __init__(self) -> None:
        self.filters: tuple[Filter, ...] = ()
        self.order: tuple[str, ...] | None = None
        self.is_reversed = False
        self.low = 0
        self.high: int | None = None
        self.shown: Shown | None = None

    def copy(self) -> PlainQuery:
        """Return a copy, to be changed before anyone else sees it."""
        copy = object.__new__(PlainQuery)
        copy.filters = self.filters
        copy.order = self.order
        copy.is_reversed = self.is_reversed
        copy.low = self.low
        copy.high = self.high
        copy.shown = self.shown
        return copy

    @property
    def is_sliced(self) -> bool:
        """Whether a slice was taken."""
        return self.low != 0 or self.high is not None

    def filtered(self, added: Filter) -> PlainQuery:
        """Return this with one more filter."""
        copy = self.copy()
        copy.filters = (*self.filters, added)
        return copy

    def ordered(self, order: tuple[str, ...]) -> PlainQuery:
        """Return this in another order."""
        copy = self.copy()
        copy.order = order
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
        return copy

    def key(self) -> Condition | None:
        """Return the condition for one primary key that a filter sets, if one does."""
        for step in self.filters:
            if not step.negated:
                for condition in step.conditions:
                    if condition.is_key:
                        return condition
        return None

    def candidates(self, source: Any) -> Sequence[Model]:
        """Return the instances that can match: one, where a primary key is asked for."""
        condition = self.key()
        if condition is None:
            return source.instances()  # type: ignore[no-any-return]
        found = source.by_key(condition.value)
        return () if found is None else (found,)

    def selected(self, source: Any, using: Callable[[], str]) -> list[Model]:
        """Return the instances that pass all filters, in held order."""
        filters = self.filters
        if not filters:
            return list(source.instances())
        instances = self.candidates(source)
        for step in filters:
            instances = step.select(instances, using)
        return instances if isinstance(instances, list) else list(instances)

    def matching(self, source: Any, using: Callable[[], str]) -> Iterator[Model]:
        """Give the instances that pass all filters in held order, one by one where no target may need fetching."""
        filters = self.filters
        if any(condition.column.path for step in filters for condition in step.conditions):
            return iter(self.selected(source, using))
        return (item for item in self.candidates(source) if all(step.matches(item) for step in filters))

    def terms(self, model: type[Model]) -> tuple[Term, ...] | None:
        """Return the terms of the ordering, or ``None`` where it is not plain: that of the model may not be."""
        return default_order(model) if self.order is None else plain_order(model, self.order)

    def results(self, queryset: Any) -> list[Any] | None:
        """Return the results for a queryset, or ``None`` where the model's ordering is not plain."""
        terms = self.terms(queryset.model)
        if terms is None:
            return None
        instances = self.selected(queryset._source, queryset.get_using)
        if terms and len(instances) > 1:
            instances = self._ordered(instances, terms, queryset)
        if self.high is not None or self.low:
            instances = instances[self.low : self.high]
        return instances if self.shown is None else self.shown.of(instances)

    def _ordered(self, instances: list[Model], terms: Sequence[Term], queryset: Any) -> list[Model]:
        if self.low == 0 and self.high == 1 and len(terms) == 1:
            column, descending = terms[0]
            first = first_in_order(instances, column, descending=descending is not self.is_reversed)
            if first is not None:
                return [first]
        for column, descending in reversed(terms):
            instances = in_order(instances, column, queryset.nulls_first, descending=descending is not self.is_reversed)
        return instances


Term = tuple[PlainColumn, bool]
"""A column to order by, and whether downwards."""

EMPTY = PlainQuery()


def is_member(value: Any, values: Any) -> bool:
    """Tell whether a value is among others of its type."""
    return value in values


class PlainLookup:
    """What a keyword of ``filter()`` names: a column and a lookup class."""

    __slots__ = ("_col", "_lookup_class", "_lookup_name", "_test", "column")

    def __init__(self, column: PlainColumn, lookup_name: str, lookup_class: Any, col: Col) -> None:
        self.column = column
        self._lookup_name = lookup_name
        self._lookup_class = lookup_class
        self._col = col
        # Python's own comparison, once known to be the lookup's test for values of the column's type.
        self._test: Any = operator.eq if lookup_name == "exact" else None

    def condition(self, value: Any) -> Condition | None:
        """Return the condition for a right side, or ``None`` where that is not plain."""
        column, name = self.column, self._lookup_name
        if self._test is not None and type(value) is column.kind and self._is_in_every_range(value):
            return Condition(column, self._test, value, skips_null=True)
        if name in ("in", "range"):
            return self._of_several(value, name)
        value = plain_value(column.field, value)
        if value is MISSING or (value is None and name != "exact"):
            return None
        if name == "exact" and type(value) is column.kind:
            return Condition(column, operator.eq, value, skips_null=True)
        if value is None:
            return self._built(column.field.get_lookup("isnull"), True)
        return self._built(self._lookup_class, value)

    def _of_several(self, values: Any, name: str) -> Condition | None:
        if not isinstance(values, _CONTAINERS):
            return None
        plain = [plain_value(self.column.field, value) for value in values]
        if any(value is MISSING or value is None for value in plain):
            return None
        kind = self.column.kind
        if name == "in" and kind is not None and all(type(value) is kind for value in plain):
            return Condition(self.column, is_member, frozenset(plain), skips_null=True)
        return self._built(self._lookup_class, plain)

    def _built(self, lookup_class: Any, value: Any) -> Condition:
        lookup = lookup_class(self._col, value)
        build, skips_null = registry.lookups.find(type(lookup))  # type: ignore[misc]
        test = build(lookup)
        comparison = getattr(test, "test", test)
        is_simple = comparison in _COMPARISONS and type(lookup.rhs) is type(value) is self.column.kind
        if is_simple and self._is_in_every_range(value):
            self._test = comparison
        condition = Condition(self.column, test, lookup.rhs, skips_null=skips_null)
        condition.reads_keys = lookup.lookup_name == "isnull"
        return condition

    def _is_in_every_range(self, value: Any) -> bool:
        # A comparison with a number that no row can hold is decided by Django, for NULLs too.
        return type(value) is not int or 0 <= value <= _LARGEST_OF_ALL or self._lookup_name == "exact"


def plain_value(field: Any, value: Any) -> Any:
    """Return a right side that can be compared as it is, or ``MISSING`` where it is not plain."""
    if isinstance(value, Model):
        if not field.is_relation or not isinstance(value, field.related_model):
            return MISSING
        key = getattr(value, field.target_field.attname)
        return MISSING if key is None else key
    if hasattr(value, "resolve_expression") or isinstance(value, _CONTAINERS):
        return MISSING
    return value


@functools.cache
def plain_lookup(model: type[Model], name: str) -> PlainLookup | None:
    """Return what a keyword of ``filter()`` names, or ``None`` where it is not plain."""
    found = forward_column(model, name.split(LOOKUP_SEP))
    if found is None or len(found[1]) > 1:
        return None
    column, rest = found
    lookup_name = rest[0] if rest else "exact"
    if lookup_name not in (_KEY_LOOKUPS if column.is_key else _LOOKUPS):
        return None
    field = column.field
    lookup_class = field.get_lookup(lookup_name)
    if lookup_class is None or not lookup_class.__module__.startswith("django."):
        return None
    if registry.lookups.find(lookup_class) is None:
        return None
    return PlainLookup(column, lookup_name, lookup_class, Col(field.model._meta.db_table, field))


def plain_filter(model: type[Model], kwargs: dict[str, Any], *, negated: bool) -> Filter | None:
    """Return the filter that keywords ask for, or ``None`` where one of them is not plain."""
    conditions = []
    for name, value in kwargs.items():
        lookup = plain_lookup(model, name)
        condition = None if lookup is None else lookup.condition(value)
        if condition is None:
            return None
        # Django adds IS NOT NULL to what is excluded.
        condition.skips_null = condition.skips_null or (negated and not condition.reads_keys)
        conditions.append(condition)
    return Filter(conditions, kwargs, negated=negated)


@functools.cache
def plain_order(model: type[Model], names: tuple[Any, ...]) -> tuple[Term, ...] | None:
    """Return the terms that names ask to order by, or ``None`` where one of them is not plain."""
    terms = []
    for name in names:
        if not isinstance(name, str):
            return None
        bare = name.removeprefix("-")
        column = plain_column(model, bare)
        if column is None or (column.field.is_relation and bare not in (column.field.attname, "pk")):
            return None
        terms.append((column, name.startswith("-")))
    return tuple(terms)


def is_plain_order(model: type[Model], names: tuple[Any, ...]) -> bool:
    """Tell whether names given to ``order_by()`` are plain."""
    return all(type(name) is str for name in names) and plain_order(model, names) is not None


@functools.cache
def default_order(model: type[Model]) -> tuple[Term, ...] | None:
    """Return the terms of a model's own ordering, or ``None`` where one of them is not plain."""
    return plain_order(model, tuple(model._meta.ordering or ()))


def first_in_order(instances: Sequence[Model], column: PlainColumn, *, descending: bool) -> Model | None:
    """Return the first instance in the order of one column, or ``None`` where NULLs need the vendor's rule."""
    values = column.values(instances)
    if None in values:
        return None
    best = max(values) if descending else min(values)
    return instances[values.index(best)]


def in_order(
    instances: list[Model], column: PlainColumn, nulls_first: Callable[[], bool], *, descending: bool
) -> list[Model]:
    """Return instances in the order of one column; those with equal values keep their places."""
    values = column.values(instances)
    if None in values:
        pairs = list(zip(column.keys(instances), instances, strict=True))
        return sort_pairs(pairs, descending=descending, nulls_first=nulls_first() is not descending)
    if values == sorted(values, reverse=descending):
        return instances
    positions = sorted(range(len(values)), key=values.__getitem__, reverse=descending)
    return [instances[position] for position in positions]


def plain_shown(model: type[Model], fields: tuple[str, ...], style: str) -> Shown | None:
    """Return what ``values()`` names, or ``None`` where some of it is not plain."""
    if not all(isinstance(name, str) for name in fields) or len(set(fields)) != len(fields):
        return None
    names = fields or tuple(field.attname for field in model._meta.concrete_fields)
    columns = [plain_column(model, name) for name in names]
    if None in columns:
        return None
    return Shown(fields, names, columns, style)  # type: ignore[arg-type]
