"""Tags in forms of clusters, on the root and on every level below it."""

from __future__ import annotations

from typing import Any

import pytest
from django.forms import modelform_factory
from taggit.forms import TagField
from taggit.models import Tag

from cluster.forms import clusterform_factory
from cluster.testing import logged_statements
from tests.tags.app.models import Dish, Flavour, Place, TaggedDish

pytestmark = pytest.mark.django_db

FORM: Any = clusterform_factory(
    Place,
    fields=["name", "tags"],
    formsets={"dishes": {"fields": ["name", "flavours"], "extra": 0}},
)


def live() -> Place:
    Place(name="x", tags=["quiet", "old"], dishes=[Dish(name="soup", flavours=["salty", "bitter"])]).save()
    return Place.objects.get()


def data_of(place: Place, **changes: str) -> dict[str, str]:
    """Return what a browser would send for a place with one dish."""
    dish = place.dishes.get()
    return {
        "name": place.name,
        "tags": "old, quiet",
        "dishes-TOTAL_FORMS": "1",
        "dishes-INITIAL_FORMS": "1",
        "dishes-0-id": str(dish.pk),
        "dishes-0-name": dish.name,
        "dishes-0-flavours": "bitter, salty",
        **changes,
    }


NEW = {
    "name": "x",
    "tags": "quiet, old",
    "dishes-TOTAL_FORMS": "1",
    "dishes-INITIAL_FORMS": "0",
    "dishes-0-name": "soup",
    "dishes-0-flavours": "salty, bitter",
}


def test_the_tags_are_shown_on_every_level():
    html = FORM(instance=live()).as_p()

    assert 'value="old, quiet"' in html
    assert 'value="bitter, salty"' in html


def test_a_new_cluster_is_written_with_the_tags_of_every_level():
    form = FORM(NEW)

    with logged_statements() as log:
        assert form.is_valid(), form.cluster_errors
    place = form.save()

    assert log.writes == []
    assert set(Place.objects.get().tags.names()) == {"quiet", "old"}
    assert list(Dish.objects.get().flavours.names()) == ["bitter", "salty"]
    assert place == Place.objects.get()


def test_saving_without_commit_holds_the_tags_until_the_instance_is_saved():
    form = FORM(NEW)

    place = form.save(commit=False)

    assert set(place.tags.names()) == {"quiet", "old"}
    assert list(place.dishes.get().flavours.names()) == ["bitter", "salty"]
    assert Tag.objects.count() == Flavour.objects.count() == Place.objects.count() == 0
    place.save()
    form.save_m2m()
    assert set(Place.objects.get().tags.names()) == {"quiet", "old"}
    assert list(Dish.objects.get().flavours.names()) == ["bitter", "salty"]


@pytest.mark.parametrize("is_new", [True, False], ids=["new", "stored"])
def test_a_preview_shows_the_tags_and_writes_nothing(is_new):
    place = None if is_new else live()
    data = NEW if place is None else data_of(place, **{"tags": "fresh", "dishes-0-flavours": "sweet, salty"})
    form = FORM(data, instance=place)

    with logged_statements() as log:
        assert form.is_valid(), form.cluster_errors
        preview = form.preview()
        shown = (set(preview.tags.names()), list(preview.dishes.get().flavours.names()))

    assert log.writes == []
    assert shown == (({"quiet", "old"}, ["bitter", "salty"]) if is_new else ({"fresh"}, ["salty", "sweet"]))
    if place is not None:
        assert set(place.tags.names()) == {"quiet", "old"}
        assert list(place.dishes.get().flavours.names()) == ["bitter", "salty"]


def test_unchanged_tags_write_nothing():
    place = live()
    form = FORM(data_of(place), instance=place)

    assert form.is_valid(), form.cluster_errors
    assert not form.has_changed()
    with logged_statements() as log:
        form.save()

    assert [sql for sql in log.writes if '"tags_place"' not in sql.replace("`", '"')] == []


def test_only_the_tags_that_changed_are_written_on_each_level():
    place = live()
    kept = TaggedDish.objects.get(tag__name="salty").pk
    form = FORM(data_of(place, **{"tags": "quiet, new", "dishes-0-flavours": "salty, sweet"}), instance=place)

    assert form.is_valid(), form.cluster_errors
    assert form.changed_data == ["tags", "dishes"]
    with logged_statements() as log:
        form.save()

    assert set(Place.objects.get().tags.names()) == {"quiet", "new"}
    assert list(Dish.objects.get().flavours.names()) == ["salty", "sweet"]
    assert TaggedDish.objects.get(tag__name="salty").pk == kept
    assert len(log.of("INSERT", "tags_tagged")) == 2
    assert len(log.of("DELETE", "tags_tagged")) == 2
    assert [sql for sql in log.writes if "tags_dish" in sql] == []


def test_tags_that_a_form_does_not_have_stay():
    place = live()
    form_class: Any = clusterform_factory(Place, fields=["name"], formsets=[])

    form = form_class({"name": "y"}, instance=place)
    form.save()

    assert set(Place.objects.get(name="y").tags.names()) == {"quiet", "old"}


def test_missing_tags_are_an_error_of_their_field_and_write_nothing():
    place = live()
    form = FORM(data_of(place, **{"dishes-0-flavours": "", "tags": "new"}), instance=place)
    form.formsets["dishes"].forms[0].fields["flavours"].required = True

    assert not form.is_valid()

    assert list(form.cluster_errors) == ["dishes[0].flavours"]
    assert Tag.objects.count() == 2
    assert set(place.tags.names()) == {"quiet", "old"}


@pytest.mark.parametrize("name", ["tags", "dishes-0-flavours"])
def test_a_name_that_the_tag_model_cannot_have_is_an_error_of_its_field(name):
    form = FORM(NEW | {name: f"good, {'x' * 101}"})

    assert not form.is_valid()

    message = f"{'x' * 101}: Ensure this value has at most 100 characters (it has 101)."
    assert list(form.cluster_errors.values()) == [[message]]


def test_a_name_that_no_database_can_have_is_an_error_of_its_field():
    form = FORM(NEW | {"tags": "good, \ud800"})

    assert not form.is_valid()

    assert form.cluster_errors == {"tags": ["Enter a valid value."]}


def test_the_class_of_the_field_may_be_another():
    class Shout(TagField):
        def clean(self, value):
            return [name.upper() for name in super().clean(value)]

    form = modelform_factory(Place, fields=["name", "tags"], field_classes={"tags": Shout})({"name": "x", "tags": "a"})

    assert list(form.save().tags.names()) == ["A"]


def test_the_tags_of_all_rows_are_read_in_one_query():
    place = live()
    place.dishes.add(*(Dish(name=str(number), flavours=["salty"]) for number in range(5)))
    place.save()
    place = Place.objects.get()

    with logged_statements() as log:
        FORM(instance=place).as_p()

    assert len(log.statements) == 3


def test_rows_whose_tags_stay_do_not_load_their_items():
    place = live()
    form = FORM(data_of(place, **{"dishes-0-name": "stew"}), instance=place)
    assert form.is_valid(), form.cluster_errors

    with logged_statements() as log:
        form.save()

    assert len(log.of("SELECT", "tags_taggeddish")) == 0
    assert list(Dish.objects.get(name="stew").flavours.names()) == ["bitter", "salty"]


@pytest.mark.parametrize("commit", [True, False], ids=["save", "save_m2m"])
def test_a_plain_model_form_writes_the_tags_of_what_it_saved(commit):
    form: Any = modelform_factory(Place, fields=["name", "tags"])({"name": "x", "tags": "quiet, old"})
    place = form.save(commit=commit)
    if not commit:
        place.save()
        form.save_m2m()

    assert set(Place.objects.get().tags.names()) == {"quiet", "old"}


def test_a_plain_model_form_leaves_the_tags_of_an_object_without_row_to_its_save():
    form: Any = modelform_factory(Place, fields=["name", "tags"])({"name": "x", "tags": "quiet"})
    place = form.save(commit=False)
    form.save_m2m()
    assert Tag.objects.count() == 0

    place.save()

    assert set(Place.objects.get().tags.names()) == {"quiet"}
