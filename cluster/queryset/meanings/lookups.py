"""Comparisons: exact, in, the orderings, range, isnull, and their forms for keys, integers and years."""

from __future__ import annotations

import datetime
import operator
from typing import Any

from django.db import connection
from django.db.models import JSONField, lookups
from django.db.models.fields import related_lookups
from django.db.models.functions import ExtractIsoYear

from cluster.queryset.meanings.comparing import (
    COMPARISONS,
    NullAware,
    equal,
    greater,
    greater_or_equal,
    less,
    less_or_equal,
)
from cluster.queryset.meanings.json_lookups import JsonIn
from cluster.queryset.registry import LookupTest, compiles_lookup

_SAME_IN_PYTHON = (
    "AutoField",
    "BigAutoField",
    "BigIntegerField",
    "BooleanField",
    "CharField",
    "DateField",
    "EmailField",
    "GenericIPAddressField",
    "IntegerField",
    "PositiveBigIntegerField",
    "PositiveIntegerField",
    "PositiveSmallIntegerField",
    "SlugField",
    "SmallAutoField",
    "SmallIntegerField",
    "TextField",
    "URLField",
    "UUIDField",
)


def _compares_as_python(lookup: Any) -> bool:
    """Say whether a field's values compare with a prepared value as Python compares them."""
    field = lookup.lhs.output_field
    field = getattr(field, "target_field", field)
    return bool(field.get_internal_type() in _SAME_IN_PYTHON and lookup.rhs_is_direct_value())


@compiles_lookup(lookups.Exact, related_lookups.RelatedExact)
def build_exact(lookup: Any) -> LookupTest:
    """``=``."""
    return operator.eq if _compares_as_python(lookup) else equal


@compiles_lookup(lookups.GreaterThan, related_lookups.RelatedGreaterThan)
def build_greater_than(lookup: Any) -> LookupTest:
    """``>``."""
    return operator.gt if _compares_as_python(lookup) else greater


@compiles_lookup(lookups.GreaterThanOrEqual, related_lookups.RelatedGreaterThanOrEqual)
def build_greater_than_or_equal(lookup: Any) -> LookupTest:
    """``>=``."""
    return operator.ge if _compares_as_python(lookup) else greater_or_equal


@compiles_lookup(lookups.LessThan, related_lookups.RelatedLessThan)
def build_less_than(lookup: Any) -> LookupTest:
    """``<``."""
    return operator.lt if _compares_as_python(lookup) else less


@compiles_lookup(lookups.LessThanOrEqual, related_lookups.RelatedLessThanOrEqual)
def build_less_than_or_equal(lookup: Any) -> LookupTest:
    """``<=``."""
    return operator.le if _compares_as_python(lookup) else less_or_equal


@compiles_lookup(
    lookups.IntegerFieldExact,
    lookups.IntegerGreaterThan,
    lookups.IntegerGreaterThanOrEqual,
    lookups.IntegerLessThan,
    lookups.IntegerLessThanOrEqual,
    propagate_null=False,
)
def build_integer(lookup: Any) -> LookupTest:
    """A comparison of integers: a value that no row can hold decides for every row, NULLs included."""
    outcome = _overflow(lookup)
    if outcome is not None:
        return always if outcome else never
    return _INTEGER_TESTS[lookup.lookup_name] if lookup.rhs_is_direct_value() else _MIXED_TESTS[lookup.lookup_name]


def _overflow(lookup: Any) -> bool | None:
    """Return what a comparison with a number that no column of the vendor holds is for every row."""
    if not isinstance(lookup.rhs, int):
        return None
    smallest: Any
    largest: Any
    smallest, largest = connection.ops.integer_field_range(lookup.lhs.output_field.get_internal_type())
    if largest is not None and lookup.rhs > largest:
        return lookup.lookup_name in ("lt", "lte")
    if smallest is not None and lookup.rhs < smallest:
        return lookup.lookup_name in ("gt", "gte")
    return None


def always(left: Any, right: Any) -> bool:
    """Every row matches, whatever it holds."""
    return True


def never(left: Any, right: Any) -> bool:
    """No row matches, whatever it holds."""
    return False


_INTEGER_TESTS: dict[str, LookupTest] = {
    "exact": NullAware(operator.eq),
    "gt": NullAware(operator.gt),
    "gte": NullAware(operator.ge),
    "lt": NullAware(operator.lt),
    "lte": NullAware(operator.le),
}
_MIXED_TESTS: dict[str, LookupTest] = {name: NullAware(test) for name, test in COMPARISONS.items()}


@compiles_lookup(lookups.In, related_lookups.RelatedIn, propagate_null=False)
def build_in(lookup: Any) -> LookupTest:
    """``IN``: NULLs among prepared values are dropped as Django drops them, those of a subquery make it unknown."""
    if isinstance(lookup.lhs.output_field, JSONField):
        return JsonIn(lookup)
    if not lookup.rhs_is_direct_value():
        return is_among
    values = [value for value in lookup.rhs if value is not None]
    if not values:
        return never
    return _Among(values)


class _Among:
    """Membership in values that are known when the query is built."""

    __slots__ = ("_known", "_values")

    def __init__(self, values: list[Any]) -> None:
        self._values = values
        try:
            self._known: frozenset[Any] | None = frozenset(values)
        except TypeError:
            self._known = None

    def __call__(self, left: Any, right: Any) -> bool | None:
        if left is None:
            return None
        if self._known is not None and left in self._known:
            return True
        return bool(is_among(left, self._values))


def is_among(left: Any, right: Any) -> bool | None:
    """``IN`` with SQL's three values, for values that are known only when the row is."""
    values = list(right)
    if not values:
        return False
    if left is None:
        return None
    if any(value is not None and equal(left, value) for value in values):
        return True
    return None if any(value is None for value in values) else False


@compiles_lookup(lookups.Range, propagate_null=False)
def build_range(lookup: Any) -> LookupTest:
    """``BETWEEN``."""
    return is_between


def is_between(left: Any, right: Any) -> bool | None:
    """``BETWEEN`` with SQL's three values: one failed bound decides, whatever the other is."""
    low, high = right
    above = None if left is None or low is None else greater_or_equal(left, low)
    below = None if left is None or high is None else less_or_equal(left, high)
    if above is False or below is False:
        return False
    return None if above is None or below is None else True


@compiles_lookup(lookups.IsNull, related_lookups.RelatedIsNull, propagate_null=False)
def build_isnull(lookup: Any) -> LookupTest:
    """``IS NULL`` and ``IS NOT NULL``."""
    if not isinstance(lookup.rhs, bool):
        # Django's own class of error.
        raise ValueError(  # noqa: TRY004
            "The QuerySet value for an isnull lookup must be True or False."
        )
    return is_null if lookup.rhs else is_not_null


def is_null(left: Any, right: Any) -> bool:
    """``IS NULL``."""
    return left is None


def is_not_null(left: Any, right: Any) -> bool:
    """``IS NOT NULL``."""
    return left is not None


@compiles_lookup(
    lookups.YearExact, lookups.YearGt, lookups.YearGte, lookups.YearLt, lookups.YearLte, propagate_null=False
)
def build_year(lookup: Any) -> LookupTest:
    """A comparison of the year; Django turns a plain year into the first and last moment of it, which must exist."""
    if lookup.rhs_is_direct_value():
        _check_year(lookup.rhs, iso=isinstance(lookup.lhs, ExtractIsoYear))
    return _MIXED_TESTS[lookup.lookup_name]


def _check_year(year: Any, *, iso: bool) -> None:
    if iso:
        datetime.date.fromisocalendar(year, 1, 1)
    datetime.date(year, 1, 1)
