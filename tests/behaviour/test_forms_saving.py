from __future__ import annotations

import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile

from cluster.forms import BaseChildFormSet, ClusterForm, childformset_factory, clusterform_factory
from cluster.testing import logged_statements
from tests.faults.app.models import Page  # noqa: F401 - its app must be installed
from tests.support import build_band, stored_rows, submission
from tests.testapp.models import Album, Attachment, Band, Genre, Member, Movement, Song, Symphony

pytestmark = pytest.mark.django_db

BAND = clusterform_factory(
    Band,
    fields=["name", "genres"],
    formsets={
        "members": {"fields": ["name"]},
        "albums": {"fields": ["title", "genres"], "formsets": {"songs": {"fields": ["title"]}}},
    },
)


@pytest.fixture
def band():
    build_band().save()
    return Band.objects.get()


def whole(form):
    """What a browser would send for a form as it is shown."""
    data = {}
    for bound in form:
        value = bound.value()
        if isinstance(value, list):
            data[bound.html_name] = [str(getattr(each, "pk", each)) for each in value]
        elif value is not False:
            data[bound.html_name] = "" if value is None else str(value)
    for formset in form.formsets.values():
        data |= {bound.html_name: str(bound.value()) for bound in formset.management_form}
        for row in formset.forms:
            data |= whole(row)
    return data


def test_a_new_cluster_is_saved_at_all_levels_with_its_links():
    rock = Genre.objects.create(name="rock")
    data = submission("albums", {"title": "first"}, name="band", genres=[rock.pk])
    data |= submission("albums-0-songs", {"title": "one"}, {"title": "two"}) | submission("members", {"name": "ann"})
    data["albums-0-genres"] = [rock.pk]
    form = BAND(data)

    assert form.is_valid()
    band = form.save()

    assert band == Band.objects.get()
    assert list(band.genres.all()) == [rock]
    assert list(Album.objects.get().genres.all()) == [rock]
    assert [song.title for song in Song.objects.order_by("pk")] == ["one", "two"]
    assert Member.objects.get().band == band


def test_a_form_that_was_not_changed_writes_no_child(band):
    form = BAND(whole(BAND(instance=band)), instance=band)
    before = stored_rows()

    assert form.is_valid()
    assert not form.has_changed()
    with logged_statements() as log:
        form.save()

    assert stored_rows() == before
    assert [sql for sql in log.writes if '"testapp_band"' not in sql.replace("`", '"')] == []


def test_only_the_row_that_changed_is_written(band):
    data = whole(BAND(instance=band))
    data["albums-1-songs-0-title"] = "changed"
    form = BAND(data, instance=band)

    assert form.is_valid()
    assert form.changed_data == ["albums"]
    with logged_statements() as log:
        form.save()

    assert [len(log.of(verb, "testapp_song")) for verb in ("INSERT", "UPDATE", "DELETE")] == [0, 1, 0]
    assert [sql for sql in log.writes if "testapp_band" not in sql and "testapp_song" not in sql] == []
    assert Song.objects.filter(title="changed").count() == 1


def test_fields_that_others_changed_meanwhile_stay(band):
    data = whole(BAND(instance=band))
    data["members-0-name"] = "changed"
    form = BAND(data, instance=band)
    assert form.is_valid()
    Member.objects.update(instrument="harp")

    form.save()

    assert set(Member.objects.values_list("instrument", flat=True)) == {"harp"}


def test_a_form_can_be_saved_into_memory_and_written_later(band):
    data = whole(BAND(instance=band)) | {"members-0-name": "changed", "members-1-DELETE": "on"}
    form, before = BAND(data, instance=band), stored_rows()

    assert form.is_valid()
    held = form.save(commit=False)

    assert held is band
    assert stored_rows() == before
    assert [member.name for member in band.members.all()] == ["changed"]
    band.save()
    form.save_m2m()
    assert [member.name for member in Member.objects.all()] == ["changed"]


def test_what_became_of_the_rows_is_told(band):
    data = whole(BAND(instance=band)) | {"members-0-name": "changed", "members-1-DELETE": "on", "members-2-name": "new"}
    form = BAND(data, instance=band)
    assert form.is_valid()
    one, two = Member.objects.order_by("pk")

    form.save()

    members = form.formsets["members"]
    assert [member.name for member in members.new_objects] == ["new"]
    assert members.changed_objects == [(one, ["name"])]
    assert members.deleted_objects == [two]


def test_a_formset_saves_alone(band):
    formset_class = childformset_factory(Band, Member, fields=["name"])
    formset = formset_class(submission("members", {"name": "alone"}), instance=band)

    assert formset.prefix == "members"
    assert formset.is_valid()
    saved = formset.save()

    assert [member.name for member in saved] == ["alone"]
    assert Member.objects.count() == 3


def test_deleting_a_formset_from_a_form_leaves_its_relation_alone(band):
    data = submission("members", name="renamed")
    form = BAND(data, instance=band)
    del form.formsets["albums"]

    assert form.is_valid()
    form.save()

    assert Band.objects.get().name == "renamed"
    assert Album.objects.count() == 2


def test_a_relation_without_formset_is_not_even_read(band):
    form = clusterform_factory(Band, fields=["name"], formsets=["members"])(
        submission("members", name="x"), instance=band
    )

    with logged_statements() as log:
        assert form.is_valid()
        form.save()

    assert [sql for sql in log.statements if "album" in sql] == []


# Order --------------------------------------------------------------------------------------------------------------


def ordered_albums(monkeypatch):
    monkeypatch.setattr(Album, "sort_order_field", "position", raising=False)
    return clusterform_factory(Band, fields=["name"], formsets={"albums": {"fields": ["title"]}})


def test_the_sort_order_field_receives_the_order_of_the_rows(band, monkeypatch):
    form_class = ordered_albums(monkeypatch)
    one, two = Album.objects.order_by("position")
    rows = [
        {"id": one.pk, "title": "one", "ORDER": 2},
        {"id": two.pk, "title": "two", "ORDER": 1},
        {"title": "three", "ORDER": ""},
    ]
    form = form_class(submission("albums", *rows, initial=2, name="band"), instance=band)

    assert form.formsets["albums"].can_order
    assert form.is_valid()
    assert [each.cleaned_data["title"] for each in form.formsets["albums"].ordered_forms] == ["two", "one", "three"]
    form.save()

    assert list(Album.objects.order_by("position").values_list("title", "position")) == [
        ("two", 0),
        ("one", 1),
        ("three", 2),
    ]


def test_children_that_were_not_submitted_come_after_the_rows(band, monkeypatch):
    form_class = ordered_albums(monkeypatch)
    two = Album.objects.get(position=1)
    form = form_class(
        submission("albums", {"id": two.pk, "title": "two", "ORDER": 1}, initial=1, name="band"), instance=band
    )

    assert form.is_valid()
    form.save()

    assert list(Album.objects.order_by("position").values_list("title", flat=True)) == ["two", "album 0"]


def test_the_field_of_the_order_is_not_shown_unless_it_is_named(monkeypatch):
    monkeypatch.setattr(Album, "sort_order_field", "position", raising=False)

    everything = childformset_factory(Band, Album)
    named = childformset_factory(Band, Album, fields=["title", "position"])

    assert "position" not in everything.form.base_fields
    assert "position" in named.form.base_fields


def test_new_children_ordered_with_respect_to_their_parent_keep_the_order_of_the_rows():
    form_class = clusterform_factory(Symphony, fields=["title"], formsets={"movements": {"fields": ["tempo"]}})
    form = form_class(submission("movements", {"tempo": "largo"}, {"tempo": "presto"}, title="first"))

    assert form.is_valid()
    symphony = form.save()

    assert [movement.tempo for movement in Movement.objects.filter(symphony=symphony)] == ["largo", "presto"]


# Files, several levels of the same forms ----------------------------------------------------------------------------


def test_files_of_rows_are_saved(settings):
    form_class = clusterform_factory(Band, fields=["name"], formsets={"attachments": {"fields": ["file"]}})
    files = {"attachments-0-file": SimpleUploadedFile("riff.txt", b"la la")}
    form = form_class(submission("attachments", {}, name="band"), files)

    assert form.is_multipart()
    assert form.is_valid()
    form.save()

    assert Attachment.objects.get().file.read() == b"la la"


# Classes of one's own -----------------------------------------------------------------------------------------------


def test_a_plain_model_form_can_be_the_row_and_keeps_what_it_overrides():
    class MemberForm(forms.ModelForm):
        class Meta:
            model = Member
            fields = ["name"]

        def clean_name(self):
            return self.cleaned_data["name"].upper()

        def save(self, commit=True):
            self.instance.instrument = "voice"
            return super().save(commit=commit)

    form_class = clusterform_factory(Band, fields=["name"], formsets={"members": {"form": MemberForm}})
    form = form_class(submission("members", {"name": "ann"}, name="band"))

    assert form.is_valid()
    form.save()

    assert list(Member.objects.values_list("name", "instrument")) == [("ANN", "voice")]
    assert issubclass(form_class.formsets["members"].form, MemberForm)


def test_rows_inherit_keyword_arguments_from_the_form():
    class MemberForm(ClusterForm):
        def __init__(self, *args, user=None, **kwargs):
            self.user = user
            super().__init__(*args, **kwargs)

    class BandForm(ClusterForm):
        class Meta:
            model = Band
            fields = ["name"]
            formsets = {"members": {"form": MemberForm, "fields": ["name"], "inherit_kwargs": ["user"]}}

        def __init__(self, *args, user=None, **kwargs):
            self.user = user
            super().__init__(*args, **kwargs)

    form = BandForm(user="ann")

    assert {row.user for row in form.formsets["members"].forms} == {"ann"}
    assert form.formsets["members"].empty_form.user == "ann"


def test_a_formset_class_can_validate_its_rows_together():
    class Quartet(BaseChildFormSet):
        def clean(self):
            super().clean()
            if len(self.forms) != 4:
                raise forms.ValidationError("A quartet has four members.")

    form_class = clusterform_factory(
        Band, fields=["name"], formsets={"members": {"formset": Quartet, "fields": ["name"]}}
    )
    form = form_class(submission("members", {"name": "ann"}, name="band"))

    assert not form.is_valid()
    assert form.cluster_errors == {"members.__all__": ["A quartet has four members."]}


def test_a_formset_class_may_save_a_row_as_another_object(band):
    class Duo(BaseChildFormSet):
        def save_new(self, form, commit=True):
            return Member(name=f"{super().save_new(form, commit=commit).name} junior")

        def save_existing(self, form, obj, commit=True):
            return Member(pk=obj.pk, name=f"{super().save_existing(form, obj, commit=commit).name} senior")

    form_class = clusterform_factory(Band, fields=["name"], formsets={"members": {"formset": Duo, "fields": ["name"]}})
    key = band.members.get(name="member 0").pk
    form = form_class(
        submission("members", {"id": key, "name": "ann"}, {"name": "bob"}, initial=1, name="band"), instance=band
    )

    form.save()

    formset = form.formsets["members"]
    assert sorted(band.members.values_list("name", flat=True)) == ["ann senior", "bob junior", "member 1"]
    assert Member.objects.get(name="ann senior").pk == key
    assert [child.name for child in formset.new_objects] == ["bob junior"]


# Previews -----------------------------------------------------------------------------------------------------------


def test_a_preview_shows_the_data_and_changes_nothing(band):
    data = whole(BAND(instance=band)) | {"name": "new", "members-0-name": "changed", "members-1-DELETE": "on"}
    data["albums-0-songs-0-title"] = "new song"
    form, before, old_name = BAND(data, instance=band), stored_rows(), band.name

    with logged_statements() as log:
        preview = form.preview()
        shown = [song.title for album in preview.albums.all() for song in album.songs.all()]

    assert log.writes == []
    assert stored_rows() == before
    assert preview.name == "new"
    assert [member.name for member in preview.members.all()] == ["changed"]
    assert shown == ["new song", "song 0.2", "song 1.1", "song 1.2"]
    assert band.name == old_name
    assert not band.members.is_deferring
    assert form.is_valid()
    assert form.save() is band
    assert Song.objects.filter(title="new song").exists()


def test_an_invalid_form_has_no_preview(band):
    with pytest.raises(ValueError, match="The Band could not be changed because the data didn't validate"):
        BAND({"name": ""}, instance=band).preview()
