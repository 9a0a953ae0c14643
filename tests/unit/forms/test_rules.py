from __future__ import annotations

import datetime

import pytest

from cluster.forms.rules import Rule
from tests.faults.app.models import Shelf, Visit
from tests.testapp.models import Band

pytestmark = pytest.mark.django_db


def test_a_value_within_a_period_is_taken_by_rows_of_others_only():
    day = datetime.date(2024, 5, 1)
    visit = Visit.objects.create(shelf=Shelf.objects.create(), name="a", slug="b", theme="c", day=day)
    rule = Rule(Visit, date_check=("date", "name", "day"))
    key = rule.key(visit)

    assert rule.stored({key}, own=set(), using="default") == {key}
    assert rule.stored({key}, own={visit.pk}, using="default") == set()


def test_json_that_is_unique_within_a_period_is_compared_as_any_value():
    band = Band.objects.create(name="The Kinks", formed=datetime.date(1964, 1, 1), facts={"members": [1, {"a": 2}]})
    rule = Rule(Band, date_check=("year", "facts", "formed"))
    key = rule.key(Band(facts={"members": [1, {"a": 2}]}, formed=datetime.date(1964, 5, 1)))

    assert rule.stored({key}, own=set(), using="default") == {key}
    assert rule.stored({key}, own={band.pk}, using="default") == set()
    assert rule.key(Band(facts={"members": []}, formed=datetime.date(1964, 5, 1))) != key
