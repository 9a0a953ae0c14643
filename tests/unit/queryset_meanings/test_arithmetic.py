from __future__ import annotations

import datetime
from contextlib import nullcontext
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, connection
from django.db.models import (
    DateTimeField,
    DecimalField,
    DurationField,
    ExpressionWrapper,
    F,
    FloatField,
    IntegerField,
    Value,
)
from django.db.models.expressions import Combinable, CombinedExpression
from django.db.models.functions import Exp, Power

from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet
from cluster.queryset.meanings import arithmetic, temporal
from tests.differential.app.models import Specimen

DAY = datetime.timedelta(days=1)
QUOTIENTS = {
    "a third": ("1", "3", "0.33333333333333333333"),
    "seven thirds": ("7", "3", "2.3333333333333333"),
    "a large number": ("123456789012", "7", "17636684144.57142857"),
    "a small number": ("0.0001", "3", "0.000033333333333333333333"),
    "a divisor with places": ("1", "0.00000000000000000000003", "33333333333333333333333.33333333333333333333333"),
}
REFUSED: dict[str, Any] = {
    "text": ExpressionWrapper(CombinedExpression(F("char"), "+", F("integer"), IntegerField()), IntegerField()),
    "a boolean": ExpressionWrapper(CombinedExpression(F("boolean"), "+", F("integer"), IntegerField()), IntegerField()),
    "two dates added": ExpressionWrapper(F("date") + F("date"), DateTimeField()),
    "a moment less a number": ExpressionWrapper(F("date") - F("integer"), DateTimeField()),
    "a duration times a duration": ExpressionWrapper(F("duration") * F("duration"), DurationField()),
    "a duration by a duration": ExpressionWrapper(F("duration") / F("duration"), DurationField()),
    "a remainder of a duration": ExpressionWrapper(F("duration") % F("integer"), DurationField()),
    "a part of a microsecond": ExpressionWrapper(F("duration") / 7, DurationField()),
    "a shift of too much": F("integer").bitleftshift(31),
    "a shift of a negative number": (F("integer") * -1).bitrightshift(1),
    "a float's remainder": F("float") % 2,
    "an operator that Django does not have": ExpressionWrapper(F("integer")._combine(2, "@", False), IntegerField()),
}


def evaluated(expression: Any) -> Any:
    specimen = Specimen(
        char="a",
        integer=3,
        boolean=True,
        float=1.5,
        date=datetime.date(2024, 1, 1),
        duration=datetime.timedelta(hours=5),
    )
    return FakeQuerySet(Specimen, [specimen]).annotate(answer=expression).values_list("answer", flat=True)[0]


BESIDE_LITERALS: dict[str, tuple[Any, str]] = {
    "times": (F("decimal") * 0.9, "8.991"),
    "plus, on the left": (0.1 + F("decimal"), "10.09"),
    "in steps": (F("decimal") * 1.1 + 0.1, "11.089"),
    "divided": (F("decimal") / 0.3, "33.3000000000000000"),
}


@pytest.mark.parametrize("name", BESIDE_LITERALS)
def test_a_float_literal_beside_a_decimal_is_a_decimal(name: str) -> None:
    """As on PostgreSQL, where the text 0.9 in a statement is a numeric."""
    operation, expected = BESIDE_LITERALS[name]
    queryset = FakeQuerySet(Specimen, [Specimen(decimal=Decimal("9.99"), float=0.9)])

    found = queryset.annotate(answer=ExpressionWrapper(operation, DecimalField())).values_list("answer", flat=True)[0]

    assert str(found) == expected


def test_a_column_of_floats_makes_a_float_of_a_decimal() -> None:
    queryset = FakeQuerySet(Specimen, [Specimen(decimal=Decimal("9.99"), float=0.9)])
    product = ExpressionWrapper(F("decimal") * F("float"), FloatField())

    assert queryset.annotate(answer=product).get().answer == 9.99 * 0.9


@pytest.mark.parametrize(("left", "right", "expected"), QUOTIENTS.values(), ids=QUOTIENTS.keys())
def test_a_quotient_of_decimals_has_the_places_of_postgresql(left: str, right: str, expected: str) -> None:
    assert str(arithmetic.divide(Decimal(left), Decimal(right))) == expected


@pytest.mark.parametrize(("left", "right", "expected"), [(7, 2, 3), (-7, 2, -3), (7, -2, -3), (-7, -2, 3)])
def test_integers_are_divided_towards_zero(left: int, right: int, expected: int) -> None:
    assert arithmetic.divide(left, right) == expected


def test_the_remainder_of_large_integers_is_exact() -> None:
    assert arithmetic.remainder(-(10**18) - 1, 10) == -1


@pytest.mark.parametrize("expression", REFUSED.values(), ids=REFUSED.keys())
def test_what_databases_compute_differently_is_refused(expression: Any) -> None:
    with pytest.raises(NotInMemoryError):
        evaluated(expression)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (ExpressionWrapper(Value(2) * F("duration"), DurationField()), datetime.timedelta(hours=10)),
        (ExpressionWrapper(F("duration") / 5, DurationField()), datetime.timedelta(hours=1)),
        (Value(DAY) + F("date"), datetime.datetime(2024, 1, 2)),  # noqa: DTZ001
        (F("duration") - Value(DAY), datetime.timedelta(hours=-19)),
        (F("integer") ** 2, 9),
        (F("integer").bitor(4), 7),
    ],
    ids=["product", "quotient", "date", "difference", "power", "bits"],
)
def test_an_expression_is_computed(expression: Any, expected: Any) -> None:
    assert evaluated(expression) == expected


def test_the_difference_of_a_moment_and_a_date_counts_from_midnight_in_utc() -> None:
    moment = datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)

    assert temporal.subtract_temporal(moment, datetime.date(2024, 1, 1)) == DAY


@pytest.mark.parametrize(
    "expression",
    [F("integer") / 0, ExpressionWrapper(F("duration") / 0, DurationField()), Power(0.0, -1), Exp(1000.0)],
    ids=["number", "duration", "power of zero", "too large a power"],
)
def test_what_has_no_result_is_null_but_an_error_on_postgresql(expression: Any) -> None:
    expected = pytest.raises(DataError) if connection.vendor == "postgresql" else nullcontext()

    with expected:
        assert evaluated(expression) is None


def test_an_integer_of_more_than_64_bits_is_an_error() -> None:
    with pytest.raises(DataError, match="integer out of range"):
        evaluated(F("integer") * Value(2**62))


def test_every_operator_of_django_has_a_meaning() -> None:
    connectors = {value for name, value in vars(Combinable).items() if name.isupper()}

    assert connectors == set(arithmetic._NUMERIC)
