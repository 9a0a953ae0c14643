"""Held querysets that read: prefetching while iterating, fetch modes, dates, and parts of the list."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import pytest
from django.db import connection, models
from django.db.models import Exists, F, Func, Lookup, OuterRef, Q, Subquery
from django.test.utils import register_lookup
from django.utils import timezone

from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet, ListSource, held_queryset, register_function
from cluster.queryset import register_lookup as give_meaning
from tests.differential.app.models import Specimen
from tests.faults.app.models import Poster, Shelf
from tests.support import build_band
from tests.testapp.models import Album, Band, Collaboration, Label, Member, Song

pytestmark = pytest.mark.django_db

with_fetch_modes = pytest.mark.skipif(not hasattr(models, "FETCH_PEERS"), reason="Django 6.1 has fetch modes")


@pytest.fixture
def albums() -> list[Album]:
    """Stored albums of one band, on two labels."""
    band = build_band(albums=3)
    band.save()
    labels = [Label.objects.create(name=name) for name in ("one", "two")]
    for album, label in zip(band.albums.all(), [labels[0], labels[1], labels[0]], strict=True):
        Album.objects.filter(pk=album.pk).update(label=label)
    return list(Album.objects.order_by("pk"))


def test_iterating_in_chunks_prefetches_for_each(albums: list[Album], django_assert_num_queries: Any) -> None:
    held = FakeQuerySet(Album, albums).order_by("pk").prefetch_related("songs", "label")

    with django_assert_num_queries(4):
        found = list(held.iterator(chunk_size=2))
    with django_assert_num_queries(0):
        assert [len(album.songs.all()) for album in found] == [2, 2, 2]
        assert [album.label.name for album in found] == ["one", "two", "one"]
    assert found == albums


def test_iterating_with_prefetching_needs_a_chunk_size(albums: list[Album]) -> None:
    with pytest.raises(ValueError, match="chunk_size must be provided"):
        FakeQuerySet(Album, albums).prefetch_related("songs").iterator()


@pytest.mark.parametrize("kind", ["year", "month", "week", "day", "hour", "minute", "second"])
@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_datetimes_are_those_of_the_database(kind: Any, order: str) -> None:
    if not connection.features.has_zoneinfo_database:
        pytest.skip("This server was not told about time zones.")
    moments = [
        datetime.datetime(2024, 3, 30, 23, 30, tzinfo=datetime.UTC),
        datetime.datetime(2024, 3, 31, 0, 30, 5, tzinfo=datetime.UTC),
        datetime.datetime(2024, 12, 31, 23, 30, tzinfo=datetime.UTC),
        None,
        datetime.datetime(2024, 3, 30, 23, 30, tzinfo=datetime.UTC),
    ]
    Specimen.objects.bulk_create([Specimen(datetime=moment) for moment in moments])
    held = held_queryset(Specimen.objects.all(), ListSource(Specimen, list(Specimen.objects.all())))
    zone = zoneinfo.ZoneInfo("Asia/Kathmandu")

    for arguments in ({}, {"tzinfo": zone}):
        found = list(held.datetimes("datetime", kind, order, **arguments))
        assert found == list(Specimen.objects.datetimes("datetime", kind, order, **arguments))
        assert [moment.tzinfo for moment in found] == [arguments.get("tzinfo", timezone.get_current_timezone())] * len(
            found
        )


@with_fetch_modes
def test_a_fetch_mode_means_nothing_to_held_rows(albums: list[Album]) -> None:
    held = FakeQuerySet(Album, albums)

    for mode in (models.FETCH_ONE, models.FETCH_PEERS, models.FETCH_RAISE):  # type: ignore[attr-defined]
        found = list(held.fetch_mode(mode).order_by("pk"))
        assert all(one is other for one, other in zip(found, albums, strict=True))
        assert {album._state.fetch_mode for album in albums} == {models.FETCH_ONE}  # type: ignore[attr-defined]


@with_fetch_modes
def test_rows_that_are_held_keep_the_fetch_mode_of_their_parent(
    albums: list[Album], django_assert_num_queries: Any
) -> None:
    band = Band.objects.fetch_mode(models.FETCH_PEERS).get()  # type: ignore[attr-defined]

    held = band.albums.get_object_list()
    with django_assert_num_queries(1):
        assert [album.label.name for album in band.albums.order_by("pk")] == ["one", "two", "one"]
    assert list(held) == list(band.albums.all())


@with_fetch_modes
def test_what_a_query_in_memory_needs_is_fetched_in_any_mode(
    albums: list[Album], django_assert_num_queries: Any
) -> None:
    for mode in (models.FETCH_PEERS, models.FETCH_RAISE):  # type: ignore[attr-defined]
        loaded = list(Album.objects.fetch_mode(mode).order_by("pk"))
        with django_assert_num_queries(1):
            assert list(FakeQuerySet(Album, loaded).filter(label__name="two")) == [albums[1]]


class Among(Lookup):
    """Says what ``in`` says, in a lookup whose list may hold anything."""

    lookup_name = "among"
    prepare_rhs = False


def test_a_list_with_expressions_is_worked_out_for_a_lookup_of_the_projects_own() -> None:
    give_meaning(Among, lambda left, right: left in right)
    albums = [Album(title="a", position=1), Album(title="b", position=2), Album(title="b", position=3)]
    songs = [Song(album=album, title="b", track=track) for track, album in enumerate(albums, 2)]

    with register_lookup(models.CharField, Among):
        found = FakeQuerySet(Song, songs).filter(title__among=["x", F("album__title")])
        assert [song.track for song in found] == [3, 4]
        assert len(FakeQuerySet(Song, songs).filter(title__among=["b", "c"])) == 3


def test_two_conditions_of_one_exclude_must_both_hold() -> None:
    songs = [Song(title="a", track=1), Song(title="a", track=2), Song(title="b", track=1)]

    assert list(FakeQuerySet(Song, songs).order_by("title").exclude(title="a", track=1)) == songs[1:]


def test_an_exclude_whose_table_stands_for_another_relation_is_refused() -> None:
    band = Band(name="x")
    bands = FakeQuerySet(Band, [band])
    band.hosted = [Collaboration(title="a")]
    band.visits = [Collaboration(title="b")]

    with pytest.raises(NotInMemoryError, match="Exclude by it in a call of its own"):
        bands.filter(Q(hosted__title="a") & ~Q(visits__title="a"))
    assert list(bands.filter(hosted__title="a").exclude(visits__title="a")) == [band]
    assert list(bands.filter(hosted__title="a").exclude(visits__title="b")) == []


def test_a_subquery_of_two_live_querysets_is_asked_row_by_row(
    albums: list[Album], django_assert_num_queries: Any
) -> None:
    held = FakeQuerySet(Album, albums).order_by("pk")
    either = Song.objects.filter(album=OuterRef("pk"), track=1) | Song.objects.filter(track=99)

    with django_assert_num_queries(3):
        assert list(held.filter(Exists(either))) == albums


def test_a_subquery_is_tied_by_a_field_that_gives_values_of_its_own() -> None:
    shelf = Shelf.objects.create(name="s")
    Poster.objects.create(shelf=shelf, words=["go", "on"], motto=["up"])
    Poster.objects.create(shelf=shelf, words=["no"], motto=["down"])
    posters = held_queryset(Poster.objects.order_by("pk"), ListSource(Poster, list(Poster.objects.order_by("pk"))))
    motto = Subquery(Poster.objects.filter(words=OuterRef("words")).values("shelf__name")[:1])

    assert list(posters.annotate(found=motto).values_list("found", flat=True)) == ["s", "s"]


def test_an_empty_slice_works_nothing_out() -> None:
    seen: list[Any] = []
    register_function(Watched, seen.append)
    members = FakeQuerySet(Member, [Member(name="a")])

    for empty in (members.annotate(x=Watched("name"))[0:0], members.annotate(x=Watched("name")).filter(x=1)[2:2]):
        assert list(empty) == []
        assert not empty.exists()
        assert empty.count() == 0
    assert seen == []


def test_an_empty_slice_fetches_nothing(albums: list[Album], django_assert_num_queries: Any) -> None:
    queryset = FakeQuerySet(Album, albums).filter(songs__track=1)

    with django_assert_num_queries(0):
        assert list(queryset[1:1]) == list(queryset.none()) == []
        assert list(FakeQuerySet(Album, albums).order_by("pk").filter(label__name="one")[0:0]) == []
        assert queryset.none().aggregate(n=models.Count("songs")) == {"n": 0}


class Watched(Func):
    """Notes what it is called with."""

    function = "WATCHED"
    output_field = models.CharField()


def test_what_is_filtered_and_excluded_over_one_relation_is_read_once(
    albums: list[Album], django_assert_num_queries: Any
) -> None:
    queryset = FakeQuerySet(Album, albums).order_by("pk")

    with django_assert_num_queries(1):
        assert list(queryset.filter(songs__track=1).exclude(songs__track=99)) == albums
