from __future__ import annotations

import pytest
from django import forms
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError

from cluster.forms import ClusterForm, clusterform_factory
from cluster.testing import logged_statements
from tests.faults.app.models import Alarm, Box, Shelf
from tests.support import submission
from tests.testapp.models import Band, Country, Label, Member, Show, Stop, Ticket, Tour

pytestmark = pytest.mark.django_db


class AnyName(ClusterForm):
    name = forms.CharField()

    def clean(self):
        return self.cleaned_data


class WithCountries(ClusterForm):
    countries = forms.ModelMultipleChoiceField(Country.objects.all())
    country = forms.ModelChoiceField(Country.objects.all(), required=False)


class OwnLabel(ClusterForm):
    label = forms.ModelChoiceField(Label.objects.all())


def members(form):
    return clusterform_factory(Band, fields=["name"], formsets={"members": {"form": form, "fields": ["name"]}})


def test_what_the_model_refuses_is_an_error_of_the_row():
    form = members(AnyName)(submission("members", {"name": "x" * 300}, name="b"))

    assert not form.is_valid()

    assert form.cluster_errors == {"members[0].name": ["Ensure this value has at most 80 characters (it has 300)."]}


def test_a_field_that_refuses_a_value_when_it_is_set_is_an_error_of_the_row(monkeypatch):
    def refuse(instance, data):
        raise ValidationError("Not this one.")

    monkeypatch.setattr(Member._meta.get_field("name"), "save_form_data", refuse)
    form = members(ClusterForm)(submission("members", {"name": "x"}, name="b"))

    assert not form.is_valid()

    assert form.cluster_errors["members[0].__all__"] == ["Not this one."]


def test_targets_with_keys_of_text_are_found():
    for code in ("DE", "FR"):
        Country.objects.create(code=code, name=code)
    data = submission("members", {"name": "a", "country": "DE"}, {"name": "b", "country": ""}, name="b")
    form = members(WithCountries)(data | {"members-0-countries": ["FR"], "members-1-countries": ["DE"]})

    with logged_statements() as log:
        assert form.is_valid(), form.cluster_errors

    first = form.formsets["members"].forms[0].cleaned_data
    assert ([each.code for each in first["countries"]], first["country"].code) == (["FR"], "DE")
    assert len(log.statements) == 2


def test_a_text_that_is_no_key_is_asked_of_the_database():
    form = members(WithCountries)(submission("members", {"name": "a", "countries": "XX", "country": "YY"}, name="b"))

    assert not form.is_valid()

    assert set(form.cluster_errors) == {"members[0].countries", "members[0].country"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\0", "Null characters are not allowed."),
        ("a\ud800", "Select a valid choice. That choice is not one of the available choices."),
    ],
    ids=["NUL", "half of a pair"],
)
def test_a_text_that_no_database_can_have_is_not_asked_for(text, message):
    Country.objects.create(code="DE", name="DE")
    fine = {"country": "DE", "countries": ["DE"]}
    rows = [{**fine, "name": "a", "country": text}, {**fine, "name": "b", "countries": [text]}, {**fine, "name": text}]
    form = members(WithCountries)(submission("members", *rows, name=text))

    assert not form.is_valid()

    paths = ["name", "members[0].country", "members[1].countries", "members[2].name"]
    assert list(form.cluster_errors) == paths
    assert form.cluster_errors["members[0].country"] == [message]


ALARMS = clusterform_factory(Shelf, fields=["name"], formsets={"alarms": {"fields": ["rings", "lasts", "address"]}})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rings", "0001-01-01 00:00"),
        ("lasts", "999999999 00:00:00"),
        ("lasts", "-999999999 00:00:00"),
    ],
)
def test_a_value_that_not_every_database_can_have_is_not_asked_for(name, text):
    Shelf(name="other", alarms=[Alarm()]).save()
    form = ALARMS(submission("alarms", {name: text}, name="shelf"))

    assert not form.is_valid()

    assert form.cluster_errors == {f"alarms[0].{name}": ["Enter a valid value."]}


def test_the_first_and_the_last_times_are_stored(settings):
    settings.TIME_ZONE = "UTC"
    rows = [{"rings": "0001-01-01 00:00", "lasts": "106751991 00:00:00"}, {"rings": "9999-12-31 23:59:59"}]

    ALARMS(submission("alarms", *rows, name="shelf")).save()

    assert {(each.rings.year, each.lasts and each.lasts.days) for each in Alarm.objects.all()} == {
        (1, 106751991),
        (9999, None),
    }


def test_any_number_of_rows_can_be_without_a_unique_address():
    shelf = Shelf(name="shelf", alarms=[Alarm(), Alarm(address="::1")])
    shelf.save()
    rows = [{"id": each.pk, "address": ""} for each in shelf.alarms.order_by("pk")]

    form = ALARMS(submission("alarms", *rows, {"lasts": "1:00"}, initial=2, name="shelf"), instance=shelf)
    form.save()

    assert list(Alarm.objects.values_list("address", flat=True)) == [None, None, None]


def test_shared_choices_answer_other_questions_as_the_database_does():
    label = Label.objects.create(name="one")
    form = clusterform_factory(Band, fields=["label"])()
    choices = form.fields["label"].queryset

    assert list(choices) == [label]
    assert choices.get(name="one") == label
    assert list(choices.filter(name="one", city="")) == [label]
    assert choices.filter(name="none").count() == 0
    assert choices.get(pk=label.pk) == label


def test_a_declared_choice_is_validated_by_the_model_too():
    label = Label.objects.create(name="one")
    form_class = clusterform_factory(
        Band, fields=["name"], formsets={"albums": {"form": OwnLabel, "fields": ["title", "label"]}}
    )
    form = form_class(submission("albums", {"title": "t", "label": label.pk}, name="b"))

    assert form.is_valid()
    assert form.save().albums.get().label == label


def test_links_that_a_form_leaves_out_are_not_saved():
    form = clusterform_factory(Band, fields=None, exclude=["genres", "label", "facts"])({"name": "b", "formed": ""})

    assert form.is_valid()
    assert list(form.save().genres.all()) == []


def test_editing_a_part_of_a_key_moves_the_row():
    tour = Tour.objects.create(name="tour")
    Stop.objects.create(tour=tour, number=1, place="here")
    form_class = clusterform_factory(
        Tour, fields=["name"], formsets={"stops": {"fields": ["number", "place"], "extra": 0}}
    )
    shown = form_class(instance=tour).formsets["stops"].forms[0]["pk"].value()
    form = form_class(
        submission("stops", {"pk": shown, "number": 9, "place": "here"}, initial=1, name="tour"), instance=tour
    )

    assert form.is_valid(), form.cluster_errors
    form.save()

    assert list(Stop.objects.values_list("number", "place")) == [(9, "here")]


def test_a_row_that_cannot_be_read_is_matched_to_no_child():
    show = Show(title="show")
    show.tickets = [Ticket(seat="A")]
    show.save()
    form_class = clusterform_factory(Show, fields=["title"], formsets={"tickets": {"fields": ["seat", "price"]}})
    form = form_class(
        submission("tickets", {"seat": "A" * 50, "price": "1"}, title="show"), instance=Show.objects.get()
    )

    assert not form.is_valid()

    assert set(form.cluster_errors) == {"tickets[0].seat"}


def test_a_deleted_rows_value_may_be_used_under_another_parent_of_the_form():
    shelf = Shelf.objects.create(name="s")
    old = Box.objects.create(shelf=shelf, code="c", position=1)
    form_class = clusterform_factory(Shelf, fields=["name"], formsets={"boxes": {"fields": ["code", "position"]}})
    rows = [{"id": old.pk, "code": "c", "position": 1, "DELETE": "on"}, {"code": "c", "position": 2}]
    form = form_class(submission("boxes", *rows, initial=1, name="s"), instance=shelf)

    assert form.is_valid(), form.cluster_errors
    form.save()

    assert Box.objects.get().position == 2


def test_an_unbound_formset_is_neither_valid_nor_has_rows_to_delete():
    formset = members(ClusterForm)().formsets["members"]

    assert not formset.is_valid()
    assert formset.deleted_forms == []
    assert len(formset.extra_forms) == 3


@pytest.mark.parametrize("commit", [True, False])
def test_links_of_a_plain_many_to_many_are_saved_after_the_instance(commit):
    permission = Permission.objects.order_by("pk")[0]
    form = clusterform_factory(Group, fields=["name", "permissions"])({"name": "g", "permissions": [permission.pk]})

    assert form.is_valid()
    group = form.save(commit=commit)
    if not commit:
        group.save()
        form.save_m2m()

    assert list(Group.objects.get().permissions.all()) == [permission]


def test_a_form_that_was_validated_can_still_be_previewed():
    form = members(ClusterForm)(submission("members", {"name": "x"}, name="b"))
    assert form.is_valid()

    preview = form.preview()

    assert preview is not form.instance
    assert [member.name for member in preview.members.all()] == ["x"]
    assert not form.instance.held_objects("members")


def test_an_unbound_form_has_no_errors():
    assert members(ClusterForm)().cluster_errors == {}


def test_errors_of_deleted_rows_do_not_count():
    form = members(ClusterForm)(submission("members", {"name": "", "DELETE": "on"}, name="b"))

    assert form.is_valid()
    assert form.cluster_errors == {}
