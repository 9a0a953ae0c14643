"""Excluding by a to-many relation beside other conditions on the way to it, in the database and in memory."""

from __future__ import annotations

import pytest
from django.db.models import Q

from tests.differential.app.models import Origin, Specimen
from tests.differential.conftest import Both

pytestmark = pytest.mark.django_db

CONDITIONS = {
    "null behind a key that may be null": (Specimen, ~Q(origin__specimens__small__isnull=True)),
    "no rows behind a key that may be null": (Specimen, ~Q(origin__specimens__isnull=True)),
    "rows behind a key that may be null": (Specimen, ~Q(origin__specimens__isnull=False)),
    "a value behind a key that may be null": (Specimen, ~Q(origin__specimens__small=3)),
    "null in children": (Origin, ~Q(specimens__small__isnull=True)),
    "no children": (Origin, ~Q(specimens__isnull=True)),
    "a value in children": (Origin, ~Q(specimens__small=3)),
}
BESIDE = {Specimen: Q(origin__name="Mine"), Origin: Q(specimens__integer=7)}


@pytest.mark.parametrize("joined_first", [True, False], ids=["joined first", "joined then"])
@pytest.mark.parametrize("connector", [Q.OR, Q.AND, Q.XOR])
@pytest.mark.parametrize("case", CONDITIONS)
def test_memory_excludes_as_the_database_does(both: Both, case: str, connector: str, *, joined_first: bool) -> None:
    model, excluding = CONDITIONS[case]
    parts = (BESIDE[model], excluding) if joined_first else (excluding, BESIDE[model])
    condition = Q(*parts, _connector=connector)

    stored, held = (
        list(each.filter(condition).order_by("pk").values_list("pk", flat=True))
        for each in (both.live(model), both.memory(model))
    )

    assert held == stored
