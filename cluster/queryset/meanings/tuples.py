"""Comparisons of several columns at once: composite primary keys and keys to them."""

from __future__ import annotations

from typing import Any

from django.db.models.expressions import Col
from django.db.models.fields import tuple_lookups as db

from cluster.queryset.columns import UnsavedKey, prepared_value
from cluster.queryset.compiling.evaluators import tuple_of
from cluster.queryset.meanings.comparing import equal, less
from cluster.queryset.registry import Evaluator, LookupTest, compiles, compiles_lookup


@compiles(db.Tuple)
def compile_tuple(node: Any, compiler: Any) -> Evaluator:
    """Give the values of several expressions, to be compared as a row."""
    return tuple_of([compiler.compile_key(source) for source in node.get_source_expressions()])


def prepared_tuple(lookup: Any, values: Any) -> tuple[Any, ...]:
    """Return values prepared by the fields of the columns on the left side."""
    pairs = zip(lookup.lhs, values, strict=True)
    return tuple(
        value if isinstance(value, UnsavedKey) else prepared_value(value, col.output_field) for col, value in pairs
    )


def is_known(lookup: Any, row: Any) -> bool:
    """Tell whether a row on the right side is made of values, no expressions."""
    return lookup.rhs_is_direct_value() and not any(hasattr(value, "resolve_expression") for value in row)


def tuple_equal(left: Any, right: Any) -> bool | None:
    """``=`` of rows: any unequal column decides, NULLs else make it unknown."""
    outcome: bool | None = True
    for one, other in zip(left, right, strict=True):
        if one is None or other is None:
            outcome = None
        elif not equal(one, other):
            return False
    return outcome


def tuple_less(left: Any, right: Any) -> bool | None:
    """``<`` of rows: the first column in which they differ decides."""
    for one, other in zip(left, right, strict=True):
        if one is None or other is None:
            return None
        if not equal(one, other):
            return less(one, other)
    return False


def _not(outcome: Any) -> bool | None:
    return None if outcome is None else not outcome


class TupleLookup:
    """A comparison of rows whose right side is prepared once."""

    __slots__ = ("known", "name")

    def __init__(self, lookup: Any) -> None:
        if isinstance(lookup.rhs, Col):
            raise ValueError("Composite field lookups only work with composite expressions.")  # noqa: TRY004  (Django's)
        self.known = prepared_tuple(lookup, lookup.rhs) if is_known(lookup, lookup.rhs) else None
        self.name = lookup.lookup_name

    def __call__(self, left: Any, right: Any) -> bool | None:
        right = right if self.known is None else self.known
        if left is None or right is None:
            return None
        return self._compare(left, right)

    def _compare(self, left: Any, right: Any) -> bool | None:
        if self.name == "exact":
            return tuple_equal(left, right)
        if self.name == "lt":
            return tuple_less(left, right)
        if self.name == "gt":
            return tuple_less(right, left)
        return _not(tuple_less(right, left) if self.name == "lte" else tuple_less(left, right))


@compiles_lookup(
    db.TupleExact,
    db.TupleGreaterThan,
    db.TupleGreaterThanOrEqual,
    db.TupleLessThan,
    db.TupleLessThanOrEqual,
    propagate_null=False,
)
def build_tuple(lookup: Any) -> LookupTest:
    """``(a, b) = (x, y)`` and the orderings."""
    return TupleLookup(lookup)


class TupleIn:
    """``(a, b) IN (...)``: rows with a NULL are dropped from a list as Django drops them."""

    __slots__ = ("known",)

    def __init__(self, lookup: Any) -> None:
        self.known: list[Any] | None = None
        if lookup.rhs_is_direct_value():
            rows = [tuple(values) for values in lookup.rhs if None not in values]
            if all(is_known(lookup, row) for row in rows):
                self.known = [prepared_tuple(lookup, row) for row in rows]

    def __call__(self, left: Any, right: Any) -> bool | None:
        outcome: bool | None = False
        for candidate in right if self.known is None else self.known:
            same = tuple_equal(left, candidate)
            if same:
                return True
            outcome = None if same is None else outcome
        return outcome


@compiles_lookup(db.TupleIn, propagate_null=False)
def build_tuple_in(lookup: Any) -> LookupTest:
    """``IN`` of rows."""
    return TupleIn(lookup)


@compiles_lookup(db.TupleIsNull, propagate_null=False)
def build_tuple_isnull(lookup: Any) -> LookupTest:
    """Any column is NULL, or none is."""
    return _any_is_null if lookup.rhs else _none_is_null


def _any_is_null(left: Any, right: Any) -> bool:
    return any(value is None for value in left)


def _none_is_null(left: Any, right: Any) -> bool:
    return all(value is not None for value in left)
