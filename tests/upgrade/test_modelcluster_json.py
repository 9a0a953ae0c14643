from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.upgrade.app.models import EveryField, Keeper, Subject
from tests.upgrade.clusters import CLUSTERS, KEEPER, every_value

FILES = Path(__file__).parent / "modelcluster_6_5"
NAMES = [field.name for field in EveryField._meta.get_fields()]


def text_of(name: str) -> str:
    return (FILES / f"{name}.json").read_text(encoding="utf-8")


def values_of(instance):
    return {name: getattr(instance, name) for name in NAMES}


def load(name, **options):
    return type(CLUSTERS[name]()).from_json(text_of(name), **{"check_fks": False, **options})


def test_a_file_is_kept_of_every_cluster():
    assert {path.stem for path in FILES.glob("*.json")} == CLUSTERS.keys()


@pytest.mark.parametrize("name", CLUSTERS)
def test_what_modelcluster_wrote_is_what_this_package_writes(name):
    written = json.loads(text_of(name))
    if name == "ledger":
        # A value that the database makes is not data.
        assert written.pop("sheets") == 2

    assert json.loads(load(name).to_json()) == written


def test_every_value_arrives_on_every_level():
    archive = load("full_archive")

    (shelf,) = archive.shelves.all()
    (document,) = shelf.documents.all()
    for instance in (archive, shelf, document):
        assert values_of(instance) == every_value()
    assert shelf.keeper_id == KEEPER
    assert [subject.pk for subject in archive.subjects.get_object_list()] == [1, 2]


def test_an_archive_in_two_tables_has_its_key_in_both():
    museum = load("museum")

    assert (museum.pk, museum.id, museum.archive_ptr_id) == (9, 9, 9)
    assert museum.visitors == 100
    assert [exhibit.title for exhibit in museum.exhibits.all()] == ["drum", "bass"]


def test_nested_boxes_arrive():
    outer = load("boxes")

    assert outer.boxes.get().boxes.get().label == "inner"


@pytest.mark.django_db
def test_what_modelcluster_wrote_is_saved_and_read_back():
    Keeper.objects.create(pk=KEEPER, name="Mal")
    Subject.objects.bulk_create([Subject(pk=1, name="songs"), Subject(pk=2, name="letters")])

    load("full_archive", check_fks=True).save()

    (archive,) = type(CLUSTERS["full_archive"]()).objects.all()
    assert json.loads(archive.to_json()) == json.loads(text_of("full_archive"))
