"""From Django's resolved expressions to functions over rows."""

from __future__ import annotations

import copy
import datetime
import functools
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import FieldError
from django.db import connections
from django.db.models import JSONField, Q
from django.db.models.aggregates import Aggregate
from django.db.models.expressions import (
    Col,
    ColPairs,
    ExpressionList,
    ExpressionWrapper,
    Func,
    OrderBy,
    RawSQL,
    Ref,
    ResolvedOuterRef,
    Star,
    Value,
)
from django.db.models.lookups import In, Lookup
from django.db.models.sql import Query
from django.db.models.sql.compiler import PositionRef
from django.db.models.sql.where import AND, OR, ExtraWhere, NothingNode, WhereNode
from django.utils import timezone
from django.utils.hashable import make_hashable

from cluster.errors import NotInMemoryError
from cluster.queryset import registry
from cluster.queryset.columns import UnsavedKey, column_reader, may_be_unsaved, prepared_value, without_unsaved
from cluster.queryset.meanings.json_values import JsonOrder, from_python
from cluster.queryset.ordering import sorter
from cluster.queryset.registry import Evaluator, LookupTest, compiles
from cluster.queryset.rows import Row
from cluster.queryset.subqueries import compile_query_list


class Compiler:
    """Turns the expressions of one evaluation into functions over rows.

    Attributes:
        using: The database alias by which missing related rows are fetched and vendor questions answered.
        stage: The rows that the running stage goes over, for evaluators that fetch for all of them at once.
        windows: The window expressions that were compiled, by identity.
    """

    def __init__(self, using: str) -> None:
        self.using = using
        self.stage: Sequence[Row] = ()
        self.windows: dict[int, Any] = {}

    @property
    def connection(self) -> Any:
        """The connection whose vendor's rules are followed."""
        return connections[self.using]

    @property
    def features(self) -> Any:
        """The features of the connection."""
        return self.connection.features

    @functools.cached_property
    def _now(self) -> datetime.datetime:
        return timezone.now()

    def now(self) -> datetime.datetime:
        """Return the one timestamp of this evaluation."""
        return self._now

    def compile(self, node: Any) -> Evaluator:
        """Return the function that gives an expression's value for a row."""
        evaluate = self.compile_key(node)
        return _without_unsaved(evaluate) if _may_give_unsaved(node) else evaluate

    def compile_key(self, node: Any) -> Evaluator:
        """Return the same, but with an ``UnsavedKey`` for keys to come, for comparing, grouping and counting."""
        compile_expression = registry.expressions.find(type(node))
        if compile_expression is not None:
            return compile_expression(node, self)  # type: ignore[no-any-return]
        if isinstance(node, Lookup):
            return compile_lookup(node, self)
        if isinstance(node, Aggregate):
            return compile_aggregate(node, self)
        if isinstance(node, Func):
            return compile_function(node, self)
        raise registry.refuse(node, registry.expressions)


def _may_give_unsaved(node: Any) -> bool:
    if isinstance(node, Ref):
        return _may_give_unsaved(node.source)  # type: ignore[attr-defined]
    return isinstance(node, Col) and may_be_unsaved(node.target)


def _without_unsaved(evaluate: Evaluator) -> Evaluator:
    def evaluate_value(row: Row) -> Any:
        return without_unsaved(evaluate(row))

    return evaluate_value


def constant(value: Any) -> Evaluator:
    """Return an evaluator that gives one value for all rows."""

    def evaluate_constant(row: Row) -> Any:
        return value

    return evaluate_constant


@compiles(Col)
def compile_col(node: Any, compiler: Compiler) -> Evaluator:
    """Read a column from the instance under the column's table alias."""
    if node.target.generated:
        return _generated(node, compiler)
    alias, read = node.alias, column_reader(node.target)

    def evaluate_col(row: Row) -> Any:
        instance = row.tables[alias]
        return None if instance is None else read(instance)

    return evaluate_col


def _generated(node: Any, compiler: Compiler) -> Evaluator:
    # Worked out anew, for what it is made of may have changed since the database did it.
    alias, field = node.alias, node.target
    query = Query(model=field.model, alias_cols=False)
    evaluate = compiler.compile(field.expression.resolve_expression(query, allow_joins=False))

    def evaluate_generated(row: Row) -> Any:
        instance = row.tables[alias]
        if instance is None:
            return None
        return prepared_value(evaluate(Row({None: instance})), field.output_field)

    return evaluate_generated


@compiles(ColPairs)
def compile_col_pairs(node: ColPairs, compiler: Compiler) -> Evaluator:
    """Read the columns of a composite key as a tuple."""
    return compile_tuple([compiler.compile_key(col) for col in node.get_cols()])


@compiles(ExpressionList)
def compile_expression_list(node: ExpressionList, compiler: Compiler) -> Evaluator:
    """Give the values of several expressions as a tuple."""
    return compile_tuple([compiler.compile_key(item) for item in node.get_source_expressions()])


def compile_tuple(parts: Sequence[Evaluator]) -> Evaluator:
    """Return an evaluator that gives the values of several others as a tuple."""

    def evaluate_tuple(row: Row) -> Any:
        return tuple(part(row) for part in parts)

    return evaluate_tuple


@compiles(Value)
def compile_value(node: Any, compiler: Compiler) -> Evaluator:
    """Give a constant, prepared by its output field as for the database."""
    field = node._output_field_or_none
    if isinstance(field, JSONField):
        return constant(from_python(node.value, field.encoder))
    return constant(node.value if field is None else prepared_value(node.value, field))


@compiles(Ref, PositionRef)
def compile_ref(node: Any, compiler: Compiler) -> Evaluator:
    """Give the value of the annotation that is referred to."""
    return compiler.compile_key(node.source)


@compiles(ExpressionWrapper)
def compile_expression_wrapper(node: Any, compiler: Compiler) -> Evaluator:
    """Give the value of the wrapped expression."""
    return compiler.compile(node.expression)


@compiles(OrderBy)
def compile_order_by(node: OrderBy, compiler: Compiler) -> Evaluator:
    """Give the value that is ordered by; JSON has an order of its own."""
    evaluate = compiler.compile_key(node.expression)
    if not gives_json(node.expression):
        return evaluate

    def evaluate_json_order(row: Row) -> Any:
        value = evaluate(row)
        return None if value is None else JsonOrder(value)

    return evaluate_json_order


def gives_json(node: Any) -> bool:
    """Tell whether an expression's values are JSON."""
    try:
        return isinstance(node._output_field_or_none, JSONField)
    except FieldError:
        return False


@compiles(ResolvedOuterRef)
def refuse_outer_ref(node: Any, compiler: Compiler) -> Evaluator:
    """Raise what Django raises for a reference to an outer query that is not there."""
    raise ValueError("This queryset contains a reference to an outer query and may only be used in a subquery.")


@compiles(Star)
def compile_star(node: Star, compiler: Compiler) -> Evaluator:
    """Give a value that is not NULL for every row."""
    return constant(1)


@compiles(RawSQL, ExtraWhere)
def refuse_sql(node: Any, compiler: Compiler) -> Evaluator:
    """Refuse SQL written by hand."""
    raise NotInMemoryError(
        f"Cannot run {type(node).__name__} in memory: SQL needs the database. Save the cluster and query the live "
        "relation, or write the condition with expressions."
    )


@compiles(Q)
def refuse_q(node: Q, compiler: Compiler) -> Evaluator:
    """Refuse a condition that was not resolved against a query."""
    raise NotInMemoryError(f"Cannot evaluate {node!r} in memory: it was not resolved against a query.")


@compiles(NothingNode)
def compile_nothing(node: NothingNode, compiler: Compiler) -> Evaluator:
    """Match no row."""
    return constant(False)


@compiles(WhereNode)
def compile_where(node: WhereNode, compiler: Compiler) -> Evaluator:
    """Join conditions by AND, OR or XOR in SQL's three values."""
    children = [compiler.compile_key(child) for child in node.children]
    evaluate: Evaluator
    if len(children) == 1:
        evaluate = children[0]
    elif node.connector == AND:
        evaluate = _conjunction(children)
    elif node.connector == OR:
        evaluate = _disjunction(children)
    else:
        evaluate = _exclusive(children, null_is_unknown=compiler.features.supports_logical_xor)
    return _negation(evaluate) if node.negated else evaluate


def _conjunction(children: Sequence[Evaluator]) -> Evaluator:
    def evaluate_and(row: Row) -> bool | None:
        result: bool | None = True
        for child in children:
            value = child(row)
            if value is None:
                result = None
            elif not value:
                return False
        return result

    return evaluate_and


def _disjunction(children: Sequence[Evaluator]) -> Evaluator:
    def evaluate_or(row: Row) -> bool | None:
        result: bool | None = False
        for child in children:
            value = child(row)
            if value is None:
                result = None
            elif value:
                return True
        return result

    return evaluate_or


def _exclusive(children: Sequence[Evaluator], *, null_is_unknown: bool) -> Evaluator:
    any_of = _disjunction(children)

    def evaluate_xor(row: Row) -> bool | None:
        values = [child(row) for child in children]
        odd = sum(1 for value in values if value) % 2 == 1
        if None not in values:
            return odd
        # Without XOR in SQL Django asks for OR and an odd number of truths, where NULL counts as not true.
        if null_is_unknown:
            return None
        return any_of(row) if odd else False

    return evaluate_xor


def _negation(evaluate: Evaluator) -> Evaluator:
    def evaluate_not(row: Row) -> bool | None:
        value = evaluate(row)
        return None if value is None else not value

    return evaluate_not


def compile_function(node: Func, compiler: Compiler) -> Evaluator:
    """Compile a database function or transform by its registered value function."""
    found = registry.functions.find(type(node))
    if found is None:
        raise registry.refuse(node, registry.functions)
    implementation, propagate_null = found
    arguments = [compiler.compile(source) for source in node.get_source_expressions() if source is not None]
    if len(arguments) == 1 and propagate_null:
        return _unary(implementation, arguments[0])

    def evaluate_function(row: Row) -> Any:
        values = [argument(row) for argument in arguments]
        if propagate_null and None in values:
            return None
        return implementation(*values)

    return evaluate_function


def _unary(implementation: Any, argument: Evaluator) -> Evaluator:
    def evaluate_unary(row: Row) -> Any:
        value = argument(row)
        return None if value is None else implementation(value)

    return evaluate_unary


def find_lookup(lookup: Lookup[Any]) -> tuple[LookupTest, bool]:
    """Return a lookup's test and whether NULL on either side answers NULL."""
    found = registry.lookups.find(type(lookup))
    if found is None:
        raise registry.refuse(lookup, registry.lookups)
    build, propagate_null = found
    return build(lookup), propagate_null


def compile_lookup(lookup: Lookup[Any], compiler: Compiler) -> Evaluator:
    """Compile a lookup: both sides, then the registered test on their values."""
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


def _as_known(lookup: Lookup[Any]) -> Lookup[Any]:
    """Return a lookup that does not pretend to know its right side where only the row will tell it."""
    side = lookup.rhs
    has_expressions = isinstance(side, (list, tuple)) and any(hasattr(item, "resolve_expression") for item in side)
    if not isinstance(lookup, In) or not (lookup.bilateral_transforms or has_expressions):
        return lookup
    unknown = copy.copy(lookup)
    unknown.rhs = ExpressionList(Value(None))
    return unknown


def compile_right_side(lookup: Lookup[Any], compiler: Compiler) -> Evaluator:
    """Return the evaluator of a lookup's right side: an expression, a list with expressions in it, or a value."""
    side = lookup.rhs
    if lookup.bilateral_transforms:
        return _bilateral(lookup, compiler)
    if isinstance(side, Query) and isinstance(lookup, In):
        return compile_query_list(side, compiler)
    if hasattr(side, "resolve_expression"):
        return compiler.compile_key(side)
    if isinstance(side, (list, tuple)) and any(hasattr(item, "resolve_expression") for item in side):
        items = [compiler.compile(item) if hasattr(item, "resolve_expression") else constant(item) for item in side]
        return compile_tuple(items)
    return constant(side)


def _bilateral(lookup: Lookup[Any], compiler: Compiler) -> Evaluator:
    def transformed(value: Any) -> Evaluator:
        expression = value if hasattr(value, "resolve_expression") else Value(value, lookup.lhs.output_field)
        for transform in lookup.bilateral_transforms:
            expression = transform(expression)
        return compiler.compile(expression)

    if isinstance(lookup.rhs, (list, tuple)) and isinstance(lookup, In):
        return compile_tuple([transformed(item) for item in lookup.rhs])
    return transformed(lookup.rhs)


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


def compile_aggregate(node: Aggregate, compiler: Compiler) -> Evaluator:
    """Compile an aggregate over the rows of a group."""
    build = registry.aggregates.find(type(node))
    if build is None:
        raise registry.refuse(node, registry.aggregates)
    implementation = build(node)
    collect = aggregate_values(node, compiler)

    def evaluate_aggregate(row: Row) -> Any:
        return implementation(collect(row.group or ()))

    return evaluate_aggregate


def aggregate_values(node: Any, compiler: Compiler) -> Any:
    """Return the function from a group's rows to the values of an aggregate: filtered, ordered and distinct."""
    argument = compiler.compile_key(node.source_expressions[0])
    condition = None if node.filter is None else compiler.compile_key(node.filter)
    order_by = getattr(node, "order_by", None)
    sort = None if not order_by else sorter(order_by.get_source_expressions(), compiler)

    def collect(rows: Sequence[Row]) -> list[Any]:
        if condition is not None:
            rows = [row for row in rows if condition(row)]
        if sort is not None:
            rows = sort(rows)
        values = [argument(row) for row in rows]
        return distinct_values(values) if node.distinct else values

    return collect


def distinct_values(values: Sequence[Any]) -> list[Any]:
    """Return values without repetition, first ones kept."""
    return list({make_hashable(value): value for value in values}.values())
