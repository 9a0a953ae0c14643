"""Every aggregate and window function, answered by the database and by memory."""

from __future__ import annotations

import pytest

from tests.differential.aggregate_cells import aggregate_cells
from tests.differential.conftest import Both
from tests.differential.outcomes import Tally

pytestmark = pytest.mark.django_db

CELLS = list(aggregate_cells())


@pytest.mark.parametrize("kind", ["aggregate", "window"])
def test_memory_aggregates_as_the_database_does(both: Both, kind: str) -> None:
    tally = Tally()

    for cell in CELLS:
        if cell.kind == kind:
            tally.compare(cell.name, cell.ask, both.live(), both.memory())

    tally.report(kind)
    tally.check()
