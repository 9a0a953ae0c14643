"""A copy is equal to its source but for the keys, and shares no row with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from tests.roundtrip.archives import archives
from tests.upgrade.app.models import Archive, Document, Shelf

KEYS = {"pk", "archive", "shelf"}


def without_keys(row: dict[str, Any]) -> dict[str, Any]:
    """Return the data of a cluster without the keys that a copy has of its own, and without order, as there is none."""
    return {
        name: sorted(map(without_keys, value), key=json.dumps) if name in {"shelves", "documents"} else value
        for name, value in row.items()
        if name not in KEYS
    }


def keys(archive: Archive) -> set[Any]:
    shelves = Shelf.objects.filter(archive=archive)
    documents = Document.objects.filter(shelf__archive=archive)
    return {("archive", archive.pk), *(("shelf", each.pk) for each in shelves), *(each.pk for each in documents)}


@given(archives())
def test_a_copy_in_memory_is_equal_and_its_source_untouched(archive):
    before = archive.to_json()

    copied, _ = archive.copy_cluster()

    assert without_keys(json.loads(copied.to_json())) == without_keys(json.loads(before))
    assert archive.to_json() == before


@pytest.mark.django_db
@given(archives())
def test_a_copy_in_the_database_is_equal_and_disjoint(archive):
    archive.save()
    source = Archive.objects.get(pk=archive.pk)
    before = source.to_json()

    copied, _ = source.copy_cluster()
    copied.save()

    assert without_keys(json.loads(copied.to_json())) == without_keys(json.loads(before))
    assert Archive.objects.get(pk=archive.pk).to_json() == before
    assert keys(copied).isdisjoint(keys(source))
    assert len(keys(copied)) == len(keys(source))
