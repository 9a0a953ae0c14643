"""Specimens that were never saved, to evaluate expressions on without a database."""

from __future__ import annotations

from typing import Any

from cluster.queryset import FakeQuerySet
from tests.differential.app.models import Specimen


def evaluated(expression: Any, **values: Any) -> Any:
    """Return what an expression gives for a specimen with some values."""
    return FakeQuerySet(Specimen, [Specimen(**values)]).annotate(answer=expression).values_list("answer", flat=True)[0]


def matches(condition: Any, **values: Any) -> bool:
    """Say whether a specimen with some values meets a condition."""
    return FakeQuerySet(Specimen, [Specimen(**values)]).filter(condition).exists()
