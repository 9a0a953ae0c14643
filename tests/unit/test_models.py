"""Copying, pickling, refreshing and describing instances that hold relations."""

from __future__ import annotations

import copy
import pickle

import django
import pytest
from django.core.exceptions import FieldDoesNotExist

from cluster.models import get_all_child_m2m_relations, get_all_child_relations
from cluster.relations import relations_of
from cluster.testing import logged_statements
from tests.support import build_band
from tests.testapp.models import Album, Band, Festival, Genre, Hall, Member, Node, Song, TouringBand, Venue


def tree(depth: int) -> Node:
    root = node = Node(name="0")
    for level in range(1, depth):
        child = Node(name=str(level))
        node.children = [child]
        node = child
    return root


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda band: pickle.loads(pickle.dumps(band))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_duplicate_is_an_independent_cluster(duplicate):
    band = build_band()
    album = band.albums.all()[0]
    album.genres = [Genre(pk=1, name="rock")]

    copied = duplicate(band)
    copied.members.add(Member(name="new"))
    copied_album = copied.albums.all()[0]
    copied_album.songs.all()[0].title = "changed"
    copied_album.genres.clear()

    assert (band.members.count(), copied.members.count()) == (2, 3)
    assert all(member.band is copied for member in copied.members.all())
    assert all(member.band is band for member in band.members.all())
    assert copied_album is not album
    assert all(song.album is copied_album for song in copied_album.songs.all())
    assert album.songs.all()[0].title == "song 0.1"
    assert album.genres.count() == 1


def test_copying_a_thousand_levels_needs_no_recursion():
    copied = copy.copy(tree(1_000))

    depth = 1
    while copied.children.exists():
        copied, depth = copied.children.all()[0], depth + 1
    assert depth == 1_000


@pytest.mark.django_db
def test_refreshing_drops_what_is_held():
    build_band().save()
    band = Band.objects.get()
    band.members.add(Member(name="new"))
    band.albums.clear()

    band.refresh_from_db()

    assert not band.members.is_deferring
    assert (band.members.count(), band.albums.count()) == (2, 2)


@pytest.mark.django_db
def test_refreshing_one_relation_leaves_the_others_and_costs_no_query():
    build_band().save()
    band = Band.objects.get()
    band.members.add(Member(name="new"))
    band.albums.clear()

    with logged_statements() as log:
        band.refresh_from_db(fields=["members"])

    assert log.statements == []
    assert (band.members.count(), band.albums.count()) == (2, 0)


@pytest.mark.django_db
def test_refreshing_fields_and_relations_reloads_both():
    build_band(name="x").save()
    band = Band.objects.prefetch_related("members").get()
    band.name = "changed"
    band.albums.clear()
    Member.objects.all().delete()

    band.refresh_from_db(fields=["name", "members"])

    assert (band.name, band.members.count(), band.albums.count()) == ("x", 0, 0)


def test_the_relations_of_a_class_are_described_with_those_of_its_superclasses():
    relations = relations_of(Hall)

    assert {relation.name for relation in relations.children} == {"rooms", "acts", "engagements", "balconies"}
    assert [relation.name for relation in relations.links] == ["genres"]
    assert relations["rooms"].related_model._meta.object_name == "Room"
    assert len(relations) == 5
    assert set(relations_of(Venue)) == set(relations) - {"balconies"}
    assert "members" in relations_of(TouringBand)


def test_a_description_is_computed_once():
    assert relations_of(Band) is relations_of(Band)


def test_the_public_lists_of_relations():
    children, links = get_all_child_relations(Album), get_all_child_m2m_relations(Album)

    assert [relation.related_model for relation in children] == [Song]
    assert [relation.get_accessor_name() for relation in children] == ["songs"]
    assert links == [Album._meta.get_field("genres")]
    assert get_all_child_relations(Festival) == []
    assert get_all_child_relations(Genre) == []


def test_positional_options_of_save_are_taken_where_django_takes_them(transactional_db):
    band = build_band()

    if django.VERSION < (6, 0):
        with pytest.deprecated_call(match="Passing positional arguments to save"):
            band.save(True)
        assert Member.objects.count() == 2
    else:
        with pytest.raises(TypeError, match=r"Band.save\(\) takes 1 positional argument but 2 were given"):
            band.save(True)
        assert Band.objects.count() == 0


@pytest.mark.django_db
def test_refreshing_that_fails_drops_nothing():
    band, gone = build_band(), build_band()
    band.save()
    gone.save()
    gone.members.add(Member(name="held"))
    band.members.add(Member(name="held"))
    Band.objects.filter(pk=gone.pk).delete()
    unsaved = build_band()

    with pytest.raises(FieldDoesNotExist):
        band.refresh_from_db(fields=["members", "nope"])
    with pytest.raises(Band.DoesNotExist):
        gone.refresh_from_db()
    with pytest.raises(Band.DoesNotExist):
        unsaved.refresh_from_db()

    assert [each.members.count() for each in (band, gone, unsaved)] == [3, 3, 2]
    band.refresh_from_db(fields=["name"])
    assert band.members.count() == 3
    band.refresh_from_db(fields=("members", "name"))
    assert band.members.count() == 2
