"""Code as users write it: mypy checks the types that it asserts, pytest that it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type, cast

import pytest
from django.db import DatabaseError
from django.db.models import ForeignObjectRel, QuerySet

from cluster.errors import ClusterError, StaleClusterError
from cluster.fields.managers import HeldRelatedManager
from cluster.models import get_all_child_m2m_relations, get_all_child_relations
from cluster.queryset import FakeQuerySet
from cluster.relations import Relations, relations_of
from cluster.saving import SavePlan
from tests.testapp.models import Album, Band, Genre, Member, Song

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


def test_relations_have_the_types_of_their_children() -> None:
    band = Band(name="The Band")
    band.members.set([Member(name="Robbie"), Member(name="Levon")])
    band.albums.add(Album(title="Music from Big Pink"))
    song = Song(title="The Weight", album=band.albums.get())

    if TYPE_CHECKING:
        assert_type(band.members, RelatedManager[Member])
    assert_type(band.members.all(), QuerySet[Member, Member])
    assert_type(band.members.first(), Member | None)
    assert_type(band.members.filter(name="Levon").get(), Member)
    assert_type([member.name for member in band.members.order_by("name")], list[str])
    assert_type(song.album, Album)
    assert_type(song.album.band, Band)
    assert song.album.band is band


def test_links_have_the_types_of_what_they_point_at() -> None:
    band = Band(name="The Band")
    band.genres.set([Genre(name="rock")])

    assert_type(band.genres.get(), Genre)
    assert band.genres.get().name == "rock"


def test_what_only_held_relations_have_is_reached_through_the_manager_class() -> None:
    band = Band(name="The Band")

    members = cast("HeldRelatedManager", band.members)

    assert_type(members.is_deferring, bool)
    assert list(members.get_object_list()) == []


@pytest.mark.django_db
def test_a_cluster_is_planned_validated_and_saved() -> None:
    band = Band(name="The Band")

    assert_type(band.plan_save(), SavePlan)
    band.clean_cluster()
    band.save(using="default", update_fields=None)
    assert_type(band.pk, int)
    assert band.pk is not None


def test_the_functions_of_the_models_module_are_typed() -> None:
    assert_type(get_all_child_relations(Band), list[ForeignObjectRel])
    assert_type(get_all_child_m2m_relations(Band), list[Any])
    assert_type(relations_of(Band), Relations)
    assert relations_of(Band)["genres"].related_model is Genre


def test_errors_are_caught_as_one_of_ours_and_as_djangos() -> None:
    with pytest.raises(DatabaseError) as caught:
        raise StaleClusterError("the row is gone")

    assert_type(caught.value, DatabaseError)
    assert isinstance(caught.value, ClusterError)


def test_a_fake_queryset_has_the_type_of_its_model() -> None:
    queryset = FakeQuerySet(Member, [Member(name="Robbie")])

    assert_type(queryset.count(), int)
    assert queryset.get(name="Robbie").name == "Robbie"
