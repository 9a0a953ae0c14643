"""A held queryset says what the same query on the database says."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import (
    Avg,
    Case,
    Count,
    Exists,
    F,
    FilteredRelation,
    Max,
    Min,
    Model,
    OuterRef,
    Q,
    QuerySet,
    RowRange,
    Subquery,
    Sum,
    Value,
    When,
    Window,
)
from django.db.models.functions import Lag, Lower, Rank, RowNumber, Upper

from cluster.queryset import FakeQuerySet, ListSource, held_queryset
from tests.testapp.models import Album, Band, Credit, Genre, Label, Person, Song

pytestmark = pytest.mark.django_db

Ask = Callable[[QuerySet[Any]], Any]


@pytest.fixture
def albums() -> list[Album]:
    """Return saved albums with NULLs, equal values, shared labels, songs, credits and genres."""
    labels = [Label.objects.create(name=name, city=city) for name, city in (("Ze", "x"), ("Fat", ""), ("Ark", "y"))]
    genres = [Genre.objects.create(name=name) for name in ("pop", "rock", "acid")]
    people = [Person.objects.create(name=name) for name in ("Ann", "Bob")]
    band = Band.objects.create(name="The Band", label=labels[0])
    facts = [
        ("One", 1999, 0, "1.50"), ("Two", None, 1, None), ("three", 2001, None, "3.00"), ("Four", 1999, 2, "2.25"),
        ("5%", 2005, 0, "10.00"),
    ]  # fmt: skip
    for number, (title, year, label, price) in enumerate(facts):
        album = Album.objects.create(
            band=band,
            title=title,
            position=number % 3,
            released=year and datetime.date(year, number + 1, 2),
            label=None if label is None else labels[label],
            price=price and Decimal(price),
        )
        Album.genres.through.objects.bulk_create(
            [Album.genres.through(album=album, genre=genre) for genre in genres[: number % 3]]
        )
        for track in range(number):
            song = Song.objects.create(album=album, title=f"s{track}", track=track + number, single=track == 1)
            Credit.objects.create(song=song, person=people[track % 2], role="voice")
    return list(Album.objects.order_by("pk"))


def answer(ask: Ask, queryset: QuerySet[Any]) -> Any:
    """Return what a question gives, or the class and text of its error."""
    try:
        result = ask(queryset)
        return list(result) if isinstance(result, QuerySet) else result
    except Exception as error:  # noqa: BLE001  (the error is the answer)
        return type(error), str(error)


def in_memory(instances: list[Any]) -> FakeQuerySet:
    """Return the held queryset of a model's instances, made from the live one."""
    model = type(instances[0])
    return held_queryset(model._default_manager.all(), ListSource(model, instances))


FILTERS: dict[str, Ask] = {
    "all": lambda q: q.all(),
    "exact": lambda q: q.filter(position=1),
    "none given": lambda q: q.filter(),
    "exclude nothing": lambda q: q.exclude(),
    "text": lambda q: q.filter(title__icontains="r"),
    "start of text": lambda q: q.filter(title__startswith="F"),
    "percent sign": lambda q: q.filter(title__contains="%"),
    "exclude with NULL": lambda q: q.exclude(price__gt=2),
    "greater": lambda q: q.filter(price__gt=Decimal(2)),
    "text for a number": lambda q: q.filter(price="1.5"),
    "number for text": lambda q: q.filter(title=5),
    "range": lambda q: q.filter(position__range=(1, 2)),
    "in": lambda q: q.filter(position__in=[0, 2]),
    "in nothing": lambda q: q.filter(position__in=[]),
    "not in nothing": lambda q: q.exclude(label__in=[]),
    "in with NULL": lambda q: q.filter(label__in=[None, 1]),
    "NULL": lambda q: q.filter(released=None),
    "isnull": lambda q: q.filter(released__isnull=False),
    "exclude isnull": lambda q: q.exclude(released__isnull=True),
    "date part": lambda q: q.filter(released__year=1999),
    "date part chained": lambda q: q.filter(released__month__gte=2, released__day=2),
    "key": lambda q: q.filter(pk=q.first().pk),
    "keys": lambda q: q.filter(pk__in=[q.first().pk, 0]),
    "foreign key": lambda q: q.filter(label=Label.objects.get(name="Ze")),
    "foreign key by key": lambda q: q.filter(label=Label.objects.get(name="Ze").pk),
    "foreign key by attname": lambda q: q.filter(label_id=Label.objects.get(name="Ze").pk),
    "foreign keys": lambda q: q.filter(label__in=list(Label.objects.filter(city=""))),
    "forward": lambda q: q.filter(label__name="Ze"),
    "forward excluded": lambda q: q.exclude(label__name="Ze"),
    "forward NULL": lambda q: q.filter(label__name=None),
    "forward in": lambda q: q.exclude(label__name__in=["Ze", "Ark"]),
    "two forward": lambda q: q.filter(band__label__name="Ze"),
    "or": lambda q: q.filter(Q(position=1) | Q(label=None)),
    "xor": lambda q: q.filter(Q(position=1) ^ Q(label=None)),
    "xor of three": lambda q: q.filter(Q(position=1) ^ Q(position__gt=0) ^ Q(price__gt=2)),
    "nested not": lambda q: q.filter(~Q(position=1) & ~Q(label__city="x")),
    "not or": lambda q: q.exclude(Q(position=1) | Q(label__city="y")),
    "to-many": lambda q: q.filter(songs__title="s1"),
    "to-many repeats": lambda q: q.filter(songs__track__gt=2),
    "to-many distinct": lambda q: q.filter(songs__track__gt=2).distinct(),
    "one join": lambda q: q.filter(songs__track__gt=3, songs__title="s1"),
    "two joins": lambda q: q.filter(songs__track__gt=3).filter(songs__title="s1"),
    "to-many excluded": lambda q: q.exclude(songs__title="s1"),
    "to-many excluded with another": lambda q: q.exclude(songs__title="s1", position=1),
    "no children": lambda q: q.filter(songs=None),
    "deep": lambda q: q.filter(songs__credits__person__name="Bob").distinct(),
    "deep excluded": lambda q: q.exclude(songs__credits__person__name="Bob"),
    "to-many excluded of the same row": lambda q: q.filter(Q(songs__track__gt=2) & ~Q(songs__title="s1")),
    "to-many excluded of a NULL row": lambda q: q.filter(Q(songs__single=False) & ~Q(songs__credits__role="x")),
    "links excluded of the same row": lambda q: q.filter(Q(genres__name__gt="a") & ~Q(genres__name="pop")),
    "links": lambda q: q.filter(genres__name="rock"),
    "links excluded": lambda q: q.exclude(genres__name="rock"),
    "links in": lambda q: q.filter(genres__in=list(Genre.objects.all())),
    "back and forth": lambda q: q.filter(label__albums__position=0).distinct(),
    "or over to-many": lambda q: q.filter(Q(songs__title="s3") | Q(genres__name="pop")).distinct(),
    "not or over to-many": lambda q: q.exclude(Q(songs__title="s3") | Q(genres__name="pop")),
    "F": lambda q: q.filter(songs__track=F("position") + 2),
    "F excluded": lambda q: q.exclude(songs__track__gt=F("position")),
    "F forward": lambda q: q.filter(label__name=F("band__label__name")),
    "expression": lambda q: q.annotate(up=Upper("title")).filter(up="ONE"),
    "lookup as expression": lambda q: q.filter(Exists(Song.objects.filter(album=OuterRef("pk"), title="s2"))),
    "complex_filter dict": lambda q: q.complex_filter({"position": 1}),
    "complex_filter of nothing": lambda q: q.complex_filter({}),
    "complex_filter Q": lambda q: q.complex_filter(Q(position=1)),
    "queryset as value": lambda q: q.filter(label__in=Label.objects.filter(name__startswith="Z")),
    "subquery as value": lambda q: q.filter(
        label__in=Subquery(Label.objects.filter(name__startswith="Z").values("pk"))
    ),
    "held subquery as value": lambda q: q.filter(pk__in=Subquery(q.filter(position=0).values("pk"))),
    "subquery of the outer row as value": lambda q: q.filter(
        pk__in=Subquery(Song.objects.filter(album=OuterRef("pk"), title="s2").values("album"))
    ),
    "values queryset as value": lambda q: q.filter(pk__in=Song.objects.filter(title="s3").values("album")),
    "itself as value": lambda q: q.filter(pk__in=q.filter(position=0)),
    "own custom method": lambda q: q.titled("r"),  # type: ignore[attr-defined]
}

ORDERS: dict[str, Ask] = {
    "text": lambda q: q.order_by("title"),
    "downwards with NULL": lambda q: q.order_by("-price"),
    "several": lambda q: q.order_by("position", "-title"),
    "key": lambda q: q.order_by("-pk"),
    "foreign key": lambda q: q.order_by("label_id", "pk"),
    "relation": lambda q: q.order_by("label", "pk"),
    "relation with its own order": lambda q: Credit.objects.filter(song__album__in=q).order_by("person", "pk"),
    "forward": lambda q: q.order_by("label__name", "-title"),
    "to-many": lambda q: q.order_by("songs__title", "pk"),
    "to-many distinct": lambda q: q.order_by("songs__title", "pk").distinct(),
    "nulls last": lambda q: q.order_by(F("price").desc(nulls_last=True)),
    "nulls first": lambda q: q.order_by(F("label__name").asc(nulls_first=True), "pk"),
    "expression": lambda q: q.order_by(Lower("title").desc()),
    "annotation": lambda q: q.annotate(n=Count("songs")).order_by("-n"),
    "transform": lambda q: q.order_by("released__month", "pk"),
    "reverse": lambda q: q.order_by("title").reverse(),
    "none": lambda q: sorted(q.order_by(), key=lambda album: album.pk),
    "ordered": lambda q: (q.ordered, q.order_by().ordered, q.none().ordered),
}

RESULTS: dict[str, Ask] = {
    "values": lambda q: q.order_by("pk").values("title", "price", "released"),
    "values of all": lambda q: q.order_by("pk").values(),
    "values forward": lambda q: q.order_by("pk").values("label__name", "title"),
    "values to-many": lambda q: q.order_by("pk", "songs__title").values_list("title", "songs__title"),
    "values with expression": lambda q: q.order_by("pk").values(up=Upper("title")),
    "values_list": lambda q: q.order_by("pk").values_list("title", "pk"),
    "values_list of all": lambda q: q.order_by("pk").values_list(),
    "values_list flat": lambda q: q.order_by("pk").values_list("title", flat=True),
    "values_list named": lambda q: q.order_by("pk").values_list("title", "price", named=True),
    "values_list twice the same": lambda q: q.order_by("pk").values_list("title", "title"),
    "values_list with expression": lambda q: q.order_by("pk").values_list(Lower("title"), "pk"),
    "values distinct": lambda q: q.order_by("position").values("position").distinct(),
    "values item": lambda q: q.order_by("pk").values("title")[1],
    "values get": lambda q: q.values("title").get(title="One"),
    "item": lambda q: q.order_by("pk")[2],
    "item beyond": lambda q: q[20],
    "slice": lambda q: q.order_by("pk")[1:3],
    "slice of slice": lambda q: q.order_by("pk")[1:][1:3][:1],
    "slice with step": lambda q: q.order_by("pk")[1:5:2],
    "empty slice": lambda q: q[:0],
    "first": lambda q: q.order_by("-title").first(),
    "first without order": lambda q: q.filter(position=0).order_by("pk").first(),
    "first of nothing": lambda q: q.filter(position=9).first(),
    "last": lambda q: q.order_by("title").last(),
    "earliest": lambda q: q.exclude(released=None).earliest("released"),
    "latest": lambda q: q.exclude(released=None).latest("released"),
    "get": lambda q: q.get(title="One"),
    "get by key": lambda q: q.get(pk=q.order_by("pk")[1].pk),
    "get by key as text": lambda q: q.get(pk=str(q.order_by("pk")[1].pk)),
    "count": lambda q: (q.count(), q.filter(songs__track__gt=1).count(), q[1:3].count(), q.none().count()),
    "exists": lambda q: (q.exists(), q.filter(title="x").exists(), q[9:].exists(), q.filter(label__name="Ze").exists()),
    "contains": lambda q: (q.contains(q[0]), q.exclude(pk=q[0].pk).contains(q[0]), q.contains(Label(pk=1))),
    "in_bulk": lambda q: q.in_bulk([q.order_by("pk")[0].pk, 0]),
    "in_bulk of all": lambda q: q.order_by("pk").in_bulk(),
    "iterator": lambda q: list(q.order_by("pk").iterator(chunk_size=2)),
    "none": lambda q: q.none(),
    "dates": lambda q: q.dates("released", "year", order="DESC"),
    "only": lambda q: q.order_by("pk").only("title"),
    "defer": lambda q: q.order_by("pk").defer("title"),
    "select_related": lambda q: q.order_by("pk").select_related("label"),
    "select_for_update": lambda q: q.order_by("pk").using("default"),
    "bool": lambda q: (bool(q), bool(q.filter(title="x"))),
    "len": lambda q: len(q.exclude(title="One")),
}

SUMMARIES: dict[str, Ask] = {
    "aggregates": lambda q: q.aggregate(Count("songs"), low=Min("title"), high=Max("position")),
    "after select_related and only": lambda q: q.select_related("label").only("title").aggregate(n=Count("pk")),
    "average": lambda q: q.aggregate(mean=Avg("position")),
    "sum of decimals": lambda q: q.filter(title__in=["One", "Four"]).aggregate(s=Sum("price")),
    "distinct count": lambda q: q.aggregate(n=Count("label", distinct=True)),
    "count of all": lambda q: q.aggregate(n=Count("*")),
    "filtered aggregate": lambda q: q.aggregate(n=Count("pk", filter=Q(position=0))),
    "of nothing": lambda q: q.none().aggregate(n=Count("pk"), s=Sum("position"), d=Sum("position", default=0)),
    "of a slice": lambda q: q.order_by("pk")[:2].aggregate(n=Count("pk"), m=Max("position")),
    "of groups": lambda q: q.annotate(n=Count("songs")).aggregate(Sum("n"), Max("songs__track")),
    "of values": lambda q: q.values("position").annotate(n=Count("pk")).aggregate(Max("n")),
    "of distinct": lambda q: q.values("position").distinct().count(),
    "groups": lambda q: q.annotate(n=Count("songs")).order_by("pk").values_list("title", "n"),
    "groups of two relations": lambda q: (
        q.annotate(n=Count("songs", distinct=True), g=Count("genres", distinct=True)).order_by("pk").values("n", "g")
    ),
    "having": lambda q: q.annotate(n=Count("songs")).filter(n__gt=1).order_by("pk"),
    "having or where": lambda q: q.annotate(n=Count("songs")).filter(Q(n__gt=3) | Q(position=0)).order_by("pk"),
    "alias": lambda q: q.alias(n=Count("songs")).filter(n=2),
    "grouped values": lambda q: q.values("position").annotate(n=Count("pk"), m=Max("pk")).order_by("position"),
    "grouped by relation": lambda q: q.values("label").annotate(n=Count("pk")).order_by("label"),
    "grouped forward": lambda q: q.values("label__city").annotate(n=Count("songs")).order_by("label__city"),
    "grouped and filtered": lambda q: q.values("label__name").annotate(n=Count("pk")).filter(n__gt=1),
    "count of groups that the order splits": lambda q: (
        q.values("position").annotate(n=Count("pk")).order_by("-title").count()
    ),
    "count of groups in their order": lambda q: (
        q.values("position").annotate(n=Count("pk")).order_by("-position").count()
    ),
    "case": lambda q: (
        q.annotate(c=Case(When(position=0, then=Value("a")), default=Value("b"))).order_by("pk").values_list("c")
    ),
    "arithmetic": lambda q: q.annotate(x=F("position") * 2 + 1).order_by("pk").values_list("x", flat=True),
    "row number": lambda q: (
        q.annotate(r=Window(RowNumber(), partition_by="position", order_by="title")).order_by("pk").values_list("r")
    ),
    "rank": lambda q: q.annotate(r=Window(Rank(), order_by=F("position").desc())).order_by("pk").values_list("r"),
    "frame": lambda q: (
        q.annotate(r=Window(Sum("position"), order_by="pk", frame=RowRange(-1, 0))).order_by("pk").values_list("r")
    ),
    "lag": lambda q: q.annotate(r=Window(Lag("title"), order_by="pk")).order_by("pk").values_list("r", flat=True),
    "window filter": lambda q: (
        q.annotate(n=Window(Count("*"), partition_by=["position"])).filter(n__gt=1).order_by("pk")
    ),
    "filtered relation": lambda q: (
        q.annotate(late=FilteredRelation("songs", condition=Q(songs__track__gt=4)))
        .order_by("pk", "late__track")
        .values_list("title", "late__title")
    ),
    "subquery": lambda q: (
        q.annotate(t=Subquery(Song.objects.filter(album=OuterRef("pk")).order_by("-track").values("title")[:1]))
        .order_by("pk")
        .values_list("t", flat=True)
    ),
    "grouped subquery": lambda q: (
        q.annotate(
            n=Subquery(
                Song.objects.filter(album=OuterRef("pk")).order_by().values("album").annotate(n=Count("pk")).values("n")
            )
        )
        .order_by("pk")
        .values_list("n", flat=True)
    ),
    "subquery by another tie": lambda q: q.filter(Exists(Song.objects.filter(track__gt=OuterRef("position") + 6))),
    "held subquery": lambda q: (
        q.annotate(t=Subquery(q.filter(position=OuterRef("position")).order_by("title").values("title")[:1]))
        .order_by("pk")
        .values_list("t", flat=True)
    ),
}

COMBINATIONS: dict[str, Ask] = {
    "or": lambda q: (q.filter(position=0) | q.filter(label=None)).order_by("pk"),
    "and": lambda q: (q.filter(position=0) & q.filter(title="One")).order_by("pk"),
    "xor": lambda q: (q.filter(position=0) ^ q.filter(title="One")).order_by("pk"),
    "or with live": lambda q: (q.filter(position=0) | Album.objects.filter(label=None)).order_by("pk"),
    "live or": lambda q: (Album.objects.filter(label=None) | q.filter(position=0)).order_by("pk"),
    "live and": lambda q: (Album.objects.filter(title="One") & q.filter(position=0)).order_by("pk"),
    "live xor": lambda q: (Album.objects.filter(title="One") ^ q.filter(position=0)).order_by("pk"),
    "or of distinct with live": lambda q: (
        q.filter(position=0).distinct() | Album.objects.filter(label=None).distinct()
    ).order_by("pk"),
    "or with none": lambda q: (q.filter(position=0) | q.none()).order_by("pk"),
    "union": lambda q: q.order_by().filter(position=0).union(q.order_by().filter(label=None)).order_by("pk"),
    "union all": lambda q: (
        q.order_by().filter(position=0).union(q.order_by().filter(title="One"), all=True).order_by("pk")
    ),
    "union with live": lambda q: (
        q.order_by().filter(position=0).union(Album.objects.order_by().filter(title="Two")).order_by("-title")
    ),
    "live union": lambda q: (
        Album.objects.order_by().filter(title="Two").union(q.order_by().filter(position=0)).order_by("-title")
    ),
    "intersection": lambda q: q.order_by().intersection(q.order_by().filter(position=0)).order_by("pk"),
    "difference": lambda q: q.order_by().difference(q.order_by().filter(position=0)).order_by("pk"),
    "union of values": lambda q: (
        q.order_by().values("position").union(q.order_by().filter(position=0).values("position")).order_by("-position")
    ),
    "union, then values": lambda q: (
        q.order_by().filter(position=0).union(q.order_by().filter(label=None)).order_by("pk").values("title")
    ),
    "sliced union": lambda q: (
        q.order_by().filter(position=0).union(q.order_by().filter(label=None)).order_by("pk")[1:2]
    ),
    "count of union": lambda q: q.order_by().filter(position=0).union(q.order_by().filter(label=None)).count(),
    "exists of union": lambda q: q.order_by().filter(position=9).union(q.order_by().filter(position=8)).exists(),
}

ERRORS: dict[str, Ask] = {
    "unknown name": lambda q: q.filter(nope=1),
    "unknown lookup": lambda q: q.filter(position__nope=1),
    "unknown forward name": lambda q: q.filter(label__nope=1),
    "no number": lambda q: q.filter(position="abc"),
    "no key": lambda q: q.filter(label="abc"),
    "wrong model": lambda q: q.filter(label=Genre.objects.get(name="pop")),
    "wrong models": lambda q: q.filter(label__in=[Genre.objects.get(name="pop")]),
    "NULL for greater": lambda q: q.filter(position__gt=None),
    "prohibited keyword": lambda q: q.filter(_connector="OR"),
    "unknown order": lambda q: q.order_by("nope"),
    "unknown value": lambda q: q.values("nope"),
    "flat with two": lambda q: q.values_list("title", "pk", flat=True),
    "get nothing": lambda q: q.get(title="x"),
    "get several": lambda q: q.get(position=0),
    "get several of all": lambda q: q.get(),
    "get nothing by key": lambda q: q.get(pk=0),
    "negative index": lambda q: q[-1],
    "index of another kind": lambda q: q["a"],
    "filter after slice": lambda q: q[:2].filter(title="One"),
    "exclude after slice": lambda q: q[:2].exclude(title="One"),
    "order after slice": lambda q: q[:2].order_by("pk"),
    "reverse after slice": lambda q: q[:2].reverse(),
    "distinct after slice": lambda q: q[:2].distinct(),
    "delete of slice": lambda q: q[:2].delete(),
    "update of slice": lambda q: q[:2].update(title="x"),
    "update of unknown": lambda q: q.update(nope=1),
    "delete of values": lambda q: q.values("title").delete(),
    "last of slice": lambda q: q[:2].last(),
    "annotation with a field's name": lambda q: q.annotate(title=F("position")),
    "no expression": lambda q: q.annotate(3),
    "aggregate of unknown": lambda q: q.aggregate(Sum("nope")),
    "no aggregate": lambda q: q.aggregate(n=F("position")),
    "earliest without fields": lambda q: q.earliest(),
    "chunk size": lambda q: q.iterator(chunk_size=0),
    "in_bulk by a field that repeats": lambda q: q.in_bulk(["One"], field_name="title"),
    "unknown only": lambda q: q.only("nope"),
    "unknown defer": lambda q: q.defer("nope"),
    "unknown select_related": lambda q: q.select_related("nope"),
    "no relation in select_related": lambda q: q.select_related("title"),
    "unknown prefetch": lambda q: q.prefetch_related("nope"),
    "contains of no model": lambda q: q.contains(3),
    "filter of a union": lambda q: q.order_by().union(q.order_by().filter(position=1)).filter(pk=1),
    "union ordered by what is not selected": lambda q: (
        q.order_by().values("title").union(q.order_by().values("title")).order_by("pk")
    ),
    "or of a union": lambda q: q.order_by().union(q.order_by()) | q.filter(position=1),
    "or of a union with live": lambda q: q.order_by().union(q.order_by()) | Album.objects.all(),
    "and of a live union": lambda q: q & Album.objects.order_by().union(Album.objects.order_by()),
    "xor of a live union": lambda q: q ^ Album.objects.order_by().union(Album.objects.order_by()),
    "live or of a union": lambda q: Album.objects.all() | q.order_by().union(q.order_by()),
    "live and of a union": lambda q: Album.objects.all() & q.order_by().union(q.order_by()),
    "live xor of a union": lambda q: Album.objects.all() ^ q.order_by().union(q.order_by()),
    "and of a slice": lambda q: q[:1] & q.filter(position=1),
    "and of a slice with live": lambda q: q[:1] & Album.objects.all(),
    "annotation of no known type": lambda q: q.annotate(n=Value(None)).first(),
    "or of distinct with live that is not": lambda q: q.distinct() | Album.objects.all(),
    "too many columns for in": lambda q: q.filter(pk__in=q.values("pk", "title")),
    "wrong kind for dates": lambda q: q.dates("released", "hour"),
    "get_or_create with unknown": lambda q: q.get_or_create(nope=1),
    "bulk_update without fields": lambda q: q.bulk_update([], []),
    "bulk_update of keys": lambda q: q.bulk_update(list(q), ["id"]),
    "bulk_create in no batches": lambda q: q.bulk_create([], batch_size=0),
}

CASES = {
    f"{group}: {name}": ask
    for group, asks in (
        ("filter", FILTERS),
        ("order", ORDERS),
        ("result", RESULTS),
        ("summary", SUMMARIES),
        ("combination", COMBINATIONS),
    )
    for name, ask in asks.items()
}


@pytest.mark.parametrize("name", CASES)
def test_memory_answers_as_the_database(name: str, albums: list[Album]) -> None:
    ask = CASES[name]

    held, live = answer(ask, in_memory(albums)), answer(ask, Album.objects.all())

    if name.startswith("filter"):
        # Albums of one position come in an order that is left to the database.
        held, live = (sorted(found, key=lambda album: album.pk) for found in (held, live))
    assert held == live
    assert repr(held) == repr(live)


@pytest.mark.parametrize("name", ERRORS)
def test_a_wrong_call_raises_the_error_of_django(name: str, albums: list[Album]) -> None:
    ask = ERRORS[name]

    held, live = answer(ask, in_memory(albums)), answer(ask, Album.objects.all())

    assert isinstance(held, tuple)
    assert issubclass(held[0], Exception)
    assert held == live


def test_the_results_are_the_very_instances(albums: list[Album]) -> None:
    queryset = in_memory(albums)

    found = [*queryset.filter(title="One"), *queryset.filter(songs__title="s3"), queryset.order_by("-pk")[0]]

    assert all(any(result is album for album in albums) for result in found)
    assert len(found) == 3


def test_annotations_are_set_on_the_instances(albums: list[Album]) -> None:
    found = in_memory(albums).annotate(n=Count("songs")).get(title="Four")

    assert found is albums[3]
    assert found.n == 3


def test_a_repeated_instance_with_other_annotations_is_a_copy(albums: list[Album]) -> None:
    found = list(in_memory(albums).annotate(song=F("songs__title")).filter(title="three").order_by("song"))

    assert [album.song for album in found] == ["s0", "s1"]
    assert found[0] is albums[2]
    assert found[1] == albums[2]


def test_contains_and_its_like_tell_case_apart(albums: list[Album]) -> None:
    """As on PostgreSQL; SQLite does not for ASCII letters."""
    queryset = in_memory(albums)

    assert [album.title for album in queryset.filter(title__startswith="T")] == ["Two"]
    assert {album.title for album in queryset.filter(title__contains="o")} == {"Two", "Four"}


def test_distinct_fields_keep_the_first_of_each(albums: list[Album]) -> None:
    """As PostgreSQL's DISTINCT ON, whatever database is connected."""
    found = in_memory(albums).order_by("position", "-title").distinct("position")

    assert [album.title for album in found] == ["One", "Two", "three"]


def test_groups_have_no_distinct_fields(albums: list[Album]) -> None:
    """As on PostgreSQL, the only database with DISTINCT ON."""
    with pytest.raises(NotImplementedError, match="is not implemented"):
        list(in_memory(albums).annotate(n=Count("songs")).distinct("title"))


def test_a_queryset_is_evaluated_once_and_copies_the_list_then(albums: list[Album]) -> None:
    instances: list[Model] = list(albums)
    queryset = FakeQuerySet(Album, instances)
    before = queryset.order_by("pk")

    assert len(before) == 5
    instances.pop()

    assert len(before) == 5
    assert len(queryset.order_by("pk")) == 4
