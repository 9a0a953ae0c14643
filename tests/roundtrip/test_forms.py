from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from cluster.forms import clusterform_factory
from tests.behaviour.test_forms_saving import whole
from tests.support import build_band, stored_rows
from tests.testapp.models import Band

pytestmark = pytest.mark.django_db

FORM = clusterform_factory(
    Band,
    fields=["name", "formed", "facts", "genres"],
    exclude_formsets=["hosted", "visits", "riders", "attachments", "engagements", "anthems"],
)
NESTED = clusterform_factory(
    Band,
    fields=["name"],
    formsets={"members": {}, "albums": {"formsets": {"songs": {"formsets": ["credits", "verses"]}}}},
    formset_defaults={"extra": 1},
)
SIZES = st.integers(min_value=0, max_value=3)


class SubmittingWhatIsShown(TestCase):
    @given(members=SIZES, albums=SIZES, songs=SIZES, form_class=st.sampled_from([FORM, NESTED]))
    def test_changes_nothing(self, members, albums, songs, form_class):
        build_band(members=members, albums=albums, songs=songs).save()
        band, before = Band.objects.get(), stored_rows()

        form = form_class(whole(form_class(instance=band)), instance=band)

        assert form.is_valid(), form.cluster_errors
        assert not form.has_changed()
        form.save()
        assert stored_rows() == before

    @given(members=SIZES, albums=SIZES, songs=SIZES)
    def test_for_an_unsaved_cluster_saves_the_same(self, members, albums, songs):
        build_band(members=members, albums=albums, songs=songs).save()
        saved = Band.objects.get()
        expected = [song.title for album in saved.albums.all() for song in album.songs.all()]
        saved.delete()
        band = build_band(members=members, albums=albums, songs=songs)

        form = NESTED(whole(NESTED(instance=band)), instance=band)

        assert form.is_valid(), form.cluster_errors
        form.save()
        stored = Band.objects.get()
        assert stored.members.count() == members
        assert [song.title for album in stored.albums.all() for song in album.songs.all()] == expected
