from __future__ import annotations

import datetime

import pytest

from cluster.forms.rules import Rule
from tests.faults.app.models import Shelf, Visit

pytestmark = pytest.mark.django_db


def test_a_value_within_a_period_is_taken_by_rows_of_others_only():
    day = datetime.date(2024, 5, 1)
    visit = Visit.objects.create(shelf=Shelf.objects.create(), name="a", slug="b", theme="c", day=day)
    rule = Rule(Visit, date_check=("date", "name", "day"))
    key = rule.key(visit)

    assert rule.stored({key}, own=set()) == {key}
    assert rule.stored({key}, own={visit.pk}) == set()
