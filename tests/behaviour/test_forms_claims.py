"""A submission has as many rows as it has names for, and not as many as it claims."""

from __future__ import annotations

import pytest

from cluster.forms import clusterform_factory
from tests.support import submission
from tests.testapp.models import Band

pytestmark = pytest.mark.django_db

NESTED = clusterform_factory(
    Band, fields=["name"], formsets={"albums": {"fields": ["title"], "formsets": {"songs": {"fields": ["title"]}}}}
)


def claiming(albums, songs, **more):
    """A submission with as many rows and rows below each, of which nothing else is submitted."""
    data = submission("albums", *({} for _ in range(albums)), name="band")
    for index in range(albums):
        data |= {f"albums-{index}-songs-TOTAL_FORMS": str(songs), f"albums-{index}-songs-INITIAL_FORMS": "0"}
    return data | more


def test_a_short_submission_cannot_claim_millions_of_rows():
    form = NESTED(claiming(200, 2000))

    assert not form.is_valid()

    songs = [album.formsets["songs"] for album in form.formsets["albums"].forms]
    assert sum(len(formset.forms) for formset in songs) == 2000
    assert form.cluster_errors["albums[1].songs.__all__"] == ["Please submit at most 1000 forms."]
    assert "albums[0].songs.__all__" not in form.cluster_errors


def test_what_is_below_more_rows_than_are_read_is_not_dropped_silently():
    form = NESTED(claiming(2, 2000, **{"albums-1-songs-0-title": "song"}))

    assert not form.is_valid()

    assert set(form.cluster_errors) == {"albums[1].title", "albums[1].songs.__all__"}


def test_rows_that_are_submitted_are_read_however_many_they_are():
    data = claiming(60, 50)
    for album in range(60):
        data[f"albums-{album}-title"] = "album"
        data |= {f"albums-{album}-songs-{song}-title": "song" for song in range(50)}

    form = NESTED(data)

    assert form.is_valid()
    assert sum(album.songs.count() for album in form.preview().albums.all()) == 3000
