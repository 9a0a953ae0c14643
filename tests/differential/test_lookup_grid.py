"""Every lookup on every field, answered by the database and by memory."""

from __future__ import annotations

import pytest
from django.db import connection
from django.utils import timezone

from tests.differential.conftest import Both
from tests.differential.lookup_cells import lookup_cells, zone_cells
from tests.differential.outcomes import Tally

pytestmark = pytest.mark.django_db

CELLS = list(lookup_cells())


@pytest.mark.slow
@pytest.mark.parametrize("field", sorted({cell.path.split("__")[0] for cell in CELLS}))
def test_memory_answers_every_lookup_as_the_database_does(both: Both, field: str) -> None:
    tally = Tally()

    for cell in CELLS:
        if cell.path.split("__")[0] == field:
            tally.compare(cell.name, cell.ask, both.live(), both.memory())

    tally.report(field)
    tally.check()


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Kathmandu"])
def test_transforms_follow_the_current_time_zone(both: Both, zone: str) -> None:
    tally = Tally()
    # MariaDB has no zones but UTC until its server is given their tables.
    known = zone if connection.features.has_zoneinfo_database else "UTC"

    with timezone.override(known):
        for cell in zone_cells():
            tally.compare(cell.name, cell.ask, both.live(), both.memory())

    tally.report(zone)
    tally.check()
