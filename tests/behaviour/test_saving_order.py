"""Every legal end state can be reached, whatever stands in the way on the way there."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, models
from django.db.models.signals import pre_save

from tests.faults.app.models import Beetle, Binder, Box, Flag, Label, Leaf, Lid, Shelf, Slot, Thing
from tests.support import build_band
from tests.testapp.models import Album, Band, Biography, Instrument, Node, Song

pytestmark = pytest.mark.django_db


def shelf_of(**relations: Any) -> Shelf:
    Shelf(name="s", **relations).save()
    return Shelf.objects.get()


def boxes(count: int) -> list[Box]:
    return [Box(code=f"code{number}", position=number, tag=number) for number in range(count)]


@pytest.mark.parametrize("field", ["code", "position", "tag"])
def test_two_unique_values_can_be_swapped(field: str) -> None:
    shelf = shelf_of(boxes=boxes(2))
    first, second = shelf.boxes.get_object_list()
    wanted = getattr(second, field), getattr(first, field)
    setattr(first, field, wanted[0])
    setattr(second, field, wanted[1])

    shelf.save()

    first.refresh_from_db()
    second.refresh_from_db()
    assert (getattr(first, field), getattr(second, field)) == wanted


def test_unique_values_can_go_round_among_many_rows() -> None:
    shelf = shelf_of(boxes=boxes(20))
    held = list(shelf.boxes.get_object_list())
    positions, codes = [box.position for box in held], [box.code for box in held]
    for number, box in enumerate(held):
        box.position = positions[(number + 7) % 20]
        box.code = codes[(number + 11) % 20]

    shelf.save()

    stored = {box.pk: (box.position, box.code) for box in Box.objects.all()}
    assert stored == {box.pk: (box.position, box.code) for box in held}


def test_many_pairs_are_swapped_in_a_few_statements(django_assert_max_num_queries: Any) -> None:
    shelf = shelf_of(boxes=boxes(100))
    held = list(shelf.boxes.get_object_list())
    for first, second in zip(held[::2], held[1::2], strict=True):
        first.code, second.code = second.code, first.code

    with django_assert_max_num_queries(8):
        shelf.save()

    assert Box.objects.get(pk=held[0].pk).code == "code1"


def test_dates_can_be_swapped() -> None:
    shelf = shelf_of(slots=[Slot(day=date(2024, 1, 1)), Slot(day=date(2024, 1, 2))])
    first, second = shelf.slots.get_object_list()
    first.day, second.day = second.day, first.day

    shelf.save()

    assert Slot.objects.get(pk=first.pk).day == date(2024, 1, 2)


def test_values_under_an_expression_and_under_a_condition_can_be_swapped_at_once() -> None:
    shelf = shelf_of(labels=[Label(text="A", is_main=True), Label(text="b")])
    first, second = shelf.labels.get_object_list()
    first.text, second.text = "B", "a"
    first.is_main, second.is_main = False, True

    shelf.save()

    assert set(Label.objects.values_list("pk", "text", "is_main")) == {
        (first.pk, "B", False),
        (second.pk, "a", True),
    }


def test_a_swap_that_no_temporary_value_can_help_says_so_and_changes_nothing() -> None:
    shelf = shelf_of(flags=[Flag(is_up=True), Flag(is_up=False)])
    first, second = shelf.flags.get_object_list()
    first.is_up, second.is_up = False, True

    with pytest.raises(IntegrityError, match=r"Cannot save flags\[\d\]: it exchanges unique values of is_up"):
        shelf.save()

    assert Flag.objects.get(pk=first.pk).is_up is True
    assert shelf.flags.is_deferring


def test_a_new_row_takes_the_values_of_a_removed_one() -> None:
    shelf = shelf_of(boxes=boxes(1))

    shelf.boxes = boxes(1)
    shelf.save()

    assert Box.objects.get().code == "code0"


def test_a_new_row_takes_what_a_changed_one_gives_up() -> None:
    shelf = shelf_of(boxes=boxes(1))
    shelf.boxes.get_object_list()[0].code = "other"
    shelf.boxes.get_object_list()[0].position = 5
    shelf.boxes.get_object_list()[0].tag = None

    shelf.boxes.add(*boxes(1))
    shelf.save()

    assert set(Box.objects.values_list("code", flat=True)) == {"code0", "other"}


def test_a_grandchild_outlives_its_parent_when_it_is_moved() -> None:
    shelf = shelf_of(boxes=[Box(code="old", position=1, things=[Thing(name="kept"), Thing(name="lost")])])
    (old,) = shelf.boxes.get_object_list()
    kept = old.things.get_object_list()[0]
    new = Box(code="old", position=1)
    new.things.add(kept)

    shelf.boxes = [new]
    shelf.save()

    assert list(Thing.objects.values_list("name", "box")) == [("kept", new.pk)]
    assert Thing.objects.get().pk == kept.pk


def test_a_grandchild_can_be_moved_between_existing_parents_one_of_which_goes() -> None:
    shelf = shelf_of(boxes=[Box(code="a", position=1, things=[Thing(name="kept")]), Box(code="b", position=2)])
    first, second = shelf.boxes.get_object_list()
    second.things.add(first.things.get_object_list()[0])

    shelf.boxes.remove(first)
    second.position = 1
    shelf.save()

    assert list(Box.objects.values_list("code", "position")) == [("b", 1)]
    assert Thing.objects.get().box == second


def test_a_sibling_survives_the_deletion_of_the_one_it_pointed_at() -> None:
    shelf = shelf_of(boxes=[Box(code="a", position=1, things=[Thing(name="first"), Thing(name="second")])])
    (box,) = shelf.boxes.get_object_list()
    first, second = box.things.get_object_list()
    Thing.objects.filter(pk=second.pk).update(instead_of=first)
    shelf = Shelf.objects.get()
    (box,) = shelf.boxes.get_object_list()
    first, second = sorted(box.things.get_object_list(), key=lambda thing: thing.name)
    second.instead_of = None

    box.things.remove(first)
    shelf.save()

    assert list(Thing.objects.values_list("name", flat=True)) == ["second"]


def test_siblings_of_one_level_may_need_one_another() -> None:
    thing = Thing(name="inside")
    box = Box(code="a", position=1, lids=[Lid(thing=thing)], things=[thing])

    Shelf(name="s", boxes=[box]).save()

    assert Lid.objects.get().thing == thing


def test_new_siblings_may_point_at_one_another_in_a_circle() -> None:
    first, second = Thing(name="first"), Thing(name="second")
    first.instead_of, second.instead_of = second, first

    Shelf(name="s", boxes=[Box(code="a", position=1, things=[first, second])]).save()

    assert set(Thing.objects.values_list("name", "instead_of__name")) == {("first", "second"), ("second", "first")}


def test_a_target_that_nobody_saves_is_refused_in_djangos_words() -> None:
    shelf = Shelf(name="s", boxes=[Box(code="a", position=1, lids=[Lid(thing=Thing(name="elsewhere"))])])

    with pytest.raises(ValueError, match="prohibited to prevent data loss due to unsaved related object 'thing'"):
        shelf.save()

    assert shelf.pk is None
    assert not Shelf.objects.exists()


def test_the_only_child_of_a_unique_key_is_replaced() -> None:
    Band(name="b", biographies=[Biography(text="old")]).save()
    band = Band.objects.get()

    band.biographies = [Biography(text="new")]
    band.save()

    assert Biography.objects.get().text == "new"


def test_a_released_child_keeps_its_row() -> None:
    Band(name="b", instruments=[Instrument(name="harp"), Instrument(name="lute")]).save()
    band = Band.objects.get()
    harp, _ = band.instruments.get_object_list()

    band.instruments.remove(harp)
    band.save()

    assert set(Instrument.objects.values_list("name", "band")) == {("harp", None), ("lute", band.pk)}


@pytest.mark.skipif(not hasattr(models, "DB_SET_NULL"), reason="Django does not leave deleting to the database yet.")
def test_a_child_that_is_released_by_the_database_is_released_by_a_removal() -> None:
    poem = apps.get_model("faults", "Poem")
    Binder(poems=[poem(text="ode"), poem(text="sonnet")]).save()
    binder: Any = Binder.objects.get()

    binder.poems.remove(binder.poems.get(text="ode"))
    binder.save()

    assert set(poem.objects.values_list("text", "binder")) == {("ode", None), ("sonnet", binder.pk)}


def test_a_child_that_another_parent_owns_too_keeps_its_row() -> None:
    shelf = shelf_of(boxes=boxes(1), slots=[Slot(day=date(2024, 1, 1)), Slot(day=date(2024, 1, 2))])
    Slot.objects.filter(day__day=1).update(box=Box.objects.get())

    shelf.slots.clear()
    shelf.save()

    assert list(Slot.objects.values_list("shelf", "box__code")) == [(None, "code0")]


def test_a_child_that_its_other_parent_takes_is_not_deleted() -> None:
    build_band(albums=2, songs=2).save()
    band = Band.objects.get()
    first, second = band.albums.get_object_list()
    song = first.songs.get_object_list()[0]
    second.songs = [song]
    first.songs = []

    band.save()

    assert list(Song.objects.values_list("pk", "album")) == [(song.pk, second.pk)]


def test_a_subtree_can_be_moved_up_and_its_old_parent_removed() -> None:
    Node(name="root", children=[Node(name="middle", children=[Node(name="leaf")])]).save()
    root = Node.objects.get(name="root")
    (middle,) = root.children.get_object_list()
    (leaf,) = middle.children.get_object_list()

    root.children = [leaf]
    root.save()

    assert list(Node.objects.order_by("name").values_list("name", "parent__name")) == [("leaf", "root"), ("root", None)]


def test_albums_keep_their_songs_when_only_the_albums_are_edited() -> None:
    build_band(albums=2, songs=2).save()
    band = Band.objects.get()
    band.albums.get_object_list()[0].title = "renamed"

    band.save()

    assert Song.objects.count() == 4
    assert Album.objects.filter(title="renamed").count() == 1


# What a root takes from below


def tree() -> Leaf:
    root = Leaf(code="root", number=0)
    for number in (1, 2, 3):
        root.leaves.create(code=f"leaf {number}", number=number)
    root.save()
    root = Leaf.objects.get(parent=None)
    root.leaves.get_object_list()
    return root


def codes() -> dict[str, str | None]:
    return {leaf.code: leaf.parent and leaf.parent.code for leaf in Leaf.objects.all()}


@pytest.mark.parametrize("declares", [False, True], ids=["from a baseline", "declared"])
def test_a_root_takes_the_value_of_a_removed_child_of_its_own_model(declares: bool) -> None:
    root = tree()
    gone = root.leaves.get(code="leaf 1")

    root.code = gone.code
    if declares:
        root.leaves = [leaf for leaf in root.leaves.all() if leaf != gone]
    else:
        root.leaves.remove(gone)
    root.save()

    assert codes() == {"leaf 1": None, "leaf 2": "leaf 1", "leaf 3": "leaf 1"}


@pytest.mark.parametrize("declares", [False, True], ids=["from a baseline", "declared"])
def test_a_root_swaps_its_unique_values_with_those_of_its_children(declares: bool) -> None:
    root = tree()
    first, second, third = root.leaves.order_by("number")
    if declares:
        root.leaves = [first, second, third]

    root.code, first.code = first.code, root.code
    root.number = 3
    second.branch, second.number = "twig", 0
    third.branch, third.number = "twig", None
    Beetle.objects.create(leaf=root, name="stored")
    root.beetles.get_object_list()[0].name = "changed"
    root.save()

    assert Beetle.objects.get().name == "changed"
    assert codes() == {"leaf 1": None, "root": "leaf 1", "leaf 2": "leaf 1", "leaf 3": "leaf 1"}
    assert list(Leaf.objects.order_by("code").values_list("branch", "number")) == [
        ("trunk", 3),
        ("twig", 0),
        ("twig", None),
        ("trunk", 1),
    ]


def test_a_new_root_takes_the_value_of_a_child_that_it_takes_in() -> None:
    child = tree().leaves.get(code="leaf 1")
    root = Leaf(code=child.code, leaves=[child])

    child.code = "other"
    root.save()

    assert codes()["other"] == "leaf 1"


def test_rows_that_make_way_get_their_values_whatever_a_receiver_does() -> None:
    root = tree()
    first = root.leaves.get_object_list()[0]
    root.number, first.branch = 1, "twig"

    def change_back(instance: Any, **kwargs: Any) -> None:
        if instance is root:
            root.number, first.branch = 7, "trunk"

    pre_save.connect(change_back, sender=Leaf, weak=False, dispatch_uid="once")
    try:
        root.save()
    finally:
        pre_save.disconnect(sender=Leaf, dispatch_uid="once")

    assert list(Leaf.objects.order_by("code").values_list("code", "number")) == [
        ("leaf 1", 1),
        ("leaf 2", 2),
        ("leaf 3", 3),
        ("root", 7),
    ]
