"""Forms for a cluster that is in another database than the default one."""

from __future__ import annotations

import pytest

from cluster.forms import clusterform_factory
from cluster.testing import logged_statements
from tests.faults.app.models import Box, Shelf, Sticker
from tests.support import submission
from tests.testapp.models import Album, Band, Genre, Label

pytestmark = pytest.mark.django_db(databases=["default", "other"])

BAND = clusterform_factory(
    Band, fields=["name", "label", "genres"], formsets={"albums": {"fields": ["title", "label", "genres"], "extra": 1}}
)
BOXES = clusterform_factory(Shelf, fields=["name"], formsets={"boxes": {"fields": ["code", "position"]}})
PATHS = ("", "albums[0].", "albums[1].")
STICKERS = clusterform_factory(Shelf, fields=["name"], formsets={"stickers": {"fields": ["size"]}})


@pytest.fixture
def band():
    Band(name="band", albums=[Album(title="first")]).save(using="other")
    return Band.objects.using("other").get()


@pytest.fixture
def shelf():
    return Shelf.objects.using("other").create(name="shelf")


def choosing(band, label, genre):
    choices = {"label": label.pk, "genres": [str(genre.pk)]}
    rows = [{"title": "first", "id": band.albums.get().pk, **choices}, {"title": "second", **choices}]
    return submission("albums", *rows, initial=1, name="band", **choices)


def test_choices_are_those_of_the_database_in_which_the_instance_is(band):
    Label.objects.create(name="here")
    Label.objects.bulk_create([Label(name="there 1"), Label(name="there 2")])
    label = Label.objects.using("other").create(pk=9, name="there")
    genre = Genre.objects.using("other").create(pk=9, name="there")

    with logged_statements() as log:
        html = str(BAND(instance=band))
        form = BAND(choosing(band, label, genre), instance=band)
        assert form.is_valid()
        form.save()

    assert log.statements == []
    assert 'value="9"' in html
    stored = Album.objects.using("other")
    assert {(each.label, *each.genres.all()) for each in stored} == {(label, genre)}
    assert stored.count() == 2


def test_choices_of_another_database_are_errors(band):
    label, genre = Label.objects.create(name="here"), Genre.objects.create(name="here")

    form = BAND(choosing(band, label, genre), instance=band)

    assert not form.is_valid()
    assert list(form.cluster_errors) == [f"{path}{name}" for path in PATHS for name in ("label", "genres")]


def test_a_formset_that_stands_alone_has_the_choices_of_its_parents_database(band):
    label = Label.objects.using("other").create(name="there")
    rows = [{"title": "second", "label": label.pk}]

    formset = BAND.formsets["albums"](submission("albums", *rows), instance=band)

    assert formset.is_valid()


def test_unique_values_are_looked_for_where_the_rows_will_be(shelf):
    Box.objects.create(shelf=Shelf.objects.create(), code="here", position=1)
    Box.objects.using("other").create(shelf=Shelf.objects.using("other").create(), code="there", position=1)
    rows = [{"code": "here", "position": 1}, {"code": "there", "position": 2}]

    form = BOXES(submission("boxes", *rows, name="shelf"), instance=shelf)

    assert not form.is_valid()
    assert form.cluster_errors == {"boxes[1].code": ["Box with this Code already exists."]}


def test_constraints_are_asked_where_the_rows_will_be(shelf):
    form = STICKERS(submission("stickers", {"size": 3}, name="shelf"), instance=shelf)

    with logged_statements() as here, logged_statements(using="other") as there:
        assert form.is_valid()

    assert here.statements == []
    assert there.of("SELECT", "ABS")
    assert Sticker.objects.using("other").count() == 0
