from __future__ import annotations

import datetime
import uuid
from contextlib import nullcontext
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, connection, models
from django.db.models import Value
from django.db.models.functions import Cast

from cluster.errors import NotInMemoryError
from tests.unit.queryset_meanings.specimens import evaluated

UTC = datetime.UTC
MOMENT = datetime.datetime(2024, 1, 2, 0, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
KEY = uuid.UUID(int=5)
CAST: dict[str, tuple[Any, Any, Any]] = {
    "text to an integer": (Value(" -12 "), models.IntegerField(), -12),
    "a half to the even integer": (Value(2.5), models.IntegerField(), 2),
    "a decimal half away from zero": (Value(Decimal("-2.5")), models.IntegerField(), -3),
    "a boolean to an integer": (Value(True), models.IntegerField(), 1),
    "text to a float": (Value("1.5e3"), models.FloatField(), 1500.0),
    "text to a decimal": (Value("1.25"), models.DecimalField(max_digits=4, decimal_places=1), Decimal("1.3")),
    "a decimal without places": (Value(1.5), models.DecimalField(max_digits=None, decimal_places=None), Decimal("1.5")),
    "an integer to a boolean": (Value(2), models.BooleanField(), True),
    "text to a date": (Value("2024-01-02"), models.DateField(), datetime.date(2024, 1, 2)),
    "a date to a date": (Value(datetime.date(2024, 1, 2)), models.DateField(), datetime.date(2024, 1, 2)),
    "a moment to its date in UTC": (Value(MOMENT), models.DateField(), datetime.date(2024, 1, 1)),
    "a moment to its time in UTC": (Value(MOMENT), models.TimeField(), datetime.time(23, 30)),
    "a time to a time": (Value(datetime.time(1)), models.TimeField(), datetime.time(1)),
    "a moment to a moment": (Value(MOMENT), models.DateTimeField(), MOMENT),
    "a date to a moment": (
        Value(datetime.date(2024, 1, 2)),
        models.DateTimeField(),
        datetime.datetime(2024, 1, 2, tzinfo=UTC),
    ),
    "text to a key": (Value(str(KEY)), models.UUIDField(), KEY),
    "a key to a key": (Value(KEY), models.UUIDField(), KEY),
    "text to JSON": (Value('{"a": [1]}'), models.JSONField(), {"a": [1]}),
    "null to JSON": (Value("null"), models.JSONField(), None),
    "JSON to JSON": (Value([1], models.JSONField()), models.JSONField(), [1]),
    "a duration": (Value(datetime.timedelta(1)), models.DurationField(), datetime.timedelta(1)),
    "text that is too long": (Value("abcdef"), models.CharField(max_length=3), "abc"),
    "a slug": (Value(5), models.SlugField(max_length=3), "5"),
}
REFUSED: dict[str, tuple[Any, Any]] = {
    "a date to an integer": (Value(datetime.date(2024, 1, 2)), models.IntegerField()),
    "a date to a float": (Value(datetime.date(2024, 1, 2)), models.FloatField()),
    "a date to a decimal": (Value(datetime.date(2024, 1, 2)), models.DecimalField(max_digits=4, decimal_places=1)),
    "text to a boolean": (Value("yes"), models.BooleanField()),
    "an integer to a date": (Value(5), models.DateField()),
    "text to a moment": (Value("2024-01-02"), models.DateTimeField()),
    "text to a time": (Value("12:00"), models.TimeField()),
    "an integer to a duration": (Value(5), models.DurationField()),
    "an integer to a key": (Value(5), models.UUIDField()),
    "infinity to an integer": (Value(float("inf")), models.IntegerField()),
    "text to an address": (Value("1.1.1.1"), models.GenericIPAddressField()),
}
WRONG: dict[str, tuple[Any, Any]] = {
    "no integer": (Value("1.5"), models.IntegerField()),
    "no float": (Value("x"), models.FloatField()),
    "no decimal": (Value("x"), models.DecimalField(max_digits=4, decimal_places=1)),
    "no date": (Value("x"), models.DateField()),
    "no key": (Value("x"), models.UUIDField()),
    "no JSON": (Value("{"), models.JSONField()),
    "too large an integer": (Value(1e20), models.BigIntegerField()),
    "too large a decimal": (Value(1000), models.DecimalField(max_digits=4, decimal_places=1)),
}


@pytest.mark.parametrize(("source", "field", "expected"), CAST.values(), ids=CAST.keys())
def test_a_value_is_cast_as_postgresql_casts_it(source: Any, field: Any, expected: Any) -> None:
    answer = evaluated(Cast(source, field))

    assert (type(answer), answer) == (type(expected), expected)


def test_null_is_null_in_every_type() -> None:
    assert evaluated(Cast("char", models.IntegerField())) is None


@pytest.mark.parametrize(("source", "field"), REFUSED.values(), ids=REFUSED.keys())
def test_a_cast_on_which_databases_disagree_is_refused(source: Any, field: Any) -> None:
    with pytest.raises(NotInMemoryError, match="in memory: the databases disagree on it"):
        evaluated(Cast(source, field))


@pytest.mark.parametrize(("source", "field"), WRONG.values(), ids=WRONG.keys())
def test_a_value_that_does_not_read_as_the_type_is_an_error(source: Any, field: Any) -> None:
    with pytest.raises(DataError):
        evaluated(Cast(source, field))


@pytest.mark.parametrize(("field", "bits"), [(models.SmallAutoField, 16), (models.AutoField, 32)])
def test_the_kinds_of_keys_have_ranges_on_postgresql_alone(field: Any, bits: int) -> None:
    smallest, beyond = -(2 ** (bits - 1)), 2 ** (bits - 1)
    expected = pytest.raises(DataError, match="integer out of range")

    assert evaluated(Cast(Value(smallest), field())) == smallest
    with expected if connection.vendor == "postgresql" else nullcontext():
        assert evaluated(Cast(Value(beyond), field())) == beyond


def test_a_date_becomes_a_moment_without_a_zone_where_there_are_no_zones(settings: Any) -> None:
    settings.USE_TZ = False

    moment = evaluated(Cast(Value(datetime.date(2024, 1, 2)), models.DateTimeField()))

    assert moment == datetime.datetime(2024, 1, 2)  # noqa: DTZ001
