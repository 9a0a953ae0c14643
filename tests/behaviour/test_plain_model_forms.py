"""Django's own model forms and formsets, as the admin uses them, over models of clusters."""

from __future__ import annotations

from typing import Any

import pytest
from django.forms import inlineformset_factory, modelform_factory

from cluster.testing import logged_statements
from tests.testapp.models import Album, Band, Genre, Member

pytestmark = pytest.mark.django_db

FORM: Any = modelform_factory(Band, fields=["name", "genres"])
ALBUMS: Any = inlineformset_factory(Band, Album, fields=["title", "genres"], extra=1)


def stored_genres(owner: Any) -> list[str]:
    return list(type(owner).objects.get(pk=owner.pk).genres.order_by("name").values_list("name", flat=True))


@pytest.fixture(name="genres")
def _genres() -> list[Genre]:
    return [Genre.objects.create(name=name) for name in ("jazz", "rock")]


def valid_form(genres: list[Genre], instance: Band | None = None) -> Any:
    form = FORM({"name": "Can", "genres": [genre.pk for genre in genres]}, instance=instance)
    assert form.is_valid(), form.errors
    return form


def test_the_links_of_a_new_object_are_written(genres: list[Genre]) -> None:
    band = valid_form(genres).save()

    assert stored_genres(band) == ["jazz", "rock"]
    assert not band.genres.is_deferring


def test_the_links_of_a_changed_object_are_written(genres: list[Genre]) -> None:
    band = Band.objects.create(name="Can", genres=genres)

    valid_form(genres[1:], instance=band).save()

    assert stored_genres(band) == ["rock"]


def test_the_links_are_written_by_save_m2m_as_the_admin_does(genres: list[Genre]) -> None:
    form = valid_form(genres)
    band = form.save(commit=False)
    band.save()
    assert stored_genres(band) == []

    form.save_m2m()

    assert stored_genres(band) == ["jazz", "rock"]


def test_the_links_of_an_object_without_row_wait_for_its_save(genres: list[Genre]) -> None:
    form = valid_form(genres)
    band = form.save(commit=False)
    form.save_m2m()
    assert Band.objects.count() == 0

    band.save()

    assert stored_genres(band) == ["jazz", "rock"]


def test_nothing_else_that_the_object_holds_is_written_with_the_links(genres: list[Genre]) -> None:
    form = valid_form(genres)
    band = form.save(commit=False)
    band.save()
    band.members = [Member(name="Holger")]

    form.save_m2m()

    assert stored_genres(band) == ["jazz", "rock"]
    assert band.members.is_deferring
    assert Member.objects.count() == 0


def test_the_links_of_inline_rows_are_written(genres: list[Genre]) -> None:
    band = Band.objects.create(name="Can")
    prefix = ALBUMS.get_default_prefix()
    data = {
        f"{prefix}-TOTAL_FORMS": "1",
        f"{prefix}-INITIAL_FORMS": "0",
        f"{prefix}-0-title": "Tago Mago",
        f"{prefix}-0-genres": [genre.pk for genre in genres],
    }
    formset = ALBUMS(data, instance=band)
    assert formset.is_valid(), formset.errors

    formset.save()

    assert stored_genres(Album.objects.get()) == ["jazz", "rock"]


def test_links_that_are_the_same_are_not_written(genres: list[Genre]) -> None:
    band = Band.objects.create(name="Can", genres=genres)
    form = valid_form(genres, instance=Band.objects.get(pk=band.pk))

    with logged_statements() as log:
        form.save_m2m = form._save_m2m
        form.save_m2m()

    assert log.writes == []
