"""Targets that have no key yet are compared by the natural key that their class declares."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from cluster.comparing import apply, diff, merge
from cluster.errors import DiffMismatchError
from tests.roundtrip.app.models import Gallery, Patron
from tests.tags.app.models import Place

DAY, LATER = dt.date(1434, 1, 1), dt.date(1469, 1, 1)


def patron(name: str = "Cosimo", since: dt.date = DAY) -> Patron:
    return Patron(name=name, since=since)


def test_snapshots_of_two_drafts_that_name_the_same_target_do_not_differ():
    first, second = (Gallery(name="Uffizi", patron=patron()) for _ in range(2))

    written = json.loads(second.to_json())

    assert written["patron"] == ["Cosimo", "1434-01-01"]
    assert not diff(first, second)
    assert not diff(first.serializable_data(), written, model=Gallery)
    assert not diff(written, first)
    assert apply(diff(first.serializable_data(), written, model=Gallery), first.serializable_data()) == written
    assert merge(first.serializable_data(), written, second, model=Gallery).conflicts == ()


def test_another_target_is_a_change_that_is_shown_by_its_name():
    before, after = Gallery(name="Uffizi", patron=patron()), Gallery(name="Uffizi", patron=patron("Piero", LATER))

    changes = diff(before, json.loads(after.to_json()))

    assert str(changes) == "~ patron: ['Cosimo', datetime.date(1434, 1, 1)] -> ['Piero', '1469-01-01']"
    assert "<del>Cosimo, 1434-01-01</del> → <ins>Piero, 1469-01-01</ins>" in changes.as_html()
    apply(changes, before)
    assert (before.patron.name, before.patron.since, before.patron.pk) == ("Piero", LATER, None)


@pytest.mark.parametrize("value", [["Cosimo"], ["Cosimo", "1434-01-01", 1], ["Cosimo", {}], [["Cosimo"], None], {}])
def test_what_is_no_natural_key_is_another_value_and_none_that_a_field_can_have(value):
    draft = Gallery(name="Uffizi", patron=patron())
    data = {**draft.serializable_data(), "patron": value}

    changes = diff(draft, data)

    assert [change.path for change in changes] == ["patron"]
    assert not diff(data, data, model=Gallery)
    assert changes.as_html()
    with pytest.raises(DiffMismatchError, match="is no value that patron can have"):
        apply(changes, draft)


@pytest.mark.django_db
def test_links_to_targets_without_key_are_told_apart_by_natural_key():
    stored = Patron.objects.create(name="Lorenzo", since=LATER)
    before = Gallery(name="Uffizi", friends=[patron(), stored])
    after = Gallery(name="Uffizi", friends=[stored, patron("Piero"), patron()])

    changes = diff(before, after)

    assert [(change.kind, change.target) for change in changes] == [("linked", ["Piero", DAY])]
    assert "<ins>Piero, 1434-01-01</ins>" in changes.as_html()
    with pytest.raises(DiffMismatchError, match="There is no patron with key"):
        apply(changes, before)
    apply(diff(after, before), after)
    assert [each.name for each in after.friends.all()] == ["Lorenzo", "Cosimo"]


def test_all_that_name_a_target_get_the_same_one():
    data = {"name": "x", "dishes": [{"name": name, "supplier": ["Ann", "Bern"]} for name in ("soup", "stew")]}
    place = Place(name="x")

    apply(diff(place, data), place)

    soup, stew = place.dishes.get_object_list()
    assert soup.supplier is stew.supplier
    assert (soup.supplier.name, soup.supplier.city, soup.supplier.pk) == ("Ann", "Bern", None)
