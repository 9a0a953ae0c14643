"""Writing through a held queryset changes memory; the database changes on save."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import FieldError
from django.db import IntegrityError
from django.db.models import F, Q, Sum, Value
from django.db.models.functions import Concat, Upper

from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet
from tests.testapp.models import Album, Band, Dance, Festival, Label, Member, Song

pytestmark = pytest.mark.django_db


@pytest.fixture
def members() -> list[Member]:
    return [Member(pk=1, name="Ann", wage=Decimal(10)), Member(pk=2, name="Bob"), Member(name="Cid", wage=Decimal(30))]


@pytest.fixture
def queryset(members: list[Member]) -> FakeQuerySet:
    return FakeQuerySet(Member, members)


@pytest.fixture(autouse=True)
def _nothing_is_executed(django_assert_num_queries):
    with django_assert_num_queries(0):
        yield


def test_update_sets_values_and_tells_how_many(queryset: FakeQuerySet, members: list[Member]) -> None:
    changed = queryset.filter(wage__isnull=False).update(instrument="bass", wage="12.5")

    assert changed == 2
    assert [member.instrument for member in members] == ["bass", "", "bass"]
    assert [member.wage for member in members] == [Decimal("12.5"), None, Decimal("12.5")]


def test_update_works_expressions_out_before_anything_changes(queryset: FakeQuerySet, members: list[Member]) -> None:
    queryset.update(name=F("instrument"), instrument=Concat(Upper("name"), Value("!")), wage=F("wage") + 1)

    assert [member.name for member in members] == ["", "", ""]
    assert [member.instrument for member in members] == ["ANN!", "BOB!", "CID!"]
    assert [member.wage for member in members] == [Decimal(11), None, Decimal(31)]


def test_update_takes_instances_saved_or_not() -> None:
    saved, unsaved = Label(pk=7, name="saved"), Label(name="unsaved")
    albums = [Album(title="a"), Album(title="b")]

    FakeQuerySet(Album, albums).filter(title="a").update(label=saved)
    FakeQuerySet(Album, albums).filter(title="b").update(label=unsaved)

    assert (albums[0].label, albums[0].label_id) == (saved, 7)
    assert albums[1].label is unsaved


def test_update_counts_an_instance_once_whatever_joins_repeat() -> None:
    album = Album(title="a")
    album.songs = [Song(title="s1"), Song(title="s2")]

    assert FakeQuerySet(Album, [album]).filter(songs__title__startswith="s").update(title="z") == 1
    assert album.title == "z"


def test_update_works_inherited_fields_out_from_fields_of_their_table() -> None:
    dances = [Dance(title="a", style="x"), Dance(title="b")]

    FakeQuerySet(Dance, dances).filter(style="x").update(title=Concat("title", Value("!")), style=Upper("style"))

    assert [(dance.title, dance.style) for dance in dances] == [("a!", "X"), ("b", "")]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"title": F("style")},
            "Cannot resolve keyword 'style' into field. Choices are: dance, id, title, venue, venue_id",
        ),
        ({"style": F("title")}, "Joined field references are not permitted in this query"),
    ],
)
def test_update_refuses_fields_of_another_table_than_its_own(values: dict[str, Any], text: str) -> None:
    with pytest.raises(FieldError) as raised:
        FakeQuerySet(Dance, [Dance(title="a", style="x")]).update(**values)

    assert str(raised.value).startswith(text)


@pytest.mark.parametrize(
    ("values", "error", "text"),
    [
        ({"nope": 1}, FieldError, "Member has no field named 'nope'"),
        ({"wage": Sum("wage")}, FieldError, "Aggregate functions are not allowed in this query"),
        ({"name": F("band__name")}, FieldError, "Joined field references are not permitted in this query"),
        ({"name": Label(pk=1)}, TypeError, "Tried to update field"),
    ],
)
def test_update_refuses_what_django_refuses(
    values: dict[str, Any], error: type[Exception], text: str, queryset: FakeQuerySet
) -> None:
    with pytest.raises(Exception, match=text) as caught:
        queryset.update(**values)

    assert isinstance(caught.value, error) or "nope" in values


def test_delete_takes_instances_out(queryset: FakeQuerySet, members: list[Member]) -> None:
    kept = members[1]

    assert queryset.filter(wage__gt=5).delete() == (2, {"testapp.Member": 2})
    assert members == [kept]
    assert queryset.filter(name="nobody").delete() == (0, {})


def test_create_adds_a_new_instance(queryset: FakeQuerySet, members: list[Member]) -> None:
    created = queryset.create(name="Dee")

    assert members[-1] is created
    assert created.pk is None


def test_create_of_a_key_in_use_is_an_integrity_error(queryset: FakeQuerySet) -> None:
    with pytest.raises(IntegrityError, match="A Member with the key 1 is held already"):
        queryset.create(pk=1, name="Dee")


def test_get_or_create_finds_or_adds(queryset: FakeQuerySet, members: list[Member]) -> None:
    assert queryset.get_or_create(name="Ann") == (members[0], False)

    created, is_new = queryset.get_or_create(name="Dee", defaults={"instrument": lambda: "horn"})

    assert is_new
    assert (created.name, created.instrument) == ("Dee", "horn")
    assert members[-1] is created


def test_update_or_create_changes_or_adds(queryset: FakeQuerySet, members: list[Member]) -> None:
    assert queryset.update_or_create(name="Ann", defaults={"instrument": "harp"}) == (members[0], False)
    assert members[0].instrument == "harp"

    created, is_new = queryset.update_or_create(
        name="Dee", defaults={"instrument": "harp"}, create_defaults={"instrument": "horn"}
    )

    assert is_new
    assert created.instrument == "horn"


def test_bulk_create_adds_and_bulk_update_copies(queryset: FakeQuerySet, members: list[Member]) -> None:
    new = [Member(name="Dee"), Member(name="Eve")]

    assert queryset.bulk_create(new) == new
    assert members[-2:] == new
    assert queryset.bulk_update([Member(pk=2, name="Rob"), Member(pk=9, name="x")], ["name"]) == 1
    assert members[1].name == "Rob"


def test_bulk_create_refuses_other_models_and_conflicts(queryset: FakeQuerySet, members: list[Member]) -> None:
    with pytest.raises(TypeError, match="'Member' instance expected, got <Label: x>"):
        queryset.bulk_create([Member(name="Dee"), Label(name="x")])
    with pytest.raises(ValueError, match="mutually exclusive"):
        queryset.bulk_create([], ignore_conflicts=True, update_conflicts=True)
    with pytest.raises(NotInMemoryError, match="Cannot run bulk_create"):
        queryset.bulk_create([], ignore_conflicts=True)
    assert len(members) == 3


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda q: q.raw("SELECT 1"), r"raw\(\)"),
        (lambda q: q.extra(where=["1=1"]), r"extra\(\)"),
        (lambda q: q.explain(), r"explain\(\)"),
        (lambda q: q._raw_delete("default"), r"_raw_delete\(\)"),
        (lambda q: q._update([]), r"_update\(\)"),
        (lambda q: q._insert([], []), r"_insert\(\)"),
    ],
)
def test_what_needs_the_database_is_refused_by_name(call, name: str, queryset: FakeQuerySet) -> None:
    with pytest.raises(NotInMemoryError, match=f"Cannot run {name} on held Member objects"):
        call(queryset)


def test_contains_finds_an_unsaved_instance_by_identity(queryset: FakeQuerySet, members: list[Member]) -> None:
    assert queryset.contains(members[2])
    assert not queryset.contains(Member(name="Cid"))
    assert not queryset.filter(name="Ann").contains(members[2])


def test_writing_through_a_relation_changes_what_it_holds() -> None:
    band = Band(name="The Band")
    band.members = [Member(name="Ann"), Member(name="Bob")]

    band.members.filter(name="Ann").update(instrument="bass")
    band.members.filter(Q(name="Bob")).delete()
    created = band.members.all().create(name="Cid")

    assert [(member.name, member.instrument) for member in band.members.all()] == [("Ann", "bass"), ("Cid", "")]
    assert created.band is band


@pytest.mark.parametrize(
    "move",
    [
        lambda members, other: members.update(name="new", band=other),
        lambda members, other: members.update(name="new", band_id=other.pk),
        lambda members, other: members.all().update(name="new", band_id=Value(None)),
        lambda members, other: members.bulk_update([Member(pk=5, name="new", band=other)], ["name", "band"]),
        lambda members, other: members.update_or_create(name="Ann", defaults={"name": "new", "band": other}),
        lambda members, other: (members.all() | Band(members=[Member()]).members.all()).update(name="new", band=other),
    ],
    ids=["update", "update by key", "update to none", "bulk_update", "update_or_create", "update of two relations"],
)
def test_a_held_child_cannot_be_given_another_parent_by_a_queryset(move: Callable[[Any, Band], Any]) -> None:
    band, other = Band(pk=1, name="x", members=[Member(pk=5, name="Ann")]), Band(pk=2, name="y")

    said = (
        r"^Cannot set 'band(_id)?' of <Member: Ann> to (<Band: y>|2|None): <Band: x> holds it in 'members'\. Add it to "
        r"the other one, or remove it from this one\.$"
    )
    with pytest.raises(NotInMemoryError, match=said):
        move(band.members, other)

    assert [(each.name, each.band_id) for each in band.members.all()] == [("Ann", 1)]


def test_a_held_child_can_be_given_the_parent_that_it_has() -> None:
    band = Band(pk=1, name="x", members=[Member(pk=5, name="Ann")])

    assert band.members.update(band=band) == 1
    assert band.members.update(band_id=1) == 1
    assert band.members.bulk_update([Member(pk=5, name="Bob", band_id=1)], ["name", "band"]) == 1
    assert [each.name for each in band.members.all()] == ["Bob"]


def test_objects_that_are_only_linked_or_listed_can_be_given_another_parent() -> None:
    label, member, other = Label(pk=3, name="z"), Member(pk=5, name="Ann"), Band(pk=2, name="y")
    festival = Festival(name="x", bands=[Band(pk=1, name="x")])

    assert festival.bands.update(label=label) == 1
    assert FakeQuerySet(Member, [member]).update(band=other) == 1
    assert (festival.bands.get().label, member.band) == (label, other)
