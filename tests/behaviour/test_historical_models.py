"""In migrations, historical models behave as plain Django: they derive from ``models.Model`` alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.writer import MigrationWriter

from cluster.models import ClusterableModel
from tests.testapp.models import Album, Band, Genre

pytestmark = pytest.mark.django_db


@pytest.fixture
def historical() -> Any:
    state = ProjectState()
    for model in apps.get_app_config("testapp").get_models(include_auto_created=False):
        state.add_model(ModelState.from_model(model))
    return state.apps


def test_historical_models_are_plain(historical: Any):
    band = historical.get_model("testapp", "Band")

    assert not issubclass(band, ClusterableModel)
    assert not hasattr(band(pk=1).members, "commit")


def test_children_and_links_are_read_and_written_at_once(historical: Any):
    band_model, album_model = (historical.get_model("testapp", name) for name in ("Band", "Album"))
    band = band_model.objects.create(name="x")

    band.albums.create(title="a")
    band.albums.add(album_model(title="b"), bulk=False)
    genre = historical.get_model("testapp", "Genre").objects.create(name="rock")
    band.genres.add(genre)

    assert set(Album.objects.values_list("title", flat=True)) == {"a", "b"}
    assert [found.name for found in Band.objects.get().genres.all()] == ["rock"]
    band.genres.set([])
    assert Band.objects.get().genres.count() == 0
    assert Genre.objects.count() == 1


def test_assignment_is_refused_as_in_django(historical: Any):
    band = historical.get_model("testapp", "Band")(pk=1)

    with pytest.raises(TypeError, match="Direct assignment to the reverse side of a related set is prohibited"):
        band.albums = []
    with pytest.raises(TypeError, match="Direct assignment to the forward side of a many-to-many set is prohibited"):
        band.genres = []


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("band", "cluster.fields.ParentalKey(on_delete=django.db.models.deletion.CASCADE, related_name='albums', "),
        ("genres", "cluster.fields.ParentalManyToManyField(blank=True, related_name='albums', "),
    ],
)
def test_migrations_name_the_fields_by_their_public_place(field: str, written: str):
    text, imports = MigrationWriter.serialize(Album._meta.get_field(field))

    assert text.startswith(written)
    assert "import cluster.fields" in imports
