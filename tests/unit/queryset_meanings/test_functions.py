from __future__ import annotations

import datetime
import sys
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, connection
from django.db.models import (
    BooleanField,
    Case,
    DecimalField,
    ExpressionWrapper,
    F,
    FloatField,
    Func,
    Q,
    TextField,
    Value,
    When,
)
from django.db.models import functions as fn
from django.db.models.expressions import NegatedExpression

from cluster import _compat
from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet
from tests.differential.app.models import Specimen
from tests.unit.queryset_meanings.specimens import evaluated

GIVEN: dict[str, tuple[Any, Any]] = {
    "a negative length on the left": (fn.Left(Value("abcd"), F("small")), "abc"),
    "a negative length on the right": (fn.Right(Value("abcd"), F("small")), "bcd"),
    "nothing on the right": (fn.Right(Value("abcd"), F("integer")), ""),
    "a part that starts before the text": (fn.Substr(Value("abcd"), F("small"), 4), "ab"),
    "padding with nothing": (fn.LPad(Value("ab"), 5, Value("")), "ab"),
    "a negative repetition": (fn.Repeat(Value("ab"), F("small")), ""),
    "nothing replaced": (fn.Replace(Value("ab"), Value(""), Value("x")), "ab"),
    "the place of nothing": (fn.StrIndex(Value("ab"), Value("")), 1),
    "a digest": (fn.MD5(Value("é")), "66ddcd97cfdeabb2f6fb8a999b4bc76f"),
    "the first of several": (fn.Coalesce("char", "generated", Value("x")), "x"),
    "all null": (fn.Coalesce("char", "generated"), None),
    "greatest of null": (fn.Greatest("char", "text", output_field=TextField()), None),
    "least": (fn.Least(Value(3), Value(2.5), output_field=FloatField()), 2.5),
    "no difference": (fn.NullIf(Value(1), Value(1)), None),
    "null and a value": (fn.NullIf("char", Value("a")), None),
    "a negated condition": (NegatedExpression(Q(integer=5)), True),
    "a negated condition on null": (
        NegatedExpression(Case(When(integer=0, then=None), output_field=BooleanField())),
        None,
    ),
    "a decimal rounded to tens": (fn.Round(Value(Decimal("15.5")), -1), Decimal(20)),
    "an integer rounded": (fn.Round("small", 0), -1),
    "a remainder of a float": (fn.Mod(Value(5.5), Value(2)), 1.5),
    "a logarithm": (fn.Log(Value(3.0), Value(9.0)), 2.0),
    "no sign": (fn.Sign("integer"), 0),
}


@pytest.mark.parametrize(("expression", "expected"), GIVEN.values(), ids=GIVEN.keys())
def test_a_function_gives_what_postgresql_gives(expression: Any, expected: Any) -> None:
    assert evaluated(expression, small=-1, integer=0) == expected


REFUSED: dict[str, Any] = {
    "text functions of a number": fn.Lower("integer"),
    "a power of a decimal": fn.Power(Value(Decimal(2)), 2),
    "a collation": fn.Collate(Value("a"), "nocase"),
    "a number that is none": fn.Abs("char"),
    "a remainder of what is no number": fn.Mod(Value(5), "char"),
    "places that are no number": fn.Round(Value(5.5), precision=Value("b")),
    "a day of a time": fn.ExtractDay("time"),
    "a text called a float": ExpressionWrapper(F("char"), FloatField()),
    "a text called a decimal": ExpressionWrapper(F("char"), DecimalField()),
    "a duration and a text": ExpressionWrapper(F("duration") + F("char"), TextField()),
    "JSON among numbers": ExpressionWrapper(Q(json__in=[F("decimal"), F("integer")]), BooleanField()),
    "a function of the project": Func(Value("a"), function="MINE", output_field=TextField()),
}


MIXED: dict[str, tuple[tuple[Any, ...], str, str]] = {
    "a float and a decimal": (("float", "decimal"), "1.1", "0.5"),
    "a decimal and no float": (("decimal", fn.Cast(Value(None, FloatField()), FloatField())), "1.1", "1.1"),
    "a decimal and a null": (("decimal", Value(None, FloatField())), "1.10", "1.10"),
    "an integer and a float": (("small", "float"), "1", "0.5"),
    "a decimal and a literal": (("decimal", Value(1.25)), "1.25", "1.10"),
    "an integer and a decimal": (("small", "decimal"), "1.10", "1"),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("values", "greatest", "least"), MIXED.values(), ids=MIXED.keys())
def test_the_extremes_of_numbers_are_of_the_type_that_postgresql_gives_them(
    values: tuple[Any, ...], greatest: str, least: str
) -> None:
    stored = Specimen.objects.create(small=1, float=0.5, decimal=Decimal("1.10"))
    functions = [function(*values, output_field=FloatField()) for function in (fn.Greatest, fn.Least)]
    asked = [fn.Cast(function, TextField()) for function in functions]

    assert FakeQuerySet(Specimen, [stored]).values_list(*asked)[0] == (greatest, least)
    if connection.vendor == "postgresql":
        assert Specimen.objects.values_list(*asked)[0] == (greatest, least)


@pytest.mark.parametrize("expression", REFUSED.values(), ids=REFUSED.keys())
def test_a_function_that_only_databases_know_is_refused(expression: Any) -> None:
    with pytest.raises(NotInMemoryError):
        evaluated(expression, integer=0, char="a", time=datetime.time(), duration=datetime.timedelta(1), json=1)


@pytest.mark.parametrize(
    "expression", [fn.Substr(Value("ab"), 1, F("small")), fn.Chr("small")], ids=["negative length", "no character"]
)
def test_a_wrong_argument_is_the_error_of_postgresql(expression: Any) -> None:
    with pytest.raises(DataError):
        evaluated(expression, small=-1)


def test_random_numbers_and_keys_are_new_for_every_row() -> None:
    assert 0 <= evaluated(fn.Random()) < 1
    for function in _compat.classes_of(fn, "UUID4"):
        first, second = evaluated(function()), evaluated(function())
        assert (first.version, first == second) == (4, False)


def test_keys_in_order_of_time_need_a_python_that_has_them() -> None:
    for function in _compat.classes_of(fn, "UUID7"):
        if sys.version_info >= (3, 14):
            assert isinstance(evaluated(function()), uuid.UUID)
        else:
            with pytest.raises(NotInMemoryError, match=r"it needs Python 3\.14"):
                evaluated(function())
