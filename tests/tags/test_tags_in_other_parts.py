"""Tags in copies, differences, pickles and on several ways in."""

from __future__ import annotations

import copy
import pickle

import pytest
from taggit.models import Tag

from cluster.comparing import apply, diff, diff_from_database
from cluster.errors import DiffMismatchError
from cluster.testing import logged_statements
from tests.tags.app.models import Dish, Flavour, Place, TaggedPlace

pytestmark = pytest.mark.django_db


def unsaved() -> Place:
    dish = Dish(name="soup", flavours=["salty", "bitter"])
    return Place(name="x", tags=["quiet", "old"], dishes=[dish])


def live() -> Place:
    unsaved().save()
    return Place.objects.get()


def held() -> Place:
    place = live()
    place.tags.add("new")
    place.tags.remove("new")
    return place


every_state = pytest.mark.parametrize("build", [unsaved, live, held])


def tags_of(place: Place) -> tuple[list[str], list[str]]:
    return list(place.tags.names()), list(place.dishes.get().flavours.names())


TAGS = (["quiet", "old"], ["bitter", "salty"])


@every_state
def test_a_copied_cluster_has_the_tags_of_parent_and_children(build):
    place = build()

    copied, _ = place.copy_cluster()
    copied.tags.add("copied")

    assert tags_of(copied) == (["quiet", "old", "copied"], ["bitter", "salty"])
    assert tags_of(place) == TAGS
    copied.save()
    place.save()
    assert Place.objects.count() == Dish.objects.count() == 2
    assert tags_of(Place.objects.get(pk=copied.pk)) == (["quiet", "old", "copied"], ["bitter", "salty"])
    assert tags_of(Place.objects.get(pk=place.pk)) == TAGS
    assert Tag.objects.count() == 3
    assert Flavour.objects.count() == 2


def test_copying_writes_nothing_and_asks_nothing_of_an_unsaved_cluster():
    place = unsaved()

    with logged_statements() as log:
        place.copy_cluster()

    assert log.statements == []


@every_state
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda place: pickle.loads(pickle.dumps(place))])
def test_an_instance_copied_by_python_or_pickled_keeps_its_tags(build, copied):
    place = build()

    other = copied(place)
    other.tags.add("new")

    assert list(other.tags.names()) == ["quiet", "old", "new"]
    assert list(place.tags.names()) == ["quiet", "old"]
    other.save()
    assert set(Place.objects.get(pk=other.pk).tags.names()) == {"quiet", "old", "new"}


def test_a_changed_tag_is_a_difference():
    place = live()
    before = Place.objects.get()

    place.tags.set(["quiet", "new"])
    place.dishes.get().flavours.all()
    changes = diff(before, place)

    assert not diff(before, Place.objects.get())
    assert [(change.path, change.after) for change in changes] == [("tagged_items[1].tag", ["new"])]
    assert str(changes) == f"~ tagged_items[1].tag: {Tag.objects.get(name='old').pk} -> ['new']"
    assert [change.after for change in diff_from_database(place)] == [["new"]]
    assert "old" in changes.as_html()
    assert "new" in changes.as_html()


def test_a_difference_of_tags_is_applied_without_writing():
    place, other = live(), unsaved()
    other.tags.add("new")
    target = Place.objects.get()

    apply(diff(place, other), target)

    assert Tag.objects.count() == 2
    assert set(target.tags.names()) == {"quiet", "old", "new"}
    target.save()
    assert set(Place.objects.get().tags.names()) == {"quiet", "old", "new"}


def test_a_natural_key_of_another_length_is_not_applied():
    place = live()
    data = place.serializable_data()
    changed = copy.deepcopy(data)
    changed["tagged_items"][0]["tag"] = ["a", "b"]

    with pytest.raises(DiffMismatchError, match=r"\['a', 'b'\] is no value that tag can have"):
        apply(diff(data, changed, model=Place), place)

    assert list(place.tags.names()) == ["quiet", "old"]


def test_snapshots_of_stored_tags_are_compared_with_clusters():
    place = live()
    data = place.serializable_data()

    assert not diff(data, place)
    place.tags.remove("old")

    assert len(diff(data, place)) == 1


@every_state
def test_assigning_the_tags_declares_them(build):
    place = build()

    place.tags = ["old", "third"]
    place.save()

    assert set(Place.objects.get().tags.names()) == {"old", "third"}
    assert TaggedPlace.objects.count() == 2


def test_tags_of_nested_children_are_changed_below_a_live_parent():
    place = live()

    place.dishes.get_object_list()[0].flavours.set(["sweet", "salty"])
    with logged_statements() as log:
        place.save()

    assert tags_of(Place.objects.get()) == (["quiet", "old"], ["salty", "sweet"])
    assert [sql for sql in log.writes if "tags_dish" in sql] == []


def test_a_moved_child_keeps_its_tags():
    place, other = live(), Place(name="other")

    other.dishes.add(place.dishes.get_object_list()[0])
    other.save()

    assert list(Place.objects.get(name="other").dishes.get().flavours.names()) == ["bitter", "salty"]


def test_one_query_finds_the_names_of_all_tags_of_a_cluster():
    place = Place(name="x", tags=["a", "b"])
    place.dishes = [Dish(name=str(number), flavours=["salty", str(number)]) for number in range(10)]

    with logged_statements() as log:
        place.save()

    assert len(log.of("INSERT", "tags_flavour")) == 1
    assert len(log.of("SELECT", "tags_flavour")) == 2
    assert Flavour.objects.count() == 11


def test_case_is_ignored_where_the_setting_says_so_throughout(settings):
    settings.TAGGIT_CASE_INSENSITIVE = True
    Flavour.objects.create(name="Salty", slug="salty")
    place = Place(name="x", tags=["Quiet"], dishes=[Dish(name="soup", flavours=["SALTY", "salty", "Sweet"])])

    place.save()
    place.tags.add("QUIET")
    place.tags.set(["qUIET", "old"])
    place.save()

    assert list(Place.objects.get().tags.names()) == ["Quiet", "old"]
    assert list(Dish.objects.get().flavours.names()) == ["Salty", "Sweet"]
    assert sorted(Flavour.objects.values_list("name", flat=True)) == ["Salty", "Sweet"]


@pytest.mark.parametrize("is_case_insensitive", [True, False])
def test_similar_objects_know_new_tags_by_their_names(settings, is_case_insensitive):
    settings.TAGGIT_CASE_INSENSITIVE = is_case_insensitive
    stored = live()
    place = Place(name="new", tags=["QUIET"])

    similar = place.tags.similar_objects()

    assert similar == ([stored] if is_case_insensitive else [])


@every_state
def test_children_are_found_by_their_tags(build):
    place = build()
    place.dishes.get_object_list()

    assert place.dishes.filter(flavours__name="salty").count() == 1
    assert place.dishes.filter(flavours__name="sweet").count() == 0
    assert list(place.dishes.values_list("flavours__name", flat=True).order_by("flavours__name")) == ["bitter", "salty"]
    assert place.tagged_items.filter(tag__name="old").count() == 1


def test_prefetched_tags_are_read_once_and_dropped_when_tags_change():
    live()

    with logged_statements() as log:
        place = Place.objects.prefetch_related("tags", "dishes__flavours").get()
        tags = [tag.name for tag in place.tags.all()]
        flavours = [tag.name for dish in place.dishes.all() for tag in dish.flavours.all()]

    assert (tags, flavours) == TAGS
    assert len(log.statements) == 4
    place.tags.add("new")
    assert list(place.tags.names()) == ["quiet", "old", "new"]
