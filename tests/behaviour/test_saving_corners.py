"""Saves of clusters that few have."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.db.models import prefetch_related_objects
from django.db.models.signals import post_save

from cluster.testing import FailAt, InjectedFault, logged_statements
from tests.faults.app.models import Box, Club, Diary, Guest, Lid, Loan, Pass, Shelf, Slot, Sticker, Thing
from tests.faults.picture import picture_of
from tests.support import build_band, build_full_band
from tests.testapp.models import (
    Act,
    Album,
    Attachment,
    Band,
    BoxSet,
    Collaboration,
    Dance,
    Entry,
    Genre,
    Hall,
    Label,
    Member,
    Playlist,
    Song,
    Stop,
    Tour,
    Verse,
)

pytestmark = pytest.mark.django_db


# Values


def test_columns_that_are_not_loaded_are_left_alone() -> None:
    build_band(members=4, albums=0).save()
    Member.objects.update(instrument="harp")
    band = Band.objects.get()
    members = list(Member.objects.only("name", "band"))
    for member in members:
        member.name += "!"

    band.members = members
    band.save()

    assert set(Member.objects.values_list("instrument", flat=True)) == {"harp"}
    assert Member.objects.filter(name__endswith="!").count() == 4


def test_an_unchanged_object_that_is_not_wholly_loaded_is_not_written() -> None:
    build_band(members=2, albums=0).save()
    band = Band.objects.get()

    band.members = list(Member.objects.only("band"))

    assert len(band.plan_save().updates) == 1


def test_a_file_of_a_stored_row_can_be_exchanged_and_a_failure_forgets_it() -> None:
    Band(name="b", attachments=[Attachment(file=ContentFile(b"old", name="a.txt"))]).save()
    band = Band.objects.get()
    (attachment,) = band.attachments.get_object_list()
    attachment.file = ContentFile(b"new", name="b.txt")
    assert not attachment.file._committed
    memory = picture_of(band)

    with pytest.raises(InjectedFault), connection.execute_wrapper(FailAt(3)):
        band.save()
    assert picture_of(band) == memory
    band.save()

    assert Attachment.objects.get().file.read() == b"new"


def test_a_key_can_be_set_to_null_and_to_an_object_that_was_saved_later() -> None:
    sun = Label.objects.create(name="sun")
    build_band(albums=2).save()
    Album.objects.filter(position=0).update(label=sun)
    band, moon = Band.objects.get(), Label(name="moon")
    first, second = sorted(band.albums.get_object_list(), key=lambda album: album.position)
    first.label, second.label = None, moon

    moon.save()
    band.save()

    assert list(Album.objects.values_list("label__name", flat=True)) == [None, "moon"]


def test_a_value_that_means_nothing_is_left_to_the_database_to_refuse() -> None:
    build_band(members=1).save()
    band = Band.objects.get()
    band.members.get_object_list()[0].born = "nonsense"

    with pytest.raises(ValidationError, match="invalid date format"):
        band.save()

    assert band.members.is_deferring


# Identity


def test_a_child_that_two_relations_hold_is_inserted_once() -> None:
    band = Band(name="both")
    duet = Collaboration(title="duet")
    band.hosted.add(duet)
    band.visits.add(duet)

    band.save()

    assert list(Collaboration.objects.values_list("host", "guest")) == [(band.pk, band.pk)]


def test_a_child_that_two_relations_hold_is_updated_once() -> None:
    band, other = Band.objects.create(name="both"), Band.objects.create(name="other")
    duet = Collaboration.objects.create(host=other, guest=other, title="duet")
    band.hosted.add(duet)
    band.visits.add(duet)
    duet.title = "changed"

    with logged_statements() as log:
        band.save()

    assert list(Collaboration.objects.values_list("host", "guest", "title")) == [(band.pk, band.pk, "changed")]
    assert len(log.of("UPDATE")) == 2


def test_an_object_that_is_made_through_two_links_is_inserted_once() -> None:
    band = build_band(albums=1)
    genre = band.genres.create(name="new")
    band.albums.get_object_list()[0].genres.add(genre)
    band.albums.get_object_list()[0].genres.get_object_list().note_made(genre)

    band.save()

    assert Genre.objects.get().bands.count() == Genre.objects.get().albums.count() == 1


def test_children_of_a_proxy_class_are_written_with_the_others() -> None:
    band = Band(name="b", albums=[BoxSet(title="box", position=1), Album(title="plain", position=2)])

    with logged_statements() as log:
        band.save()

    assert len(log.of("INSERT")) == 2
    assert Album.objects.count() == 2


def test_composite_keys_take_the_key_of_a_new_parent() -> None:
    tour = Tour(name="t", stops=[Stop(number=1, place="a"), Stop(number=2, place="b")])
    tour.save()
    tour = Tour.objects.get()
    first, second = tour.stops.get_object_list()
    first.place = "changed"

    tour.stops.remove(second)
    tour.stops.add(Stop(number=3, place="c"))
    tour.save()

    assert set(Stop.objects.values_list("number", "place")) == {(1, "changed"), (3, "c")}


def test_many_rows_with_composite_keys_are_updated_at_once() -> None:
    Tour(name="t", stops=[Stop(number=number) for number in range(5)]).save()
    tour = Tour.objects.get()
    for stop in tour.stops.get_object_list():
        stop.place = "changed"

    with logged_statements() as log:
        tour.save()

    assert len(log.writes) == 2
    assert set(Stop.objects.values_list("place", flat=True)) == {"changed"}


def test_a_root_may_point_at_one_of_its_new_children() -> None:
    box = Box(code="a", position=1)
    shelf = Shelf(name="s", boxes=[box], favourite=box)

    shelf.save()

    assert Shelf.objects.get().favourite == box
    assert shelf.favourite is box


def test_a_root_may_not_point_at_an_object_that_nobody_saves() -> None:
    shelf = Shelf(name="s", favourite=Box(code="a", position=1))
    memory = picture_of(shelf)

    with pytest.raises(ValueError, match="unsaved related object 'favourite'"):
        shelf.save()

    assert picture_of(shelf) == memory
    assert not Shelf.objects.exists()


def test_rows_of_two_parents_with_uuid_keys_are_kept_apart() -> None:
    playlists = [Playlist(title=str(number), entries=[Entry(position=number)]) for number in range(2)]

    for playlist in playlists:
        playlist.save()

    assert {entry.playlist.title for entry in Entry.objects.all()} == {"0", "1"}


def test_a_generic_key_may_point_at_a_new_sibling() -> None:
    box = Box(code="a", position=1)

    Shelf(name="s", boxes=[box], stickers=[Sticker(on=box, size=1), Sticker(size=3)]).save()

    assert [sticker.on for sticker in Sticker.objects.order_by("size")] == [box, None]


# Order


def test_a_swap_at_the_end_of_the_range_of_a_field_takes_no_value_beyond_it() -> None:
    field = Sticker._meta.get_field("size")
    _, highest = connection.ops.integer_field_range(field.get_internal_type())
    highest = highest or 32767
    Shelf(name="s", stickers=[Sticker(size=1), Sticker(size=highest)]).save()
    shelf = Shelf.objects.get()
    first, second = shelf.stickers.get_object_list()
    first.size, second.size = second.size, first.size

    shelf.save()

    assert list(Sticker.objects.order_by("pk").values_list("size", flat=True)) == [highest, 1]


def test_unique_values_that_nobody_had_need_no_order() -> None:
    Shelf(name="s", boxes=[Box(code=str(number), position=number) for number in range(4)]).save()
    shelf = Shelf.objects.get()
    for box in shelf.boxes.get_object_list():
        box.code += " new"

    with logged_statements() as log:
        shelf.save()

    assert len(log.writes) == 2


def test_a_row_that_moves_to_a_new_parent_gives_up_its_unique_value_in_time() -> None:
    Shelf(name="s", slots=[Slot(day=date(2024, 1, day)) for day in (1, 2)]).save()
    shelf = Shelf.objects.get()
    first, second = sorted(shelf.slots.get_object_list(), key=lambda slot: slot.day)
    first.day, second.day = date(2024, 1, 3), date(2024, 1, 1)

    shelf.boxes.add(Box(code="new", position=1, slots=[first]))
    shelf.slots.add(Slot(day=date(2024, 1, 2)))
    shelf.save()

    assert list(Slot.objects.order_by("day").values_list("day__day", "box__code")) == [(1, None), (2, None), (3, "new")]


def test_a_row_that_moves_to_a_new_parent_gives_up_its_place_in_time() -> None:
    song = Song(title="old", track=1, verses=[Verse(position=1, text="moves"), Verse(position=2, text="follows")])
    Album(title="a", band=Band.objects.create(name="b"), songs=[song]).save()
    album = Album.objects.get()
    (song,) = album.songs.get_object_list()
    moves, follows = song.verses.get_object_list()
    new = Song(title="new", track=2)

    album.songs.add(new)
    new.verses.add(moves)
    follows.position = 1
    album.save()

    assert set(Verse.objects.values_list("song__title", "position", "text")) == {
        ("new", 1, "moves"),
        ("old", 1, "follows"),
    }


def test_a_row_is_moved_out_of_a_subtree_that_nobody_loaded_before_that_is_deleted() -> None:
    build_full_band().save()
    band = Band.objects.get()
    first, second = band.albums.get_object_list()
    verse = Verse.objects.filter(song__album=first).first()
    assert verse is not None
    verse.position = 9

    band.albums.remove(first)
    second.songs.get_object_list()[0].verses.add(verse)
    band.save()

    assert Verse.objects.get(pk=verse.pk).song.album == second
    assert Album.objects.count() == 1


def test_rows_are_removed_after_those_that_protect_them() -> None:
    thing = Thing(name="t")
    Shelf(name="s", boxes=[Box(code="a", position=1, things=[thing], lids=[Lid(thing=thing)])]).save()
    shelf = Shelf.objects.get()

    (box,) = shelf.boxes.get_object_list()
    box.things.clear()
    box.lids.clear()
    shelf.save()

    assert not Lid.objects.exists()
    assert not Thing.objects.exists()


# Links


def test_links_by_another_field_than_the_key_through_a_model_that_saves_itself() -> None:
    first, second, third = (Guest.objects.create(code=code) for code in ("a", "b", "c"))
    Club(name="c", guests=[first, second]).save()
    club = Club.objects.get()
    club.guests.remove(first)
    club.guests.add(third)

    club.save()

    assert set(Pass.objects.values_list("guest", "text")) == {("b", "b may enter"), ("c", "c may enter")}
    club.guests = [first, third]
    club.save()
    assert set(Pass.objects.values_list("guest", flat=True)) == {"a", "c"}


def test_a_link_that_somebody_else_made_meanwhile_is_not_made_twice_through_a_model_of_its_own() -> None:
    first, second = Guest.objects.create(code="a"), Guest.objects.create(code="b")
    club = Club.objects.create(name="c")
    club.guests.add(first, second)
    Pass.objects.create(club=club, guest=first)

    club.save()

    assert sorted(Pass.objects.values_list("guest", flat=True)) == ["a", "b"]


# Around the save


def test_what_was_prefetched_is_forgotten_when_it_is_out_of_date() -> None:
    build_band(members=1).save()
    band = Band.objects.get()
    band.members.add(Member(name="new"))
    prefetch_related_objects([band], "members", "albums")

    band.save(update_fields=["members"])

    assert len(band.members.all()) == 2


def test_a_value_that_the_save_made_and_somebody_changed_afterwards_stays_after_a_rollback() -> None:
    attachment, moment = Attachment(), datetime(2000, 1, 1, tzinfo=UTC)
    band = Band(name="b", attachments=[attachment])

    with transaction.atomic():
        band.save()
        attachment.changed = moment
        transaction.set_rollback(True)

    assert band.attachments.is_deferring
    assert attachment.changed == moment
    assert attachment.pk is None


def test_a_failure_at_the_very_end_makes_the_outer_transaction_undo_everything() -> None:
    band = build_band()
    memory = picture_of(band)
    with logged_statements() as log, transaction.atomic():
        band.save()
        transaction.set_rollback(True)
    picture_of(band)
    release = next(number for number, sql in enumerate(log.statements, 1) if number > 2 and sql.startswith("RELEASE"))

    with transaction.atomic():
        # Django undoes a savepoint that cannot be released for errors of the database alone.
        with pytest.raises(RuntimeError), connection.execute_wrapper(FailAt(release - 1, RuntimeError)):
            band.save()
        assert connection.needs_rollback

    assert picture_of(band) == memory
    assert not Band.objects.exists()


def test_a_relation_that_a_save_method_assigns_anew_is_written_as_it_is_then() -> None:
    def assign(instance: Any, **kwargs: Any) -> None:
        instance.songs = [Song(title="assigned", track=7)]

    post_save.connect(assign, sender=Album)
    try:
        build_band(albums=1, songs=2).save()
    finally:
        post_save.disconnect(assign, sender=Album)

    assert list(Song.objects.values_list("title", flat=True)) == ["assigned"]


def test_a_child_that_came_back_and_was_removed_is_deleted() -> None:
    build_band(members=3, albums=0).save()
    band, other = Band.objects.get(), Band(name="other")
    removed, moved, gone = band.members.get_object_list()

    other.members.add(removed, moved, gone)
    band.members.add(removed, moved, gone)
    band.members.remove(removed, moved, gone)
    Member.objects.filter(pk=gone.pk).delete()
    Member.objects.filter(pk=moved.pk).update(band=Band.objects.create(name="third"))
    band.save()

    assert [member.band.name for member in Member.objects.all()] == ["third"]


def test_a_child_that_came_back_is_compared_with_its_row() -> None:
    build_band(members=2, albums=0).save()
    band, other = Band.objects.get(), Band(name="other")
    changed, kept = band.members.get_object_list()

    other.members.add(changed, kept)
    other.save()
    changed.name = "changed"
    band.members.add(changed, kept)
    band.save()

    assert {member.name for member in Band.objects.get(name="The Band").members.all()} == {"changed", kept.name}


@pytest.mark.parametrize("to", ["Anna", "Ben"])
def test_a_new_object_with_a_stored_key_of_which_one_of_two_relations_has_the_row(to: str) -> None:
    stored = Loan(to="Anna")
    Shelf(name="shelf", boxes=[Box(code="box", position=1, loans=[stored])]).save()
    shelf = Shelf.objects.get()
    (box,) = shelf.boxes.get_object_list()
    assert len(box.loans.get_object_list()) == 1

    loan = Loan(pk=stored.pk, to=to)
    shelf.loans.add(loan)
    box.loans.add(loan)
    shelf.save()

    (row,) = Loan.objects.all()
    assert (row.to, row.shelf, row.box) == (to, shelf, box)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_new_objects_with_stored_keys_take_the_places_of_their_rows(count: int) -> None:
    Shelf(name="shelf", loans=[Loan(to="Anna") for _ in range(count)], diaries=[Diary(title="spring")]).save()
    shelf = Shelf.objects.get()
    loans = [Loan(pk=loan.pk, to="Ben") for loan in shelf.loans.get_object_list()]
    diary = Diary(pk=shelf.diaries.get_object_list()[0].pk, title="autumn")

    shelf.loans.add(*loans)
    shelf.diaries.add(diary)
    shelf.save()

    assert [loan.to for loan in Loan.objects.all()] == ["Ben"] * count
    assert Diary.objects.get().title == "autumn"
    assert not any(each._state.adding for each in (*loans, diary))


def test_children_of_several_tables_are_declared_changed_and_removed() -> None:
    hall = Hall(name="hall", acts=[Dance(title="tango", style="slow"), Act(title="juggling")])
    hall.save()

    dance = Dance.objects.get()
    dance.title, dance.style = "waltz", "fast"
    hall.acts = [dance]
    hall.save()
    assert Act.objects.get().title == "waltz"
    assert Dance.objects.get().style == "fast"

    other = Hall(name="other", acts=[dance])
    other.save()
    assert Dance.objects.get().venue == other.venue_ptr
    other.acts.remove(*other.acts.get_object_list())
    other.save()
    assert not Act.objects.exists()


def test_a_child_leaves_declared_content_and_comes_back() -> None:
    build_band(members=3, albums=0).save()
    band, other = Band.objects.get(), Band(name="other")
    band.members = first, second, third = list(band.members.all())

    other.members.add(first, second)
    band.members.add(first)
    band.members.remove(first)
    band.save()
    other.save()

    assert {member.name: member.band.name for member in Member.objects.all()} == {
        second.name: "other",
        third.name: "The Band",
    }


def test_a_cluster_is_saved_from_async_code() -> None:
    async def edit() -> None:
        band = build_band(members=1, albums=0)
        await band.asave(force_insert=True)
        await band.members.acreate(name="awaited")
        band.name = "not written"
        await band.asave(using="default", update_fields=["members"])
        await band.arefresh_from_db()

    async_to_sync(edit)()

    assert Band.objects.get().name == "The Band"
    assert Member.objects.count() == 2
