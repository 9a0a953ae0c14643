"""Receivers and methods that save, change or commit parts of a cluster while it is being saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db.models.signals import ModelSignal, m2m_changed, post_delete, post_save, pre_save

from cluster.relations import state_of
from cluster.signals import cluster_saved, cluster_saving
from tests.support import build_band, build_full_band
from tests.testapp.models import Album, Anthem, Band, Genre, Member, Song

pytestmark = pytest.mark.django_db


@contextmanager
def heard(signal: ModelSignal, receive: Callable[..., None], sender: Any) -> Iterator[None]:
    signal.connect(receive, sender=sender, weak=False)
    try:
        yield
    finally:
        signal.disconnect(receive, sender=sender)


def rows() -> tuple[int, ...]:
    return tuple(model._base_manager.count() for model in (Band, Member, Album, Song))


@pytest.mark.parametrize("signal", [pre_save, post_save], ids=["before", "after"])
@pytest.mark.parametrize("sender", [Member, Album, Song])
def test_a_receiver_may_save_the_root_of_each_row(signal: ModelSignal, sender: Any) -> None:
    band = build_band(members=3)

    def touch(**kwargs: Any) -> None:
        band.name += "!"
        band.save()

    with heard(signal, touch, sender):
        band.save()

    assert rows() == (1, 3, 2, 4)
    assert Band.objects.get().name == band.name
    assert band.name.endswith("!!")


def test_a_receiver_may_save_the_parent_of_each_row() -> None:
    band = build_band(members=0)

    def touch(instance: Any, **kwargs: Any) -> None:
        instance.album.title += "!"
        instance.album.save()

    with heard(post_save, touch, Song):
        band.save()

    assert rows() == (1, 0, 2, 4)
    assert [album.title for album in Album.objects.all()] == ["album 0!!", "album 1!!"]


def test_a_receiver_may_save_and_commit_while_rows_are_changed_and_removed() -> None:
    build_band(members=4, albums=0).save()
    band = Band.objects.get()
    first, second, third, _ = band.members.get_object_list()

    def touch(**kwargs: Any) -> None:
        band.save()
        band.members.commit()

    first.name, second.name = "first", "second"
    band.members.remove(third)
    band.members.add(Member(name="new"))
    with heard(post_save, touch, Member), heard(post_delete, touch, Member):
        band.save()

    assert sorted(Member.objects.values_list("name", flat=True)) == ["first", "member 3", "new", "second"]


def test_a_receiver_of_links_may_save_the_instance() -> None:
    band = build_full_band()

    def touch(instance: Any, **kwargs: Any) -> None:
        instance.save()

    with heard(m2m_changed, touch, Band.genres.through):
        band.save()

    assert Band.objects.get().genres.count() == 2


def test_a_receiver_of_cluster_saving_may_save_the_root() -> None:
    band = build_band()

    def rename(instance: Any, **kwargs: Any) -> None:
        instance.name = "renamed"
        instance.save()

    with heard(cluster_saving, rename, Band):
        band.save()

    assert rows() == (1, 2, 2, 4)
    assert Band.objects.get().name == "renamed"


def names(manager: Any, attribute: str) -> list[str]:
    return list(manager.values_list(attribute, flat=True))


def add_member(band: Any) -> None:
    band.members.create(name="of the receiver")


def link_genre(band: Any) -> None:
    band.genres.add(Genre.objects.create(name="of the receiver"))


def add_below(band: Any) -> None:
    band.albums.get(title="plain").songs.create(title="of the receiver", track=1)


def change_and_remove(band: Any) -> None:
    band.albums.get(title="plain").title = "changed"
    band.albums.remove(band.albums.get(title="other"))


@pytest.mark.parametrize("stored", [False, True], ids=["a new cluster", "a stored cluster"])
@pytest.mark.parametrize(
    ("change", "read", "found"),
    [
        pytest.param(add_member, lambda band: names(band.members, "name"), ["of the receiver"], id="a child"),
        pytest.param(link_genre, lambda band: names(band.genres, "name"), ["of the receiver"], id="a link"),
        pytest.param(
            add_below, lambda band: names(Song.objects, "title"), ["of the receiver"], id="a child of a child"
        ),
        pytest.param(change_and_remove, lambda band: names(band.albums, "title"), ["changed"], id="other rows"),
    ],
)
def test_what_a_receiver_of_cluster_saving_does_is_written_by_the_same_save(
    stored: bool, change: Callable[[Any], None], read: Callable[[Any], list[str]], found: list[str]
) -> None:
    band = Band(name="band", albums=[Album(title="plain"), Album(title="other")])
    if stored:
        band.save()
        band.albums.get_object_list()

    def receive(instance: Any, **kwargs: Any) -> None:
        change(instance)

    with heard(cluster_saving, receive, Band):
        band.save()

    assert read(Band.objects.get()) == found
    assert not band.members.is_deferring


def test_what_a_receiver_of_cluster_saving_did_is_undone_when_the_save_fails() -> None:
    band = Band(name="band", albums=[Album(title="plain")])

    def receive(instance: Any, **kwargs: Any) -> None:
        add_member(instance)
        raise RuntimeError

    with heard(cluster_saving, receive, Band), pytest.raises(RuntimeError):
        band.save()

    assert rows() == (0, 0, 0, 0)
    assert band.members.count() == 0
    band.save()
    assert rows() == (1, 0, 1, 0)


def test_what_a_receiver_adds_is_saved_too() -> None:
    band = Band(name="band", anthems=[Anthem(title="anthem")])

    def add(instance: Any, **kwargs: Any) -> None:
        instance.band.members.create(name="of the receiver")

    with heard(post_save, add, Anthem):
        band.save()

    assert Member.objects.get().band == band


def test_a_failure_within_a_nested_save_leaves_nothing_marked_as_being_saved() -> None:
    band = build_band()

    def fail(**kwargs: Any) -> None:
        band.save()
        raise RuntimeError

    with heard(post_save, fail, Song), pytest.raises(RuntimeError):
        band.save()

    states = [state_of(each) for each in (band, *band.albums.all())]
    assert not any(state.is_being_saved for state in states if state is not None)
    band.save()
    assert rows() == (1, 2, 2, 4)


# Instances that stand for another row than the one that was read


def test_a_root_that_is_given_no_key_is_a_new_one_with_its_links_and_children() -> None:
    build_full_band().save()
    band = Band.objects.get()
    band.genres.get_object_list()
    gone = band.members.get_object_list()[0]

    band.pk, band._state.adding = None, True
    band.members.remove(gone)
    band.save()

    old = Band.objects.exclude(pk=band.pk).get()
    assert band.genres.count() == old.genres.count() == 2
    assert [member.name for member in band.members.all()] == ["member 1"]
    assert [member.name for member in old.members.all()] == ["member 0"]


def test_a_root_that_is_given_another_key_has_its_links_there() -> None:
    build_full_band().save()
    band = Band.objects.get()
    band.genres.get_object_list()
    band.members.get_object_list()

    band.pk += 1
    band.save()

    assert {each.pk - band.pk: each.genres.count() for each in Band.objects.all()} == {-1: 2, 0: 2}
    assert band.members.count() == 2


def test_a_cluster_that_was_deleted_can_be_saved_again() -> None:
    build_full_band().save()
    band = Band.objects.get()
    band.genres.get_object_list()
    band.members.get_object_list()
    for album in band.albums.get_object_list():
        album.songs.get_object_list()
    told: list[bool] = []

    def tell(created: bool, **kwargs: Any) -> None:
        told.append(created)

    band.delete()
    assert len(band.plan_save().inserts) == 1 + 2 + 2 + 4
    with heard(cluster_saved, tell, Band):
        band.save()

    assert rows() == (1, 2, 2, 4)
    assert Band.objects.get().genres.count() == 2
    assert told == [True]


def test_a_receiver_may_save_new_siblings_before_their_turn() -> None:
    band = build_band(members=2)

    def save_albums(instance: Any, **kwargs: Any) -> None:
        for album in instance.band.albums.all():
            album.save()

    def save_members(instance: Any, **kwargs: Any) -> None:
        for member in instance.band.members.all():
            if member._state.adding:
                member.save()

    with heard(post_save, save_albums, Member), heard(post_save, save_members, Band.members.rel.related_model):
        band.save()

    assert rows() == (1, 2, 2, 4)
    assert {song.album.band for song in Song.objects.all()} == {band}


@pytest.mark.parametrize("change", ["refresh_from_db", "clear"])
def test_what_a_receiver_drops_from_memory_was_written_or_is_removed(change: str) -> None:
    band = build_band(members=2)

    def drop(**kwargs: Any) -> None:
        if change == "clear":
            band.albums.clear()
        else:
            band.refresh_from_db()

    with heard(post_save, drop, Member):
        band.save()

    assert rows() == ((1, 2, 0, 0) if change == "clear" else (1, 2, 2, 4))


@pytest.mark.parametrize("sender", [Band, Member])
@pytest.mark.parametrize("names", [None, ["name", "albums"]], ids=["all", "named"])
def test_a_receiver_that_refreshes_the_root_drops_nothing_of_what_is_being_saved(sender: Any, names: Any) -> None:
    band = build_band(members=2)

    def refresh(**kwargs: Any) -> None:
        band.refresh_from_db(fields=names)

    with heard(post_save, refresh, sender):
        band.save()

    assert rows() == (1, 2, 2, 4)
