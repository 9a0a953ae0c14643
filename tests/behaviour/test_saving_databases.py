"""Saves of clusters that were read from one database and are written to another by a router's choice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import Model

from cluster.errors import StaleClusterError
from tests.faults.app.models import Box, Shelf
from tests.support import build_band, stored_rows
from tests.testapp.models import Album, Band, Genre, Member, Song

pytestmark = pytest.mark.django_db(databases=["default", "other"])


class PrimaryAndReplica:
    """Reads from a replica, called "other" here; the example of Django's documentation."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        return "other"

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return "default"

    def allow_relation(self, obj1: Model, obj2: Model, **hints: Any) -> bool | None:
        return True if {obj1._state.db, obj2._state.db} <= {"default", "other"} else None


class WritesToOneOfTwo(PrimaryAndReplica):
    """Writes to one of two databases that have nothing to do with one another."""

    def allow_relation(self, obj1: Model, obj2: Model, **hints: Any) -> bool | None:
        return None


class LetsAllBeRelated(PrimaryAndReplica):
    """Sends objects back where they come from."""

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return hints["instance"]._state.db or "default" if "instance" in hints else "default"


def replicate() -> None:
    for model in (Genre, Band, Member, Album, Song, Band.genres.through):
        model._base_manager.using("other").bulk_create(list(model._base_manager.using("default").all()))


@pytest.fixture
def band(settings: Any) -> Iterator[Band]:
    """A band that is read from the replica."""
    new = build_band(members=3)
    new.genres = [Genre.objects.create(name=name) for name in ("folk", "rock")]
    new.save()
    replicate()
    settings.DATABASE_ROUTERS = [PrimaryAndReplica()]
    band = Band.objects.get()
    assert band._state.db == "other"
    return band


def primary(model: Any) -> list[str]:
    rows = model._base_manager.using("default")
    return sorted(rows.values_list("genre__name" if model is Band.genres.through else "name", flat=True))


def test_what_is_taken_out_of_a_cluster_of_a_replica_is_taken_out_of_the_primary(band: Band) -> None:
    before = stored_rows(using="other")
    band.members.remove(band.members.get(name="member 0"))
    band.members.get_object_list()[0].name = "changed"
    band.members.create(name="new")
    band.genres.remove(band.genres.get(name="rock"))

    plan = band.plan_save()
    band.clean_cluster()
    band.save()

    assert primary(Member) == ["changed", "member 2", "new"]
    assert primary(Band.genres.through) == ["folk"]
    assert [len(plan.deletes), len(plan.updates), len(plan.inserts), len(plan.unlinks)] == [1, 2, 1, 1]
    assert stored_rows(using="other") == before


def test_a_changed_row_of_a_replica_that_is_gone_from_the_primary_is_stale(band: Band) -> None:
    band.members.get_object_list()[0].name = "changed"
    Member.objects.using("default").filter(name="member 0").delete()

    with pytest.raises(StaleClusterError):
        band.save()

    assert primary(Member) == ["member 1", "member 2"]


def test_an_unchanged_row_of_a_replica_that_is_gone_from_the_primary_stays_away(band: Band) -> None:
    band.members.get_object_list()
    Member.objects.using("default").filter(name="member 0").delete()

    band.save()

    assert primary(Member) == ["member 1", "member 2"]


@pytest.mark.parametrize(
    ("router", "using"), [(WritesToOneOfTwo(), None), (LetsAllBeRelated(), "default")], ids=["chosen", "named"]
)
def test_a_cluster_is_copied_to_a_database_that_is_no_primary_of_the_other(
    settings: Any, router: Any, using: Any
) -> None:
    build_band(members=3).save(using="other")
    settings.DATABASE_ROUTERS = [router]
    band = Band.objects.using("other").get()
    band.members.get_object_list()

    band.save(using=using)

    assert primary(Member) == ["member 0", "member 1", "member 2"]


@pytest.mark.parametrize("call", ["add", "set"])
def test_an_object_of_another_database_cannot_be_linked(call: str) -> None:
    """Its key may be another object's there."""
    band, genre = Band.objects.create(name="x"), Genre.objects.using("other").create(name="rock")
    change = getattr(band.genres, call)

    with pytest.raises(
        ValueError, match=r'^Cannot add "<Genre: rock>": instance is on database "default", value is on'
    ):
        change([genre] if call == "set" else genre)

    assert not band.genres.is_deferring


def test_an_object_named_by_its_key_is_looked_for_in_the_database_of_the_instance() -> None:
    band = Band.objects.using("other").create(name="x")
    genre = Genre.objects.using("other").create(name="rock")

    band.genres.add(genre.pk)
    band.save()

    assert list(band.genres.all()) == [genre]
    assert stored_rows(using="default") == {}


def test_a_root_that_points_at_one_of_its_new_children_does_so_in_the_database_that_is_named() -> None:
    box = Box(code="a", position=1)
    shelf = Shelf(name="s", boxes=[box], favourite=box)

    shelf.save(using="other")

    assert Shelf.objects.using("other").get().favourite_id == box.pk
    assert Shelf.objects.using("default").count() == 0


def test_an_object_of_the_primary_can_be_linked_to_one_of_a_replica(band: Band) -> None:
    band.genres.add(Genre.objects.using("default").create(name="ska"))

    band.save()

    assert primary(Band.genres.through) == ["folk", "rock", "ska"]
