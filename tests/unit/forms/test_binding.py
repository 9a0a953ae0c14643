from __future__ import annotations

import json

import pytest
from django import forms
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory
from django.views.generic import CreateView, UpdateView

from cluster.forms import ClusterForm, childformset_factory, clusterform_factory, transientmodelformset_factory
from cluster.views import ClusterFormMixin
from tests.support import submission
from tests.testapp.models import (
    Act,
    Album,
    Article,
    Attachment,
    Band,
    Dance,
    Entry,
    Genre,
    Magazine,
    Member,
    Playlist,
    Song,
    Stop,
    Tour,
    Venue,
)  # fmt: skip

pytestmark = pytest.mark.django_db


def test_children_with_composite_keys_are_edited_added_and_deleted():
    tour = Tour.objects.create(name="tour")
    Stop.objects.bulk_create(Stop(tour=tour, number=number, place=f"place {number}") for number in (1, 2))
    form_class = clusterform_factory(
        Tour, fields=["name"], formsets={"stops": {"fields": ["number", "place"], "extra": 0}}
    )
    shown = [form["pk"].value() for form in form_class(instance=tour).formsets["stops"].forms]
    rows = [
        {"pk": shown[0], "number": 1, "place": "changed"},
        {"pk": shown[1], "number": 2, "DELETE": "on"},
        {"number": 3},
    ]
    form = form_class(submission("stops", *rows, initial=2, name="tour"), instance=tour)

    assert form.is_valid(), form.cluster_errors
    form.save()

    assert list(Stop.objects.order_by("number").values_list("number", "place")) == [(1, "changed"), (3, "")]


def test_children_with_uuid_keys_are_edited_and_added():
    playlist = Playlist.objects.create(title="list")
    entry = Entry.objects.create(playlist=playlist, position=1)
    form_class = clusterform_factory(Playlist, fields=["title"], formsets={"entries": {"fields": ["position"]}})
    rows = [{"id": entry.pk, "position": 5}, {"id": "", "position": 7}]
    form = form_class(submission("entries", *rows, initial=1, title="list"), instance=playlist)

    assert form.is_valid(), form.cluster_errors
    form.save()

    assert list(Entry.objects.values_list("position", flat=True)) == [5, 7]
    assert Entry.objects.get(position=5).pk == entry.pk


def test_children_in_two_tables_are_edited():
    venue = Venue.objects.create(name="venue")
    dance = Dance.objects.create(venue=venue, title="tango", style="old")
    formset_class = childformset_factory(Venue, Dance, fields=["title", "style"])
    formset = formset_class(
        submission("acts", {"act_ptr": dance.pk, "title": "waltz", "style": "new"}, initial=1),
        instance=venue,
        queryset=Dance.objects.filter(venue=venue),
    )

    assert formset.is_valid(), formset.errors
    assert formset.forms[0].instance.pk == dance.pk
    assert Act.objects.get().title == "tango"


def test_rows_that_the_default_manager_hides_stay():
    magazine = Magazine.objects.create(title="m")
    hidden = Article.everything.create(magazine=magazine, title="hidden", published=False)
    form_class = clusterform_factory(Magazine, fields=["title"], formsets={"articles": {"fields": ["title"]}})
    form = form_class(submission("articles", {"title": "new"}, title="m"), instance=magazine)

    assert form.is_valid()
    assert not form.formsets["articles"].is_complete
    form.save()

    assert set(Article.everything.values_list("title", flat=True)) == {"hidden", "new"}
    assert hidden.pk


def test_a_prefetched_relation_is_not_read_again(django_assert_num_queries):
    Band.objects.create(name="b").members.live_manager.create(name="one")
    band = Band.objects.prefetch_related("members").get()
    form_class = clusterform_factory(Band, fields=["name"], formsets={"members": {"fields": ["name"]}})

    with django_assert_num_queries(0):
        shown = form_class(instance=band).formsets["members"].forms[0]["name"].value()

    assert shown == "one"


def test_nested_relations_are_read_once_for_each_level(django_assert_num_queries):
    band = Band.objects.create(name="b")
    for title in "abc":
        band.albums.live_manager.create(title=title).songs.live_manager.create(title=title)
    form_class = clusterform_factory(
        Band, fields=["name"], formsets={"albums": {"fields": ["title"], "formsets": {"songs": {"fields": ["title"]}}}}
    )

    with django_assert_num_queries(2):
        str(form_class(instance=band))


def test_choices_can_be_the_held_children_of_an_unsaved_parent():
    band = Band(name="b", members=[Member(name="one"), Member(name="two")])

    class Pick(forms.Form):
        member = forms.ModelChoiceField(band.members.all())

    assert ">one</option>" in str(Pick()["member"])


def test_a_transient_formset_saves_as_django_does():
    band = Band.objects.create(name="b")
    one = band.members.live_manager.create(name="one")
    formset_class = transientmodelformset_factory(Member, fields=["name"], can_delete=True)
    rows = [{"id": one.pk, "name": "changed"}]
    formset = formset_class(submission("form", *rows, initial=1), queryset=Member.objects.all())

    assert formset.is_valid()
    assert formset.deleted_forms == []
    formset.save()

    assert Member.objects.get().name == "changed"
    with pytest.raises(AttributeError, match="'MemberFormSet' object has no attribute 'ordered_forms'"):
        formset.ordered_forms  # noqa: B018


def test_a_transient_formset_that_is_not_valid_is_not_saved():
    formset = transientmodelformset_factory(Member, fields=["name"])({}, queryset=Member.objects.none())

    with pytest.raises(ValueError, match="The Member formset could not be saved because the data didn't validate"):
        formset.save()


# Documents -----------------------------------------------------------------------------------------------------------

FORM = clusterform_factory(
    Band, fields=["name", "facts", "genres"], formsets={"albums": {"fields": ["title", "price"], "formsets": ["songs"]}}
)


def test_a_document_is_the_same_as_a_submission():
    rock = Genre.objects.create(name="rock")
    document = {
        "name": "b", "facts": {"a": [1]}, "genres": [rock.pk],
        "albums": [{"title": "first", "price": 9.5, "songs": [{"title": "s", "track": 1, "single": True}]}],
    }  # fmt: skip
    form = FORM.from_json(document)

    assert form.is_valid(), form.cluster_errors
    band = form.save()

    assert (band.facts, list(band.genres.all())) == ({"a": [1]}, [rock])
    assert band.albums.get().songs.get().single


def test_a_snapshot_that_was_edited_edits_the_children_whose_keys_it_has():
    Band(name="b", albums=[Album(title="first", songs=[Song(title="s", track=1)]), Album(title="gone")]).save()
    band = Band.objects.get()
    document = json.loads(band.to_json())
    first, gone = document["albums"]
    first["title"], gone["DELETE"] = "changed", True
    first["songs"][0]["track"] = 7
    form = FORM.from_json(document, instance=band)

    assert form.is_valid(), form.cluster_errors
    form.save()

    assert list(Album.objects.values_list("pk", "title")) == [(first["pk"], "changed")]
    assert list(Song.objects.values_list("album", "title", "track")) == [(first["pk"], "s", 7)]


@pytest.mark.parametrize("as_key", [list, tuple, json.dumps], ids=["list", "tuple", "text"])
def test_a_document_names_composite_keys_as_snapshots_or_hidden_fields_do(as_key):
    tour = Tour.objects.create(name="tour")
    stop = Stop.objects.create(tour=tour, number=1, place="before")
    form_class = clusterform_factory(Tour, fields=["name"], formsets={"stops": {"fields": ["number", "place"]}})
    document = {"name": "tour", "stops": [{"pk": as_key(stop.pk), "number": 1, "place": "after"}]}
    form = form_class.from_json(document, instance=tour)

    assert form.is_valid(), form.cluster_errors
    form.save()

    assert list(Stop.objects.values_list("number", "place")) == [(1, "after")]


@pytest.mark.parametrize("name", ["id", "pk"])
def test_a_list_is_no_key_of_a_child_in_a_document(name):
    band = Band.objects.create(name="b")
    album = Album.objects.create(band=band, title="a")
    form = FORM.from_json({"name": "b", "albums": [{name: [0, album.pk], "title": "b"}]}, instance=band)

    assert form.cluster_errors == {
        "albums[0].id": ["Select a valid choice. That choice is not one of the available choices."]
    }


PROBLEMS = {
    "no JSON": ("{", "The document is not valid JSON."),
    "deep": ("[" * 100_000, "The document is not valid JSON."),
    "no object": ("[]", "$: Enter an object."),
    "no list": ({"name": "b", "albums": {}}, "$.albums: Enter a list."),
    "row no object": ({"name": "b", "albums": [3]}, "$.albums[0]: Enter an object."),
    "nested": ({"name": "b", "albums": [{"title": "t", "songs": 3}]}, "$.albums[0].songs: Enter a list."),
}


class TimedAttachment(forms.ModelForm):
    when = forms.SplitDateTimeField(required=False)

    class Meta:
        model = Attachment
        fields = ["details"]


@pytest.mark.parametrize(
    ("when", "cleaned", "errors"),
    [
        (["2024-01-02", "10:00"], "2024-01-02 10:00:00+01:00", []),
        (["2024-01-02", "10:00", "more"], "2024-01-02 10:00:00+01:00", []),
        (["2024-01-02"], None, ["Enter a valid time."]),
        (["x", {}], None, ["Enter a valid date.", "Enter a valid time."]),
        (None, None, []),
    ],
)
def test_a_document_gives_the_parts_of_a_field_with_several_inputs_as_a_list(when, cleaned, errors):
    form_class = clusterform_factory(Band, fields=["name"], formsets={"attachments": {"form": TimedAttachment}})

    form = form_class.from_json({"name": "b", "attachments": [{"details": {"a": 1}, "when": when}]})

    assert form.cluster_errors.get("attachments[0].when", []) == errors
    found = form.formsets["attachments"].forms[0].cleaned_data.get("when")
    assert (found and str(found)) == cleaned


@pytest.mark.parametrize(("document", "message"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_document_that_cannot_be_read_is_an_error_of_the_form(document, message):
    form = FORM.from_json(document, prefix="p")

    assert not form.is_valid()

    assert form.non_field_errors() == [message]
    assert Band.objects.count() == 0


@pytest.mark.parametrize("text", ["9" * 5000, "[" * 100_000], ids=["long number", "deep list"])
def test_json_that_python_refuses_is_invalid(text):
    form = FORM(submission("albums", name="b", facts=text))

    assert not form.is_valid()

    assert form.errors["facts"] == ["Enter a valid JSON."]
    assert "textarea" in str(form)


# The view ------------------------------------------------------------------------------------------------------------


class BandCreate(ClusterFormMixin, CreateView):
    model = Band
    fields = ["name"]
    formsets = ["members"]
    success_url = "/"


def test_the_view_saves_a_cluster():
    request = RequestFactory().post("/", submission("members", {"name": "ann"}, name="b"))

    response = BandCreate.as_view()(request)

    assert response.status_code == 302
    assert Member.objects.get().band.name == "b"


def test_the_view_updates_a_cluster_with_a_form_class_of_its_own():
    class BandForm(ClusterForm):
        class Meta:
            model = Band
            fields = ["name"]
            exclude_formsets = ["albums"]

    class BandUpdate(ClusterFormMixin, UpdateView):
        model = Band
        form_class = BandForm
        success_url = "/"

    view = BandUpdate()
    view.setup(RequestFactory().get("/"))

    assert view.get_form_class() is BandForm


def test_the_view_takes_either_a_form_class_or_formsets():
    view = BandCreate()
    view.form_class, view.fields = ClusterForm, None

    with pytest.raises(ImproperlyConfigured, match="form_class and formsets is not permitted: give the Meta of"):
        view.get_form_class()
