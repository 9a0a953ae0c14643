"""Database functions and transforms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models.expressions import Func

from cluster.queryset import registry
from cluster.queryset.registry import Evaluator
from cluster.queryset.rows import Row

if TYPE_CHECKING:
    from cluster.queryset.compiling.compiler import Compiler


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
