"""A held queryset inside a query of the database stands for the keys of its rows."""

from __future__ import annotations

import pytest
from django import forms
from django.core import serializers
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Prefetch, Subquery
from django.shortcuts import get_list_or_404, get_object_or_404
from django.template import Context, Template

from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet
from tests.support import build_band
from tests.testapp.models import Album, Band, Song

pytestmark = pytest.mark.django_db


@pytest.fixture
def band() -> Band:
    """Return a saved band that holds its three albums, one of them renamed in memory."""
    band = build_band(albums=3, songs=2)
    band.save()
    band.albums.get_object_list()
    band.albums.get(position=1).title = "renamed"
    return band


def test_rows_are_found_in_memory_and_looked_up_by_key(band: Band) -> None:
    held = band.albums.filter(title="renamed")

    songs = Song.objects.filter(album__in=held).order_by("pk")

    assert [song.title for song in songs] == ["song 1.1", "song 1.2"]


def test_a_plain_held_queryset_is_one_query_with_keys(band: Band, django_assert_num_queries) -> None:
    with django_assert_num_queries(1) as log:
        found = list(Song.objects.filter(album__in=band.albums.exclude(title="renamed")))

    assert len(found) == 4
    assert "renamed" not in log.captured_queries[0]["sql"]


def test_it_works_in_exists_and_subquery(band: Band) -> None:
    held = band.albums.filter(title="renamed")

    assert Song.objects.filter(Exists(held)).count() == 6
    assert Song.objects.filter(Exists(held.none())).count() == 0
    assert set(Song.objects.values_list(Subquery(held.values("position")[:1]), flat=True)) == {1}
    assert Song.objects.filter(album_id=Subquery(held.values("pk")[:1])).count() == 2
    assert Song.objects.exclude(album__in=held).count() == 4


def test_slices_and_values_are_kept(band: Band) -> None:
    held = band.albums.order_by("-position")

    assert Album.objects.filter(pk__in=held.values("pk")[:2]).count() == 2
    assert Album.objects.filter(position__in=held.filter(title="renamed").values("position")).count() == 1


def test_unsaved_rows_have_no_key(band: Band) -> None:
    band.albums.add(Album(title="new", position=9))

    assert Album.objects.filter(pk__in=band.albums.all()).count() == 3
    assert (band.albums.all() | Album.objects.none()).count() == 4
    assert (band.albums.all() | Album.objects.all()).count() == 3


def test_a_reference_to_the_outer_row_is_refused(band: Band) -> None:
    with pytest.raises(NotInMemoryError, match="Cannot use held Album objects that refer to an outer query"):
        list(Song.objects.filter(Exists(band.albums.filter(pk=OuterRef("album")))))


def test_it_serves_a_prefetch_and_takes_one(band: Band, django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        albums = list(band.albums.prefetch_related("songs"))
        assert [len(album.songs.all()) for album in albums] == [2, 2, 2]
    with django_assert_num_queries(1):
        albums = list(band.albums.prefetch_related(Prefetch("songs", Song.objects.filter(track=1), to_attr="openers")))
        assert [len(album.openers) for album in albums] == [1, 1, 1]


def test_choice_fields_take_it(band: Band) -> None:
    class AlbumForm(forms.Form):
        one = forms.ModelChoiceField(band.albums.order_by("position"))
        several = forms.ModelMultipleChoiceField(band.albums.all())

    first, second, _ = band.albums.order_by("position")
    form = AlbumForm({"one": first.pk, "several": [first.pk, second.pk]})

    assert "renamed" in str(form)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["one"] is first
    assert list(form.cleaned_data["several"]) == [first, second]
    assert not AlbumForm({"one": 0, "several": [0]}).is_valid()


def test_shortcuts_pages_templates_and_serializers_take_it(band: Band) -> None:
    renamed = band.albums.get(title="renamed")

    assert get_object_or_404(band.albums.all(), title="renamed") is renamed
    assert get_list_or_404(band.albums.all(), position__gt=0)[0] is renamed
    assert Paginator(band.albums.order_by("position"), 2).page(1).object_list[1] is renamed
    template = Template("{% for album in band.albums.all %}{{ album.title }};{% endfor %}{{ band.albums.count }}")
    assert template.render(Context({"band": band})) == "album 0;renamed;album 2;3"
    assert "renamed" in serializers.serialize("json", band.albums.all())


def test_its_sql_is_that_of_its_keys(band: Band) -> None:
    keys = ", ".join(str(album.pk) for album in band.albums.filter(title="renamed"))

    assert f"IN ({keys})" in str(band.albums.filter(title="renamed").query)


def test_a_reverse_join_to_rows_that_are_not_held_asks_once(band: Band, django_assert_num_queries) -> None:
    queryset = FakeQuerySet(Album, list(Album.objects.order_by("position")))

    with django_assert_num_queries(1):
        assert len(queryset.filter(songs__title="song 1.1")) == 1
    with django_assert_num_queries(1):
        assert len(queryset.exclude(songs__title="song 1.1")) == 2
    with django_assert_num_queries(1):
        assert queryset.filter(band__name="The Band").count() == 3
    with django_assert_num_queries(0):
        assert queryset.filter(band__name="The Band").count() == 3


def test_a_live_subquery_tied_by_key_asks_once_for_all_rows(band: Band, django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        assert band.albums.filter(Exists(Song.objects.filter(album=OuterRef("pk"), track=2))).count() == 3
    with django_assert_num_queries(3):
        assert band.albums.filter(Exists(Song.objects.filter(track__gt=OuterRef("position")))).count() == 2
