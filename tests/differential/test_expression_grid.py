"""Every expression and function, answered by the database and by memory."""

from __future__ import annotations

import pytest

from tests.differential.conftest import Both
from tests.differential.expression_cells import KINDS, expression_cells
from tests.differential.outcomes import Tally

pytestmark = pytest.mark.django_db

CELLS = list(expression_cells())


@pytest.mark.parametrize("kind", KINDS)
def test_memory_evaluates_every_expression_as_the_database_does(both: Both, kind: str) -> None:
    tally = Tally()

    for cell in CELLS:
        if cell.kind == kind:
            tally.compare(cell.name, cell.ask, both.live(), both.memory())

    tally.report(kind)
    tally.check()
