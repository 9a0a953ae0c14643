"""Case and When, wrappers, and the functions that choose among values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db.models import DecimalField, FloatField, expressions
from django.db.models import functions as db

from cluster.queryset.columns import concrete_target
from cluster.queryset.compiling.evaluators import negation
from cluster.queryset.meanings.arithmetic import is_float_literal
from cluster.queryset.meanings.comparing import equal, greater, less
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


@compiles(expressions.NegatedExpression)
def compile_negated(expression: Any, compiler: Compiler) -> Evaluator:
    """``NOT ...``."""
    return negation(compiler.compile(expression.expression))


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


class ExtremeEvaluator:
    """The greatest or the least of several values, in the type that they have in common; NULLs do not count."""

    __slots__ = ("is_better", "sources", "to_common")

    def __init__(self, expression: Any, compiler: Compiler, is_better: Callable[[Any, Any], bool]) -> None:
        sources = expression.get_source_expressions()
        self.sources = [compiler.compile(source) for source in sources]
        self.to_common = common_number(sources)
        self.is_better = is_better

    def __call__(self, row: Row) -> Any:
        best = None
        for source in self.sources:
            value = source(row)
            if self.to_common is not None and type(value) in _NUMBERS:
                value = self.to_common(value)
            if value is not None and (best is None or self.is_better(value, best)):
                best = value
        return best


_NUMBERS = (int, float, Decimal)


def common_number(sources: Iterable[Any]) -> Callable[[Any], Any] | None:
    """Return what makes numbers of several types those of one: floats, or decimals if a float is only a literal."""
    kinds = {type(concrete_target(source._output_field_or_none)) for source in sources if not _has_no_type(source)}
    if any(issubclass(kind, FloatField) for kind in kinds):
        return float
    return _decimal if any(issubclass(kind, DecimalField) for kind in kinds) else None


def _has_no_type(source: Any) -> bool:
    return is_float_literal(source) or (isinstance(source, expressions.Value) and source.value is None)


def _decimal(value: Any) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


@compiles(db.Greatest)
def compile_greatest(expression: Any, compiler: Compiler) -> Evaluator:
    """``GREATEST`` as on PostgreSQL."""
    return ExtremeEvaluator(expression, compiler, greater)


@compiles(db.Least)
def compile_least(expression: Any, compiler: Compiler) -> Evaluator:
    """``LEAST`` as on PostgreSQL."""
    return ExtremeEvaluator(expression, compiler, less)


@compiles_function(db.NullIf, propagate_null=False)
def null_if(value: Any, other: Any) -> Any:
    """``NULLIF``."""
    return None if value is not None and other is not None and equal(value, other) else value
