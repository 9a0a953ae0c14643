from __future__ import annotations

import io
import json
import uuid

import pytest

from cluster.collector import LINK, Collector, load
from cluster.errors import UnsavedParentError
from tests.support import build_band, build_full_band
from tests.testapp.models import (
    Album,
    Band,
    Festival,
    Genre,
    Hall,
    Label,
    Playlist,
    Room,
    Song,
    Stop,
    Tour,
)  # fmt: skip

pytestmark = pytest.mark.django_db


def test_an_unsaved_cluster_is_collected_with_what_it_holds(django_assert_num_queries):
    band = build_band()

    with django_assert_num_queries(0):
        collection = Collector(band).collect()

    assert collection.owned == {"testapp.Album": 2, "testapp.Band": 1, "testapp.Member": 2, "testapp.Song": 4}
    assert next(iter(collection)) is band


def test_an_unsaved_cluster_is_dumped_and_loaded_as_a_copy():
    band = build_full_band()
    stream = io.StringIO()

    manifest = Collector(band).dump(stream)
    report = load(io.StringIO(stream.getvalue()), "copy", manifest=manifest)

    stored = Band.objects.get()
    assert report.of("inserted")["testapp.Song"] == 4
    assert report.of("linked") == {"testapp.Genre": 2, "testapp.Person": 1}
    assert [album.title for album in stored.albums.all()] == [album.title for album in band.albums.all()]
    assert {genre.name for genre in stored.genres.all()} == {"rock", "folk"}
    assert Song.objects.filter(album__band=stored, verses__position=2).count() == 4
    assert Album.objects.filter(genres__name="rock").count() == 2


@pytest.mark.parametrize(
    ("build", "models"),
    [
        pytest.param(lambda: Tour(name="t", stops=[Stop(number=1)]), {"testapp.tour", "testapp.stop"}, id="composite"),
        pytest.param(lambda: Playlist(title="p"), {"testapp.playlist"}, id="uuid"),
        pytest.param(
            lambda: Hall(name="h", seats=3, rooms=[Room(name="r")]),
            {"testapp.venue", "testapp.hall", "testapp.room"},
            id="two tables",
        ),
    ],
)
def test_unsaved_clusters_of_every_kind_come_back(build, models):
    root = build()
    stream = io.StringIO()

    manifest = Collector(root).dump(stream)
    load(io.StringIO(stream.getvalue()), "copy", manifest=manifest)

    assert {json.loads(line)["model"] for line in stream.getvalue().splitlines()} == models
    assert type(root).objects.count() == 1


def test_a_link_to_an_unsaved_row_is_refused():
    band = Band(name="x")
    band.genres = [Genre(name="unsaved")]

    with pytest.raises(UnsavedParentError, match=r"genres of <Band: x> links to <Genre: unsaved>, which is not saved."):
        Collector(band).collect()


def test_a_saved_cluster_is_collected_from_the_database():
    band = build_full_band()
    band.save()

    collection = Collector(band).collect()

    assert collection.owned["testapp.Credit"] == 4
    assert collection.owned["testapp.Verse"] == 8
    assert collection.referenced["testapp.Genre"] == 2


def test_links_of_the_first_of_two_tables_are_collected():
    rock = Genre.objects.create(name="rock")
    stream = io.StringIO()

    manifest = Collector(Hall(name="h", seats=3, genres=[rock])).dump(stream)
    load(io.StringIO(stream.getvalue()), "copy", manifest=manifest)

    assert Hall.objects.get().genres.get() == rock


def test_a_key_that_is_none_is_made_by_its_default():
    stream = io.StringIO()

    Collector(Playlist(id=None, title="p")).dump(stream)

    assert uuid.UUID(json.loads(stream.getvalue())["pk"]).version == 4


def test_a_foreign_key_that_was_set_to_none_is_null_in_the_file():
    stream = io.StringIO()

    Collector(Band(name="x", label=None)).dump(stream)

    assert json.loads(stream.getvalue())["fields"]["label"] is None


def test_why_tells_what_points_at_a_row_that_an_unsaved_cluster_needs():
    label = Label.objects.create(name="label")
    band = Band(name="x", label=label, albums=[Album(title="a"), Album(title="b", label=label)])

    collection = Collector(band).collect()

    assert str(collection.why(label)) == f"REF by default: testapp.Band -1 -label-> testapp.Label {label.pk}"


def test_what_an_unsaved_cluster_links_to_is_named_by_lookup_fields():
    label = Label.objects.create(name="label")
    band = Band(name="x", albums=[Album(title="a"), Album(title="b", label=label), Album(title="c")])

    manifest = Collector(band, rules={"testapp.Label": LINK}, lookup_fields={"testapp.Label": ["name"]}).dump(
        io.StringIO()
    )

    assert manifest.links == {"testapp.label": [[label.pk, {"name": "label"}]]}


def test_links_that_have_a_model_of_their_own_are_no_values_of_an_unsaved_row():
    band = Band.objects.create(name="saved")
    stream = io.StringIO()

    Collector(Festival(name="f", bands=[band])).dump(stream)

    assert json.loads(stream.getvalue())["fields"] == {"name": "f", "sponsors": []}
