"""The laws of differences over clusters with every kind of field, as snapshots, as JSON and as instances."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from cluster.comparing import apply, diff, diff_from_database, merge
from tests.roundtrip.archives import archives
from tests.upgrade.app.models import Archive


@given(archives(), archives())
def test_applying_the_difference_of_two_snapshots_to_the_first_gives_the_second(first, second):
    before, after = first.serializable_data(), second.serializable_data()

    assert apply(diff(before, after, model=Archive), before) == after


@given(archives(), archives())
def test_applying_the_difference_of_two_json_texts_to_the_first_gives_the_second(first, second):
    before, after = json.loads(first.to_json()), json.loads(second.to_json())

    assert apply(diff(before, after, model=Archive), before) == after


@given(archives())
def test_a_cluster_its_snapshot_and_its_json_do_not_differ(archive):
    data, text = archive.serializable_data(), json.loads(archive.to_json())

    assert str(diff(archive, data)) == ""
    assert str(diff(data, text, model=Archive)) == ""
    assert str(diff(archive, text)) == ""


@given(archives(), archives())
def test_applying_the_difference_of_two_clusters_to_the_first_makes_it_the_second(first, second):
    apply(diff(first, second), first)

    assert str(diff(first, second)) == ""
    assert first.serializable_data() == second.serializable_data()


@pytest.mark.slow
@pytest.mark.django_db
@given(archives(), archives())
def test_a_stored_cluster_becomes_what_a_difference_says_when_it_is_saved(first, second):
    first.save()
    stored = Archive.objects.get(pk=first.pk)

    apply(diff(stored, json.loads(second.to_json())), stored)
    stored.save()

    again = Archive.objects.get(pk=first.pk)
    # The rows have keys of their own, and an order in memory alone.
    assert [str(change) for change in diff(again, second) if change.kind != "moved" and change.path != "pk"] == []
    assert not diff_from_database(again)


@given(archives(), archives())
def test_merging_with_a_version_without_change_gives_the_other(first, second):
    base, changed = first.serializable_data(), second.serializable_data()

    mine, theirs = merge(base, changed, base, model=Archive), merge(base, base, changed, model=Archive)

    assert (mine.data, mine.conflicts) == (changed, ())
    assert (theirs.data, theirs.conflicts) == (changed, ())


@given(archives(), archives())
def test_the_same_change_on_both_sides_is_no_conflict(first, second):
    base, changed = first.serializable_data(), second.serializable_data()

    merged = merge(base, changed, second.serializable_data(), model=Archive)

    assert (merged.data, merged.conflicts) == (changed, ())
