"""Snapshots that people or programs have spoilt are compared, or refused by one kind of error."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from django.db import connection

from cluster.comparing import apply, diff, merge
from cluster.errors import ClusterError
from cluster.testing import StatementLog
from tests.roundtrip.test_json_fuzz import mutated, small_band
from tests.testapp.models import Band
from tests.upgrade.app.models import Archive, Subject
from tests.upgrade.clusters import full_archive

INPUTS = 1_000
WORKERS = 4

pytestmark = [
    pytest.mark.django_db,
    # What data says of the time is taken as Django takes it.
    pytest.mark.filterwarnings("ignore:DateTimeField .* received a naive datetime:RuntimeWarning"),
]


@pytest.fixture
def seeds() -> list[tuple[Any, dict[str, Any]]]:
    small_band().save()
    Subject.objects.bulk_create([Subject(pk=1, name="songs"), Subject(pk=2, name="letters")])
    return [
        (Band, json.loads(Band.objects.get().to_json())),
        (Band, small_band().serializable_data()),
        (Archive, full_archive().serializable_data()),
    ]


def compared(model: Any, before: Any, after: Any, third: Any) -> bool:
    """Do everything that can be done with three snapshots; tell whether they could be compared at all."""
    cluster = model()
    try:
        changes = diff(before, after, model=model)
    except ClusterError:
        return False
    assert bool(changes) == bool(str(changes)) == bool(changes.as_data())
    assert "<" in changes.as_html()
    for attempt in (
        lambda: apply(changes, before),
        lambda: apply(changes, cluster),
        lambda: apply(diff(cluster, after), cluster),
        lambda: str(merge(before, after, third, model=model).conflicts),
    ):
        try:
            attempt()
        except ClusterError as error:
            assert str(error)  # noqa: PT017 - not every attempt fails
    return True


@pytest.mark.parametrize("part", range(WORKERS))
def test_spoilt_snapshots_are_compared_or_refused_and_stay_as_they_are(part, seeds):
    rng, log, done = random.Random(part), StatementLog(), 0

    with connection.execute_wrapper(log):
        for _ in range(INPUTS // WORKERS):
            model, data = rng.choice(seeds)
            snapshots = [mutated(data, rng) for _ in range(3)]
            untouched = copy.deepcopy(snapshots)
            done += compared(model, *snapshots)
            assert snapshots == untouched

    assert not log.writes
    assert INPUTS // WORKERS * 0.3 < done < INPUTS // WORKERS
