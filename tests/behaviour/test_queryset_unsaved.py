"""Querysets of clusters that were never saved: no key, no row, no statement."""

from __future__ import annotations

import pytest
from django.db.models import Count, F, Max
from django.db.models.signals import post_init

from cluster.queryset import FakeQuerySet
from tests.testapp.models import Album, Band, Genre, Label, Node, Song

pytestmark = pytest.mark.django_db


@pytest.fixture
def label() -> Label:
    return Label(name="Unsaved")


@pytest.fixture
def band(label: Label) -> Band:
    """Return an unsaved band with three albums, two of one unsaved label, songs on the first."""
    band = Band(name="The Band")
    band.albums = [
        Album(title="a", position=1, label=label),
        Album(title="b", position=2),
        Album(title="c", position=3, label=label),
    ]
    band.albums.get(title="a").songs = [Song(title="s1", track=1), Song(title="s2", track=2)]
    return band


def titles(queryset: object) -> list[str]:
    return [album.title for album in queryset]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        pytest.param(lambda q, label: q.filter(label=label), ["a", "c"], id="filter"),
        pytest.param(lambda q, label: q.exclude(label=label), ["b"], id="exclude"),
        pytest.param(lambda q, label: q.filter(label__in=[label]), ["a", "c"], id="in"),
        pytest.param(lambda q, label: q.exclude(label__in=[label]), ["b"], id="not in"),
        pytest.param(lambda q, label: q.filter(label=None), ["b"], id="NULL"),
        pytest.param(lambda q, label: q.filter(label__isnull=False), ["a", "c"], id="not NULL"),
        pytest.param(lambda q, label: q.filter(label=Label(name="Unsaved")), [], id="another unsaved one"),
        pytest.param(lambda q, label: q.filter(label__name="Unsaved"), ["a", "c"], id="its field"),
        pytest.param(lambda q, label: q.exclude(label__name="Unsaved"), ["b"], id="not its field"),
        pytest.param(lambda q, label: q.exclude(pk=5), ["a", "b", "c"], id="a key in use"),
        pytest.param(lambda q, label: q.exclude(pk__in=[5, 6]), ["a", "b", "c"], id="keys in use"),
        pytest.param(lambda q, label: q.filter(pk__gt=10**9), ["a", "b", "c"], id="greater than all keys"),
        pytest.param(lambda q, label: q.filter(pk=None), [], id="no row has no key"),
        pytest.param(lambda q, label: q.order_by("pk"), ["a", "b", "c"], id="held order"),
        pytest.param(lambda q, label: q.order_by("-pk"), ["c", "b", "a"], id="held order downwards"),
        pytest.param(lambda q, label: q.filter(songs__title="s2"), ["a"], id="children"),
        pytest.param(lambda q, label: q.exclude(songs__title="s2"), ["b", "c"], id="no such children"),
        pytest.param(lambda q, label: q.filter(songs=None), ["b", "c"], id="no children"),
        pytest.param(lambda q, label: q.filter(label__albums__title="c"), [], id="relation of an unsaved target"),
    ],
)
def test_an_unsaved_instance_matches_by_identity(
    ask, expected, band: Band, label: Label, django_assert_num_queries
) -> None:
    with django_assert_num_queries(0):
        found = ask(band.albums.all(), label)

        assert titles(found) == expected


def test_an_unsaved_child_is_found_by_its_parent(band: Band) -> None:
    song = band.albums.get(title="a").songs.get(title="s1")

    assert titles(band.albums.filter(songs=song)) == ["a"]
    assert titles(band.albums.filter(songs__in=[song])) == ["a"]
    assert titles(band.albums.exclude(songs=song)) == ["b", "c"]
    assert list(band.albums.get(title="a").songs.filter(album=band.albums.get(title="b"))) == []


def test_unsaved_rows_are_counted_and_grouped(band: Band, django_assert_num_queries) -> None:
    """An album with two songs counts twice where songs are joined, as in SQL."""
    with django_assert_num_queries(0):
        by_album = dict(band.albums.annotate(n=Count("songs")).values_list("title", "n"))
        by_label = band.albums.values("label").annotate(n=Count("pk")).order_by("-n").values_list("label", "n")
        summary = band.albums.aggregate(Count("pk"), Count("label"), Max("songs__track"))

        assert by_album == {"a": 2, "b": 0, "c": 0}
        assert list(by_label) == [(None, 2), (None, 1)]
        assert summary == {"pk__count": 4, "label__count": 3, "songs__track__max": 2}


def test_values_of_keys_to_come_are_none(band: Band) -> None:
    assert list(band.albums.filter(title="a").values("pk", "label", "band_id")) == [
        {"pk": None, "label": None, "band_id": None}
    ]
    assert list(band.albums.annotate(key=F("pk")).values_list("key", flat=True)) == [None, None, None]


def test_saved_rows_come_before_unsaved_ones_in_the_order_of_keys() -> None:
    saved = [Label.objects.create(name=name) for name in "xy"]
    queryset = FakeQuerySet(Label, [Label(name="u"), saved[1], Label(name="v"), saved[0]])

    assert [label.name for label in queryset.order_by("pk")] == ["x", "y", "u", "v"]
    assert [label.name for label in queryset.order_by("-pk")] == ["v", "u", "y", "x"]
    assert queryset.first() is saved[0]
    assert queryset.last().name == "v"


def test_links_to_unsaved_objects_are_followed(django_assert_num_queries) -> None:
    pop, rock = Genre(name="pop"), Genre(name="rock")
    band = Band(name="The Band")
    band.albums = [Album(title="a", position=1), Album(title="b", position=2)]
    band.albums.get(title="a").genres = [pop, rock]

    with django_assert_num_queries(0):
        assert titles(band.albums.filter(genres=rock)) == ["a"]
        assert titles(band.albums.filter(genres__in=[pop, rock])) == ["a", "a"]
        assert titles(band.albums.exclude(genres=rock)) == ["b"]
        assert titles(band.albums.filter(genres__name="pop")) == ["a"]
        assert titles(band.albums.filter(genres=None)) == ["b"]
        assert dict(band.albums.annotate(n=Count("genres")).values_list("title", "n")) == {"a": 2, "b": 0}


def test_a_tree_in_one_table_is_followed_in_both_directions(django_assert_num_queries) -> None:
    root = Node(name="root")
    root.children = [Node(name="left"), Node(name="right")]
    left, right = root.children.order_by("name")
    left.children = [Node(name="leaf")]

    with django_assert_num_queries(0):
        assert list(root.children.filter(children__name="leaf")) == [left]
        assert list(root.children.exclude(children__name="leaf")) == [right]
        assert list(left.children.filter(parent__parent=root)) == list(left.children.all())


def test_links_of_a_table_to_itself_are_followed(django_assert_num_queries) -> None:
    ann, bob = Node(name="ann"), Node(name="bob")
    ann.follows = [bob]
    queryset = FakeQuerySet(Node, [ann, bob])

    with django_assert_num_queries(0):
        assert list(queryset.filter(follows__name="bob")) == [ann]
        assert list(queryset.filter(follows=bob)) == [ann]


@pytest.fixture
def read_at_once():
    """Read the relations of each band while it is made, as a model's own ``__init__()`` may."""

    def read(sender, instance, **kwargs):
        instance.was = (instance.albums.count(), list(instance.genres.all()))

    post_init.connect(read, sender=Band)
    yield
    post_init.disconnect(read, sender=Band)


@pytest.fixture
def stored() -> Band:
    """Return a saved band with three albums and a genre."""
    genres = [Genre.objects.create(name="rock")]
    return Band.objects.create(name="b", albums=[Album(title=title) for title in "abc"], genres=genres)


def test_a_relation_that_was_read_while_the_instance_was_loaded_is_live(stored, read_at_once):
    (loaded,) = Band.objects.all()

    assert loaded.was == (0, [])
    assert not loaded.albums.is_deferring
    assert titles(loaded.albums.order_by("title")) == ["a", "b", "c"]
    assert [genre.name for genre in loaded.genres.all()] == ["rock"]
    assert len(loaded.serializable_data()["albums"]) == 3
    loaded.albums.remove(loaded.albums.get(title="a"))
    loaded.save()
    assert titles(Album.objects.order_by("title")) == ["b", "c"]


def test_a_relation_that_was_read_while_the_instance_was_loaded_can_be_prefetched(
    stored, read_at_once, django_assert_num_queries
):
    (loaded,) = Band.objects.prefetch_related("albums")

    with django_assert_num_queries(0):
        assert len(loaded.albums.all()) == 3


def test_a_relation_that_was_read_before_its_owner_was_written_by_django_is_live():
    band = Band(pk=7, name="b")
    assert band.albums.count() == 0

    Band.objects.bulk_create([band])
    Album.objects.create(band_id=band.pk, title="later")

    assert titles(band.albums.all()) == ["later"]
