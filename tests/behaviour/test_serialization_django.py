from __future__ import annotations

import json

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db.models import Prefetch

from tests.support import build_full_band, stored_rows
from tests.testapp.models import Album, Band, Festival, Genre, Member, Venue

FORMATS = ["json", "xml", "jsonl", "python"]


@pytest.fixture
def rock(db):
    return Genre.objects.create(name="rock")


@pytest.mark.parametrize("format_", FORMATS)
def test_held_links_are_serialized(rock, format_):
    band = Band(pk=5, name="Blur", genres=[rock])

    (loaded,) = serializers.deserialize(format_, serializers.serialize(format_, [band]))

    assert loaded.object.name == "Blur"
    assert [int(key) for key in loaded.m2m_data["genres"]] == [rock.pk]
    assert band.genres.is_deferring


@pytest.mark.parametrize("format_", FORMATS)
def test_links_that_are_prefetched_with_more_are_serialized_by_natural_key(rock, format_, monkeypatch):
    monkeypatch.setattr(Genre, "natural_key", lambda genre: (genre.name,), raising=False)
    band = Band(name="Blur", genres=[rock])
    band.save()
    links = Prefetch("genres", Genre.objects.prefetch_related("bands"))

    data = serializers.serialize(format_, Band.objects.prefetch_related(links), use_natural_foreign_keys=True)

    assert "rock" in str(data)


def test_held_children_are_objects_of_their_own(rock):
    band = Band(pk=5, name="Blur", members=[Member(pk=1, name="Damon")])

    data = json.loads(serializers.serialize("json", [band, *band.members.all()]))

    assert [(each["model"], each["pk"]) for each in data] == [("testapp.band", 5), ("testapp.member", 1)]
    assert data[1]["fields"]["band"] == 5
    assert "members" not in data[0]["fields"]


@pytest.mark.parametrize("format_", FORMATS)
def test_saving_what_was_deserialized_writes_its_links(rock, format_):
    text = serializers.serialize(format_, [Band(pk=5, name="Blur", genres=[rock])])

    for loaded in serializers.deserialize(format_, text):
        loaded.save()

    band = Band.objects.get()
    assert (band.pk, band.name, list(band.genres.all())) == (5, "Blur", [rock])
    assert not loaded.object.genres.is_deferring


def test_saving_without_links_leaves_them(rock):
    band = Band.objects.create(name="Blur")
    band.genres = [rock]
    band.save()
    text = json.dumps([{"model": "testapp.band", "pk": band.pk, "fields": {"name": "new", "genres": []}}])

    for loaded in serializers.deserialize("json", text):
        loaded.save(save_m2m=False)

    assert (Band.objects.get().name, list(Band.objects.get().genres.all())) == ("new", [rock])


@pytest.mark.parametrize("given", [[], ["rock"]], ids=["no links", "links"])
def test_what_is_set_after_a_deserialized_object_was_saved_is_held(rock, given):
    keys = [rock.pk] if given else []
    text = json.dumps([{"model": "testapp.band", "pk": 5, "fields": {"name": "Blur", "genres": keys}}])
    (loaded,) = serializers.deserialize("json", text)
    loaded.save()

    band = Band.objects.get()
    band.genres.set([])

    assert band.genres.is_deferring
    assert band.genres.get_live_queryset().count() == len(given)


def test_an_ordinary_save_ends_what_a_raw_one_began(rock):
    (loaded,) = serializers.deserialize(
        "json", json.dumps([{"model": "testapp.band", "pk": 5, "fields": {"name": "Blur"}}])
    )
    loaded.save()
    loaded.object.save()

    loaded.object.genres.set([rock])

    assert loaded.object.genres.is_deferring
    assert Band.genres.through.objects.count() == 0


@pytest.mark.django_db
def test_what_is_dumped_is_loaded_again(tmp_path):
    build_full_band().save()
    Festival(name="Glastonbury", bands=list(Band.objects.all())).save()
    before = stored_rows()
    file = tmp_path / "dump.json"
    call_command("dumpdata", "testapp", output=str(file))
    for model in (Festival, Band, Genre, Venue):
        model.objects.all().delete()

    call_command("loaddata", str(file), verbosity=0)

    after = stored_rows()
    links = {"testapp_band_genres", "testapp_album_genres"}
    assert {table: rows for table, rows in after.items() if table not in links} == {
        table: rows for table, rows in before.items() if table not in links
    }
    # Links have keys of their own, which dumps do not tell.
    assert all({row[1:] for row in after[table]} == {row[1:] for row in before[table]} for table in links)


@pytest.mark.django_db(databases=["default", "other"])
def test_links_are_written_to_the_database_that_is_named(rock):
    Genre.objects.using("other").create(pk=rock.pk, name="rock")
    text = serializers.serialize("json", [Album(pk=5, title="13", band_id=None, genres=[rock])])
    Band.objects.using("other").create(pk=1, name="Blur")

    for loaded in serializers.deserialize("json", text, using="other"):
        loaded.object.band_id = 1
        loaded.save(using="other")

    assert Album.objects.using("other").get().genres.count() == 1
    assert Album.objects.count() == 0
