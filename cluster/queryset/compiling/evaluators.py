"""The evaluators that others are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cluster.queryset.registry import Evaluator
from cluster.queryset.rows import Row


def constant(value: Any) -> Evaluator:
    """Return an evaluator that gives one value for all rows."""

    def evaluate_constant(row: Row) -> Any:
        return value

    return evaluate_constant


def tuple_of(parts: Sequence[Evaluator]) -> Evaluator:
    """Return an evaluator that gives the values of several others as a tuple."""

    def evaluate_tuple(row: Row) -> Any:
        return tuple(part(row) for part in parts)

    return evaluate_tuple


def negation(evaluate: Evaluator) -> Evaluator:
    """Return an evaluator that gives NOT of another one, in SQL's three values."""

    def evaluate_not(row: Row) -> bool | None:
        value = evaluate(row)
        return None if value is None else not value

    return evaluate_not
