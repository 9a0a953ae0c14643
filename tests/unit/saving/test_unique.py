from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F, Q, Value
from django.db.models.functions import Collate
from django.utils import timezone

from cluster.saving.unique import UniqueSet, Unsaved, _field, _names_in, folded, row_image, unique_sets
from cluster.saving.uniqueness import date_part
from tests.faults.app.models import Box, Label, Shelf
from tests.testapp.models import Member


def only_set(model: Any, **options: Any) -> UniqueSet:
    return UniqueSet(model, (model._meta.get_field("text"),), **options)


def test_text_that_a_collation_may_take_as_equal_is_folded() -> None:
    assert folded("Straße ") == folded("STRASSE")
    assert folded([1]) == "[1]"
    assert folded(3) == 3


def test_values_are_compared_as_they_are_stored() -> None:
    image = row_image(Box(position="3", tag="nonsense"), {"code": "known"})

    assert (image["position"], image["tag"], image["code"]) == (3, "nonsense", "")


def test_a_key_that_is_not_known_well_enough_conflicts_with_nothing() -> None:
    unique_set = only_set(Label)

    assert unique_set.key({}) is None
    assert unique_set.key({"text": None}) is None
    assert unique_set.exact_key({"text": F("text")}) is None


def test_a_condition_that_memory_cannot_tell_counts_as_met() -> None:
    unique_set = only_set(Label, condition=Q(text=Collate(Value("a"), "C")))

    assert unique_set.key({"text": "A"}) == ("a",)


def test_an_expression_that_memory_cannot_tell_has_no_key() -> None:
    unique_set = only_set(Label, is_plain=False, expressions=(Collate(F("text"), "C"),))

    assert unique_set.exact_key({"text": "a"}) is None


def test_the_fields_within_expressions_are_found() -> None:
    sets = unique_sets(Label)

    assert [[field.name for field in each.fields] for each in sets] == [["shelf", "text"], ["shelf"]]
    assert unique_sets(Member) == ()


def test_an_unsaved_object_equals_itself_alone() -> None:
    shelf = Shelf()

    assert Unsaved(shelf) == Unsaved(shelf)
    assert Unsaved(shelf) != Unsaved(Shelf())
    assert len({Unsaved(shelf), Unsaved(shelf)}) == 1


def test_names_that_are_no_columns_are_passed_over() -> None:
    assert list(_names_in([None, F("text")])) == ["text"]
    assert _field(Label, "pk") is None


@pytest.mark.parametrize("kind", ["date", "year", "month"])
def test_parts_of_a_time_are_those_of_the_current_zone(kind: str) -> None:
    moment = timezone.make_aware(timezone.datetime(2024, 1, 1, 0, 30))  # type: ignore[attr-defined]

    expected = {"date": (2024, 1, 1), "year": 2024, "month": 1}[kind]
    assert date_part(kind, moment.astimezone(timezone.get_fixed_timezone(timedelta(hours=-5)))) == expected
    assert date_part(kind, None) is None
