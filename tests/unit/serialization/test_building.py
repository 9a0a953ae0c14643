from __future__ import annotations

import pytest

from cluster.relations import state_of
from cluster.serialization.building import Builder, unread_object
from cluster.serialization.options import LoadOptions
from cluster.serialization.reading import read
from tests.testapp.models import Band, Collaboration, Genre, Playlist


def test_what_was_dropped_with_one_parent_is_reported_for_the_other():
    duet = {"pk": 5, "title": "duet"}
    options = LoadOptions()
    reading = read(Band, [{"pk": 1, "hosted": [duet], "visits": [duet]}], options)
    first = next(node for node in reading.nodes if node.model is Collaboration)
    first.drop()

    Builder(options, reading.nodes).build_all()

    (band,) = (root.instance for root in reading.roots)
    assert (band.hosted.count(), band.visits.count()) == (0, 0)
    assert [str(entry) for entry in options.report.dropped] == [
        "$.visits[0]: It is the object of $.hosted[0], which was dropped."
    ]


def test_what_the_data_has_is_declared_as_the_whole_content():
    options = LoadOptions()
    reading = read(Band, [{"pk": 1, "members": [], "genres": []}], options)

    Builder(options, reading.nodes).build_all()

    state = state_of(reading.roots[0].instance)
    assert state.held.keys() == {"members", "genres"}
    assert state.baselines == {}


@pytest.mark.django_db
def test_an_object_known_by_its_key_alone_is_read_when_it_is_looked_at(django_assert_num_queries):
    key = Genre.objects.create(name="rock").pk

    with django_assert_num_queries(0):
        genre = unread_object(Genre, key, None)

    assert (genre.pk, genre._state.adding, genre._state.db) == (key, False, "default")
    with django_assert_num_queries(1):
        assert genre.name == "rock"


def test_the_database_of_what_is_loaded_is_the_roots_alone():
    loaded = Band.from_serializable_data({"pk": 1, "members": [{"pk": 2, "name": "x"}]}, check_fks=False)

    assert (loaded._state.db, loaded.members.get()._state.db) == ("default", None)
    assert Playlist.from_serializable_data({"title": "new"})._state.db is None
