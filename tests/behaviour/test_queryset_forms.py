"""Held querysets as objects: classes, custom methods, pickles, copies, async, repr."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db.models import Count, Q, QuerySet, Value
from django.db.models.functions import Length
from django.db.models.query import EmptyQuerySet, ModelIterable

from cluster.queryset import FakeQuerySet, ListSource, fake_class, held_queryset
from tests.support import build_band
from tests.testapp.models import Album, AlbumQuerySet, Article, Band, Label, Magazine, Song

pytestmark = pytest.mark.django_db


@pytest.fixture
def band() -> Band:
    return build_band(albums=3)


class CountingQuerySet(QuerySet[Label]):
    """A class with a constructor, an attribute that it copies, and methods of its own."""

    def __init__(self, model=None, query=None, using=None, hints=None) -> None:
        super().__init__(model, query, using, hints)
        self.tag = ""

    def _clone(self):
        clone = super()._clone()
        clone.tag = self.tag
        return clone

    def tagged(self, tag: str) -> CountingQuerySet:
        clone = self.all()
        clone.tag = tag
        return clone

    def delete(self) -> tuple[int, dict[str, int]]:
        return self.update(active=False), {}


class Downcasting(ModelIterable):
    """Looks for the class of each row, as the querysets of packages for inheritance do."""

    def __iter__(self):
        yield from ModelIterable(self.queryset)


class DowncastingQuerySet(QuerySet[Label]):
    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._iterable_class = Downcasting


def test_a_held_queryset_is_a_queryset_of_the_models_class(band: Band) -> None:
    queryset = band.albums.filter(title="album 1")

    assert isinstance(queryset, QuerySet)
    assert isinstance(queryset, FakeQuerySet)
    assert isinstance(queryset, AlbumQuerySet)
    assert type(queryset) is fake_class(AlbumQuerySet) is fake_class(fake_class(AlbumQuerySet))
    assert isinstance(queryset.none(), EmptyQuerySet)
    assert not isinstance(queryset, EmptyQuerySet)


def test_methods_of_the_models_queryset_and_manager_work(band: Band) -> None:
    assert [album.title for album in band.albums.titled("1")] == ["album 1"]
    assert [album.title for album in band.albums.all().titled("ALBUM").newest_first().titled("2")] == ["album 2"]
    assert list(band.albums.dated()) == []


def test_a_class_with_its_own_constructor_and_clone_keeps_working() -> None:
    labels = [Label(name="a"), Label(name="b")]
    queryset = held_queryset(CountingQuerySet(Label), ListSource(Label, labels)).tagged("x")

    assert queryset.filter(name="a").order_by("pk").tag == "x"
    assert queryset.filter(name="a").delete() == (1, {})
    assert [label.active for label in labels] == [False, True]
    assert len(queryset.all()) == 2


def test_what_looks_for_the_class_of_each_row_gives_the_held_instances() -> None:
    labels = [Label(name="a"), Label(name="b")]
    queryset = held_queryset(DowncastingQuerySet(Label), ListSource(Label, labels))

    assert list(queryset.all()) == labels
    assert list(queryset.annotate(number=Value(1)).order_by("name")) == labels
    assert list(queryset.annotate(number=Value(1)).iterator()) == labels
    assert list(queryset.annotate(number=Value(1)).values_list("name", "number")) == [("a", 1), ("b", 1)]


def test_the_filter_of_a_default_manager_holds_in_memory() -> None:
    magazine = Magazine(title="m")
    magazine.articles = [
        Article(title="b", score=1), Article(title="a", score=1), Article(title="c"),
        Article(title="d", published=False),
    ]  # fmt: skip

    assert [article.title for article in magazine.articles.all()] == ["a", "b", "c"]
    assert magazine.articles.first().title == "a"
    assert magazine.articles.filter(score=1).count() == 2


@pytest.mark.parametrize("evaluate", [False, True])
def test_a_pickle_holds_the_results_and_the_list(evaluate: bool, band: Band) -> None:
    queryset = band.albums.filter(position__gt=0)
    if evaluate:
        len(queryset)

    restored = pickle.loads(pickle.dumps(queryset))

    assert type(restored) is type(queryset)
    assert [album.title for album in restored] == ["album 1", "album 2"]
    assert [album.title for album in restored.filter(position=1)] == ["album 1"]
    assert [album.title for album in restored.order_by("-title")] == ["album 2", "album 1"]
    assert queryset.get(position=1) is band.albums.get(position=1)


@pytest.mark.parametrize(
    "ask",
    [
        lambda songs: songs.annotate(length=Length("title")),
        lambda songs: songs.order_by("album__title"),
        lambda songs: songs.filter(Q(title="a") | Q(title__gt="a")),
        lambda songs: songs.using("default").all(),
    ],
    ids=["annotate", "order_by", "filter", "using"],
)
def test_what_django_builds_the_query_of_can_be_pickled(ask: Callable[[Any], Any]) -> None:
    album = Album(title="x", songs=[Song(title="a"), Song(title="b")])

    restored = pickle.loads(pickle.dumps(ask(album.songs)))

    assert [song.title for song in restored] == ["a", "b"]
    assert [song.title for song in restored.filter(title="b")] == ["b"]


def test_a_pickle_of_values_holds_them(band: Band) -> None:
    queryset = band.albums.filter(band__name="The Band").values("title")

    assert list(pickle.loads(pickle.dumps(queryset))) == list(queryset)


def test_a_deep_copy_is_not_evaluated(band: Band) -> None:
    queryset = band.albums.filter(position=1)
    len(queryset)

    copied = copy.deepcopy(queryset)

    assert copied._result_cache is None
    assert list(copied) == list(queryset)


def test_repr_is_djangos(band: Band) -> None:
    assert repr(band.albums.filter(position=1)) == "<FakeAlbumQuerySet [<Album: album 1>]>"
    assert "remaining elements truncated" in repr(FakeQuerySet(Label, [Label(name=str(n)) for n in range(30)]))


def test_async_methods_answer_the_same(band: Band) -> None:
    async def ask() -> None:
        queryset = band.albums.all()
        first, second, third = [album async for album in queryset]
        assert await queryset.acount() == 3
        assert await queryset.aexists()
        assert await queryset.aget(position=1) is second
        assert await queryset.afirst() is first
        assert await queryset.alast() is third
        assert await queryset.aearliest("title") is first
        assert await queryset.alatest("title") is third
        assert await queryset.aaggregate(n=Count("pk")) == {"n": 3}
        assert [album async for album in queryset.aiterator()] == [first, second, third]
        assert await queryset.acontains(second)
        assert await queryset.filter(position=1).aupdate(title="x") == 1
        assert (await queryset.aget_or_create(title="x"))[0] is second
        assert (await queryset.aupdate_or_create(title="x", defaults={"position": 7}))[0].position == 7
        assert (await queryset.acreate(title="new")).pk is None
        assert len(await queryset.abulk_create([Album(title="newer")])) == 1
        assert await queryset.filter(title__startswith="new").adelete() == (2, {"testapp.Album": 2})
        assert await queryset.ain_bulk([0]) == {}

    async_to_sync(ask)()


def test_sql_options_are_taken_and_change_nothing(band: Band) -> None:
    queryset = band.albums.select_related("label").only("title", "label").select_for_update().using("default")

    assert list(queryset) == list(band.albums.all())
    assert queryset[0] is band.albums.first()
    with pytest.raises(TypeError, match=r"Cannot call only\(\) after .values\(\)"):
        band.albums.values("title").only("title")
    with pytest.raises(ValueError, match="nowait option cannot be used with skip_locked"):
        band.albums.select_for_update(nowait=True, skip_locked=True)


def test_a_queryset_can_be_taken_apart_by_djangos_internals(band: Band) -> None:
    queryset = band.albums.filter(position=1).order_by("title")[:5]

    assert queryset.query.order_by == ("title",)
    assert queryset.query.high_mark == 5
    assert queryset.query.model is Album
    assert [album.position for album in queryset] == [1]


def test_results_are_those_of_the_evaluation_whatever_becomes_of_the_list() -> None:
    labels = [Label(name="a"), Label(name="b")]
    queryset = FakeQuerySet(Label, labels)

    evaluated = list(queryset)
    labels.append(Label(name="c"))
    del labels[0]

    assert list(queryset) == evaluated
    assert [label.name for label in queryset.all()] == ["b", "c"]


def test_results_are_those_of_the_evaluation_whatever_becomes_of_the_relation(band: Band) -> None:
    queryset = band.albums.order_by()

    evaluated = list(queryset)
    band.albums.remove(evaluated[0])
    band.albums.add(Album(title="later"))

    assert list(queryset) == evaluated
    assert [album.title for album in queryset.all()] == [*(each.title for each in evaluated[1:]), "later"]
