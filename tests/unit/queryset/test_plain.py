from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.contrib.postgres.lookups import DataContains
from django.db import models
from django.db.models import F, Q, lookups
from django.test.utils import isolate_apps

from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet, ListSource, held_queryset
from cluster.queryset.columns import column_reader, plain_reader
from cluster.queryset.making import is_untouched
from cluster.queryset.plain_columns import plain_column
from cluster.queryset.plain_lookups import plain_lookup
from tests.differential.app.models import Specimen
from tests.testapp.models import Album, Band, Credit, Genre, Label, Member, Person, Song

pytestmark = pytest.mark.django_db


class CountingSource(ListSource):
    """A source that tells how its instances were asked for."""

    def __init__(self, model: Any, instances: list[Any]) -> None:
        super().__init__(model, instances)
        self.seen = 0
        self.by_key_calls = 0

    def instances(self) -> Any:
        return Watched(self)

    def by_key(self, key: Any) -> Any:
        self.by_key_calls += 1
        return {instance.pk: instance for instance in self._instances}.get(key)

    def in_key_order(self) -> bool:
        return True


class Watched(list[Any]):
    """A list that counts how far it is read."""

    def __init__(self, source: CountingSource) -> None:
        super().__init__(source._instances)
        self.source = source

    def __iter__(self) -> Any:
        for item in super().__iter__():
            self.source.seen += 1
            yield item


@pytest.fixture
def source() -> CountingSource:
    return CountingSource(Label, [Label(pk=pk, name=f"label {pk}") for pk in range(1, 101)])


@pytest.fixture
def labels(source: CountingSource) -> FakeQuerySet:
    return held_queryset(Label.objects.all(), source)


PLAIN = {
    "own field": lambda q: q.filter(name="x"),
    "lookup": lambda q: q.filter(name__icontains="x"),
    "key": lambda q: q.filter(pk=1),
    "several": lambda q: q.filter(name="x", city="y").exclude(active=False),
    "order": lambda q: q.order_by("-name", "pk"),
    "reverse": lambda q: q.order_by("name").reverse(),
    "slice": lambda q: q.order_by("name")[2:9],
    "values": lambda q: q.values("name"),
    "values_list": lambda q: q.values_list("name", flat=True),
    "in": lambda q: q.filter(name__in=["x", "y"]),
    "NULL": lambda q: q.filter(city=None),
}
NOT_PLAIN = {
    "Q": lambda q: q.filter(Q(name="x")),
    "expression": lambda q: q.filter(name=F("city")),
    "to-many": lambda q: q.filter(albums__title="x"),
    "annotation": lambda q: q.annotate(x=F("name")),
    "NULL in a list": lambda q: q.filter(name__in=["x", None]),
    "distinct": lambda q: q.distinct(),
    "random": lambda q: q.order_by("?"),
    "named": lambda q: q.values_list("name", named=True),
    "greater key": lambda q: q.filter(pk__gt=3),
}


@pytest.mark.parametrize("ask", PLAIN.values(), ids=PLAIN)
def test_plain_queries_build_no_query(ask: Any, labels: FakeQuerySet) -> None:
    queryset = ask(labels)
    list(queryset)

    assert queryset._query is None


@pytest.mark.parametrize("ask", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_other_queries_build_one(ask: Any, labels: FakeQuerySet) -> None:
    assert ask(labels)._query is not None


@pytest.mark.parametrize("ask", PLAIN.values(), ids=PLAIN)
def test_both_ways_give_the_same(ask: Any, labels: FakeQuerySet) -> None:
    short, long = ask(labels), ask(labels)
    long.query  # noqa: B018  (asking for the query leaves the short way)

    assert long._plain is None
    assert list(short) == list(long)
    assert short.count() == long.count()
    assert short.exists() == long.exists()


@pytest.mark.parametrize(
    ("name", "value"), [("label__name", "x"), ("label__name__icontains", "X"), ("label", 3), ("label_id__in", [3])]
)
def test_fields_behind_forward_keys_are_plain(name: str, value: Any, django_assert_num_queries: Any) -> None:
    label = Label(pk=3, name="x")
    albums = [Album(title="a", label=label), Album(title="b")]
    queryset = FakeQuerySet(Album, albums).order_by("title")

    with django_assert_num_queries(0):
        found, others = queryset.filter(**{name: value}), queryset.exclude(**{name: value})

        assert (found._query, others._query) == (None, None)
        assert (list(found), list(others)) == (albums[:1], albums[1:])


def test_targets_that_are_not_cached_are_fetched_in_one_query(django_assert_num_queries: Any) -> None:
    keys = [Label.objects.create(name=name).pk for name in "xy"]
    albums = [Album(title=str(number), label_id=keys[number % 2]) for number in range(4)]

    with django_assert_num_queries(1):
        found = FakeQuerySet(Album, albums).order_by("title").filter(label__name="x")
        assert [album.title for album in found] == ["0", "2"]
    with django_assert_num_queries(0):
        assert albums[1].label.name == "y"


def test_get_by_key_looks_at_one_instance(labels: FakeQuerySet, source: CountingSource) -> None:
    assert labels.get(pk=70).name == "label 70"
    assert labels.filter(id=70).first().name == "label 70"
    assert labels.filter(pk=70).exists()
    assert not labels.filter(pk=700).exists()
    assert source.by_key_calls == 4
    assert source.seen == 0


def test_exists_and_first_stop_at_the_first_match(labels: FakeQuerySet, source: CountingSource) -> None:
    assert labels.filter(name="label 2").exists()
    assert source.seen == 2
    assert labels.filter(name="label 3").first().pk == 3
    assert source.seen == 5


def test_an_ordering_by_relation_or_expression_is_left_to_the_query(django_assert_num_queries: Any) -> None:
    ann, bob = Person(name="Ann"), Person(name="Bob")
    rows = [Credit(person=bob, role="x"), Credit(person=ann, role="y"), Credit(person=ann, role="b")]
    queryset = FakeQuerySet(Credit, rows)

    with django_assert_num_queries(0):
        assert [credit.role for credit in queryset] == ["b", "y", "x"]
        assert queryset[0].role == "b"
        assert queryset.first().role == "b"
        assert queryset.last().role == "x"
        assert queryset.filter(role="x").count() == 1


def test_nulls_are_ordered_by_the_vendors_rule() -> None:
    members = [Member(pk=1, name="a", wage=5), Member(pk=2, name="b"), Member(pk=3, name="c", wage=1)]
    Band.objects.create(pk=1, name="x")
    for member in members:
        member.band_id = 1
        member.save()

    for terms in (["wage", "pk"], ["-wage", "pk"]):
        assert list(FakeQuerySet(Member, members).order_by(*terms)) == list(Member.objects.order_by(*terms))
        assert FakeQuerySet(Member, members).order_by(*terms)[0] == Member.objects.order_by(*terms)[0]


def test_attributes_that_are_deferred_are_loaded() -> None:
    Genre.objects.create(name="pop")
    Label.objects.create(name="Ze", city="x")
    loaded = list(Label.objects.only("name"))

    assert FakeQuerySet(Label, loaded).filter(city="x").exists()
    assert list(FakeQuerySet(Label, loaded).values_list("city", flat=True)) == ["x"]


def test_only_an_untouched_query_is_taken_the_short_way() -> None:
    live = Song.objects.all()

    assert is_untouched(live.query)
    for touched in (
        live.filter(track=1), live.order_by("pk"), live[:1], live.values("pk"), live.distinct(), live.none(),
        live.annotate(x=F("pk")), live.reverse(), live.only("pk"), live.order_by(),
    ):  # fmt: skip
        assert not is_untouched(touched.query)
        assert held_queryset(touched, ListSource(Song, []))._plain is None


def test_a_live_queryset_with_anything_in_it_is_answered_from_the_source() -> None:
    songs = [Song(title=title, track=track) for track, title in enumerate("abcd")]
    live = Song.objects.filter(track__gt=0).order_by("-track")[:2]

    assert [song.title for song in held_queryset(live, ListSource(Song, songs))] == ["d", "c"]
    assert list(held_queryset(Song.objects.values("title"), ListSource(Song, songs[:1]))) == [{"title": "a"}]


@isolate_apps("tests.testapp")
def test_a_lookup_of_a_fields_own_is_not_answered_as_djangos():
    class Loud(models.CharField):  # type: ignore[type-arg]
        pass

    class Shouts(lookups.Contains):
        def as_sql(self, compiler: Any, connection: Any) -> Any:
            raise AssertionError("no SQL is made")

    class Cry(models.Model):
        text = Loud(max_length=10)

        class Meta:
            app_label = "testapp"

    Loud.register_lookup(Shouts)

    with pytest.raises(NotInMemoryError, match="Shouts"):
        list(FakeQuerySet(Cry, [Cry(text="a")]).filter(text__contains="a"))


@isolate_apps("tests.testapp")
def test_a_lookup_of_djangos_without_a_meaning_in_memory_is_refused():
    class Kept(models.CharField):  # type: ignore[type-arg]
        pass

    class Chart(models.Model):
        places = Kept(max_length=10)

        class Meta:
            app_label = "testapp"

    Kept.register_lookup(DataContains)

    with pytest.raises(NotInMemoryError, match="DataContains"):
        list(FakeQuerySet(Chart, [Chart(places="a")]).filter(places__contains="a"))


def test_the_first_of_a_plain_list_without_an_ordering_is_the_one_with_the_smallest_key():
    assert FakeQuerySet(Label, [Label(pk=2), Label(pk=1), Label(pk=3)]).first() == Label(pk=1)


def test_moments_are_compared_as_the_settings_say_now(settings: Any) -> None:
    """Tests change ``USE_TZ`` while the process runs; what is kept of a column must not depend on it."""
    for cached in (plain_column, plain_lookup, plain_reader, column_reader):
        cached.cache_clear()
    moment = datetime.datetime(2024, 5, 1, 12, 0)  # noqa: DTZ001
    settings.USE_TZ = False
    assert FakeQuerySet(Specimen, [Specimen(datetime=moment)]).filter(datetime=moment).exists()

    settings.USE_TZ = True
    aware = moment.replace(tzinfo=datetime.UTC)

    assert FakeQuerySet(Specimen, [Specimen(datetime=aware)]).filter(datetime="2024-05-01T14:00+02:00").exists()
    with pytest.warns(RuntimeWarning, match="received a naive datetime"):
        local = FakeQuerySet(Specimen, [Specimen(datetime=aware)]).filter(datetime=moment + datetime.timedelta(hours=2))
    assert local.exists()
