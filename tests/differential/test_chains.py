"""Chains of queryset methods that hypothesis makes up, answered by the database and by memory."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings

from tests.differential.conftest import Both
from tests.differential.outcomes import Tally
from tests.differential.strategies import Step, chains

pytestmark = pytest.mark.django_db

CHAINS = 20_000 if os.environ.get("CLUSTER_NIGHTLY") else 1_000


@settings(
    max_examples=CHAINS,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@pytest.mark.slow
@given(steps=chains())
def test_memory_answers_a_chain_of_methods_as_the_database_does(both: Both, steps: list[Step]) -> None:
    tally = Tally()

    tally.compare("".join(map(repr, steps)), Question(steps).ask, both.live(), both.memory())

    event(tally.kind)
    tally.check()


class Question:
    """A chain as a question."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps

    def ask(self, queryset: Any) -> Any:
        """Call one method after the other."""
        for step in self.steps:
            queryset = step.call(queryset)
        return queryset
