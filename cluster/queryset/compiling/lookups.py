"""Lookups: both sides, and the test that compares them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from django.db.models.expressions import ColPairs, ExpressionList, Subquery, Value
from django.db.models.fields.related_lookups import RelatedIn, RelatedLookupMixin, get_normalized_value
from django.db.models.fields.tuple_lookups import TupleIn, TupleLookupMixin, tuple_lookups
from django.db.models.lookups import In, Lookup
from django.db.models.sql import Query

from cluster.errors import NotInMemoryError
from cluster.queryset import registry
from cluster.queryset.columns import UnsavedKey
from cluster.queryset.compiling.evaluators import constant, tuple_of
from cluster.queryset.registry import Evaluator, LookupTest
from cluster.queryset.rows import Row
from cluster.queryset.subqueries import compile_query_list

if TYPE_CHECKING:
    from cluster.queryset.compiling.compiler import Compiler


def find_lookup(lookup: Lookup[Any]) -> tuple[LookupTest, bool]:
    """Return a lookup's test and whether NULL on either side answers NULL."""
    found = registry.lookups.find(type(lookup))
    if found is None:
        raise registry.refuse(lookup, registry.lookups)
    build, propagate_null = found
    return build(lookup), propagate_null


def compile_lookup(lookup: Lookup[Any], compiler: Compiler) -> Evaluator:
    """Compile a lookup: both sides, then the registered test on their values."""
    lookup = of_rows(lookup)
    if isinstance(lookup.rhs, ColPairs) and not getattr(lookup, "allows_composite_expressions", False):
        raise ValueError("CompositePrimaryKey cannot be used as a lookup value.")
    test, propagate_null = find_lookup(_as_known(lookup))
    left = compiler.compile_key(lookup.lhs)
    right = compile_right_side(lookup, compiler)
    unsaved = getattr(lookup, "unsaved", ())

    def evaluate_lookup(row: Row) -> Any:
        left_value, right_value = left(row), right(row)
        if unsaved and left_value in unsaved:
            return True
        if propagate_null and (left_value is None or right_value is None):
            return None
        if type(left_value) is UnsavedKey or type(right_value) is UnsavedKey:
            return compare_unsaved(lookup, left_value, right_value)
        return test(left_value, right_value)

    return evaluate_lookup


def of_rows(lookup: Any) -> Lookup[Any]:
    """Return what Django makes of a lookup on a key of several columns: a comparison of rows."""
    left, right, is_direct = lookup.lhs, lookup.rhs, lookup.rhs_is_direct_value()
    if not isinstance(left, ColPairs) or not isinstance(lookup, (RelatedIn, RelatedLookupMixin)):
        return lookup  # type: ignore[no-any-return]
    if isinstance(lookup, RelatedIn):
        return TupleIn(left, [get_normalized_value(value, left) for value in right] if is_direct else right)
    name: Any = lookup.lookup_name  # type: ignore[attr-defined]
    if not is_direct:
        raise ValueError(f"'{name}' doesn't support multi-column subqueries.")
    compared: Any = tuple_lookups[name]
    return compared(left, get_normalized_value(right, left))  # type: ignore[no-any-return]


def _as_known(lookup: Lookup[Any]) -> Lookup[Any]:
    """Return a lookup that does not pretend to know its right side where only the row will tell it."""
    if not isinstance(lookup, In) or not lookup.bilateral_transforms:
        return lookup
    unknown = copy.copy(lookup)
    unknown.rhs = ExpressionList(Value(None))
    return unknown


def compile_right_side(lookup: Lookup[Any], compiler: Compiler) -> Evaluator:
    """Return the evaluator of a lookup's right side: an expression, a list with expressions in it, or a value."""
    side = lookup.rhs
    if lookup.bilateral_transforms:
        return _bilateral(lookup, compiler)
    if isinstance(lookup, In) and isinstance(side, (Query, Subquery)):
        # Django 5.2 leaves the Subquery around the query.
        return compile_query_list(side.query if isinstance(side, Subquery) else side, compiler)
    if hasattr(side, "resolve_expression"):
        return compiler.compile_key(side)
    if isinstance(lookup, TupleIn):
        return tuple_of([_row(lookup, values, compiler) for values in side if None not in values])
    if isinstance(lookup, TupleLookupMixin) and isinstance(side, (list, tuple)):
        return _row(lookup, side, compiler)
    if isinstance(side, (list, tuple)) and any(hasattr(item, "resolve_expression") for item in side):
        items = [compiler.compile(item) if hasattr(item, "resolve_expression") else constant(item) for item in side]
        return tuple_of(items)
    return constant(side)


def _row(lookup: Any, values: Any, compiler: Compiler) -> Evaluator:
    pairs = zip(lookup.lhs, values, strict=True)
    expressions = [
        value if hasattr(value, "resolve_expression") else Value(value, col.output_field) for col, value in pairs
    ]
    return tuple_of([compiler.compile_key(expression) for expression in expressions])


def _bilateral(lookup: Lookup[Any], compiler: Compiler) -> Evaluator:
    if isinstance(lookup.rhs, (list, tuple)) and isinstance(lookup, In):
        return tuple_of([_transformed(item, lookup, compiler) for item in lookup.rhs])
    return _transformed(lookup.rhs, lookup, compiler)


def _transformed(value: Any, lookup: Lookup[Any], compiler: Compiler) -> Evaluator:
    expression = value if hasattr(value, "resolve_expression") else Value(value, lookup.lhs.output_field)
    for transform in lookup.bilateral_transforms:
        expression = transform(expression)
    return compiler.compile(expression)


_ORDERS = {
    "exact": lambda left, right: left == right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
    "in": lambda left, right: True if left in right else (None if None in right else False),
    "isnull": lambda left, right: not right,
}


def compare_unsaved(lookup: Lookup[Any], left: Any, right: Any) -> bool | None:
    """Compare with a key that will only be known after saving."""
    compare = _ORDERS.get(lookup.lookup_name or "")
    if compare is None:
        raise NotInMemoryError(
            f"Cannot answer the lookup '{lookup.lookup_name}' in memory on a key that only saving will give. "
            "Save the cluster first."
        )
    return compare(left, right)  # type: ignore[no-any-return,no-untyped-call]
