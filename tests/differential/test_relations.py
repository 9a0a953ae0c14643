"""Relations that are more than one key: of several columns, generic or filtered; and subqueries in subqueries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Count, Exists, F, FilteredRelation, Model, OuterRef, Q, QuerySet, Subquery, Window
from django.db.models.fields.tuple_lookups import Tuple, TupleExact, TupleIn, TupleIsNull
from django.db.models.functions import RowNumber

from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet
from tests.differential.app.models import Crate, Origin, Part, Remark, Seat, Shelf, Sitting, Specimen

pytestmark = pytest.mark.django_db

Ask = Callable[[Any], Any]


@pytest.fixture(autouse=True)
def rows(db: None) -> None:
    seats = [Seat(row=1, number=1, guest="a"), Seat(row=1, number=2), Seat(row=2, number=1, guest="c")]
    Seat.objects.bulk_create(seats)
    places = [(1, 1, "soup"), (1, 1, "cake"), (2, 1, "soup"), (9, 9, "none"), (None, 1, "none")]
    Sitting.objects.bulk_create([Sitting(row=row, number=number, meal=meal) for row, number, meal in places])
    shelves = [Shelf.objects.create(name=name) for name in "ab"]
    subjects = [
        shelves[0],
        shelves[0],
        Crate.objects.create(code="wood"),
        Crate.objects.create(code=str(shelves[1].pk)),
    ]
    for position, subject in enumerate(subjects):
        Remark.objects.create(subject=subject, text=f"r{position}")
    for name in "xy":
        specimen = Specimen.objects.create(char=name, json={"name": name, "parts": [1, 2]})
        Part.objects.bulk_create([Part(specimen=specimen, name=part, size=len(part)) for part in ("p", "qq", name)])


def held(model: type[Model]) -> FakeQuerySet:
    return FakeQuerySet(model, list(model._default_manager.order_by("pk")))


def answer(ask: Ask, queryset: Any) -> Any:
    """Return what a question gives, or the class and the text of its error."""
    try:
        result = ask(queryset)
        return list(result) if isinstance(result, QuerySet) else result
    except Exception as error:  # noqa: BLE001  (the error is the answer)
        return type(error), str(error)


def seat(row: int, number: int) -> Seat:
    return Seat(row=row, number=number)


NUMBER = Window(RowNumber(), order_by=["-size", "-name"])


def windowed_parts() -> QuerySet[Part]:
    return Part.objects.filter(specimen=OuterRef("pk")).annotate(number=NUMBER)


SITTINGS: dict[str, Ask] = {
    "equal": lambda q: q.filter(seat=seat(1, 1)),
    "equal to a tuple": lambda q: q.filter(seat=(1, 1)),
    "not equal": lambda q: q.exclude(seat=seat(1, 1)),
    "contains": lambda q: q.filter(seat=seat(1, 1)).contains(Sitting.objects.order_by("pk")[0]),
    "in": lambda q: q.filter(seat__in=[seat(1, 1), seat(2, 1)]),
    "in nothing": lambda q: q.filter(seat__in=[]),
    "in a queryset": lambda q: q.filter(seat__in=Seat.objects.filter(guest="a")),
    "orders": lambda q: (q.filter(seat__gt=(1, 1)).count(), q.filter(seat__lte=seat(2, 1)).count()),
    "isnull": lambda q: (q.filter(seat__isnull=True).count(), q.filter(seat__isnull=False).count()),
    "behind": lambda q: q.filter(seat__guest="c"),
    "values": lambda q: q.order_by("pk").values("seat", "meal"),
    "too few": lambda q: q.get(seat=1),
    "too many": lambda q: q.get(seat__in=[(1, 2, 3)]),
    "unsaved": lambda q: q.get(seat=Seat(row=1)),
    "unsaved in a list": lambda q: q.get(seat__in=[Seat(row=1)]),
    "greater than a queryset": lambda q: q.get(seat__gt=Seat.objects.all()[:1]),
}
SEATS: dict[str, Ask] = {
    "without": lambda q: q.filter(sittings__isnull=True),
    "with": lambda q: q.filter(sittings__meal="soup").order_by("pk"),
    "tuple of an expression": lambda q: q.filter(pk=(1, F("number") * 1)).order_by("pk"),
    "in tuples of expressions": lambda q: q.filter(pk__in=[(1, F("row")), (2, None), (F("number"), 1)]).order_by("pk"),
    "tuple as an expression": lambda q: q.filter(TupleExact(Tuple(F("number"), F("row")), (2, 1))),
    "tuple in a list": lambda q: q.filter(TupleIn(Tuple(F("number"), F("row")), [(2, 1), (1, 2)])).order_by("pk"),
    "the key as a value": lambda q: q.get(guest=F("pk")),
    "the key of the outer row": lambda q: (
        q.filter(Exists(Seat.objects.filter(pk=OuterRef("pk"), guest="c"))).order_by("pk").values_list("guest")
    ),
    "seats beside": lambda q: (
        q.annotate(n=Count("sittings"))
        .filter(Exists(Seat.objects.filter(row=OuterRef("row")).exclude(pk=OuterRef("pk"))))
        .order_by("pk")
        .values_list("pk", "n")
    ),
}
REMARKS: dict[str, Ask] = {
    "on a shelf": lambda q: q.filter(shelf__name="a").order_by("text"),
    "not on a shelf": lambda q: q.exclude(shelf__name="a").order_by("text"),
    "on any shelf": lambda q: q.filter(shelf__isnull=False).order_by("text"),
    "on no shelf": lambda q: q.filter(shelf=None).order_by("text"),
    "on either": lambda q: q.filter(Q(shelf__name="a") | Q(crate__code="wood")).order_by("text"),
    "ordered": lambda q: q.order_by("shelf__name", "crate__code", "text").values_list("text", "crate__code"),
}
SHELVES: dict[str, Ask] = {
    "with": lambda q: q.filter(remarks__text="r1"),
    "counted": lambda q: q.annotate(n=Count("remarks")).order_by("name").values_list("name", "n"),
}
CRATES: dict[str, Ask] = {"without": lambda q: q.exclude(remarks__text="r2")}
SPECIMENS: dict[str, Ask] = {
    "outer row of the outer row": lambda q: q.filter(
        Exists(Part.objects.filter(Exists(Part.objects.filter(name=OuterRef(OuterRef("char")), size=OuterRef("size")))))
    ).order_by("char"),
    "outer row in a union": lambda q: (
        q.annotate(
            n=Subquery(
                Part.objects.filter(name=OuterRef("char"))
                .values("size")
                .union(Part.objects.filter(specimen=OuterRef("pk"), name="qq", size=9).values("size"))
            )
        )
        .order_by("char")
        .values_list("char", "n")
    ),
    "outer row as the only one in a list": lambda q: q.filter(
        Exists(Part.objects.filter(specimen__in=OuterRef("pk"), name="x"))
    ),
    "outer row's json": lambda q: (
        q.annotate(n=Exists(Specimen.objects.exclude(pk=OuterRef("pk")).filter(json=OuterRef("json"))))
        .annotate(m=Exists(Specimen.objects.filter(json=OuterRef("json"))))
        .order_by("char")
        .values_list("n", "m")
    ),
    "window over the parts of one outer row": lambda q: (
        q.annotate(n=Subquery(windowed_parts().order_by("name").values("number")[:1]))
        .order_by("char")
        .values_list("n", flat=True)
    ),
    "ordered by a window over the parts of one outer row": lambda q: (
        q.annotate(n=Subquery(Part.objects.filter(specimen=OuterRef("pk")).order_by(NUMBER.desc()).values("name")[:1]))
        .order_by("char")
        .values_list("n", flat=True)
    ),
    "filtered relation": lambda q: [
        (item.char, item.of_two and item.of_two.name)
        for item in q.annotate(of_two=FilteredRelation("parts", condition=Q(parts__size=2)))
        .filter(of_two__isnull=False)
        .select_related("of_two")
        .order_by("char")
    ],
    "filtered relation that repeats": lambda q: [
        (item.char, item.short.name)
        for item in q.annotate(short=FilteredRelation("parts", condition=Q(parts__size=1)))
        .select_related("short")
        .order_by("char", "short__name")
    ],
    "filtered forward relation": lambda q: [
        item.of.char
        for item in Part.objects.filter(specimen__in=q)
        .annotate(of=FilteredRelation("specimen", condition=Q(specimen__char="x")))
        .filter(of__isnull=False)
        .select_related("of")
    ],
}
CASES = {
    f"{model.__name__}: {name}": (model, ask)
    for model, asks in (
        (Sitting, SITTINGS),
        (Seat, SEATS),
        (Remark, REMARKS),
        (Shelf, SHELVES),
        (Crate, CRATES),
        (Specimen, SPECIMENS),
    )
    for name, ask in asks.items()
}


@pytest.mark.parametrize("name", CASES)
def test_memory_follows_relations_as_the_database_does(name: str) -> None:
    model, ask = CASES[name]

    in_memory, stored = answer(ask, held(model)), answer(ask, model._default_manager.all())

    if model is Sitting and isinstance(stored, list):
        in_memory, stored = (sorted(map(repr, found)) for found in (in_memory, stored))
    assert in_memory == stored


def test_what_a_generic_key_points_at_is_used_from_memory(django_assert_num_queries: Any) -> None:
    shelf, crate = Shelf(name="new"), Crate(code="new")
    remarks = FakeQuerySet(Remark, [Remark(subject=shelf, text="one"), Remark(subject=crate, text="two")])

    with django_assert_num_queries(0):
        assert [remark.text for remark in remarks.filter(shelf__name="new")] == ["one"]
        assert [remark.text for remark in remarks.filter(crate__code="new")] == ["two"]


def test_generic_keys_are_followed_in_one_query(django_assert_num_queries: Any) -> None:
    remarks = held(Remark)

    with django_assert_num_queries(1):
        assert [remark.text for remark in remarks.filter(shelf__name__in=["a", "b"])] == ["r0", "r1"]


def test_no_related_row_is_none_where_django_sets_nothing() -> None:
    specimens = held(Specimen).annotate(none=FilteredRelation("parts", condition=Q(parts__size=9)))

    assert [item.none for item in specimens.select_related("none")] == [None, None]


def test_the_outer_key_alone_on_the_left_is_refused() -> None:
    asked = held(Seat).filter(Exists(Origin.objects.filter(TupleIsNull(OuterRef("pk"), rhs=False))))

    with pytest.raises(NotInMemoryError, match="Compare the parts of the key one by one"):
        list(asked)


def test_an_exclude_over_several_columns_is_refused() -> None:
    """The database is asked about the first column alone, so that it leaves out too much."""
    assert not Seat.objects.exclude(sittings__meal="soup").exists()
    with pytest.raises(NotInMemoryError, match="Cannot exclude by 'sittings__meal' in memory"):
        held(Seat).exclude(sittings__meal="soup")
