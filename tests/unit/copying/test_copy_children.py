from __future__ import annotations

import pytest

from cluster.errors import UniqueCopyError
from cluster.testing import logged_statements
from tests.faults.app.models import Label, Shelf
from tests.support import build_band, build_full_band, rel_of
from tests.testapp.models import Album, Band, Member, Node, Playlist, Song, Verse

pytestmark = pytest.mark.django_db


@pytest.fixture
def source() -> Band:
    band = build_full_band()
    band.save()
    return Band.objects.get(pk=band.pk)


def test_a_relation_is_copied_to_an_unsaved_target_by_name(source):
    target = Band(name="target")

    copies = source.copy_child_relation("members", target)

    assert [member.name for member in target.members.all()] == ["member 0", "member 1"]
    assert all(member.pk is None and member.band is target for member in target.members.all())
    old = source.members.first()
    assert copies[(rel_of(Band, "members"), old.pk)].name == old.name
    assert Member.objects.count() == 2


def test_a_relation_is_copied_by_its_relation_object(source):
    target = Band(name="target")

    copies = source.copy_child_relation(rel_of(Band, "albums"), target)
    target.save()

    assert [album.songs.count() for album in target.albums.all()] == [2, 2]
    assert (rel_of(Album, "songs"), Song.objects.first().pk) in copies


def test_children_without_keys_are_in_a_list():
    source, target = build_band(), Band(name="target")

    copies = source.copy_child_relation("members", target)

    assert copies == {(rel_of(Band, "members"), None): list(target.members.get_object_list())}


def test_children_are_not_copied_to_a_model_without_the_relation(source):
    with pytest.raises(TypeError) as error:
        source.copy_child_relation("members", Playlist())
    with pytest.raises(TypeError):
        source.copy_all_child_relations(Playlist())

    assert str(error.value) == "Cannot copy 'members' to a Playlist, which has no such relation."


@pytest.mark.parametrize("name", ["genres", "name", "nothing", None, []], ids=repr)
def test_what_is_no_child_relation_is_a_lookup_error(source, name):
    with pytest.raises(LookupError) as error:
        source.copy_child_relation(name, Band())

    assert str(error.value).startswith(f"{name!r} is no child relation of Band, which has albums, ")


@pytest.mark.parametrize(
    ("append", "expected"),
    [
        (False, ["member 0", "member 1"]),
        (True, ["Garth", "member 0", "member 1"]),
    ],
    ids=["replacing", "appending"],
)
def test_the_children_of_the_target_are_replaced_or_joined(source, append, expected):
    target = Band(name="target", members=[Member(name="Garth")])
    target.save()

    source.copy_child_relation("members", target, append=append)
    target.save()

    assert [member.name for member in target.members.order_by("pk")] == expected


def test_commit_writes_the_relation_at_once(source):
    target = Band(name="target")
    target.save()

    source.copy_child_relation("albums", target, commit=True)

    assert [album.songs.count() for album in Album.objects.filter(band=target)] == [2, 2]
    assert Verse.objects.filter(song__album__band=target).count() == 8
    assert not target.albums.is_deferring


def test_nothing_is_written_without_commit(source):
    target = Band(name="target")
    target.save()

    with logged_statements() as log:
        source.copy_all_child_relations(target)

    assert log.writes == []


def test_all_relations_are_copied_but_those_excluded(source):
    target = Band(name="target")

    copies = source.copy_all_child_relations(target=target, exclude=["albums"])

    assert target.members.count() == 2
    assert target.albums.count() == 0
    assert {relation for relation, _ in copies} == {rel_of(Band, "members")}


def test_a_relation_that_the_source_has_empty_empties_that_of_the_target():
    source, target = Band(name="source"), build_band(name="target")
    source.save()
    target.save()

    source.copy_all_child_relations(target)
    target.save()

    assert target.members.count() == target.albums.count() == 0


def test_appending_nothing_leaves_the_target_as_it_is():
    source, target = Band(name="source"), build_band(name="target")
    source.save()
    target.save()

    source.copy_all_child_relations(target, append=True)
    target.save()

    assert (target.members.count(), target.albums.count()) == (2, 2)


def test_children_are_duplicated_within_one_parent(source):
    source.copy_child_relation("members", source, append=True)
    source.save()

    assert sorted(source.members.values_list("name", flat=True)) == ["member 0", "member 0", "member 1", "member 1"]


def test_keys_to_the_source_point_at_the_target():
    root = Node(name="root", children=[Node(name="a"), Node(name="b")])
    root.save()
    child = Node.objects.get(name="a")
    child.follows.add(root)
    child.save()
    target = Node(name="target")

    Node.objects.get(pk=root.pk).copy_child_relation("children", target)
    target.save()

    assert list(target.children.get(name="a").follows.all()) == [target]


def test_commit_of_everything_is_one_transaction(source, django_assert_num_queries):
    target = Band(name="target")
    target.save()

    with logged_statements() as log:
        source.copy_all_child_relations(target, commit=True)

    assert log.statements.index(log.of("SAVEPOINT")[0]) < log.statements.index(log.writes[0])
    assert Member.objects.filter(band=target).count() == 2


@pytest.mark.parametrize("target", [lambda shelf: shelf, lambda shelf: Shelf.objects.get()], ids=["same", "equal"])
def test_values_that_expressions_and_conditions_make_unique_change_within_one_parent(target):
    shelf = Shelf.objects.create(name="Poetry")
    Label.objects.create(shelf=shelf, text="Front", is_main=True)
    Label.objects.create(shelf=shelf, text="Back")
    target = target(shelf)

    with pytest.raises(UniqueCopyError) as error:
        shelf.copy_child_relation("labels", target, append=True, unique="suffix")
    shelf.copy_child_relation(
        "labels", target, append=True, commit=True, unique="suffix", overrides={Label: {"is_main": False}}
    )

    assert [problem.path for problem in error.value.problems] == ["labels.shelf"]
    assert set(Label.objects.values_list("text", "is_main")) == {
        ("Front", True),
        ("Back", False),
        ("Front (copy)", False),
        ("Back (copy)", False),
    }
