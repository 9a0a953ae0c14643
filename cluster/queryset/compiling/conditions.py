"""AND, OR, XOR and NOT in SQL's three values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db.models.sql.where import AND, OR, WhereNode

from cluster.queryset.compiling.evaluators import negation
from cluster.queryset.registry import Evaluator, compiles
from cluster.queryset.rows import Row

if TYPE_CHECKING:
    from cluster.queryset.compiling.compiler import Compiler


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
    return negation(evaluate) if node.negated else evaluate


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
