"""What a save refuses, with what words, and that nothing is changed by it."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.db.models.signals import post_save

from cluster.errors import ClusterCycleError, ForeignChildError, StaleClusterError, UnsavedParentError
from cluster.relations import relations_of
from cluster.saving import commit_relation
from tests.faults.picture import picture_of
from tests.support import build_band, stored_rows
from tests.testapp.models import (
    Album,
    Anthem,
    Band,
    City,
    Country,
    Entry,
    Genre,
    Label,
    Member,
    Node,
    Playlist,
    Song,
    Stop,
    Tour,
    Voucher,
    VoucherUse,
)

pytestmark = pytest.mark.django_db


def refused(root: Any, error: type[Exception], match: str) -> Exception:
    """Save, expect an error, and see that rows and memory are as before."""
    rows, memory = stored_rows(), picture_of(root)
    with pytest.raises(error, match=match) as caught:
        root.save()
    assert stored_rows() == rows
    assert picture_of(root) == memory
    return caught.value


@pytest.mark.parametrize("count", [1, 5], ids=["single update", "upsert"])
def test_a_changed_row_that_is_gone_is_stale(count: int) -> None:
    build_band(members=count).save()
    band = Band.objects.get()
    for member in band.members.get_object_list():
        member.name = "changed"
    Member.objects.order_by("-pk")[0].delete()

    refused(band, StaleClusterError, rf"Cannot save members\[{count - 1}\]: the row of .* is no longer in the database")


def test_a_changed_row_that_is_gone_is_stale_also_where_the_class_saves_itself() -> None:
    Band(name="b", anthems=[Anthem(title="a")]).save()
    band = Band.objects.get()
    band.anthems.get_object_list()[0].title = "changed"
    Anthem.objects.all().delete()

    refused(band, StaleClusterError, r"Cannot save anthems\[0\]")


def test_a_moved_row_that_is_gone_is_stale() -> None:
    build_band().save()
    band, member = Band(name="new"), Member.objects.first()
    band.members.add(member)
    Member.objects.all().delete()

    refused(band, StaleClusterError, r"the row of members\[0\] .* is no longer in the database")


def test_an_unchanged_row_that_is_gone_is_no_reason_to_fail() -> None:
    build_band(members=2).save()
    band = Band.objects.get()
    first, _ = band.members.get_object_list()
    first.name = "changed"
    Member.objects.exclude(pk=first.pk).delete()

    band.save()

    assert Member.objects.get().name == "changed"


def test_a_removed_row_that_is_gone_already_is_no_reason_to_fail() -> None:
    build_band(members=2).save()
    band = Band.objects.get()
    band.members.remove(band.members.get_object_list()[0])
    Member.objects.all().delete()

    band.save()

    assert not Member.objects.exists()


def test_rows_of_declared_content_that_are_gone_are_inserted_under_their_keys() -> None:
    build_band(members=2).save()
    band, members = Band.objects.get(), list(Member.objects.all())
    keys = {member.pk for member in members}
    Member.objects.all().delete()

    band.members = members
    band.save()

    assert set(Member.objects.values_list("pk", flat=True)) == keys


def test_a_new_object_with_the_key_of_a_row_of_another_parent_is_refused() -> None:
    Country(code="de", name="Germany", cities=[City(slug="bonn", name="Bonn")]).save()
    country = Country(code="fr", name="France", cities=[City(slug="lyon", name="Lyon"), City(slug="bonn", name="mine")])

    error = refused(country, ForeignChildError, r"\$\.cities\[1\]: .* belongs to the country 'de'")

    assert isinstance(error, ValueError)
    assert error.path == "$.cities[1]"


def test_a_new_object_with_the_key_of_a_row_of_the_same_parent_updates_it() -> None:
    Country(code="de", name="Germany", cities=[City(slug="bonn", name="Bonn")]).save()
    country = Country.objects.get()

    country.cities.add(City(slug="bonn", name="Bonn on the Rhine"))
    country.save()

    assert City.objects.get().name == "Bonn on the Rhine"


def test_an_object_named_by_data_does_not_take_the_row_of_another_parent() -> None:
    build_band(name="owner", members=1).save()
    named = Member(pk=Member.objects.get().pk, name="mine")
    named._state.adding = False

    refused(Band(name="other", members=[named]), ForeignChildError, r"\$\.members\[0\]")


def test_an_object_named_by_data_may_move_within_its_cluster() -> None:
    build_band(members=0, albums=2, songs=1).save()
    band, song = Band.objects.get(), Song.objects.get(album__position=0)
    first, second = band.albums.get_object_list()
    named = Song(pk=song.pk, title="moved", track=1)
    named._state.adding = False
    first.songs, second.songs = [], [named]

    band.save()

    assert list(Song.objects.values_list("pk", "title", "album")) == [(song.pk, "moved", second.pk)]


def test_a_loaded_object_moves_where_it_is_added() -> None:
    build_band(name="old", members=2).save()
    member = Member.objects.order_by("pk")[0]
    new = Band.objects.create(name="new")

    new.members.add(member)
    new.save()

    assert set(Member.objects.values_list("name", "band__name")) == {("member 0", "new"), ("member 1", "old")}


def test_a_parent_that_gave_a_child_away_leaves_its_row_alone() -> None:
    build_band(name="old", members=2).save()
    old, new = Band.objects.get(), Band.objects.create(name="new")
    member = old.members.get_object_list()[0]

    new.members.add(member)
    old.save()

    assert Member.objects.filter(band=old).count() == 2
    new.save()
    assert Member.objects.get(pk=member.pk).band == new


def test_an_instance_held_below_itself_is_refused() -> None:
    root, below = Node(name="root"), Node(name="below")
    root.children.add(below)
    below.children.add(root)

    refused(root, ClusterCycleError, r"at children\[0\]\.children\[0\] is held below itself \(the root\)")


def test_a_row_held_below_itself_is_refused() -> None:
    Node(name="root", children=[Node(name="middle", children=[Node(name="leaf")])]).save()
    root = Node.objects.get(name="root")
    (middle,) = root.children.get_object_list()
    (leaf,) = middle.children.get_object_list()
    leaf.children.add(Node.objects.get(name="middle"))

    refused(root, ClusterCycleError, r"at children\[0\]\.children\[0\]\.children\[0\] is held .* \(children\[0\]\)")


def test_a_relation_of_an_unsaved_parent_cannot_be_committed() -> None:
    band = build_band()

    with pytest.raises(UnsavedParentError, match="Cannot commit relation 'members' on an unsaved model"):
        band.members.commit()
    with pytest.raises(IntegrityError):
        band.save(update_fields=["members"])

    assert len(band.members.all()) == 2


def test_a_live_relation_has_nothing_to_commit(django_assert_num_queries: Any) -> None:
    build_band().save()
    band = Band.objects.get()

    with django_assert_num_queries(0):
        commit_relation(band, relations_of(Band)["members"])


def test_an_unknown_name_in_update_fields_is_refused_in_djangos_words() -> None:
    band = build_band()

    with pytest.raises(ValueError, match=r"The following fields do not exist in this model.*: nonsense"):
        band.save(update_fields=["name", "members", "nonsense"])


def test_an_unsaved_target_of_a_link_is_named() -> None:
    band = build_band(albums=1)
    band.albums.get_object_list()[0].genres.add(Genre(name="new"))

    refused(band, ValueError, r"Cannot save albums\[0\]\.genres\[0\]: <Genre: new> is not in the database")


def test_the_same_generated_key_twice_is_an_integrity_error() -> None:
    Playlist(title="first", entries=[Entry(position=1)]).save()
    copied = Entry(pk=Entry.objects.get().pk, position=2)

    refused(Playlist(title="second", entries=[copied]), IntegrityError, "(?i)unique|duplicate")


def test_validation_names_a_child_that_belongs_to_another_parent() -> None:
    Country(code="de", name="Germany", cities=[City(slug="bonn", name="Bonn")]).save()
    country = Country(code="fr", name="France", cities=[City(slug="bonn", name="mine")])

    with pytest.raises(ValidationError) as caught:
        country.clean_cluster()

    assert list(caught.value.message_dict) == ["cities[0]"]


def test_a_chain_of_a_thousand_levels_is_saved_edited_and_removed() -> None:
    root = node = Node(name="0")
    for level in range(1, 1000):
        below = Node(name=str(level))
        node.children.add(below)
        node = below

    root.save()

    assert Node.objects.count() == 1000
    assert Node.objects.get(name="999").parent.name == "998"
    node.children.add(Node(name="more"))
    node.save()
    assert Node.objects.get(name="more").parent.name == "999"
    root.children.clear()
    root.save()
    assert list(Node.objects.all()) == [root]


def test_albums_of_a_new_band_may_not_be_saved_before_it() -> None:
    album = Album(title="early", band=Band(name="late"))

    with pytest.raises(ValueError, match="unsaved related object 'band'"):
        album.save()


@pytest.mark.parametrize("way", ["add", "set", "assign", "constructor"])
def test_a_row_whose_key_contains_its_parents_cannot_be_moved(way: str) -> None:
    Tour(name="first", stops=[Stop(number=1, place="Rome")]).save()
    other = Tour(name="other", stops=[Stop(number=1, place="Oslo")])
    other.save()
    stop, before = Stop.objects.get(place="Rome"), stored_rows()
    moves: dict[str, Any] = {
        "add": lambda: other.stops.add(stop),
        "set": lambda: other.stops.set([stop]),
        "assign": lambda: setattr(other, "stops", [stop]),
        "constructor": lambda: Tour(name="new", stops=[stop]),
    }

    with pytest.raises(ForeignChildError, match="Add a new Stop with the same values, and remove this one"):
        moves[way]()
    other.save()

    assert stored_rows() == before
    assert stop.tour.name == "first"
    other.stops.add(other.stops.get())
    other.stops.add(Stop(number=2, place=stop.place))
    other.save()
    assert [each.place for each in Stop.objects.order_by("number")] == ["Rome", "Oslo", "Rome"]


def test_an_object_whose_key_was_changed_is_no_row_of_its_parent() -> None:
    band = build_band(members=1, albums=0)
    band.save()
    band.members.get_object_list()[0].pk += 1

    refused(band, StaleClusterError, r"the row of members\[0\] .* is no longer in the database under this key")


@pytest.mark.parametrize("is_heard", [False, True], ids=["in bulk", "row by row"])
def test_a_child_that_points_at_an_object_that_nobody_saves_is_named(is_heard: bool) -> None:
    band = build_band(members=0)
    band.albums.get_object_list()[1].label = Label(name="unsaved")
    receive = Mock()

    if is_heard:
        post_save.connect(receive, sender=Album)
    try:
        refused(band, ValueError, r"^Cannot save albums\[1\]: save\(\) prohibited .* unsaved related object 'label'")
    finally:
        post_save.disconnect(receive, sender=Album)


@pytest.mark.parametrize("title", ["in bulk", "row by row"])
def test_another_error_of_a_value_is_left_as_it_is(title: str) -> None:
    band = Band(name="band", albums=[Album(title=title, position="first")])
    receive = Mock()

    if title == "row by row":
        post_save.connect(receive, sender=Album)
    try:
        refused(band, ValueError, r"^Field 'position' expected a number but got 'first'")
    finally:
        post_save.disconnect(receive, sender=Album)


@pytest.mark.parametrize("code", [None, "A"])
def test_children_need_the_value_by_which_they_point_at_a_parent_that_is_saved(code: str | None) -> None:
    voucher = Voucher(code=code, uses=[VoucherUse(place="x")])
    if code:
        voucher.save()
        voucher.uses.get_object_list()[0].place = "y"
        voucher.code = None

    if code and not connection.features.can_defer_constraint_checks:
        # MariaDB sees at once that the row points at nothing any more.
        refused(voucher, IntegrityError, "foreign key constraint fails")
    else:
        refused(
            voucher,
            ValueError,
            r'^"<Voucher: .+>" needs to have a value for field "code" before this relationship can be used\.$',
        )

    assert VoucherUse.objects.filter(voucher="A").count() == (1 if code else 0)


def test_links_need_the_value_by_which_they_point_at_their_instance() -> None:
    voucher = Voucher(genres=[Genre.objects.create(name="rock")])

    refused(
        voucher,
        ValueError,
        r'^"<Voucher: .+>" needs to have a value for field "code" before this many-to-many relationship can be used\.$',
    )

    assert not Voucher.genres.through.objects.exists()
