"""A row that somebody else moved to another parent after it was read is neither written nor deleted."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from cluster.errors import StaleClusterError
from cluster.relations import relations_of
from cluster.relations.holding import begin_holding
from tests.faults.app.models import Box, Coin, Shelf, Slot, Thing
from tests.faults.picture import picture_of
from tests.support import stored_rows
from tests.testapp.models import (
    Act,
    Album,
    Anthem,
    Band,
    Collaboration,
    Dance,
    Instrument,
    Member,
    Node,
    Song,
    Venue,
)

pytestmark = pytest.mark.django_db

# What the rows of a relation are, with the field that is changed and how a row is written and deleted.
KINDS = [
    pytest.param(Member, "members", "name", id="in bulk"),
    pytest.param(Album, "albums", "title", id="deleted with what is below"),
    pytest.param(Anthem, "anthems", "title", id="by methods of their own"),
    pytest.param(Instrument, "instruments", "name", id="released"),
]


def two_bands(model: Any, relation: str, name: str, count: int) -> tuple[Any, Any]:
    band, other = Band.objects.create(name="mine"), Band.objects.create(name="other")
    for number in range(count):
        extra = {"position": number} if model is Album else {}
        model.objects.create(band=band, **{name: str(number)}, **extra)
    band = Band.objects.get(pk=band.pk)
    getattr(band, relation).get_object_list()
    return band, other


@pytest.mark.parametrize("count", [1, 8], ids=["one row", "many rows"])
@pytest.mark.parametrize(("model", "relation", "name"), KINDS)
def test_a_changed_row_is_not_written(model: Any, relation: str, name: str, count: int) -> None:
    band, other = two_bands(model, relation, name, count)
    band.name = "changed"
    for each in getattr(band, relation).get_object_list():
        setattr(each, name, "changed")
    model.objects.filter(**{name: "0"}).update(band=other)
    rows, memory = stored_rows(), picture_of(band)

    with pytest.raises(StaleClusterError, match=rf"{relation}\[0\].* or is another parent's by now"):
        band.save()

    assert stored_rows() == rows
    assert picture_of(band) == memory


@pytest.mark.parametrize(("model", "relation", "name"), KINDS)
def test_a_removed_row_stays_and_the_others_go(model: Any, relation: str, name: str) -> None:
    band, other = two_bands(model, relation, name, 3)
    manager = getattr(band, relation)
    manager.remove(*manager.get_object_list())
    model.objects.filter(**{name: "0"}).update(band=other)

    band.save()

    assert [getattr(each, name) for each in model.objects.filter(band__isnull=False)] == ["0"]
    assert model.objects.get(**{name: "0"}).band == other


@pytest.mark.parametrize("field", ["title", "style"])
def test_a_changed_row_in_two_tables_is_not_written(field: str) -> None:
    venue, other = Venue.objects.create(name="mine"), Venue.objects.create(name="other")
    dance = Dance.objects.create(venue=venue, title="1")
    begin_holding(venue, relations_of(Venue)["acts"], [dance])
    setattr(dance, field, "changed")
    Act.objects.update(venue=other)
    rows = stored_rows()

    with pytest.raises(StaleClusterError):
        venue.save()

    assert stored_rows() == rows


@pytest.mark.parametrize("field", ["code", "year"])
def test_a_changed_row_of_which_one_table_alone_tells_whose_it_is_is_not_written(field: str) -> None:
    shelf, other = Shelf.objects.create(name="mine"), Shelf.objects.create(name="other")
    Coin.objects.create(shelf=shelf, code="1", year=1)
    setattr(shelf.coins.get_object_list()[0], field, "7")
    Coin.objects.update(shelf=other)
    rows = stored_rows(app_label="faults")

    with pytest.raises(StaleClusterError, match=r"coins\[0\].* or is another parent's by now"):
        shelf.save()

    assert stored_rows(app_label="faults") == rows


def test_the_tables_of_a_row_that_is_its_parents_are_written() -> None:
    shelf = Shelf.objects.create(name="mine")
    Coin.objects.create(shelf=shelf, code="1", year=1)
    shelf.coins.get_object_list()[0].code = "7"

    shelf.save()

    assert Coin.objects.get().code == "7"


def test_a_removed_row_stays_that_was_moved_to_a_parent_of_other_removed_rows() -> None:
    band, _ = two_bands(Album, "albums", "title", 2)
    first, second = band.albums.get_object_list()
    _, moved, _ = [Song.objects.create(album=album, title="s") for album in (first, first, second)]
    for album in (first, second):
        album.songs.remove(*album.songs.get_object_list())
    Song.objects.filter(pk=moved.pk).update(album=second)

    band.save()

    assert list(Song.objects.all()) == [moved]


def test_rows_of_many_parents_are_deleted_in_a_few_statements(django_assert_num_queries: Any) -> None:
    shelf = Shelf.objects.create(name="s")
    Box.objects.bulk_create([Box(shelf=shelf, code=str(number), position=number) for number in range(500)])
    Slot.objects.bulk_create(
        [Slot(box=box, day=date(1900, 1, 1) + timedelta(box.position)) for box in Box.objects.all()]
    )
    for box in shelf.boxes.get_object_list():
        box.slots = []

    with django_assert_num_queries(6):
        # The savepoint, the shelf, what is there, and two DELETEs.
        shelf.save()

    assert not Slot.objects.exists()


def test_a_row_that_is_moved_here_may_be_here_already() -> None:
    band, other = two_bands(Member, "members", "name", 1)
    other.members.add(band.members.get_object_list()[0])
    other.members.get().instrument = "harp"
    Member.objects.update(band=other)

    other.save()

    assert Member.objects.get().instrument == "harp"


def test_a_row_that_was_released_meanwhile_comes_back() -> None:
    band, _ = two_bands(Instrument, "instruments", "name", 1)
    band.instruments.get_object_list()[0].name = "changed"
    Instrument.objects.update(band=None)

    band.save()

    assert Instrument.objects.get().name == "changed"


def test_rows_of_two_relations_of_one_model_are_deleted() -> None:
    host, guest = Band.objects.create(name="host"), Band.objects.create(name="guest")
    Collaboration.objects.create(host=host)
    Collaboration.objects.create(host=guest, guest=host)
    host = Band.objects.get(pk=host.pk)
    host.hosted.remove(*host.hosted.get_object_list())
    host.visits.remove(*host.visits.get_object_list())

    host.save()

    assert not Collaboration.objects.filter(host=host).exists()
    assert not Collaboration.objects.filter(guest=host).exists()


def test_a_row_of_which_it_is_not_known_whose_it_was_is_found_by_its_key() -> None:
    band, _ = two_bands(Member, "members", "name", 1)
    (member,) = band.members.get_object_list()
    begin_holding(band, relations_of(Band)["members"], [Member.objects.defer("band").get(pk=member.pk)])
    band.members.get_object_list()[0].name = "changed"

    band.save()

    assert Member.objects.get().name == "changed"


def test_a_removed_row_that_stays_gives_up_no_value() -> None:
    """It would be given a temporary value until its turn to be deleted comes."""
    shelf, other = Shelf.objects.create(name="mine"), Shelf.objects.create(name="other")
    old = Box.objects.create(shelf=shelf, code="a", position=1)
    Thing.objects.create(box=old, name="kept")
    shelf = Shelf.objects.get(pk=shelf.pk)
    (held,) = shelf.boxes.get_object_list()
    new = Box(code="a", position=1)
    new.things.add(held.things.get_object_list()[0])
    shelf.boxes.remove(held)
    shelf.boxes.add(new)
    Box.objects.update(shelf=other)
    rows = stored_rows()

    with pytest.raises(IntegrityError):
        shelf.save()

    assert stored_rows() == rows


def test_a_deeper_row_is_not_written() -> None:
    band, _ = two_bands(Album, "albums", "title", 2)
    first, second = band.albums.get_object_list()
    Song.objects.create(album=first, title="a", track=1)
    first.songs.get_object_list()[0].title = "changed"
    Song.objects.update(album=second)

    with pytest.raises(StaleClusterError, match=r"albums\[0\].songs\[0\]"):
        band.save()

    assert Song.objects.get().title == "a"


TAKING_OUT: dict[str, Callable[[Band, Member], object]] = {
    "removed": lambda band, member: band.members.remove(member),
    "cleared": lambda band, _: band.members.clear(),
    "deleted from the queryset": lambda band, _: band.members.all().delete(),
    "refreshed": lambda band, _: band.refresh_from_db(),
}


@pytest.mark.parametrize("declares", [False, True], ids=["from a baseline", "declared"])
@pytest.mark.parametrize("is_first", [True, False], ids=["old parent first", "new parent first"])
@pytest.mark.parametrize("take_out", TAKING_OUT.values(), ids=TAKING_OUT)
def test_what_is_given_away_and_taken_out_before_the_save_is_deleted_by_its_parent(
    take_out: Callable[[Band, Member], object], *, is_first: bool, declares: bool
) -> None:
    """Neither parent shows it, so that neither has it when both are saved."""
    band, other = two_bands(Member, "members", "name", 2)
    member, kept = band.members.get_object_list()
    if declares:
        band.members = [member, kept]
    other.members.add(member)
    take_out(other, member)

    for root in (band, other) if is_first else (other, band):
        root.save()

    assert list(Member.objects.values_list("pk", "band")) == [(kept.pk, band.pk)]


def test_what_is_given_away_and_taken_out_is_another_writers_who_moved_it() -> None:
    band, other = two_bands(Member, "members", "name", 1)
    (member,) = band.members.get_object_list()
    other.members.add(member)
    other.members.remove(member)
    Member.objects.update(band=other)

    band.save()

    assert Member.objects.get().band == other


def test_what_is_given_away_and_taken_out_outlives_its_parent_if_its_key_may_be_null() -> None:
    band, other = two_bands(Instrument, "instruments", "name", 1)
    (instrument,) = band.instruments.get_object_list()
    other.instruments.add(instrument)
    other.instruments.remove(instrument)

    band.save()

    assert Instrument.objects.get().band is None


def test_what_is_given_away_goes_with_the_new_parent_that_is_taken_out_itself() -> None:
    band, _ = two_bands(Album, "albums", "title", 2)
    first, second = band.albums.get_object_list()
    song = Song.objects.create(album=first, title="a", track=1)
    second.songs.add(first.songs.get_object_list()[0])
    band.albums.remove(second)

    assert [planned.pk for planned in band.plan_save().deletes] == [second.pk, song.pk]
    band.save()

    assert not Song.objects.exists()
    assert list(Album.objects.all()) == [first]


def test_what_is_given_to_a_tree_above_itself_is_on_its_way() -> None:
    root = Node.objects.create(name="root")
    middle = Node.objects.create(name="middle", parent=root)
    leaf = Node.objects.create(name="leaf", parent=middle)
    (middle,) = root.children.get_object_list()
    root.children.add(middle.children.get_object_list()[0])

    middle.save()

    assert Node.objects.get(name="leaf").parent == middle
    root.save()
    assert Node.objects.get(pk=leaf.pk).parent == root


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda band: pickle.loads(pickle.dumps(band))])
def test_a_copy_does_not_know_what_became_of_what_was_given_away(duplicate: Callable[[Band], Band]) -> None:
    band, other = two_bands(Member, "members", "name", 1)
    other.members.add(band.members.get_object_list()[0])

    duplicate(band).save()

    assert Member.objects.get().band == band


def test_a_row_that_was_taken_over_and_deleted_with_its_old_parent_is_stale() -> None:
    band, other = two_bands(Album, "albums", "title", 1)
    album = band.albums.get_object_list()[0]
    song = Song.objects.create(album=album, title="a", track=1)
    taker = Album.objects.create(band=other, title="b", position=1)
    album.songs.get_object_list()
    taker.songs.add(album.songs.get(pk=song.pk))
    band.albums.remove(album)
    band.save()
    rows, memory = stored_rows(), picture_of(taker)

    with pytest.raises(StaleClusterError):
        taker.save()

    assert stored_rows() == rows
    assert picture_of(taker) == memory
