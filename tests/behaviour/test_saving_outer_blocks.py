"""Saves within transactions and savepoints of somebody else, which are committed or rolled back later."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from django.db import connection, transaction

from cluster.relations.state import STATE
from cluster.signals import cluster_saved
from tests.support import build_band, rolled_back
from tests.testapp.models import Album, Band, Genre, Member, Song

pytestmark = pytest.mark.django_db


def test_saves_that_are_nested_in_savepoints_are_taken_back_one_by_one() -> None:
    band = build_band(members=1)

    with rolled_back():
        band.save()
        with rolled_back():
            band.members.add(Member(name="second"))
            band.save()
        assert [member.name for member in band.members.all()] == ["member 0", "second"]
        assert band.members.is_deferring
        assert Member.objects.count() == 1

    assert band.members.is_deferring
    assert [(member.name, member.pk) for member in band.members.all()] == [("member 0", None), ("second", None)]
    assert band.pk is None
    band.save()
    assert Member.objects.count() == 2


def test_two_saves_of_one_block_are_taken_back_together() -> None:
    band = build_band(members=1)

    with rolled_back():
        band.save()
        band.members.add(Member(name="second"))
        band.save()

    assert [member.name for member in band.members.all()] == ["member 0", "second"]
    assert band.pk is None


def test_a_block_within_which_other_callbacks_come_and_go_is_still_open() -> None:
    band = build_band(members=1)

    with rolled_back():
        band.save()
        with rolled_back():
            transaction.on_commit(band.refresh_from_db)
        assert not band.members.is_deferring
        assert band.members.count() == 1

    assert band.members.is_deferring


def test_changes_after_a_save_that_is_rolled_back_stay() -> None:
    band = build_band(members=1, albums=0)
    member = band.members.get_object_list()[0]

    with rolled_back():
        band.save()
        member.name = "changed after"
    band.save()

    assert Member.objects.get().name == "changed after"


def test_a_new_child_that_was_saved_with_its_parent_knows_of_the_rollback() -> None:
    band = build_band(members=0, albums=1, songs=0)
    (album,) = band.albums.get_object_list()

    with rolled_back():
        band.save()
    album.songs.add(Song(title="later"))

    assert album.pk is None
    band.save()
    assert Song.objects.get().album == album


@pytest.mark.django_db(transaction=True)
def test_nothing_is_kept_aside_once_the_transaction_is_committed() -> None:
    band = build_band()
    with transaction.atomic():
        band.save()
        assert band.__dict__[STATE].pending is not None

    assert list(band.members.all())
    assert band.__dict__[STATE].pending is None
    band.save()
    assert band.__dict__[STATE].pending is None


@pytest.mark.django_db(transaction=True)
def test_transactions_that_are_managed_by_hand_are_seen() -> None:
    band = build_band(members=1)
    transaction.set_autocommit(False)
    try:
        band.save()
        transaction.commit()
        # SQLite's transactions begin with the first statement that writes, which savepoints are not.
        Genre.objects.create(name="rock")
        band.members.create(name="second")
        band.save()
        transaction.rollback()

        assert band.members.is_deferring
        assert list(Member.objects.values_list("name", flat=True)) == ["member 0"]
        band.save()
        transaction.commit()
    finally:
        transaction.set_autocommit(True)

    assert list(Member.objects.order_by("pk").values_list("name", flat=True)) == ["member 0", "second"]
    assert not band.members.is_deferring


@pytest.mark.django_db(transaction=True)
def test_a_callback_that_fails_after_the_commit_leaves_the_cluster_saved() -> None:
    band = build_band()

    def fail(**kwargs: Any) -> None:
        transaction.on_commit(lambda: 1 / 0)

    cluster_saved.connect(fail)
    try:
        with pytest.raises(ZeroDivisionError):
            band.save()
    finally:
        cluster_saved.disconnect(fail)

    assert Member.objects.count() == 2
    assert not band.members.is_deferring
    assert not band.plan_save().inserts


# Several saves of one block


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_nested", [False, True], ids=["in the block", "in a savepoint"])
def test_a_callback_that_fails_before_the_save_learns_of_the_commit_undoes_nothing(is_nested: bool) -> None:
    band, undone = build_band(members=1, albums=0), build_band(members=1, albums=0)

    def save_both() -> None:
        with transaction.atomic():
            transaction.on_commit(lambda: 1 / 0)
            with transaction.atomic() if is_nested else nullcontext():
                band.save()
            with rolled_back():
                undone.save()

    with pytest.raises(ZeroDivisionError):
        save_both()

    assert not band.members.is_deferring
    assert undone.members.is_deferring
    band.save()
    assert (Band.objects.count(), Member.objects.count()) == (1, 1)
    with transaction.atomic():
        undone.save()
    assert Member.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_block_that_is_rolled_back_before_another_one_commits_gives_everything_back() -> None:
    band = build_band(members=1, albums=0)

    with rolled_back():
        band.save()
    with transaction.atomic():
        transaction.on_commit(lambda: None)

    assert band.members.is_deferring
    band.save()
    assert Member.objects.count() == 1


@pytest.mark.parametrize("which", ["root", "child"])
def test_a_child_that_was_saved_by_itself_later_in_the_block_loses_nothing(which: str) -> None:
    band = build_band(members=0, albums=1)
    (album,) = band.albums.get_object_list()

    with rolled_back():
        band.save()
        album.title = "changed"
        album.songs.add(Song(title="later", track=3))
        album.save()
        album.songs.add(Song(title="last", track=4))

    if which == "child":
        assert [song.title for song in album.songs.all()] == ["song 0.1", "song 0.2", "later", "last"]
    band.save()
    assert [song.title for song in Album.objects.get(title="changed").songs.all()][2:] == ["later", "last"]


def test_many_saves_of_one_block_are_taken_back_without_recursion() -> None:
    band = Band(name="band")

    with rolled_back():
        for number in range(600):
            band.members.clear()
            band.members.add(Member(name=f"{number}"))
            band.save()

    assert [member.name for member in band.members.all()] == ["599"]
    band.save()
    assert Member.objects.get().name == "599"


class WatchedCallbacks(list[Any]):
    """Callbacks of a connection that count how often they are gone through."""

    times = 0

    def __iter__(self) -> Any:
        self.times += 1
        return super().__iter__()


def test_a_saved_cluster_is_looked_at_without_going_through_the_callbacks_of_the_block() -> None:
    """Thousands of clusters may be saved in one block, each with a callback of its own."""
    with rolled_back():
        callbacks = connection.run_on_commit = WatchedCallbacks(connection.run_on_commit)
        band = build_band()
        band.save()

        band.members.create(name="later")

        assert callbacks.times == 0
    assert sorted(member.name for member in band.members.all()) == ["later", "member 0", "member 1"]
