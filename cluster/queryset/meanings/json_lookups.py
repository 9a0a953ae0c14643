"""Lookups of whole JSON values: equality, containment, order and membership."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.db.models import JSONField, expressions
from django.db.models.fields import json as fields

from cluster import _compat
from cluster.errors import NotInMemoryError
from cluster.queryset.meanings.comparing import COMPARISONS, NullAware, equal
from cluster.queryset.meanings.json_values import canonical, from_python, json_contains, json_equal, json_less
from cluster.queryset.registry import LookupTest, compiles_lookup

Encoder = type[json.JSONEncoder] | None


def encoder_of(lookup: Any) -> Encoder:
    """Return the encoder with which a lookup's values become JSON."""
    return getattr(lookup.lhs.output_field, "encoder", None)


class JsonLookup:
    """A test of two JSON values; NULL on the left is unknown, a plain ``None`` on the right is a JSON null."""

    __slots__ = ("direct", "encoder", "test")

    def __init__(self, lookup: Any, test: Callable[[Any, Any], bool]) -> None:
        self.encoder = encoder_of(lookup)
        self.direct = lookup.rhs_is_direct_value()
        self.test = test
        if not self.direct:
            _refuse_other_types(lookup.rhs)

    def __call__(self, left: Any, right: Any) -> bool | None:
        if left is None or (right is None and not self.direct):
            return None
        return self.test(from_python(left, self.encoder), from_python(right, self.encoder))


def _refuse_other_types(side: Any) -> None:
    field = getattr(side, "_output_field_or_none", None)
    if field is not None and not isinstance(field, JSONField) and not isinstance(side, expressions.Value):
        raise NotInMemoryError(
            f"Cannot compare JSON with a {type(field).__name__} in memory: the databases disagree on it. "
            "Cast one of them to the type of the other."
        )


def is_json(lookup: Any) -> bool:
    """Say whether the left side of a lookup is JSON, which ``KT()`` is not."""
    return isinstance(lookup.lhs.output_field, JSONField)


@compiles_lookup(fields.JSONExact, fields.KeyTransformExact, propagate_null=False)
def build_json_exact(lookup: Any) -> LookupTest:
    """``=``; ``None`` as the value asks for a JSON null."""
    if not is_json(lookup):
        return NullAware(equal)
    return JsonLookup(lookup, json_equal)


@compiles_lookup(fields.DataContains)
def build_contains(lookup: Any) -> LookupTest:
    """``@>``."""
    return JsonLookup(lookup, json_contains)


def _contained(part: Any, whole: Any) -> bool:
    return json_contains(whole, part)


@compiles_lookup(fields.ContainedBy)
def build_contained_by(lookup: Any) -> LookupTest:
    """``<@``."""
    return JsonLookup(lookup, _contained)


def _json_greater(left: Any, right: Any) -> bool:
    return json_less(right, left)


def _json_greater_or_equal(left: Any, right: Any) -> bool:
    return not json_less(left, right)


def _json_less_or_equal(left: Any, right: Any) -> bool:
    return not json_less(right, left)


_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "lt": json_less,
    "lte": _json_less_or_equal,
    "gt": _json_greater,
    "gte": _json_greater_or_equal,
}


@compiles_lookup(fields.KeyTransformLt, fields.KeyTransformLte, fields.KeyTransformGt, fields.KeyTransformGte)
def build_json_ordering(lookup: Any) -> LookupTest:
    """``<``, ``<=``, ``>`` and ``>=`` of scalars: null, strings, numbers, booleans."""
    if not is_json(lookup):
        return NullAware(COMPARISONS[lookup.lookup_name])
    return JsonLookup(lookup, _ORDERINGS[lookup.lookup_name])


class JsonIn:
    """``IN`` for JSON values; Django drops ``None`` from the list."""

    __slots__ = ("encoder", "known")

    def __init__(self, lookup: Any) -> None:
        self.encoder = encoder_of(lookup)
        self.known = self._canonical(lookup.rhs) if lookup.rhs_is_direct_value() else None
        for side in lookup.rhs.get_source_expressions() if isinstance(lookup.rhs, expressions.ExpressionList) else ():
            _refuse_other_types(side)

    def _canonical(self, values: Any) -> frozenset[Any]:
        return frozenset(canonical(from_python(value, self.encoder)) for value in values if value is not None)

    def __call__(self, left: Any, right: Any) -> bool | None:
        known = self._canonical(right) if self.known is None else self.known
        if left is None:
            return None if known else False
        if canonical(from_python(left, self.encoder)) in known:
            return True
        return None if self.known is None and None in right else False


@compiles_lookup(fields.KeyTransformIn, *_compat.classes_of(fields, "JSONIn"), propagate_null=False)
def build_json_in(lookup: Any) -> LookupTest:
    """``IN``."""
    return JsonIn(lookup)
