"""Rarer expressions and joins over held rows, against the same on the database."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldError
from django.db import DatabaseError, models
from django.db.models import (
    BooleanField,
    CharField,
    Count,
    DecimalField,
    Exists,
    ExpressionWrapper,
    F,
    FloatField,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    RowRange,
    Subquery,
    Sum,
    Value,
    ValueRange,
    Window,
)
from django.db.models.expressions import RawSQL, WindowFrameExclusion
from django.db.models.functions import Cast, Coalesce, FirstValue, Length

from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet, ListSource, held_queryset
from tests.collector.app.models import Client, Note, Profile
from tests.testapp.models import Album, Band, Label, Member, Song

pytestmark = pytest.mark.django_db

Ask = Callable[[QuerySet[Any]], Any]


@pytest.fixture
def members() -> list[Member]:
    bands = [Band.objects.create(name=name) for name in ("x", "y")]
    for number, (name, wage) in enumerate((("a", 5), ("b", None), ("c", 5), ("dd", 7), ("", 1))):
        Member.objects.create(band=bands[number % 2], name=name, wage=wage and Decimal(wage), instrument="bass")
    return list(Member.objects.order_by("pk"))


def sum_over(frame: Any) -> Ask:
    """Return a question for a window sum over a frame."""
    window = Window(Sum("pk"), order_by=["instrument", "name"], frame=frame)
    return lambda q: q.annotate(s=window).order_by("pk").values_list("s", flat=True)


CASES: dict[str, Ask] = {
    "rows up to here": sum_over(RowRange(None, 0)),
    "rows from here": sum_over(RowRange(0, None)),
    "rows around": sum_over(RowRange(-1, 1)),
    "all rows": sum_over(RowRange(None, None)),
    "values up to here": sum_over(ValueRange(None, 0)),
    "values from here": sum_over(ValueRange(0, None)),
    "peers": lambda q: q.annotate(s=Window(Count("*"), order_by="wage")).filter(wage=5).values_list("s", flat=True),
    "window without order": lambda q: q.annotate(s=Window(Max("wage"))).order_by("pk").values_list("s", flat=True),
    "order by window": lambda q: q.order_by(Window(Count("*"), partition_by="band", order_by="pk"), "pk"),
    "first value": lambda q: (
        q.annotate(f=Window(FirstValue("name"), partition_by="band", order_by="pk")).order_by("pk").values_list("f")
    ),
    "wrapper": lambda q: (
        q.annotate(x=ExpressionWrapper(Q(wage__gt=5), output_field=BooleanField())).order_by("pk").values_list("x")
    ),
    "condition as value": lambda q: q.annotate(x=Q(name="a")).order_by("pk").values_list("x", flat=True),
    "condition as filter": lambda q: q.annotate(x=Q(name="a")).filter(x=True),
    "decimal from numbers": lambda q: (
        q.annotate(x=Cast("pk", DecimalField(max_digits=9, decimal_places=2)))
        .order_by("pk")
        .values_list("x", flat=True)
    ),
    "float": lambda q: (
        q.annotate(x=Cast("wage", FloatField())).exclude(wage=None).order_by("pk").values_list("x", flat=True)
    ),
    "coalesce over a relation": lambda q: (
        q.annotate(x=Coalesce("band__label__name", Value("none"))).order_by("pk").values_list("x", flat=True)
    ),
    "list with expressions": lambda q: q.filter(name__in=["a", F("instrument")]).order_by("pk"),
    "function of a function": lambda q: q.filter(pk__gt=Length("name")).count(),
    "sum of groups, filtered": lambda q: (
        q.values("band").annotate(s=Sum("wage", filter=~Q(name="a"))).order_by("band").values_list("s", flat=True)
    ),
    "nested subquery": lambda q: q.filter(Exists(Band.objects.filter(pk=OuterRef("band"), members__name="a"))).order_by(
        "pk"
    ),
    "subquery of nothing": lambda q: q.annotate(x=Subquery(Band.objects.none().values("name"))).values_list("x"),
    "in nothing": lambda q: q.filter(band__in=Band.objects.none()),
    "subquery with its type": lambda q: (
        q.annotate(x=Subquery(Band.objects.filter(pk=OuterRef("band")).values("name"), output_field=CharField()))
        .order_by("pk")
        .values_list("x", flat=True)
    ),
    "or of two ties": lambda q: q.filter(
        Exists(Band.objects.filter(Q(pk=OuterRef("band")) | Q(name=OuterRef("name"))))
    ).count(),
    "values of live in union": lambda q: (
        q.order_by().values_list("name").union(Label.objects.values_list("name")).order_by("name")
    ),
    "union with nothing live": lambda q: (
        q.order_by().values_list("name").union(Label.objects.none().values_list("name")).order_by("-name")
    ),
    "union ordered by a name that both give": lambda q: (
        q.order_by()
        .values(what=F("name"))
        .union(q.order_by().values(what=F("instrument")))
        .order_by(F("what").desc(nulls_last=True))
    ),
    "union of unions": lambda q: (
        q.order_by().filter(name="a").union(q.order_by().filter(name="b")).union(q.order_by().filter(name="c")).count()
    ),
    "grouped key": lambda q: q.values("pk").annotate(n=Count("*")).order_by("pk"),
    "count of a window filter": lambda q: q.annotate(n=Window(Count("*"), partition_by="band")).filter(n=3).count(),
    "aggregate over a window": lambda q: q.annotate(n=Window(Count("*"), partition_by="band")).aggregate(Max("n")),
    "exists of groups": lambda q: q.values("band").annotate(n=Count("*")).filter(n__gt=2).exists(),
    "slice of groups": lambda q: q.values("band").annotate(n=Count("*")).order_by("-n")[:1],
    "first of groups": lambda q: q.values("band__name").annotate(n=Count("*")).order_by("n").first(),
}


@pytest.mark.parametrize("name", CASES)
def test_memory_answers_rare_questions_as_the_database(name: str, members: list[Member]) -> None:
    ask = CASES[name]
    held = held_queryset(Member.objects.all(), ListSource(Member, members))

    found, expected = (
        list(result) if isinstance(result, QuerySet) else result for result in (ask(held), ask(Member.objects.all()))
    )

    # The types of worked-out numbers are the drivers' own: SQLite loses places, PostgreSQL sums bigint to numeric.
    assert found == expected


@pytest.mark.parametrize(
    ("exclusion", "expected"),
    [
        (WindowFrameExclusion.CURRENT_ROW, [["c"], [], ["a"]]),
        (WindowFrameExclusion.GROUP, [[], [], []]),
        (WindowFrameExclusion.TIES, [["a"], ["b"], ["c"]]),
        (WindowFrameExclusion.NO_OTHERS, [["a", "c"], ["b"], ["a", "c"]]),
    ],
)
def test_rows_are_excluded_from_frames_as_in_postgresql(exclusion: Any, expected: list[list[str]]) -> None:
    rows = [Member(name="a", instrument="1"), Member(name="b", instrument="2"), Member(name="c", instrument="1")]
    members = FakeQuerySet(Member, rows)
    window = Window(
        Count("*"), partition_by="instrument", order_by="instrument", frame=RowRange(None, None, exclusion=exclusion)
    )

    found = members.annotate(n=window).order_by("name").values_list("n", flat=True)

    assert list(found) == [len(names) for names in expected]


@pytest.mark.parametrize(
    ("ask", "error", "text"),
    [
        pytest.param(
            lambda q: q.annotate(s=Window(Sum("pk"), order_by="pk", frame=ValueRange(-1, 1))),
            Exception, "only supports UNBOUNDED|bounds that are distances of values", id="distance of values",
        ),
        pytest.param(
            lambda q: q.filter(pk__lt=RawSQL("5", [])), NotInMemoryError, "Cannot run RawSQL in memory", id="SQL"
        ),
        pytest.param(
            lambda q: q.annotate(x=Subquery(q.values("name"))), NotInMemoryError, "more than one row as a value",
            id="several rows as a value",
        ),
        pytest.param(
            lambda q: q.filter(pk=OuterRef("pk")), ValueError, "may only be used in a subquery", id="no outer query"
        ),
        pytest.param(
            lambda q: q.update(wage=Window(Sum("wage"))), FieldError, "Window expressions are not allowed",
            id="update by a window",
        ),
        pytest.param(
            lambda q: q.order_by().values(who=F("name")).union(q.order_by().values("instrument")).order_by("name"),
            DatabaseError, "^ORDER BY term does not match any column in the result set.$",
            id="union ordered by a column of another name",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused(ask: Ask, error: type[Exception], text: str, members: list[Member]) -> None:
    queryset = held_queryset(Member.objects.all(), ListSource(Member, members))

    with pytest.raises(error, match=text):
        list(ask(queryset))


def test_a_filter_on_a_key_to_come_that_no_lookup_can_answer_is_refused() -> None:
    queryset = FakeQuerySet(Label, [Label(name="x")])

    with pytest.raises(NotInMemoryError, match="the lookup 'contains' in memory on a key that only saving will give"):
        list(queryset.filter(pk__contains=1))


def test_values_of_a_field_with_its_own_form_are_given_back_in_it() -> None:
    class Money(models.DecimalField):  # type: ignore[type-arg]
        def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
            return None if value is None else f"{value} EUR"

    members = FakeQuerySet(Member, [Member(name="a", wage=Decimal(5)), Member(name="b")])
    money: Any = Money(max_digits=8, decimal_places=2)

    found = members.annotate(x=ExpressionWrapper(F("wage"), output_field=money)).order_by("name")

    assert list(found.values_list("x", flat=True)) == ["5.00 EUR", None]


def test_numbers_come_in_the_type_of_their_field() -> None:
    members = FakeQuerySet(Member, [Member(name="a", wage=Decimal(5))])

    found = members.annotate(x=ExpressionWrapper(Value(True), output_field=IntegerField())).values_list("x", flat=True)

    assert repr(list(found)) == "[1]"


def test_generic_relations_are_followed(django_assert_num_queries: Any) -> None:
    clients = [Client.objects.create(name=name) for name in ("one", "two")]
    Note.objects.create(target=clients[0], text="round")
    ContentType.objects.get_for_model(Client)
    queryset = held_queryset(Client.objects.all(), ListSource(Client, clients))

    with django_assert_num_queries(1):
        assert list(queryset.filter(notes__text="round")) == clients[:1]
    with django_assert_num_queries(1):
        assert list(queryset.exclude(notes__text="round")) == clients[1:]
    with django_assert_num_queries(1):
        assert dict(queryset.annotate(n=Count("notes")).values_list("pk", "n")) == {clients[0].pk: 1, clients[1].pk: 0}


def test_a_reverse_one_to_one_that_is_cached_is_not_fetched(django_assert_num_queries: Any) -> None:
    clients = [Client.objects.create(name=name) for name in ("one", "two")]
    Profile.objects.create(client=clients[0], motto="go")
    queryset = held_queryset(Client.objects.all(), ListSource(Client, clients))

    with django_assert_num_queries(1):
        assert list(queryset.filter(profile__motto="go")) == clients[:1]
    assert clients[0].profile.motto == "go"
    with django_assert_num_queries(0):
        assert list(FakeQuerySet(Client, clients[:1]).filter(profile__motto="go")) == clients[:1]


def test_children_of_unsaved_rows_that_hold_none_are_none(django_assert_num_queries: Any) -> None:
    album = Album(title="a")
    album.songs = [Song(title="s")]

    with django_assert_num_queries(0):
        assert list(FakeQuerySet(Album, [album]).filter(songs__credits=None)) == [album]


def test_merging_by_and_or_xor_with_nothing_is_djangos() -> None:
    labels = FakeQuerySet(Label, [Label(name="x")])
    nothing = Label.objects.none()

    assert list(labels | nothing) == list(nothing | labels) == list(labels ^ nothing) == list(nothing ^ labels)
    assert list(labels & nothing) == list(nothing & labels) == []
    assert list(labels | labels.filter(name="y")) == list(labels)
