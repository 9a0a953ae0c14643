from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from tests.roundtrip.app.models import Deed, Seal, Vault
from tests.roundtrip.archives import VALUES, archives
from tests.support import build_full_band
from tests.testapp.models import Band
from tests.upgrade.app.models import Archive, Document, EveryField, Shelf

LEVELS = [
    ("root", lambda archive: [archive]),
    ("children", lambda archive: list(archive.shelves.all())),
    ("grandchildren", lambda archive: [each for shelf in archive.shelves.all() for each in shelf.documents.all()]),
]


def values_of(instance):
    """The values of every field, as they are in memory."""
    names = [field.name for field in EveryField._meta.get_fields()]
    return {name: getattr(instance, name) for name in names}


def test_the_strategies_know_every_field():
    assert VALUES.keys() == {field.name for field in EveryField._meta.get_fields()}


@given(archives())
def test_data_in_equals_data_out(archive):
    data = archive.serializable_data()

    loaded = Archive.from_serializable_data(data, check_fks=False)

    assert loaded.serializable_data() == data


@given(archives())
def test_json_in_equals_json_out(archive):
    text = archive.to_json()

    loaded = Archive.from_json(text, check_fks=False)

    assert loaded.to_json() == text


@given(archives())
def test_every_value_comes_back_on_every_level(archive):
    loaded = Archive.from_json(archive.to_json(), check_fks=False)

    for _, level in LEVELS:
        assert [values_of(each) for each in level(loaded)] == [values_of(each) for each in level(archive)]


def in_key_order(value: Any) -> Any:
    """Return parsed JSON with rows by key, for without an ordering a database gives them as it likes."""
    if isinstance(value, dict):
        return {name: in_key_order(each) for name, each in value.items()}
    if isinstance(value, list):
        rows = [in_key_order(each) for each in value]
        return sorted(rows, key=lambda row: repr(row.get("pk") if isinstance(row, dict) else row))
    return value


@pytest.mark.django_db
@given(archives())
def test_a_saved_archive_comes_back_from_its_json(archive):
    archive.save()
    before = Archive.objects.get(pk=archive.pk).to_json()
    stored = in_key_order(json.loads(before))
    Archive.objects.all().delete()

    Archive.from_json(before).save()

    assert in_key_order(json.loads(Archive.objects.get(pk=archive.pk).to_json())) == stored


@pytest.mark.django_db
@given(archives())
def test_the_json_of_what_is_in_memory_is_that_of_the_rows(archive):
    archive.save()
    archive = Archive.objects.prefetch_related("shelves__documents").get(pk=archive.pk)
    held = Archive.objects.get(pk=archive.pk)
    for shelf in held.shelves.get_object_list():
        shelf.documents.get_object_list()

    live = Archive.objects.get(pk=archive.pk).to_json()

    assert in_key_order(json.loads(held.to_json())) == in_key_order(json.loads(live))
    assert in_key_order(json.loads(archive.to_json())) == in_key_order(json.loads(live))


@pytest.mark.django_db
def test_a_full_band_comes_back_under_its_keys():
    band = build_full_band()
    band.save()
    text = Band.objects.get().to_json()
    Band.objects.all().delete()

    Band.from_json(text).save()

    assert in_key_order(json.loads(Band.objects.get().to_json())) == in_key_order(json.loads(text))


@pytest.mark.django_db
def test_a_child_whose_key_is_that_of_its_parent_comes_back():
    Vault(name="Bank", deeds=[Deed(text="house", seals=[Seal(colour="red"), Seal(colour="blue")])]).save()
    text = Vault.objects.get().to_json()
    Deed.objects.all().delete()

    Vault.from_json(text).save()

    assert set(Deed.objects.values_list("text", "seals__colour")) == {("house", "red"), ("house", "blue")}
    assert Vault.objects.get().to_json() == text


def test_a_keyed_cluster_that_was_never_saved_keeps_its_children():
    shelf = Shelf(documents=[Document(char="kept")])

    loaded = Archive.from_json(Archive(shelves=[shelf]).to_json(), check_fks=False)

    (document,) = loaded.shelves.get_object_list()[0].documents.get_object_list()
    assert document.pk == shelf.documents.get().pk
    assert document.char == "kept"


@pytest.mark.parametrize("digits", ["0.1", "1E+3", "-0.0000", "123456789.0001"])
def test_decimals_keep_their_digits(digits):
    text = Archive(decimal=Decimal(digits)).to_json()

    assert str(Archive.from_json(text).decimal) == digits
    assert json.loads(text)["decimal"] == digits
