"""What is changed between a save and the rollback of the block around it is not lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from cluster.errors import StaleClusterError
from tests.faults.app.models import Box, Diary, Page, Shelf, Thing
from tests.support import build_band, rolled_back
from tests.testapp.models import (
    Act,
    Album,
    Appearance,
    Band,
    Dance,
    Festival,
    Genre,
    Hall,
    Instrument,
    Member,
    Node,
    Playlist,
    Song,
    Stop,
    Tour,
)

pytestmark = pytest.mark.django_db


def new_band() -> Band:
    band = build_band(members=2, albums=1, songs=2)
    band.genres = [Genre.objects.create(name="pop"), Genre.objects.create(name="rock")]
    return band


def stored_band() -> Band:
    new_band().save()
    band = Band.objects.get()
    for album in band.albums.get_object_list():
        album.songs.get_object_list()
    band.members.get_object_list()
    band.genres.get_object_list()
    return band


each_band = pytest.mark.parametrize("build", [new_band, stored_band], ids=["new", "stored"])


def names(band: Band) -> list[str]:
    return sorted(member.name for member in band.members.all())


def stored_names() -> list[str]:
    return sorted(Member.objects.values_list("name", flat=True))


@each_band
def test_what_is_added_is_still_added(build: Callable[[], Band]) -> None:
    band = build()

    with rolled_back():
        band.save()
        band.members.add(Member(name="later"))

    assert names(band) == ["later", "member 0", "member 1"]
    assert all(member.band is band for member in band.members.all())
    band.save()
    assert stored_names() == ["later", "member 0", "member 1"]


@each_band
def test_what_is_removed_is_still_removed(build: Callable[[], Band]) -> None:
    band = build()

    with rolled_back():
        band.save()
        band.members.remove(band.members.get(name="member 0"))

    assert names(band) == ["member 1"]
    band.save()
    assert stored_names() == ["member 1"]


@each_band
def test_what_is_changed_in_reloaded_children_is_changed_in_the_kept_ones(build: Callable[[], Band]) -> None:
    band = build()
    kept = band.members.get_object_list()[0]

    with rolled_back():
        band.save()
        reloaded = band.members.get_object_list()[0]
        reloaded.instrument = "harp"
        kept.name = "changed too"

    assert band.members.get(instrument="harp") is kept
    band.save()
    assert list(Member.objects.filter(instrument="harp").values_list("name", flat=True)) == ["changed too"]


@each_band
def test_content_that_is_declared_is_the_content(build: Callable[[], Band]) -> None:
    band = build()

    with rolled_back():
        band.save()
        band.members = [band.members.get(name="member 1"), Member(name="later")]
        band.genres = [Genre.objects.create(name="gone with the block")]
        band.genres = []

    assert names(band) == ["later", "member 1"]
    assert not band.genres.exists()
    band.save()
    assert stored_names() == ["later", "member 1"]
    assert not Band.objects.get().genres.exists()


@each_band
def test_clearing_is_not_undone(build: Callable[[], Band]) -> None:
    band = build()

    with rolled_back():
        band.save()
        band.members.clear()

    assert names(band) == []
    band.save()
    assert stored_names() == []


@each_band
def test_changes_below_reloaded_children_are_made_below_the_kept_ones(build: Callable[[], Band]) -> None:
    band = build()
    (kept,) = band.albums.get_object_list()

    with rolled_back():
        band.save()
        (album,) = band.albums.get_object_list()
        album.title = "changed"
        album.songs.add(Song(title="later", track=3))
        album.songs.remove(album.songs.get(track=1))
        album.songs.get(track=2).title = "second"

    assert band.albums.get() is kept
    assert [song.title for song in kept.songs.all()] == ["second", "later"]
    assert all(song.album is kept for song in kept.songs.all())
    band.save()
    assert Album.objects.get().title == "changed"
    assert [song.title for song in Album.objects.get().songs.all()] == ["second", "later"]


@each_band
def test_what_is_below_a_child_that_is_declared_again_stays(build: Callable[[], Band]) -> None:
    band = build()
    band.albums.get().songs.add(Song(title="before", track=3))

    with rolled_back():
        band.save()
        band.albums = [*Album.objects.all(), Album(title="later", position=1)]

    band.save()
    assert [album.title for album in Album.objects.all()] == ["album 0", "later"]
    assert [song.track for song in Album.objects.get(title="album 0").songs.all()] == [1, 2, 3]


@each_band
def test_children_that_change_places_within_the_cluster_keep_their_new_places(build: Callable[[], Band]) -> None:
    band = build()
    band.albums.add(Album(title="second", position=1))

    with rolled_back():
        band.save()
        first, second = band.albums.get_object_list()
        second.songs.add(first.songs.get(track=1))

    first, second = band.albums.get_object_list()
    assert [song.track for song in first.songs.all()] == [2]
    assert [song.track for song in second.songs.all()] == [1]
    band.save()
    assert {song.track: song.album.title for song in Song.objects.all()} == {1: "second", 2: "album 0"}


@each_band
def test_a_child_that_another_parent_took_is_not_taken_back(build: Callable[[], Band]) -> None:
    band, other = build(), Band(name="other")
    child = band.members.get(name="member 0")

    with rolled_back():
        band.save()
        other.members.add(child)

    assert names(band) == ["member 1"]
    other.save()
    band.save()
    assert [member.name for member in Band.objects.get(name="other").members.all()] == ["member 0"]
    assert stored_names() == ["member 0", "member 1"]


def test_a_stored_child_that_was_reloaded_and_moved_stays_moved() -> None:
    band, other = stored_band(), Band(name="other")

    with rolled_back():
        band.save()
        other.members.add(band.members.get_object_list()[0])

    assert names(band) == ["member 1"]
    band.save()
    assert stored_names() == ["member 0", "member 1"]
    other.save()
    assert names(Band.objects.get(name="other")) == ["member 0"]


def test_a_new_child_that_was_reloaded_and_moved_is_lost_by_neither_parent() -> None:
    band, other = new_band(), Band(name="other")

    with rolled_back():
        band.save()
        other.members.add(band.members.get_object_list()[0])

    assert names(band) == ["member 0", "member 1"]
    with pytest.raises(StaleClusterError, match="no longer in the database"):
        other.save()


def test_children_that_are_held_after_a_save_of_a_new_parent_without_any_are_kept() -> None:
    band = Band(name="empty")

    with rolled_back():
        band.save()
        band.members.add(Member(name="later"))
        Member.objects.create(band=band, name="gone with the block")

    assert names(band) == ["later"]
    band.save()
    assert stored_names() == ["later"]


def test_a_relation_that_the_save_did_not_write_stays_as_it_is_held() -> None:
    new_band().save()
    band = Band.objects.get()
    band.genres.clear()

    with rolled_back():
        band.save()
        band.members.get_object_list()[0].name = "changed"
        band.members.add(Member(name="later"))

    assert names(band) == ["changed", "later", "member 1"]
    band.save()
    assert stored_names() == ["changed", "later", "member 1"]


def test_a_relation_that_was_left_out_of_the_save_goes_on() -> None:
    band, other = stored_band(), Band(name="other")
    lent, kept = band.members.get_object_list()
    other.members.add(lent)

    with rolled_back():
        band.save(update_fields=["name", "albums"])
        band.members.add(lent)
        other.members.add(kept)

    assert names(band) == ["member 0"]
    band.members.remove(lent)
    band.save()
    other.save()
    assert stored_names() == ["member 1"]


def test_rows_of_others_that_were_read_after_the_save_are_changed_and_removed() -> None:
    band = stored_band()
    for name in ("theirs 1", "theirs 2", "theirs 3"):
        Member.objects.create(band=band, name=name)

    with rolled_back():
        band.save()
        band.members.get(name="theirs 1").instrument = "harp"
        band.members.get_object_list()
        band.members.get(name="theirs 1").instrument = "harp"
        band.members.remove(band.members.get(name="theirs 2"))

    assert names(band) == ["member 0", "member 1", "theirs 1"]
    band.save()
    assert stored_names() == ["member 0", "member 1", "theirs 1", "theirs 3"]
    assert Member.objects.get(instrument="harp").name == "theirs 1"


def test_rows_of_others_below_which_something_was_added_are_held() -> None:
    band = stored_band()
    Album.objects.create(band=band, title="theirs", position=5)

    with rolled_back():
        band.save()
        band.albums.get_object_list()
        band.albums.get(title="theirs").songs.add(Song(title="later"))

    band.save()
    assert Song.objects.get(title="later").album.title == "theirs"


def test_a_row_that_the_declared_content_does_not_have_is_gone_as_it_was_declared() -> None:
    new_band().save()
    band = Band.objects.get()
    band.members = [Member(name="declared")]

    with rolled_back():
        band.save()
        Member.objects.create(band=band, name="of the block")
        band.members.remove(band.members.get(name="of the block"))

    band.save()
    assert stored_names() == ["declared"]


@each_band
def test_links_are_added_and_removed(build: Callable[[], Band]) -> None:
    band, folk = build(), Genre.objects.create(name="folk")

    with rolled_back():
        band.save()
        band.genres.add(folk)
        band.genres.remove(Genre.objects.get(name="rock"))

    band.save()
    assert [genre.name for genre in Band.objects.get().genres.all()] == ["folk", "pop"]


def test_objects_that_were_made_through_links_are_made_again() -> None:
    band = new_band()
    made = band.genres.create(name="made")

    with rolled_back():
        band.save()
        band.genres = [*band.genres.all(), band.genres.create(name="made later")]

    assert made in list(band.genres.all())
    band.save()
    assert [genre.name for genre in Band.objects.get().genres.all()] == ["made", "made later", "pop", "rock"]


def test_what_links_are_to_have_is_kept_for_objects_that_are_declared_again() -> None:
    band = Band.objects.create(name="band")
    festival = Festival(name="festival")
    festival.bands.add(band, through_defaults={"stage": "side"})

    with rolled_back():
        festival.save()
        festival.bands.set([band])

    festival.save()
    assert Appearance.objects.get().stage == "side"


def test_links_that_are_made_anew_have_what_they_were_made_with_last() -> None:
    band, festival = Band.objects.create(name="x"), Festival.objects.create(name="x")
    Appearance.objects.create(festival=festival, band=band, stage="stored")

    with rolled_back():
        festival.bands.remove(band)
        festival.bands.add(band, through_defaults={"stage": "kept"})
        festival.save()
        festival.bands.remove(band)
        festival.bands.add(band, through_defaults={"stage": "later"})

    assert Appearance.objects.get().stage == "stored"
    festival.save()
    assert Appearance.objects.get().stage == "later"


def test_keys_to_reloaded_siblings_become_keys_to_the_kept_ones() -> None:
    shelf = Shelf(name="shelf", boxes=[Box(code="box", position=1)])
    first = Thing(name="first")
    second = Thing(name="second", instead_of=first)
    shelf.boxes.get().things = [first, second, Thing(name="third")]

    with rolled_back():
        shelf.save()
        (box,) = shelf.boxes.get_object_list()
        box.things.get_object_list()
        reloaded = box.things.get(name="first")
        box.things.get(name="third").instead_of = reloaded
        box.things.add(Thing(name="by object", instead_of=reloaded), Thing(name="by key", instead_of_id=reloaded.pk))
        second.name = "changed"

    shelf.save()
    targets = {thing.name: thing.instead_of and thing.instead_of.name for thing in Thing.objects.all()}
    assert targets == {"first": None, "changed": "first", "third": "first", "by object": "first", "by key": "first"}


def test_keys_of_siblings_that_are_declared_again_stay() -> None:
    shelf = Shelf(name="shelf", boxes=[Box(code="box", position=1)])
    first = Thing(name="first")
    shelf.boxes.get().things = [first, Thing(name="second", instead_of=first)]

    with rolled_back():
        shelf.save()
        (box,) = shelf.boxes.all()
        box.things = list(box.things.all())
        shelf.boxes = [box]

    shelf.save()
    assert Thing.objects.get(name="second").instead_of == Thing.objects.get(name="first")


def test_released_children_are_released_again() -> None:
    band = Band(name="band", instruments=[Instrument(name="lent"), Instrument(name="kept")])
    (lent, _) = band.instruments.get_object_list()

    with rolled_back():
        band.save()
        band.instruments.remove(lent)

    band.save()
    assert lent.band is None
    assert [instrument.name for instrument in Instrument.objects.all()] == ["kept"]


def test_changes_between_two_saves_of_one_block_are_not_lost() -> None:
    band = new_band()

    with rolled_back():
        band.save()
        band.members.add(Member(name="between"))
        band.save()
        band.members.add(Member(name="after"))

    assert names(band) == ["after", "between", "member 0", "member 1"]
    band.save()
    assert stored_names() == ["after", "between", "member 0", "member 1"]


def test_a_savepoint_that_is_rolled_back_gives_back_what_it_held_to_the_block_around() -> None:
    band = new_band()

    with transaction.atomic():
        band.save()
        with rolled_back():
            band.members.add(Member(name="within"))
            band.save()
            band.members.remove(band.members.get(name="member 0"))
        assert names(band) == ["member 1", "within"]
        band.save()

    assert stored_names() == ["member 1", "within"]


def test_a_reloaded_child_that_was_saved_by_itself_has_its_own_changes() -> None:
    band = new_band()

    with rolled_back():
        band.save()
        (album,) = band.albums.get_object_list()
        album.songs.add(Song(title="later", track=3))
        album.save()
        album.title = "changed"

    band.save()
    assert Album.objects.get().title == "changed"
    assert Song.objects.filter(title="later").count() == 1


def test_keys_that_are_there_before_their_rows_stay() -> None:
    playlist = Playlist(title="playlist")
    playlist.entries.create(position=1)

    with rolled_back():
        playlist.save()
        playlist.entries.get_object_list()[0].position = 2
        playlist.entries.create(position=3)

    playlist.save()
    assert [entry.position for entry in Playlist.objects.get().entries.all()] == [2, 3]


def test_deep_trees_are_brought_together_without_recursion() -> None:
    root = node = Node(name="0")
    for number in range(1, 200):
        node = node.children.create(name=f"{number}")

    with rolled_back():
        root.save()
        again: Any = root
        while again.children.exists():
            (again,) = again.children.get_object_list()
        again.children.add(Node(name="last"))

    root.save()
    assert Node.objects.count() == 201
    assert Node.objects.get(name="last").parent == Node.objects.get(name="199")


def test_a_key_that_was_taken_back_is_not_found_any_more() -> None:
    band = new_band()
    with rolled_back():
        band.save()
        taken = band.members.get(name="member 0").pk
        assert band.members.get_object_list().by_key((Member, taken)) is not None

    band.members.add(Member(pk=taken, name="another"))

    assert names(band) == ["another", "member 0", "member 1"]


def test_what_a_save_method_adds_is_taken_back_from_a_child_that_held_nothing() -> None:
    shelf = Shelf(name="shelf", diaries=[Diary(title="spring!")])
    (diary,) = shelf.diaries.get_object_list()

    for _ in range(2):
        with rolled_back():
            shelf.save()
        assert not diary.pages.exists()
        diary.refresh_from_db(fields=["pages"])

    shelf.save()
    assert Page.objects.count() == 1


def test_a_commit_that_is_rolled_back_is_taken_back_with_what_came_after() -> None:
    band = stored_band()
    band.members.add(Member(name="before"))
    band.genres.clear()

    with rolled_back():
        band.members.commit()
        band.genres.commit()
        band.members.add(Member(name="after"))

    band.save()
    assert stored_names() == ["after", "before", "member 0", "member 1"]
    assert not Band.objects.get().genres.exists()


def test_rows_of_several_tables_are_changed_by_what_was_loaded_of_one() -> None:
    hall = Hall(name="hall", acts=[Dance(title="tango", style="slow"), Dance(title="polka", style="fast")])

    with rolled_back():
        hall.save()
        tango, polka = hall.acts.get_object_list()
        tango.title = "waltz"
        hall.acts.remove(polka)

    hall.save()
    assert [(dance.title, dance.style) for dance in Dance.objects.all()] == [("waltz", "slow")]
    assert Act.objects.count() == 1


def test_objects_that_were_saved_and_are_added_or_declared_again_are_held_once() -> None:
    band = build_band(members=3, albums=0)
    first, second, third = band.members.get_object_list()

    with rolled_back():
        band.save()
        band.members.remove(first, second)
        band.members.add(second)
        second.name = "changed"

    assert list(band.members.all()) == [second, third]
    assert {member.pk for member in band.members.all()} == {None}

    with rolled_back():
        band.save()
        band.members = [second, third]
    assert list(band.members.all()) == [second, third]
    band.save()
    assert stored_names() == ["changed", "member 2"]


def test_composite_keys_are_taken_apart_and_put_together_again() -> None:
    tour = Tour(name="tour", stops=[Stop(number=1), Stop(number=2)])

    with rolled_back():
        tour.save()
        tour.stops.get_object_list()[0].place = "Rome"
        tour.stops.add(Stop(number=3))
        tour.stops.remove(tour.stops.get(number=2))

    tour.save()
    assert list(Stop.objects.order_by("number").values_list("number", "place")) == [(1, "Rome"), (3, "")]
