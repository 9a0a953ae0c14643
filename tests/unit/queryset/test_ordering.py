from __future__ import annotations

import pytest
from django.db.models import F

from cluster.errors import NotInMemoryError
from cluster.queryset.columns import UnsavedKey
from cluster.queryset.ordering import nulls_come_first, sort_pairs
from tests.testapp.models import Label


@pytest.mark.parametrize(
    ("term", "vendor_puts_null_first", "expected"),
    [
        (F("x").asc(), True, True),
        (F("x").asc(), False, False),
        (F("x").desc(), True, False),
        (F("x").desc(), False, True),
        (F("x").asc(nulls_last=True), True, False),
        (F("x").desc(nulls_first=True), True, True),
        (F("x"), True, True),
    ],
)
def test_null_goes_where_the_term_or_else_the_vendor_says(term, vendor_puts_null_first: bool, expected: bool) -> None:
    assert nulls_come_first(term, order_by_nulls_first=vendor_puts_null_first) is expected


def test_sorting_is_stable_in_both_directions() -> None:
    pairs = [(1, "a"), (2, "b"), (1, "c"), (None, "d"), (2, "e")]

    assert sort_pairs(pairs, descending=False, nulls_first=True) == ["d", "a", "c", "b", "e"]
    assert sort_pairs(pairs, descending=True, nulls_first=False) == ["b", "e", "a", "c", "d"]


def test_keys_to_come_follow_all_others() -> None:
    pairs = [(UnsavedKey(Label()), "new"), (7, "seven"), (UnsavedKey(Label()), "newer"), (3, "three")]

    assert sort_pairs(pairs, descending=False, nulls_first=True) == ["three", "seven", "new", "newer"]
    assert sort_pairs(pairs, descending=True, nulls_first=True) == ["newer", "new", "seven", "three"]


def test_values_without_an_order_are_refused() -> None:
    with pytest.raises(NotInMemoryError, match="Cannot order dict values in memory"):
        sort_pairs([({}, 1), ({}, 2)], descending=False, nulls_first=True)
