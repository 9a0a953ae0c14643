"""What content management systems that were built on django-modelcluster rely on."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.forms import ModelForm
from django.test import modify_settings

from cluster.forms import clusterform_factory
from cluster.testing import logged_statements
from tests.faults.app.models import Diary, Page, Remark, Shelf
from tests.support import build_band, submission
from tests.testapp.models import Album, Band, Song

pytestmark = pytest.mark.django_db

FORMSETS = {"albums": {"fields": ["title"], "formsets": {"songs": {"fields": ["title"]}}}}


# Classes with a save() of their own


def test_a_childs_own_save_names_the_fields_of_which_the_changed_ones_are_written():
    Shelf(name="shelf", remarks=[Remark(text="first", author="ann")]).save()
    shelf = Shelf.objects.get()
    (remark,) = shelf.remarks.get_object_list()
    Remark.objects.update(author="bob")

    remark.text, remark.position = "second", 5
    with logged_statements() as log:
        shelf.save()

    assert Remark.objects.values_list("text", "author", "position").get() == ("second", "bob", 0)
    assert len(log.of("UPDATE", "faults_remark")) == 1


def test_a_childs_own_save_that_names_nothing_that_has_changed_writes_nothing():
    Shelf(name="shelf", remarks=[Remark(text="first", author="ann")]).save()
    shelf = Shelf.objects.get()
    (remark,) = shelf.remarks.get_object_list()

    remark.position = 5
    with logged_statements() as log:
        shelf.save()

    assert Remark.objects.get().position == 0
    assert log.of("UPDATE", "faults_remark") == []


def test_what_a_childs_own_save_changes_is_written_with_the_rest():
    Shelf(name="shelf", diaries=[Diary(title="first")]).save()
    shelf = Shelf.objects.get()
    (diary,) = shelf.diaries.get_object_list()

    diary.title = "second!"
    with logged_statements() as log:
        shelf.save()

    assert Diary.objects.values_list("title", "count").get() == ("second", 2)
    assert Page.objects.get().text == "about second"
    assert len(log.of("UPDATE", "faults_diary")) == 1


# Forms


class CarefulForm(ModelForm):
    """Lets nobody change the child itself."""

    def clean(self) -> dict[str, Any] | None:
        if self.instance.pk and self.changed_data:
            raise ValidationError("This is not yours.")
        return super().clean()


@pytest.mark.parametrize(
    ("title", "song", "is_valid"),
    [("Album 0", "new", True), ("new", "one", False)],
    ids=["below the row", "in the row"],
)
def test_a_rows_class_can_tell_a_change_of_the_row_from_one_below_it(title, song, is_valid):
    band = Band(name="band", albums=[Album(title="Album 0", songs=[Song(title="one")])])
    band.save()
    album = Album.objects.get()
    careful = {"albums": {**FORMSETS["albums"], "form": CarefulForm}}
    data = submission("albums", {"title": title, "id": album.pk}, initial=1, name="band")
    data |= submission("albums-0-songs", {"title": song, "id": Song.objects.get().pk}, initial=1)

    form = clusterform_factory(Band, fields=["name"], formsets=careful)(data, instance=band)
    (row,) = form.formsets["albums"].forms

    assert form.is_valid() is is_valid
    assert row.has_changed()
    assert row.changed_data == ([] if is_valid else ["title"])


@pytest.mark.parametrize("layout", ["__str__", "as_div", "as_p", "as_table", "as_ul"])
def test_forms_are_shown_as_ever_without_the_app_in_the_settings(layout):
    build_band(members=0, albums=1, songs=1).save()
    form_class = clusterform_factory(Band, fields=["name"], formsets=FORMSETS)
    shown = getattr(form_class(instance=Band.objects.get()), layout)()

    with modify_settings(INSTALLED_APPS={"remove": "cluster"}):
        without = getattr(form_class(instance=Band.objects.get()), layout)()

    assert 'name="albums-0-songs-0-title"' in without
    assert without == shown


def test_a_class_may_name_the_key_of_its_parent_by_its_attribute() -> None:
    Shelf(name="first", remarks=[Remark(text="moves", author="ann")]).save()
    shelf = Shelf(name="second", remarks=[Remark.objects.get()])

    shelf.save()

    assert Remark.objects.get().shelf == shelf
