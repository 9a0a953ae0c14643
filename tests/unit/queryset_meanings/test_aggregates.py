from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import models
from django.db.models import Avg, Count, F, Max, Min, StdDev, Sum, Value, Variance, Window

from cluster import _compat
from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet
from tests.differential.app.models import Specimen

JOINS = _compat.classes_of(models, "StringAgg")
DAY = datetime.timedelta(days=1)


def specimens() -> Any:
    rows = [
        {"integer": 1, "decimal": Decimal("1.50"), "duration": DAY, "char": "b", "float": 1.0},
        {"integer": 2, "decimal": Decimal("2.25"), "duration": 2 * DAY, "char": "a", "float": 2.0},
        {"integer": None, "decimal": None, "duration": None, "char": "b", "float": None},
    ]
    return FakeQuerySet(Specimen, [Specimen(**row, boolean=True) for row in rows])


GIVEN: dict[str, tuple[Any, Any]] = {
    "a sum of decimals": (Sum("decimal"), Decimal("3.75")),
    "a sum of durations": (Sum("duration"), 3 * DAY),
    "a mean of integers": (Avg("integer"), 1.5),
    "a mean of decimals": (Avg("decimal"), Decimal("1.8750000000000000")),
    "a mean of floats": (Avg("float"), 1.5),
    "a mean of durations": (Avg("duration"), 1.5 * DAY),
    "a number of values": (Count("integer"), 2),
    "a number of different values": (Count("char", distinct=True), 2),
    "the largest": (Max("char"), "b"),
    "the smallest": (Min("decimal"), Decimal("1.50")),
    "a spread of integers": (StdDev("integer"), 0.5),
    "a spread of a sample": (Variance("decimal", sample=True), Decimal("0.28125000000000000000")),
    "a spread of floats": (StdDev("float", sample=True), 0.5**0.5),
    "no spread": (Variance("small", sample=True), None),
}


@pytest.mark.parametrize(("aggregate", "expected"), GIVEN.values(), ids=GIVEN.keys())
def test_an_aggregate_leaves_null_out(aggregate: Any, expected: Any) -> None:
    answer = specimens().aggregate(answer=aggregate)["answer"]

    assert (str(answer), answer) == (str(expected), expected)


REFUSED: dict[str, Any] = {
    "a sum of text": Sum("char"),
    "a sum of booleans": Sum("boolean"),
    "the largest boolean": Max("boolean"),
    "a spread of text": StdDev("char"),
    **{f"{cls.__name__} of text": cls("char") for cls in _compat.classes_of(models.aggregates, "BitAnd")},
    **{f"numbers joined by {cls.__name__}": cls("integer", Value(",")) for cls in JOINS},
    **{f"a delimiter of each row for {cls.__name__}": cls("char", F("char")) for cls in JOINS},
}


@pytest.mark.parametrize("aggregate", REFUSED.values(), ids=REFUSED.keys())
def test_an_aggregate_on_which_databases_disagree_is_refused(aggregate: Any) -> None:
    with pytest.raises(NotInMemoryError):
        specimens().aggregate(answer=aggregate)


def test_text_is_joined_in_order_or_sorted_when_distinct() -> None:
    for aggregate in JOINS:
        joined = specimens().aggregate(
            all=aggregate("char", Value("-")), some=aggregate("char", Value("-"), distinct=True)
        )
        assert joined == {"all": "b-a-b", "some": "a-b"}


def test_a_window_does_not_take_distinct() -> None:
    with pytest.raises(NotInMemoryError, match="over a window in memory"):
        list(specimens().annotate(answer=Window(Count("char", distinct=True))))


class Mine(models.Aggregate):
    function = "MINE"
    output_field = models.IntegerField()


def test_a_project_s_own_aggregate_needs_a_meaning_in_a_window_too() -> None:
    with pytest.raises(NotInMemoryError, match="register_aggregate"):
        list(specimens().annotate(answer=Window(Mine("integer"))))
