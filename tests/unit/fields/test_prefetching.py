"""``prefetch_related`` over saved, unsaved and mixed instances."""

from __future__ import annotations

import copy

import pytest
from django.db.models import Prefetch, prefetch_related_objects

from cluster.testing import logged_statements
from tests.support import build_band
from tests.testapp.models import Album, Band, Genre, Hall, Member, Song, Venue

pytestmark = pytest.mark.django_db


def live_band(name: str) -> Band:
    band = Band.objects.create(name=name)
    Member.objects.bulk_create([Member(band=band, name=f"{name}{n}") for n in (1, 2)])
    album = Album.objects.create(band=band, title=f"{name} album")
    Song.objects.bulk_create([Song(album=album, title=f"{name} song {n}", track=n) for n in (1, 2)])
    band.genres.through.objects.create(band=band, genre=Genre.objects.get_or_create(name="rock")[0])
    return Band.objects.get(pk=band.pk)


def test_live_instances_are_prefetched_as_in_django():
    live_band("a"), live_band("b")

    with logged_statements() as log:
        bands = list(Band.objects.prefetch_related("members", "albums__songs", "genres"))
        found = [
            (len(band.members.all()), [len(album.songs.all()) for album in band.albums.all()], len(band.genres.all()))
            for band in bands
        ]

    assert len(log.statements) == 5
    assert found == [(2, [2], 1), (2, [2], 1)]


def test_held_and_live_instances_together_cost_one_query_for_the_live_ones():
    held, live, other = build_band(name="held", members=3), live_band("a"), live_band("b")

    with logged_statements() as log:
        prefetch_related_objects([held, live, other], "members")
        counts = [len(band.members.all()) for band in (held, live, other)]
        prefetched = [band.members.all()._result_cache is not None for band in (live, other)]

    assert len(log.statements) == 1
    assert counts == [3, 2, 2]
    assert prefetched == [True, True]


def test_unsaved_instances_alone_cost_no_query():
    bands = [build_band(name=name) for name in "ab"]
    genre = Genre.objects.create(name="rock")
    bands[0].genres = bands[1].genres = [genre]

    with logged_statements() as log:
        prefetch_related_objects(bands, "members", "albums__songs", "genres")

    assert log.statements == []
    assert [list(band.genres.all()) for band in bands] == [[genre], [genre]]


def test_nested_lookups_go_on_below_held_and_live_instances():
    held, live = build_band(name="held", albums=2), live_band("a")
    songs = [song for album in held.albums.all() for song in album.songs.all()]

    with logged_statements() as log:
        prefetch_related_objects([held, live], "albums__songs__credits")
        live_songs = [song for album in live.albums.all() for song in album.songs.all()]
        found = [list(song.credits.all()) for song in (*songs, *live_songs)]

    assert found == [[], [], [], [], [], []]
    assert len(log.statements) == 3


def test_a_prefetch_object_with_a_queryset_filters_orders_and_slices_in_memory():
    held, live = build_band(name="held", members=3), live_band("a")
    members = Member.objects.order_by("-name")

    prefetch_related_objects([held, live], Prefetch("members", members[:1], to_attr="last"))
    prefetch_related_objects([held, live], Prefetch("members", members.filter(name__contains="1"), to_attr="ones"))

    assert [[member.name for member in band.last] for band in (held, live)] == [["member 2"], ["a2"]]
    assert [[member.name for member in band.ones] for band in (held, live)] == [["member 1"], ["a1"]]


def test_a_prefetch_object_without_to_attr_leaves_what_is_held_whole():
    held, live = build_band(name="held", members=3), live_band("a")
    lookup = Prefetch("members", Member.objects.filter(name__contains="1"))

    prefetch_related_objects([held, live], lookup)

    assert [len(band.members.all()) for band in (held, live)] == [3, 1]
    assert [member.name for member in live.members.all()] == ["a1"]


def test_lookups_of_the_inner_queryset_are_followed():
    held, live = build_band(name="held"), live_band("a")

    prefetch_related_objects([held, live], Prefetch("albums", Album.objects.prefetch_related("songs"), to_attr="found"))

    with logged_statements() as log:
        songs = [[len(album.songs.all()) for album in band.found] for band in (held, live)]
    assert songs == [[2, 2], [2]]
    assert log.statements == []


def test_what_was_prefetched_is_the_baseline_of_a_change_and_forgotten():
    live_band("a")
    band = Band.objects.prefetch_related("members").get()

    with logged_statements() as log:
        band.members.add(Member(name="new"))
        names = [member.name for member in band.members.all()]
    band.save()

    assert log.statements == []
    assert names == ["a1", "a2", "new"]
    assert Member.objects.count() == 3
    assert band.members.count() == 3


def test_a_copy_of_prefetched_instances_keeps_what_was_prefetched():
    live_band("a")
    band = copy.copy(Band.objects.prefetch_related("members").get())

    with logged_statements() as log:
        assert len(band.members.all()) == 2

    assert log.statements == []


def test_what_was_prefetched_of_a_multi_table_parent_is_forgotten_with_a_change():
    Hall.objects.create(name="x", genres=[Genre.objects.create(name="rock")])
    venue = Venue.objects.select_related("hall").prefetch_related("genres").get()

    venue.hall.genres.add(Genre.objects.create(name="jazz"))
    venue.hall.genres.commit()

    assert [genre.name for genre in venue.genres.all()] == ["jazz", "rock"]
    assert [genre.name for genre in venue.hall.genres.all()] == ["jazz", "rock"]


def test_what_was_prefetched_of_a_multi_table_child_is_forgotten_with_a_change():
    Hall.objects.create(name="x", genres=[Genre.objects.create(name="rock")])
    hall = Hall.objects.prefetch_related("genres").get()

    hall.genres.clear()

    assert hall._prefetched_objects_cache == {}
    assert not hall.genres.exists()
