"""Two writers of one parent, each on a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from cluster.errors import StaleClusterError
from tests.faults.picture import picture_of
from tests.support import build_band, run_in_thread, stored_rows
from tests.testapp.models import Album, Band, Genre, Member, Song

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="A database in memory belongs to one connection."),
]


def edited_elsewhere(edit: Callable[[Any], None]) -> None:
    """Load the band on another connection, edit it and save it there."""

    def work() -> None:
        band = Band.objects.get()
        edit(band)
        band.save()

    run_in_thread(work)


def member(band: Band, name: str) -> Member:
    return next(each for each in band.members.get_object_list() if each.name == name)


def test_what_two_writers_add_change_and_remove_is_all_there() -> None:
    build_band(members=6, albums=0).save()
    band = Band.objects.get()
    band.members.add(Member(name="mine"))
    member(band, "member 0").instrument = "harp"
    band.members.remove(member(band, "member 1"))

    def edit(other: Any) -> None:
        other.members.add(Member(name="theirs"))
        member(other, "member 2").instrument = "lute"
        other.members.remove(member(other, "member 3"))

    edited_elsewhere(edit)
    band.save()

    assert dict(Member.objects.values_list("name", "instrument")) == {
        "member 0": "harp",
        "member 2": "lute",
        "member 4": "",
        "member 5": "",
        "mine": "",
        "theirs": "",
    }


@pytest.mark.parametrize("count", [1, 8], ids=["one row", "many rows"])
def test_of_one_child_the_last_writer_wins_on_the_columns_that_it_changed(count: int) -> None:
    build_band(members=count, albums=0).save()
    band = Band.objects.get()
    for each in band.members.get_object_list():
        each.name = "mine"

    def edit(other: Any) -> None:
        for each in other.members.get_object_list():
            each.name, each.instrument = "theirs", "lute"

    edited_elsewhere(edit)
    band.save()

    assert set(Member.objects.values_list("name", "instrument")) == {("mine", "lute")}


@pytest.mark.parametrize("count", [1, 8], ids=["one row", "many rows"])
def test_a_row_that_the_other_writer_deleted_is_stale_and_nothing_is_written(count: int) -> None:
    build_band(members=count, albums=0).save()
    band = Band.objects.get()
    band.name = "mine"
    for each in band.members.get_object_list():
        each.name = "mine"
    band.members.add(Member(name="new"))
    edited_elsewhere(lambda other: other.members.remove(other.members.get_object_list()[-1]))
    rows, memory = stored_rows(), picture_of(band)

    with pytest.raises(StaleClusterError):
        band.save()

    assert stored_rows() == rows
    assert picture_of(band) == memory


def test_nested_rows_and_links_of_two_writers_are_all_there() -> None:
    mine, theirs = Genre.objects.create(name="mine"), Genre.objects.create(name="theirs")
    build_band(members=0, albums=1, songs=1).save()
    band = Band.objects.get()
    band.genres.add(mine)
    band.albums.get_object_list()[0].songs.add(Song(title="mine", track=2))

    def edit(other: Any) -> None:
        other.genres.add(theirs, mine)
        other.albums.get_object_list()[0].songs.add(Song(title="theirs", track=3))

    edited_elsewhere(edit)
    band.save()

    assert set(Song.objects.values_list("title", flat=True)) == {"song 0.1", "mine", "theirs"}
    assert set(band.genres.all()) == {mine, theirs}


def test_declared_content_is_compared_with_what_is_there_now() -> None:
    build_band(members=2, albums=0).save()
    band = Band.objects.get()
    band.members = [Member.objects.order_by("pk")[0]]

    edited_elsewhere(lambda other: other.members.add(Member(name="theirs")))
    band.save()

    assert [each.name for each in Member.objects.all()] == ["member 0"]


@pytest.mark.parametrize("count", [1, 8], ids=["one row", "many rows"])
def test_a_row_that_the_other_writer_moved_stays_where_it_went_as_it_is(count: int) -> None:
    build_band(members=count, albums=0).save()
    band = Band.objects.get()
    for each in band.members.get_object_list():
        each.instrument = "harp"

    def move() -> None:
        other = Band.objects.create(name="other")
        other.members.add(Member.objects.get(name="member 0"))
        other.save()

    run_in_thread(move)
    with pytest.raises(StaleClusterError, match="or is another parent's by now"):
        band.save()

    assert list(Member.objects.filter(name="member 0").values_list("band__name", "instrument")) == [("other", "")]
    assert not Member.objects.filter(instrument="harp").exists()


def test_a_writer_waits_for_the_rows_that_another_one_has_locked() -> None:
    build_band(members=5, albums=0).save()
    band = Band.objects.get()
    for each in band.members.get_object_list():
        each.name = "mine"
    has_written, may_commit = threading.Event(), threading.Event()

    def write_and_wait() -> None:
        other = Band.objects.get()
        for each in other.members.get_object_list():
            each.instrument = "lute"
        with transaction.atomic():
            # Only the children: the rows of the parent are not to be what the two wait for.
            other.save(update_fields=["members"])
            has_written.set()
            may_commit.wait(10)

    thread = threading.Thread(target=run_in_thread, args=(write_and_wait,))
    thread.start()
    has_written.wait(10)
    threading.Timer(0.3, may_commit.set).start()
    band.save(update_fields=["members"])
    thread.join()

    assert may_commit.is_set()
    assert set(Member.objects.values_list("name", "instrument")) == {("mine", "lute")}


def test_many_writers_at_once_lose_nothing() -> None:
    build_band(members=4, albums=0).save()
    start = threading.Barrier(4)
    errors: list[BaseException] = []

    def work(number: int) -> None:
        band = Band.objects.get()
        member(band, f"member {number}").instrument = str(number)
        band.members.add(Member(name=f"new {number}"))
        start.wait(10)
        band.save()

    def run(number: int) -> None:
        try:
            run_in_thread(lambda: work(number))
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert Member.objects.count() == 8
    assert set(Member.objects.filter(name__startswith="member").values_list("instrument", flat=True)) == set("0123")


def test_two_writers_that_insert_into_one_album_both_succeed() -> None:
    build_band(members=0, albums=1, songs=0).save()
    album = Album.objects.get()
    album.songs.add(Song(title="mine"))

    def insert() -> None:
        other = Album.objects.get()
        other.songs.add(Song(title="theirs"))
        other.save()

    run_in_thread(insert)
    album.save()

    assert set(Song.objects.values_list("title", flat=True)) == {"mine", "theirs"}
