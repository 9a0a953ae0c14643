from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import F, JSONField, Q, Value
from django.db.models.lookups import Exact, In

from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet
from cluster.queryset.meanings.lookups import is_among, is_between
from cluster.queryset.meanings.tuples import tuple_equal, tuple_less
from tests.differential.app.models import Origin, Seat, Specimen
from tests.unit.queryset_meanings.specimens import matches

AMONG: dict[str, tuple[Any, list[Any], bool | None]] = {
    "found": (1, [1, None], True),
    "not found": (1, [2], False),
    "perhaps": (1, [2, None], None),
    "nothing to find": (None, [], False),
    "null": (None, [1], None),
}
BETWEEN: dict[str, tuple[Any, tuple[Any, Any], bool | None]] = {
    "within": (2, (1, 3), True),
    "below with an unknown end": (0, (1, None), False),
    "above an unknown start": (5, (None, 3), False),
    "within half a range": (2, (1, None), None),
    "null": (None, (1, 3), None),
}
ROWS: dict[str, tuple[Any, Any, bool | None, bool | None]] = {
    "equal": ((1, 2), (1, 2), True, False),
    "smaller": ((1, 2), (1, 3), False, True),
    "unknown": ((1, None), (1, 3), None, None),
    "different before the unknown": ((1, None), (2, 3), False, True),
    "unknown first": ((None, 2), (1, 3), False, None),
}


@pytest.mark.parametrize(("value", "values", "expected"), AMONG.values(), ids=AMONG.keys())
def test_in_has_three_values(value: Any, values: list[Any], expected: bool | None) -> None:
    assert is_among(value, values) is expected


@pytest.mark.parametrize(("value", "bounds", "expected"), BETWEEN.values(), ids=BETWEEN.keys())
def test_range_has_three_values(value: Any, bounds: tuple[Any, Any], expected: bool | None) -> None:
    assert is_between(value, bounds) is expected


@pytest.mark.parametrize(("left", "right", "same", "smaller"), ROWS.values(), ids=ROWS.keys())
def test_rows_are_compared_in_three_values(left: Any, right: Any, same: bool | None, smaller: bool | None) -> None:
    assert tuple_equal(left, right) is same
    assert tuple_less(left, right) is smaller


def test_isnull_needs_a_boolean() -> None:
    with pytest.raises(ValueError, match="must be True or False"):
        matches(Q(char__isnull=1), char="a")


def test_expressions_can_be_among_the_values() -> None:
    assert matches(Q(integer__in=[F("small"), 9]), integer=5, small=5)
    assert matches(Q(integer__range=(F("small"), 9)), integer=5, small=5)


def test_lists_and_decimals_of_any_kind_can_be_asked_for() -> None:
    assert matches(Q(decimal__in=[Decimal("1.5")]), decimal="1.50")
    assert matches(Q(float__in=[Decimal("0.1")]), float=0.1)
    assert not matches(Q(decimal__in=[Decimal("1.5")]), decimal="1.51")


def test_a_query_of_one_model_can_be_in_another() -> None:
    origin = Origin(pk=5, name="Mine")

    assert FakeQuerySet(Specimen, [Specimen(origin=origin)]).filter(origin__in=[origin]).exists()


def test_a_composite_key_is_compared_with_others() -> None:
    seats = FakeQuerySet(Seat, [Seat(row=1, number=2), Seat(row=2, number=1)])

    assert [seat.pk for seat in seats.filter(pk__gte=(1, 3))] == [(2, 1)]
    assert [seat.pk for seat in seats.filter(pk__in=[(1, 2), (None, 1)])] == [(1, 2)]


def test_conditions_can_compare_values() -> None:
    assert matches(Exact(F("integer"), Value(5)), integer=5)
    assert matches(Q(In(F("integer"), [5, 6])), integer=5)


REFUSED: dict[str, Any] = {
    "iexact with a number": Q(char__iexact=5),
    "a number that is no text as a key": Q(json__has_key=1),
    "a key that is an expression": Q(json__has_key=F("char")),
    "JSON and text": Q(json=F("char")),
    "the order of JSON": Q(json__gt=Value([1], JSONField())),
    "text of a duration": Q(duration__contains="1"),
}


@pytest.mark.parametrize("condition", REFUSED.values(), ids=REFUSED.keys())
def test_what_databases_compare_differently_is_refused(condition: Q) -> None:
    with pytest.raises(NotInMemoryError):
        matches(condition, char="a", json={"a": 1}, duration=datetime.timedelta(1))


@pytest.mark.parametrize("lookup", ["exact", "gt", "lte", "in"])
def test_a_text_is_no_duration(lookup: str) -> None:
    """PostgreSQL reads it as an interval, the others fail."""
    asked = ["1:00:00"] if lookup == "in" else "1:00:00"

    with pytest.raises(NotInMemoryError) as raised:
        matches(Q(**{f"duration__{lookup}": asked}), duration=datetime.timedelta(hours=1))

    assert str(raised.value).endswith("Cast one of them to the type of the other.")


def test_an_empty_address_is_null_as_it_is_stored() -> None:
    assert matches(Q(ip__isnull=True), ip="")
    assert not matches(Q(ip=""), ip="")
