from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import DecimalField, JSONField

from cluster.errors import NotInMemoryError
from cluster.queryset.meanings.casting import as_text, lower, upper

BERLIN = datetime.timezone(datetime.timedelta(hours=1))
KEY = uuid.UUID(int=1)
WRITTEN: dict[str, tuple[Any, str]] = {
    "text": ("a", "a"),
    "integer": (5, "5"),
    "true": (True, "true"),
    "false": (False, "false"),
    "whole float": (1.0, "1"),
    "float": (0.1, "0.1"),
    "small float": (0.00001, "1e-05"),
    "decimal": (Decimal("1E+2"), "100"),
    "date": (datetime.date(24, 1, 2), "0024-01-02"),
    "moment": (datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=BERLIN), "2024-01-02 02:04:05+00"),
    "moment without a zone": (datetime.datetime(2024, 1, 2, 3, 4, 5, 500000), "2024-01-02 03:04:05.5"),  # noqa: DTZ001
    "time": (datetime.time(1, 2), "01:02:00"),
    "key": (KEY, "00000000-0000-0000-0000-000000000001"),
    "bytes": (b"\x00a", "\\x0061"),
    "memory": (memoryview(b"a"), "\\x61"),
}


@pytest.mark.parametrize(("value", "expected"), WRITTEN.values(), ids=WRITTEN.keys())
def test_a_value_is_written_as_postgresql_writes_it(value: Any, expected: str) -> None:
    assert as_text(value) == expected


def test_a_decimal_has_the_places_of_its_field() -> None:
    assert as_text(Decimal("1.5"), DecimalField(max_digits=5, decimal_places=2)) == "1.50"


def test_json_is_written_as_jsonb_is() -> None:
    assert as_text({"bb": None, "a": [1, "x"]}, JSONField()) == '{"a": [1, "x"], "bb": null}'


@pytest.mark.parametrize("value", [1e15, float("nan"), datetime.timedelta(1)], ids=["large", "no number", "duration"])
def test_what_databases_write_differently_is_refused(value: Any) -> None:
    with pytest.raises(NotInMemoryError, match="in memory: the databases write"):
        as_text(value)


def test_one_letter_never_becomes_two() -> None:
    assert (upper("straße é"), lower("ÉİA"), upper("abc"), lower("ABC")) == ("STRAßE É", "éİa", "ABC", "abc")
