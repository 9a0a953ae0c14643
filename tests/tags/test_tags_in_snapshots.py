"""Tags, and whatever else has a natural key and no row yet, in snapshots."""

from __future__ import annotations

import json

import pytest
from taggit.models import Tag

from cluster.comparing import diff
from cluster.errors import SerializedDataError
from cluster.testing import logged_statements
from tests.tags.app.models import Badge, BadgedDrink, Dish, Drink, Flavour, Place, Supplier

pytestmark = pytest.mark.django_db


def draft() -> Place:
    """Return an unsaved cluster with a stored tag and a new one, and new ones below."""
    Tag.objects.get_or_create(name="known", slug="known")
    dishes = [Dish(name="soup", flavours=["salty", "bitter"]), Dish(name="stew", flavours=["salty"])]
    place = Place(name="x", dishes=dishes)
    place.tags.add(Tag.objects.get(name="known"), "new")
    return place


def tags_of(place: Place) -> list[list[str]]:
    return [
        list(place.tags.names()),
        *(list(dish.flavours.names()) for dish in sorted(place.dishes.all(), key=lambda dish: dish.name)),
    ]


NAMES = [["known", "new"], ["bitter", "salty"], ["salty"]]


@pytest.mark.parametrize("check_fks", [True, False])
def test_new_tags_of_every_level_survive(check_fks):
    data = draft().to_json()
    flavours = [[item["tag"] for item in dish["tagged_items"]] for dish in json.loads(data)["dishes"]]

    restored = Place.from_json(data, check_fks=check_fks)

    assert flavours == [[["salty"], ["bitter"]], [["salty"]]]
    assert tags_of(restored) == NAMES
    assert list(restored.tags.slugs()) == ["known", "new"]
    assert json.loads(restored.to_json()) == json.loads(data)
    assert Tag.objects.count() == 1
    restored.save()
    assert tags_of(Place.objects.get()) == NAMES
    assert sorted(Tag.objects.values_list("name", "slug")) == [("known", "known"), ("new", "new")]
    assert Flavour.objects.count() == 2


def test_taking_a_snapshot_asks_nothing_and_loading_asks_once_per_tag_model():
    place = draft()

    with logged_statements() as log:
        data = place.serializable_data()
    assert log.statements == []
    with logged_statements() as log:
        Place.from_serializable_data(data)

    assert len(log.statements) == len(log.of("SELECT", "_tag")) + len(log.of("SELECT", "tags_flavour")) == 2


def test_a_tag_that_was_stored_meanwhile_is_the_stored_one():
    data = draft().serializable_data()
    stored = Tag.objects.create(name="new", slug="other-slug")

    restored = Place.from_serializable_data(data)

    assert restored.tags.get(name="new") == stored
    assert list(restored.tags.slugs()) == ["known", "other-slug"]


def test_one_name_gives_one_object():
    restored = Place.from_serializable_data(draft().serializable_data())

    soup, stew = restored.dishes.all()

    assert soup.flavours.get(name="salty") is stew.flavours.get()


BAD = {
    "too many values": ["a", "b"],
    "too few values": [],
    "null": [None],
    "a list": [["a"]],
    "an object": [{}],
    "no list": {"name": "a"},
}


@pytest.mark.parametrize("tag", BAD.values(), ids=BAD)
@pytest.mark.parametrize("check_fks", [True, False])
def test_what_is_no_natural_key_is_an_error_with_its_path(tag, check_fks):
    data = {"name": "x", "tagged_items": [{"tag": ["fine"]}, {"tag": tag}]}

    with pytest.raises(SerializedDataError, match=r"\$\.tagged_items\[1\]\.tag: TaggedPlace\.tag cannot be read from"):
        Place.from_serializable_data(data, check_fks=check_fks)


def test_keys_are_still_read_as_keys():
    known = Tag.objects.create(name="known", slug="known")

    restored = Place.from_serializable_data({"name": "x", "tagged_items": [{"tag": str(known.pk)}, {"tag": None}]})

    assert [item.tag_id for item in restored.tagged_items.all()] == [known.pk, None]
    with pytest.raises(
        SerializedDataError, match=r"\$\.tagged_items\[0\]\.tag: TaggedPlace\.tag cannot be read from 'x'"
    ):
        Place.from_serializable_data({"name": "x", "tagged_items": [{"tag": "x"}]})


@pytest.mark.parametrize("name", ["\0", "\ud800"])
def test_a_name_that_no_database_can_have_is_not_asked_for(name):
    restored = Place.from_serializable_data({"name": "x", "tagged_items": [{"tag": [name]}]})

    assert list(restored.tags.names()) == [name]


def test_items_whose_tag_is_missing_or_gone_have_none():
    known = Tag.objects.create(name="known", slug="known")
    data = {"name": "x", "tagged_items": [{"tag": None}, {"tag": known.pk + 1}, {"tag": known.pk}]}

    with logged_statements() as log:
        restored = Place.from_serializable_data(data, check_fks=False)
        found = list(restored.tags.names())

    assert found == ["known"]
    assert len(log.statements) == 1


def test_a_list_is_no_key_where_the_target_has_no_natural_key():
    with pytest.raises(SerializedDataError, match=r"\$\.tagged_items\[0\]\.content_object"):
        Place.from_serializable_data({"name": "x", "tagged_items": [{"content_object": ["x"], "tag": ["fine"]}]})


def test_tags_keyed_by_uuid_are_named_until_they_have_rows():
    drink = Drink(badges=["new"])

    data = drink.to_json()
    restored = Drink.from_json(data)

    assert [item["tag"] for item in json.loads(data)["badged_items"]] == [["new"]]
    assert list(restored.badges.names()) == ["new"]
    assert not diff(json.loads(data), drink)
    restored.save()
    assert list(Drink.objects.get().badges.names()) == ["new"]
    assert Badge.objects.count() == BadgedDrink.objects.count() == 1
    again = Drink.from_json(Drink.objects.get().to_json())
    again.badges.add("second")
    again.save()
    assert list(Drink.objects.get().badges.names()) == ["new", "second"]
    assert Badge.objects.count() == 2


def test_a_snapshot_and_the_draft_it_was_taken_of_do_not_differ():
    place = draft()
    data = place.serializable_data()

    assert not diff(data, place)
    place.tags.set(["known", "newer"])

    assert [(change.before, change.after) for change in diff(data, place)] == [(["new"], ["newer"])]


def test_natural_keys_of_several_fields_are_kept_in_a_new_object():
    place = Place(name="x", dishes=[Dish(name="soup", supplier=Supplier(name="Ann", city="Bern"))])

    data = place.serializable_data()
    restored = Place.from_serializable_data(data)

    supplier = restored.dishes.get().supplier
    assert data["dishes"][0]["supplier"] == ["Ann", "Bern"]
    assert (supplier.name, supplier.city, supplier.pk) == ("Ann", "Bern", None)
    supplier.save()
    restored.save()
    assert Dish.objects.get().supplier == supplier


def test_an_unsaved_target_without_its_whole_natural_key_is_refused():
    place = Place(name="x", dishes=[Dish(name="soup", supplier=Supplier(name="Ann"))])

    with pytest.raises(SerializedDataError, match=r"Cannot serialize Dish\.supplier: .* is not saved"):
        place.serializable_data()
