"""Values and columns at the edges of what a lookup or function takes."""

from __future__ import annotations

import datetime
import uuid
from contextlib import nullcontext
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import FieldError
from django.db import DataError, connection
from django.db.models import Exists, F, Func, IntegerField, OuterRef, Q, Value, Window, expressions
from django.db.models import functions as db
from django.db.models.functions import Mod

from cluster import _compat
from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet
from cluster.queryset.meanings.json_values import JSON_NULL
from tests.differential.app.models import Seat, Specimen
from tests.unit.queryset_meanings.specimens import evaluated, matches

SEATS = [Seat(row=1, number=1), Seat(row=1, number=2), Seat(row=2, number=1)]


def test_a_remainder_of_a_division_by_zero_is_null_or_an_error_as_in_the_database():
    fails = connection.vendor == "postgresql"

    with pytest.raises(DataError, match="division by zero") if fails else nullcontext():
        assert evaluated(Mod("integer", Value(0)), integer=5) is None


def test_values_that_cannot_be_hashed_are_compared_one_by_one():
    assert matches(Q(binary__in=[bytearray(b"a"), bytearray(b"b")]), binary=b"b")
    assert not matches(Q(binary__in=[bytearray(b"a")]), binary=b"b")


@pytest.mark.parametrize("year", [2020, 2020.0, Decimal(2020), "2020"])
def test_a_year_may_be_given_in_any_kind_of_number(year: Any):
    assert matches(Q(date__year=year), date=datetime.date(2020, 2, 3))
    assert not matches(Q(date__year__gt=year), date=datetime.date(2020, 2, 3))


@pytest.mark.django_db
def test_a_composite_key_is_compared_with_a_subquery():
    Seat.objects.create(row=1, number=2)
    seats = FakeQuerySet(Seat, SEATS)
    stored, nothing = Seat.objects.values("pk"), Seat.objects.filter(row=9).values("pk")

    assert [seat.pk for seat in seats.filter(pk__in=stored)] == [(1, 2)]
    assert [seat.pk for seat in seats.filter(pk=stored[:1])] == [(1, 2)]
    assert list(seats.filter(pk=nothing[:1])) == []


@pytest.mark.parametrize("null", _compat.classes_of(expressions, "JSONNull"))
def test_a_json_null_is_no_null(null: Any):
    found = FakeQuerySet(Specimen, [Specimen()]).annotate(answer=null()).filter(answer__isnull=False)

    assert JSON_NULL is not None
    assert found.count() == 1
    assert evaluated(null()) is None


@pytest.mark.parametrize("function", _compat.classes_of(db, "UUID7"))
def test_keys_ordered_by_time_are_made_where_python_can(function: Any, monkeypatch: pytest.MonkeyPatch):
    made = [uuid.UUID(int=number) for number in (1, 2)]
    left = iter(made)
    monkeypatch.setattr(uuid, "uuid7", lambda: next(left), raising=False)

    found = FakeQuerySet(Specimen, [Specimen(), Specimen()]).annotate(key=function()).values_list("key", flat=True)

    assert list(found) == made


class Strange(Func):
    function = "STRANGE"
    window_compatible = True
    output_field = IntegerField()


def test_an_unknown_window_function_is_refused():
    with pytest.raises(NotInMemoryError, match="Strange"):
        evaluated(Window(Strange(F("integer"))), integer=1)


def test_a_composite_key_is_not_compared_with_one_column_of_the_outer_row():
    seats = FakeQuerySet(Seat, SEATS)
    inner = seats.filter(pk=OuterRef("number"))

    with pytest.raises(ValueError, match="Composite field lookups only work with composite expressions"):
        seats.filter(Exists(inner)).exists()


def test_a_composite_key_is_no_value_for_one_column():
    with pytest.raises(FieldError, match="Composite primary keys expressions are not allowed in this query"):
        FakeQuerySet(Seat, SEATS).update(guest=F("pk"))
