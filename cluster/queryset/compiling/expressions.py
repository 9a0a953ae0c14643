"""Columns, values and references."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldError
from django.db.models import JSONField, Model, Q
from django.db.models.expressions import (
    Col,
    ColPairs,
    ExpressionList,
    ExpressionWrapper,
    OrderBy,
    RawSQL,
    Ref,
    ResolvedOuterRef,
    Star,
    Value,
)
from django.db.models.sql import Query
from django.db.models.sql.compiler import PositionRef
from django.db.models.sql.where import ExtraWhere, NothingNode

from cluster.errors import NotInMemoryError
from cluster.queryset.columns import Reader, column_reader, prepared_value
from cluster.queryset.compiling.evaluators import constant, tuple_of
from cluster.queryset.meanings.json_values import JsonOrder, from_python
from cluster.queryset.registry import Evaluator, compiles
from cluster.queryset.rows import Row

if TYPE_CHECKING:
    from cluster.queryset.compiling.compiler import Compiler


@compiles(Col)
def compile_col(node: Any, compiler: Compiler) -> Evaluator:
    """Read a column from the instance under the column's table alias."""
    if node.target.generated:
        return _generated(node, compiler)
    alias, read = node.alias, column_reader(node.target)
    if isinstance(node.target, JSONField):
        read = _json_reader(node.target, read)

    def evaluate_col(row: Row) -> Any:
        try:
            instance = row.tables[alias]
        except KeyError:
            raise _not_in_query(node) from None
        return None if instance is None else read(instance)

    return evaluate_col


def _not_in_query(node: Any) -> NotInMemoryError:
    return NotInMemoryError(
        f"Cannot read the column {node.alias}.{node.target.column} in memory: no table of the query has that name. An "
        "OuterRef() keeps what it referred to in the first query that it was used in: build the expression anew."
    )


def _json_reader(field: Any, read: Reader) -> Reader:
    """Return a reader that tells a JSON null that was assigned, an expression, from None, which is NULL."""

    def read_json(instance: Model) -> Any:
        value = instance.__dict__.get(field.attname)
        value = getattr(value, "expression", value)
        if isinstance(value, Value) and isinstance(value._output_field_or_none, JSONField):  # type: ignore[attr-defined]
            return from_python(value.value, field.encoder)
        return read(instance)

    return read_json


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
    return tuple_of([compiler.compile_key(col) for col in node.get_cols()])


@compiles(ExpressionList)
def compile_expression_list(node: ExpressionList, compiler: Compiler) -> Evaluator:
    """Give the values of several expressions as a tuple."""
    return tuple_of([compiler.compile_key(item) for item in node.get_source_expressions()])


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
