"""Case and When, wrappers, and the functions that choose among values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import expressions
from django.db.models import functions as db

from cluster.queryset.meanings.comparing import equal, less
from cluster.queryset.registry import Evaluator, compiles, compiles_function

if TYPE_CHECKING:
    from cluster.queryset.compiling import Compiler
    from cluster.queryset.rows import Row


class CaseEvaluator:
    """The result of the first condition that is true; the others are not evaluated."""

    __slots__ = ("branches", "default")

    def __init__(self, branches: list[tuple[Evaluator, Evaluator]], default: Evaluator) -> None:
        self.branches = branches
        self.default = default

    def __call__(self, row: Row) -> Any:
        for condition, result in self.branches:
            if condition(row):
                return result(row)
        return self.default(row)


@compiles(expressions.Case)
def compile_case(expression: Any, compiler: Compiler) -> Evaluator:
    """``CASE WHEN ... THEN ... ELSE ... END``."""
    branches = [(compiler.compile(case.condition), compiler.compile(case.result)) for case in expression.cases]
    return CaseEvaluator(branches, compiler.compile(expression.default))


class NotEvaluator:
    """``NOT`` with SQL's three values."""

    __slots__ = ("condition",)

    def __init__(self, condition: Evaluator) -> None:
        self.condition = condition

    def __call__(self, row: Row) -> bool | None:
        value = self.condition(row)
        return None if value is None else not value


@compiles(expressions.NegatedExpression)
def compile_negated(expression: Any, compiler: Compiler) -> Evaluator:
    """``NOT ...``."""
    return NotEvaluator(compiler.compile(expression.expression))


class CoalesceEvaluator:
    """The first value that is not NULL; the later ones are not evaluated."""

    __slots__ = ("sources",)

    def __init__(self, sources: list[Evaluator]) -> None:
        self.sources = sources

    def __call__(self, row: Row) -> Any:
        for source in self.sources:
            value = source(row)
            if value is not None:
                return value
        return None


@compiles(db.Coalesce)
def compile_coalesce(expression: Any, compiler: Compiler) -> Evaluator:
    """``COALESCE``."""
    return CoalesceEvaluator([compiler.compile(source) for source in expression.get_source_expressions()])


@compiles_function(db.Greatest, propagate_null=False)
def greatest(*values: Any) -> Any:
    """``GREATEST`` as on PostgreSQL: NULLs do not count."""
    best = None
    for value in values:
        if value is not None and (best is None or less(best, value)):
            best = value
    return best


@compiles_function(db.Least, propagate_null=False)
def least(*values: Any) -> Any:
    """``LEAST`` as on PostgreSQL: NULLs do not count."""
    best = None
    for value in values:
        if value is not None and (best is None or less(value, best)):
            best = value
    return best


@compiles_function(db.NullIf, propagate_null=False)
def null_if(value: Any, other: Any) -> Any:
    """``NULLIF``."""
    return None if value is not None and other is not None and equal(value, other) else value
