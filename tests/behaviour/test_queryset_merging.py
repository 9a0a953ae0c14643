"""``|``, ``&`` and ``^`` of held querysets: of several lists, of slices, before anything has a key."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Count

from cluster.queryset import FakeQuerySet
from tests.testapp.models import Album, Band, Song, Stop, Tour

pytestmark = pytest.mark.django_db

Ask = Callable[[Any, Any], Any]

SONGS = ["a", "b", "c", "d"]


@pytest.fixture
def songs() -> list[Song]:
    return [Song(title=title, track=track) for track, title in enumerate(SONGS)]


SEVERAL: dict[str, tuple[Ask, str]] = {
    "or": (lambda one, two: one | two, "abcd"),
    "and": (lambda one, two: one & two, "bc"),
    "xor": (lambda one, two: one ^ two, "ad"),
    "or of filters": (lambda one, two: one.filter(track=0) | two.filter(track__gte=2), "acd"),
    "or of what only the other list has": (lambda one, two: one.filter(track=3) | two.filter(track=0), ""),
    "then filtered": (lambda one, two: (one | two).filter(track__gt=1), "cd"),
    "then excluded": (lambda one, two: (one | two).exclude(title="b"), "acd"),
    "three": (lambda one, two: one.filter(track=0) | two.filter(track=3) | one.filter(track=1), "abd"),
    "ordered": (lambda one, two: one.order_by("-title") | two, "dcba"),
    "slice or": (lambda one, two: one[:1] | two.filter(track=3), "ad"),
    "or slice": (lambda one, two: two.filter(track=3) | one[:1], "ad"),
    "xor of slices": (lambda one, two: one[1:] ^ two[:1], "c"),
    "slice or of one list": (lambda one, two: one[:1] | one.filter(track=2), "ac"),
    "with none": (lambda one, two: one.none() | two, "bcd"),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_querysets_of_several_lists_are_merged_by_identity(name: str, songs: list[Song]) -> None:
    ask, expected = SEVERAL[name]
    one, two = FakeQuerySet(Song, songs[:3]), FakeQuerySet(Song, songs[1:])

    found = ask(one, two)

    assert "".join(song.title for song in found) == expected
    assert found.count() == len(expected)
    assert all(any(song is own for own in songs) for song in found)


def test_what_is_merged_follows_the_lists_until_it_is_evaluated(songs: list[Song]) -> None:
    first: list[Any] = songs[:1]
    merged = FakeQuerySet(Song, first) | FakeQuerySet(Song, songs[3:])

    first.append(songs[1])

    assert [song.title for song in merged] == ["a", "b", "d"]


def test_relations_of_two_parents_are_merged(django_assert_num_queries: Any) -> None:
    bands = [Band(name=name, albums=[Album(title=f"{name}{n}") for n in (1, 2)]) for name in "xy"]
    one, two = (band.albums.all() for band in bands)

    with django_assert_num_queries(0):
        merged = (one.filter(title__endswith="1") | two).annotate(n=Count("songs"))
        assert [(album.title, album.n) for album in merged.order_by("title")] == [("x1", 0), ("y1", 0), ("y2", 0)]
        assert list(one.filter(title="x1") | one.filter(title="x2")) == list(one)


def test_instances_of_one_row_in_two_lists_are_one_row() -> None:
    band = Band(name="x", albums=[Album(title=title) for title in "abc"])
    band.save()
    first, second = (Band.objects.get() for _ in range(2))
    some = first.albums.get_object_list()
    first.albums.remove(some[2])
    second.albums.get_object_list()

    one, two = first.albums.all(), second.albums.all()

    assert [album.title for album in (one & two).order_by("title")] == ["a", "b"]
    assert [album.title for album in (one | two).order_by("title")] == ["a", "b", "c"]
    assert [album.title for album in one ^ two] == ["c"]
    assert [album.band is first for album in (one | two).order_by("title")] == [True, True, False]


def test_merged_rows_are_changed_in_their_lists() -> None:
    bands = [Band(name=name, albums=[Album(title=f"{name}1"), Album(title=f"{name}2")]) for name in "xy"]
    merged = bands[0].albums.filter(title="x1") | bands[1].albums.filter(title="y2")

    assert merged.update(position=5) == 2
    assert merged.create(title="new").band is bands[0]
    assert merged.delete()[0] == 2
    assert [[album.title for album in band.albums.all()] for band in bands] == [["x2", "new"], ["y1"]]


def test_merged_rows_are_found_by_key_and_pickled() -> None:
    merged = FakeQuerySet(Song, [Song(pk=1, title="a")]) | FakeQuerySet(Song, [Song(pk=2, title="b")])

    assert merged.get(pk=2).title == "b"
    assert merged.first().pk == 1
    assert [song.title for song in pickle.loads(pickle.dumps(merged))] == ["a", "b"]
    assert [song.title for song in pickle.loads(pickle.dumps(merged.all())).filter(pk=2)] == ["b"]
    assert merged._source.by_key(2).title == "b"  # type: ignore[union-attr]
    assert not merged._source.in_key_order()


def test_merged_rows_stand_for_their_keys_in_the_database() -> None:
    album = Album.objects.create(band=Band.objects.create(name="x"), title="y")
    songs = [Song.objects.create(album=album, title=title, track=1) for title in "abc"]
    merged = FakeQuerySet(Song, songs[:1]) | FakeQuerySet(Song, songs[2:])

    assert [song.title for song in Song.objects.filter(pk__in=merged).order_by("title")] == ["a", "c"]
    assert [song.title for song in (merged | Song.objects.filter(title="b")).order_by("title")] == ["a", "b", "c"]


def test_merged_rows_stand_in_a_subquery_in_memory(songs: list[Song]) -> None:
    merged = FakeQuerySet(Song, songs[:1]) | FakeQuerySet(Song, songs[3:])

    assert [song.title for song in FakeQuerySet(Song, songs).filter(title__in=merged.values("title"))] == ["a", "d"]


def test_rows_with_composite_keys_are_merged() -> None:
    tour = Tour(pk=1)
    stops = [Stop(tour=tour, number=number) for number in (1, 2, 3)]

    merged = FakeQuerySet(Stop, stops[:1]) | FakeQuerySet(Stop, stops)[2:]

    assert [stop.number for stop in merged] == [1, 3]
