"""``update_fields``, ``using``, ``force_insert``, ``commit()``, signals, plans, and classes that save themselves."""

from __future__ import annotations

from typing import Any, Self

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from cluster.saving import PlannedDelete, PlannedInsert, PlannedLink, PlannedUnlink, PlannedUpdate, SavePlan
from cluster.signals import cluster_saved
from cluster.testing import logged_statements
from tests.behaviour.app.models import Crate, Rack, Topic
from tests.faults.app.models import Box, Diary, Page, Shelf
from tests.support import build_band, build_full_band, stored_rows
from tests.testapp.models import (
    Album,
    Anthem,
    Appearance,
    Attachment,
    Band,
    Festival,
    Genre,
    Instrument,
    Label,
    Member,
    Movement,
    Node,
    Song,
    Symphony,
)

pytestmark = pytest.mark.django_db(databases=["default", "other"])


class Heard:
    """Receives signals and keeps what they say."""

    def __init__(self, *signals: Any) -> None:
        self.signals = signals
        self.calls: list[dict[str, Any]] = []

    def receive(self, **kwargs: Any) -> None:
        self.calls.append(kwargs)

    def __enter__(self) -> Self:
        for signal in self.signals:
            signal.connect(self.receive)
        return self

    def __exit__(self, *error: object) -> None:
        for signal in self.signals:
            signal.disconnect(self.receive)


# update_fields


def test_update_fields_writes_the_named_relations_and_no_row_of_the_root() -> None:
    build_band().save()
    band = Band.objects.get()
    band.name = "changed"
    band.members.add(Member(name="new"))
    band.albums.clear()

    with logged_statements() as log:
        band.save(update_fields=["members"])

    assert len(log.writes) == 1
    assert (Member.objects.count(), Album.objects.count()) == (3, 2)
    assert Band.objects.get().name == "The Band"
    assert (band.members.is_deferring, band.albums.is_deferring) == (False, True)


def test_update_fields_writes_the_named_fields_and_no_relation() -> None:
    build_band().save()
    band = Band.objects.get()
    band.name = "changed"
    band.members.add(Member(name="new"))

    band.save(update_fields=["name"])

    assert Band.objects.get().name == "changed"
    assert Member.objects.count() == 2
    assert band.members.is_deferring


def test_update_fields_takes_both_and_goes_down_all_levels() -> None:
    build_band().save()
    band = Band.objects.get()
    band.name = "changed"
    band.genres = [Genre.objects.create(name="rock")]
    band.albums.get_object_list()[0].songs.add(Song(title="new", track=3))

    band.save(update_fields=["name", "albums", "genres"])

    assert Band.objects.get().name == "changed"
    assert Song.objects.filter(title="new").exists()
    assert band.genres.count() == 1


def test_empty_update_fields_writes_nothing(django_assert_num_queries: Any) -> None:
    band = build_band()

    with django_assert_num_queries(0):
        band.save(update_fields=[])

    assert band.pk is None


def test_commit_writes_one_relation() -> None:
    build_band().save()
    band = Band.objects.get()
    band.members.add(Member(name="new"))
    band.albums.clear()

    with Heard(cluster_saved) as heard:
        band.members.commit()

    assert (Member.objects.count(), Album.objects.count()) == (3, 2)
    assert (band.members.is_deferring, band.albums.is_deferring) == (False, True)
    assert heard.calls == []


# Other options


def test_force_insert_is_for_the_row_of_the_root() -> None:
    build_band(members=1).save()
    band = Band.objects.get()
    band.members.get_object_list()[0].name = "changed"

    with pytest.raises(IntegrityError), transaction.atomic():
        band.save(force_insert=True)

    assert Member.objects.get().name == "member 0"
    assert band.members.is_deferring


def test_force_update_of_a_row_that_is_not_there_fails() -> None:
    band = Band(pk=77, name="nobody", members=[Member(name="new")])

    with pytest.raises(DatabaseError, match="did not affect any rows"), transaction.atomic():
        band.save(force_update=True)

    assert not Member.objects.exists()


def test_using_writes_all_rows_to_that_database() -> None:
    band = build_band()
    members = list(band.members.get_object_list())

    band.save(using="other")

    assert stored_rows() == {}
    assert Song.objects.using("other").count() == 4
    assert {member._state.db for member in members} == {"other"}


def test_using_another_database_than_the_one_loaded_from_copies_what_is_held() -> None:
    build_band(members=3).save()
    band = Band.objects.get()
    members = list(band.members.get_object_list())
    for album in band.albums.get_object_list():
        album.songs.get_object_list()

    band.save(using="other")

    assert stored_rows(using="other") == stored_rows()
    assert {member._state.db for member in members} == {"other"}


def test_links_are_copied_to_another_database() -> None:
    genre = Genre.objects.create(name="rock")
    Genre.objects.using("other").create(pk=genre.pk, name="rock")
    Band(name="b", genres=[genre]).save()
    band = Band.objects.get()
    band.genres.get_object_list()

    band.save(using="other")

    assert Band.genres.through.objects.using("other").count() == 1


def test_a_root_with_a_key_of_its_own_takes_the_place_of_the_row_that_has_it() -> None:
    build_band(members=3).save()
    key = Band.objects.get().pk

    Band(pk=key, name="again", members=[Member(name="only")]).save()

    assert list(Member.objects.values_list("name", "band__name")) == [("only", "again")]


# Signals


def test_cluster_saved_comes_once_when_everything_is_in_the_database() -> None:
    counts: list[int] = []

    def count(**kwargs: Any) -> None:
        counts.append(Song.objects.count())

    cluster_saved.connect(count, sender=Band)
    try:
        with Heard(cluster_saved) as heard:
            band = build_band()
            band.save()
    finally:
        cluster_saved.disconnect(count, sender=Band)

    assert counts == [4]
    (call,) = heard.calls
    assert (call["sender"], call["instance"], call["created"]) == (Band, band, True)
    assert (call["using"], call["update_fields"]) == ("default", None)
    assert len(call["plan"].inserts) == 9


def test_cluster_saved_tells_what_was_asked_for() -> None:
    build_band().save()
    band = Band.objects.get()
    band.members.clear()

    with Heard(cluster_saved) as heard:
        band.save(update_fields=["name", "members"])

    (call,) = heard.calls
    assert call["update_fields"] == {"name", "members"}
    assert not call["created"]
    assert {delete.model for delete in call["plan"].deletes} == {"testapp.Member"}
    assert call["plan"].updates == (PlannedUpdate("", "testapp.Band", band.pk, ("name",)),)


def test_a_field_may_be_named_by_its_attribute() -> None:
    """As in Django."""
    build_band().save()
    band = Band.objects.get()
    band.label = Label.objects.create(name="label")

    with Heard(cluster_saved) as heard:
        band.save(update_fields=["label_id"])

    assert Band.objects.get().label == band.label
    assert heard.calls[0]["plan"].updates == (PlannedUpdate("", "testapp.Band", band.pk, ("label",)),)


def test_a_root_may_point_at_a_new_child_by_a_field_that_is_named_by_its_attribute() -> None:
    shelf = Shelf.objects.create(name="s")
    shelf.favourite = Box(code="a", position=1)
    shelf.boxes.add(shelf.favourite)

    shelf.save(update_fields=["favourite_id", "boxes"])

    assert Shelf.objects.get().favourite == Box.objects.get()


@pytest.mark.parametrize(
    "commits", [False, pytest.param(True, marks=pytest.mark.django_db(transaction=True))], ids=["inside", "alone"]
)
def test_a_receiver_of_cluster_saved_may_save_again(commits: bool) -> None:
    def add_one(instance: Band, created: bool, **kwargs: Any) -> None:
        if created:
            instance.members.add(Member(name="from the receiver"))
            instance.save()

    cluster_saved.connect(add_one, sender=Band)
    try:
        build_band(members=1).save()
    finally:
        cluster_saved.disconnect(add_one, sender=Band)

    assert Member.objects.count() == 2


def test_rows_whose_signals_somebody_hears_are_saved_one_by_one() -> None:
    band = build_band(members=2, albums=0)
    with Heard(pre_save, post_save) as heard:
        band.save()
    first_save = [(call["sender"], call.get("created")) for call in heard.calls]
    band = Band.objects.get()
    band.members.get_object_list()[0].name = "changed"
    band.members.remove(band.members.get_object_list()[1])

    with Heard(pre_save, post_save, pre_delete, post_delete) as heard:
        band.save()

    assert first_save == [(Band, None), (Band, True), (Member, None), (Member, True), (Member, None), (Member, True)]
    members = [call for call in heard.calls if call["sender"] is Member]
    assert [call["signal"] for call in members] == [pre_delete, post_delete, pre_save, post_save]
    assert members[-1]["update_fields"] == {"name"}
    assert all(call["using"] == "default" for call in heard.calls)


def test_what_a_receiver_changes_in_a_row_before_it_is_written_is_written_too() -> None:
    build_band(members=2).save()
    band = Band.objects.get()
    band.members.get_object_list()[0].name = "changed"
    Member.objects.update(born="2000-01-01")

    def tune(instance: Member, **kwargs: Any) -> None:
        instance.instrument = f"of {instance.name}"

    pre_save.connect(tune, sender=Member)
    try:
        band.save()
    finally:
        pre_save.disconnect(tune, sender=Member)

    assert Member.objects.filter(name="changed", instrument="of changed", born="2000-01-01").exists()


def test_m2m_changed_says_what_django_says() -> None:
    old, new = Genre.objects.create(name="old"), Genre.objects.create(name="new")
    Band(name="b", genres=[old]).save()
    band = Band.objects.get()
    band.genres = [new]

    with Heard(m2m_changed) as heard:
        band.save()

    assert [(call["action"], call["pk_set"]) for call in heard.calls] == [
        ("pre_remove", {old.pk}),
        ("post_remove", {old.pk}),
        ("pre_add", {new.pk}),
        ("post_add", {new.pk}),
    ]
    assert all(call["instance"] is band and call["model"] is Genre and not call["reverse"] for call in heard.calls)
    with Heard(m2m_changed) as django:
        band.genres.live_manager.remove(new)
    assert all(call.keys() == django.calls[0].keys() for call in heard.calls)


# Classes that save themselves


def test_a_class_with_its_own_save_and_delete_is_asked_for_each_row() -> None:
    Band(name="b", anthems=[Anthem(title="First One"), Anthem(title="Second One")]).save()
    band = Band.objects.get()
    first, second = band.anthems.get_object_list()
    first.title = "Changed One"

    band.anthems.remove(second)
    band.save()

    assert list(Anthem.objects.values_list("title", "slug")) == [("Changed One", "changed-one")]
    assert Label.objects.get().name == "deleted second-one"


def test_a_base_behind_clusterable_model_is_asked_for_each_row_too() -> None:
    Rack(name="r", crates=[Crate(name="kept"), Crate(name="removed")]).save()
    rack = Rack.objects.get()
    kept, removed = rack.crates.get_object_list()
    kept.name = "changed"

    rack.crates.remove(removed)
    rack.save()

    assert list(Crate.objects.values_list("name", "slug")) == [("changed", f"saved-{kept.pk}")]
    assert Topic.objects.get().name == "deleted saved-new"


def test_what_a_save_method_adds_to_the_cluster_is_saved_with_it() -> None:
    shelf = Shelf(name="s", diaries=[Diary(title="spring!"), Diary(title="autumn", pages=[Page(text="first")])])

    shelf.save()

    assert set(Page.objects.values_list("diary__title", "text")) == {("spring", "about spring"), ("autumn", "first")}
    assert set(Diary.objects.values_list("count", flat=True)) == {1}


def test_children_in_the_order_of_their_parent_are_numbered_as_they_are_held() -> None:
    Symphony(title="s", movements=[Movement(tempo="a"), Movement(tempo="b")]).save()
    symphony = Symphony.objects.get()

    symphony.movements.add(Movement(tempo="c"))
    symphony.save()

    assert list(symphony.movements.values_list("tempo", "_order")) == [("a", 0), ("b", 1), ("c", 2)]


@pytest.mark.parametrize(
    "look",
    [
        lambda movements: movements.all(),
        lambda movements: movements.reverse(),
        lambda movements: movements.order_by("-_order", "tempo"),
        lambda movements: movements.filter(tempo__gt="a"),
        lambda movements: [movements.first(), movements.last(), movements.latest("_order"), movements.all()[2]],
    ],
    ids=["all", "reversed", "named", "filtered", "single"],
)
def test_new_children_in_the_order_of_their_parent_come_last_before_they_are_saved(look: Any) -> None:
    Symphony(title="s", movements=[Movement(tempo="c"), Movement(tempo="b")]).save()
    symphony = Symphony.objects.get()
    symphony.movements.add(Movement(tempo="a"), Movement(tempo="d"))

    held = [movement.tempo for movement in look(symphony.movements)]
    symphony.save()

    assert held == [movement.tempo for movement in look(symphony.movements)]


def test_auto_now_moves_on_a_change_alone() -> None:
    Band(name="b", attachments=[Attachment() for _ in range(4)]).save()
    times = dict(Attachment.objects.values_list("pk", "changed"))
    added = dict(Attachment.objects.values_list("pk", "added"))
    band = Band.objects.get()
    *changed, unchanged = band.attachments.get_object_list()
    for attachment in changed:
        attachment.details = {"a": 1}

    band.save()

    now = dict(Attachment.objects.values_list("pk", "changed"))
    assert now[unchanged.pk] == times[unchanged.pk]
    assert all(now[each.pk] > times[each.pk] for each in changed)
    assert dict(Attachment.objects.values_list("pk", "added")) == added
    assert all(each.added == added[each.pk] for each in changed)


def test_a_change_within_a_json_value_is_seen() -> None:
    Band(name="b", attachments=[Attachment(details={"a": [1]})]).save()
    band = Band.objects.get()

    band.attachments.get_object_list()[0].details["a"].append(2)
    band.save()

    assert Attachment.objects.get().details == {"a": [1, 2]}


def test_values_of_another_type_that_mean_the_same_are_no_change() -> None:
    Band(name="b", members=[Member(name="m", born="2000-01-02", wage="10.50")]).save()
    band = Band.objects.get()
    (member,) = band.members.get_object_list()
    member.born, member.wage = "2000-01-02", "10.5"

    assert band.plan_save().updates == band.plan_save().updates[:1]


# Links


def test_through_defaults_reach_the_rows_between() -> None:
    band = Band.objects.create(name="b")
    festival = Festival(name="f")
    festival.bands.add(band, through_defaults={"stage": "tent"})

    festival.save()

    assert Appearance.objects.get().stage == "tent"


def test_an_object_that_is_made_through_a_link_is_saved_with_it() -> None:
    band = build_band(albums=1)
    genre = band.genres.create(name="made for it")
    festival = Festival(name="f")
    made = festival.bands.create(name="made too", members=[Member(name="with a member")])

    band.save()
    festival.save()

    assert list(band.genres.all()) == [genre]
    assert list(festival.bands.all()) == [made]
    assert Member.objects.get(name="with a member").band == made


def test_links_to_oneself_are_mirrored_and_taken_away_on_both_sides() -> None:
    friend = Node.objects.create(name="friend")
    node = Node(name="node", friends=[friend])
    node.save()
    mirrored = list(friend.friends.all())

    node.friends.remove(friend)
    node.save()

    assert mirrored == [node]
    assert not friend.friends.exists()


def test_links_that_somebody_else_made_meanwhile_are_no_error() -> None:
    genre, band = Genre.objects.create(name="g"), Band.objects.create(name="b")
    other = Band.objects.get()
    band.genres.add(genre)
    other.genres.add(genre)

    other.save()
    band.save()

    assert list(band.genres.all()) == [genre]


# Plans


def test_a_plan_says_what_would_be_written_and_writes_nothing() -> None:
    rock, folk = Genre.objects.create(name="rock"), Genre.objects.create(name="folk")
    Band(
        name="b", genres=[rock], members=[Member(name="m"), Member(name="n")], instruments=[Instrument(name="i")]
    ).save()
    band = Band.objects.get()
    first, second = band.members.get_object_list()
    (instrument,) = band.instruments.get_object_list()
    first.name = "changed"
    band.members.remove(second)
    band.members.add(Member(name="new"))
    band.instruments.remove(instrument)
    band.genres.remove(rock)
    band.genres.add(folk)
    rows = stored_rows()

    plan = band.plan_save()

    assert plan == SavePlan(
        inserts=(PlannedInsert("members[1]", "testapp.Member"),),
        updates=(
            PlannedUpdate("", "testapp.Band", band.pk, ("name", "formed", "label", "facts")),
            PlannedUpdate("members[0]", "testapp.Member", first.pk, ("name",)),
        ),
        deletes=(
            PlannedDelete("instruments", "testapp.Instrument", instrument.pk, keeps_row=True),
            PlannedDelete("members", "testapp.Member", second.pk),
        ),
        links=(PlannedLink("genres[0]", "testapp.Genre", folk.pk),),
        unlinks=(PlannedUnlink("genres", "testapp.Genre", rock.pk),),
    )
    assert str(plan).splitlines() == [
        f"release testapp.Instrument {instrument.pk} at instruments",
        f"delete testapp.Member {second.pk} at members",
        f"update testapp.Band {band.pk} (root): name, formed, label, facts",
        f"update testapp.Member {first.pk} at members[0]: name",
        "insert testapp.Member at members[1]",
        f"unlink testapp.Genre {rock.pk} at genres",
        f"link testapp.Genre {folk.pk} at genres[0]",
    ]
    assert stored_rows() == rows
    assert band.members.is_deferring


def test_the_plan_of_a_new_cluster_needs_no_query(django_assert_num_queries: Any) -> None:
    band = build_full_band()

    with django_assert_num_queries(0):
        plan = band.plan_save()

    assert len(plan.inserts) == 21
    assert bool(plan)
    assert str(SavePlan()) == "nothing to write"
    assert not SavePlan()
