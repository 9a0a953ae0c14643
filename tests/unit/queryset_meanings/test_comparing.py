from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils.safestring import mark_safe

from cluster.errors import NotInMemoryError
from cluster.queryset.columns import UnsavedKey
from cluster.queryset.meanings.comparing import equal, less
from tests.differential.app.models import Tag

UTC = datetime.UTC
NEW_YEAR = datetime.date(2024, 1, 1)
PAIRS: dict[str, tuple[Any, Any]] = {
    "decimal and float": (Decimal("0.1"), 0.1),
    "float and decimal": (0.1, Decimal("0.1")),
    "integer and decimal": (1, Decimal("1.0")),
    "date and moment": (NEW_YEAR, datetime.datetime(2024, 1, 1, tzinfo=UTC)),
    "moment without a zone and with one": (datetime.datetime(2024, 1, 1), datetime.datetime(2024, 1, 1, tzinfo=UTC)),  # noqa: DTZ001
    "times": (datetime.time(1), datetime.time(1, tzinfo=UTC)),
    "bytes and memory": (b"a", memoryview(b"a")),
    "kinds of text": (mark_safe("a"), "a"),
}


@pytest.mark.parametrize(("left", "right"), PAIRS.values(), ids=PAIRS.keys())
def test_values_of_two_types_are_equal_where_the_database_says_so(left: Any, right: Any) -> None:
    assert equal(left, right)
    assert not less(left, right)


@pytest.mark.parametrize(("left", "right"), [("1", 1), (NEW_YEAR, 5), (b"a", "a")], ids=["text", "date", "bytes"])
def test_types_that_databases_compare_differently_are_refused(left: Any, right: Any) -> None:
    with pytest.raises(NotInMemoryError) as caught:
        equal(left, right)

    assert f"Cannot compare {left!r} with {right!r} in memory" in str(caught.value)


def test_types_without_an_order_are_refused() -> None:
    with pytest.raises(NotInMemoryError):
        less({}, {})


def test_a_key_to_come_is_greater_than_every_other() -> None:
    key = UnsavedKey(Tag())

    assert less(5, key)
    assert not less(key, 5)
