"""Which column and which test the keywords of ``filter()`` name, where they are plain.

What is not plain (to-many relations, transforms, expressions, NULL in a list, ...) returns ``None``. Lookups have the
same tests here as where Django's ``Query`` is built.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP
from django.db.models.expressions import Col

from cluster.queryset import registry
from cluster.queryset.columns import MISSING
from cluster.queryset.plain_columns import PlainColumn, forward_column
from cluster.queryset.plain_filters import Condition, Filter, is_member

_CONTAINERS = (list, tuple, set, frozenset)
_LOOKUPS = frozenset(
    {
        "exact", "iexact", "gt", "gte", "lt", "lte", "in", "isnull", "contains", "icontains", "startswith",
        "istartswith", "endswith", "iendswith", "range", "regex", "iregex",
    }
)  # fmt: skip
_COMPARISONS = (operator.gt, operator.ge, operator.lt, operator.le)
_LARGEST_OF_ALL = 32767
_LOOKUPS_OF_KEYS = frozenset({"exact", "in", "isnull"})


class PlainLookup:
    """What a keyword of ``filter()`` names: a column and a lookup class."""

    __slots__ = ("_col", "_has_range", "_lookup_class", "_lookup_name", "_test", "column")

    def __init__(self, column: PlainColumn, lookup_name: str, lookup_class: Any, col: Col) -> None:
        self.column = column
        self._lookup_name = lookup_name
        self._lookup_class = lookup_class
        self._col = col
        # Python's own comparison, once known to be the lookup's test for values of the column's type.
        self._test: Any = operator.eq if lookup_name == "exact" else None
        # A comparison with a number that no row can hold is decided by Django, for NULLs too.
        self._has_range = column.kind is int and lookup_name != "exact"

    def condition(self, value: Any) -> Condition | None:
        """Return the condition for a right side, or ``None`` where that is not plain."""
        column, name = self.column, self._lookup_name
        if self._test is not None and type(value) is column.kind and (not self._has_range or is_in_every_range(value)):
            return Condition(column, self._test, value, True)
        if name in ("in", "range"):
            return self._of_several(value, name)
        value = plain_value(column.field, value)
        if value is MISSING or (value is None and name != "exact"):
            return None
        if name == "exact" and type(value) is column.kind:
            return Condition(column, operator.eq, value, True)
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
            return Condition(self.column, is_member, frozenset(plain), True)
        return self._built(self._lookup_class, plain)

    def _built(self, lookup_class: Any, value: Any) -> Condition:
        lookup = lookup_class(self._col, value)
        build, skips_null = registry.lookups.find(type(lookup))  # type: ignore[misc]
        test = build(lookup)
        comparison = getattr(test, "test", test)
        is_simple = comparison in _COMPARISONS and type(lookup.rhs) is type(value) is self.column.kind
        if is_simple and (not self._has_range or is_in_every_range(value)):
            self._test = comparison
        condition = Condition(self.column, test, lookup.rhs, skips_null)
        condition.reads_keys = lookup.lookup_name == "isnull"
        return condition


def is_in_every_range(value: Any) -> bool:
    """Tell whether every integer column can hold a number."""
    return bool(0 <= value <= _LARGEST_OF_ALL)


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


# Names may come from a request: of those that were asked for once, not all are kept.
@functools.lru_cache(maxsize=1024)
def plain_lookup(model: type[Model], name: str) -> PlainLookup | None:
    """Return what a keyword of ``filter()`` names, or ``None`` where it is not plain."""
    found = forward_column(model, name.split(LOOKUP_SEP))
    if found is None or len(found[1]) > 1:
        return None
    column, rest = found
    lookup_name = rest[0] if rest else "exact"
    if lookup_name not in (_LOOKUPS_OF_KEYS if column.may_be_unsaved else _LOOKUPS):
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
        if negated and not condition.reads_keys:
            # Django adds IS NOT NULL to what is excluded.
            condition.skips_null = True
        conditions.append(condition)
    return Filter(conditions, kwargs, negated)
