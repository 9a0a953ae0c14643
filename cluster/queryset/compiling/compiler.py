"""What compiles the expressions of one evaluation."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Sequence
from typing import Any

from django.db import connections
from django.db.models import Model
from django.db.models.aggregates import Aggregate
from django.db.models.expressions import Col, Func, Ref
from django.db.models.lookups import Lookup
from django.utils import timezone

from cluster.queryset import registry
from cluster.queryset.columns import may_be_unsaved, without_unsaved
from cluster.queryset.compiling.aggregates import compile_aggregate
from cluster.queryset.compiling.functions import compile_function
from cluster.queryset.compiling.lookups import compile_lookup
from cluster.queryset.registry import Evaluator
from cluster.queryset.rows import Row


class Compiler:
    """Turns the expressions of one evaluation into functions over rows.

    Attributes:
        using: The database alias by which missing related rows are fetched and vendor questions answered.
        stage: The rows that the running stage goes over, for evaluators that fetch for all of them at once.
        windows: The window expressions that were compiled, by identity.
        matches: By relation what instances are joined with, so that what is joined twice is fetched once.
    """

    def __init__(self, using: str) -> None:
        self.using = using
        self.stage: Sequence[Row] = ()
        self.windows: dict[int, Any] = {}
        self.matches: dict[Any, dict[int, Sequence[Model]]] = {}

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
