from __future__ import annotations

import copy
import datetime
import pickle
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import JSONField, Value
from django.db.models.expressions import DatabaseDefault

from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet
from cluster.queryset.meanings.json_values import (
    JSON_NULL,
    MISSING,
    JsonOrder,
    build_value,
    canonical,
    follow,
    from_python,
    has_key,
    json_contains,
    json_equal,
    json_less,
    json_text,
    scalar_text,
    to_python,
)
from tests.differential.app.models import Specimen

CONTAINED: dict[str, tuple[Any, Any, bool]] = {
    "a part of an object": ({"a": 1, "b": [1, 2]}, {"b": [2]}, True),
    "another value": ({"a": 1}, {"a": 2}, False),
    "a scalar in an array": (["x", 1], "x", True),
    "an array in a scalar": ("x", ["x"], False),
    "a scalar in a nested array": ([[1]], 1, False),
    "a scalar in an array within an object": ({"a": [1]}, {"a": 1}, False),
    "an array with repetition": ([1, 2], [1, 1], True),
    "an object in an array": ([{"a": 1, "b": 2}], [{"a": 1}], True),
    "nothing": ([], [], True),
    "true and one": ([True], [1], False),
}
FOUND: dict[str, tuple[Any, list[str], Any]] = {
    "a key": ({"a": 1}, ["a"], 1),
    "a key of nothing": ([1], ["a"], MISSING),
    "an index": ([1, 2], ["1"], 2),
    "an index from the end": ([1, 2], ["-1"], 2),
    "an index beyond": ([1, 2], ["2"], MISSING),
    "an index of an object": ({"1": "x"}, ["1"], MISSING),
    "an index of a scalar": (5, ["0"], 5),
    "a number as a key further down": ({"a": {"1": "x"}}, ["a", "1"], "x"),
    "a path through an array": ({"a": [{"b": 1}]}, ["a", "0", "b"], 1),
    "a path through a scalar": ({"a": 1}, ["a", "b"], MISSING),
}


@pytest.mark.parametrize(("whole", "part", "expected"), CONTAINED.values(), ids=CONTAINED.keys())
def test_containment_is_that_of_jsonb(whole: Any, part: Any, expected: bool) -> None:
    assert json_contains(whole, part) is expected


@pytest.mark.parametrize(("value", "keys", "expected"), FOUND.values(), ids=FOUND.keys())
def test_a_path_is_followed_as_postgresql_does(value: Any, keys: list[str], expected: Any) -> None:
    found = follow(value, keys)

    assert found is expected or found == expected


def test_equality_knows_types_and_ignores_the_order_of_keys() -> None:
    assert json_equal({"a": 1, "b": None}, {"b": None, "a": 1.0})
    assert not json_equal(True, 1)
    assert not json_equal([1, 2], [2, 1])
    assert hash(canonical({"a": [1]})) == hash(canonical({"a": [1.0]}))


def test_values_become_json_by_the_encoder_of_the_field() -> None:
    moment = datetime.date(2024, 1, 1)

    assert from_python((1, moment), DjangoJSONEncoder) == [1, "2024-01-01"]
    assert from_python(None) is JSON_NULL
    assert to_python(JSON_NULL) is None
    assert to_python([None]) == [None]


def test_a_json_null_is_one_object_that_survives_copies() -> None:
    assert copy.copy(JSON_NULL) is copy.deepcopy(JSON_NULL) is pickle.loads(pickle.dumps(JSON_NULL)) is JSON_NULL
    assert (repr(JSON_NULL), bool(JSON_NULL)) == ("JSON_NULL", False)


def test_keys_are_looked_for_in_objects_arrays_and_strings() -> None:
    assert [has_key(value, "a") for value in ({"a": 1}, ["a"], "a", "ab", [1], 5)] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


def test_text_is_that_of_jsonb() -> None:
    value = {"long": 1.50, "b": [True, None], "ä": "x\n", "c": 1e20}

    assert json_text(value) == '{"b": [true, null], "c": 100000000000000000000, "ä": "x\\n", "long": 1.5}'
    assert [scalar_text(item) for item in ("a", 1, None, JSON_NULL, [1])] == ["a", "1", None, None, "[1]"]


def test_scalars_are_ordered_null_text_numbers_booleans() -> None:
    ordered = [None, "a", "b", 1, 2.5, False, True]

    assert sorted([True, 2.5, "b", None, 1, "a", False], key=JsonOrder) == ordered
    assert json_less("a", 1)
    assert JsonOrder(1) == JsonOrder(1.0)
    assert hash(JsonOrder(1)) == hash(JsonOrder(1.0))


@pytest.mark.parametrize("value", [[1], {"a": 1}], ids=["array", "object"])
def test_containers_have_no_order_in_memory(value: Any) -> None:
    with pytest.raises(NotInMemoryError, match="the databases order arrays and objects differently"):
        JsonOrder(value)


def test_json_is_built_of_values_as_postgresql_builds_it() -> None:
    values = [None, JSON_NULL, True, 2.0, 1.5, Decimal("1.50"), Decimal(2), uuid.UUID(int=0), datetime.date(2024, 1, 1)]
    built = [None, None, True, 2, 1.5, 1.5, 2, "00000000-0000-0000-0000-000000000000", "2024-01-01"]

    assert [build_value(value) for value in values] == built


def test_values_that_databases_put_into_json_differently_are_refused() -> None:
    with pytest.raises(NotInMemoryError, match=r"Cannot put datetime\.timedelta"):
        build_value(datetime.timedelta(1))


@pytest.mark.django_db
@pytest.mark.parametrize("null", [Value(None, JSONField()), DatabaseDefault(Value(None, JSONField()), None)])
def test_a_json_null_that_is_assigned_is_no_null(null: Any) -> None:
    specimens = FakeQuerySet(Specimen, [Specimen(pk=1, json=null), Specimen(pk=2, json=None)])

    assert specimens.get(json=Value(None, JSONField())).pk == 1
    assert specimens.get(json__isnull=True).pk == 2
    assert list(specimens.values_list("json", flat=True)) == [None, None]
    nulls = specimens.filter(pk=1).values_list("json", flat=True)
    assert list(nulls.union(nulls)) == [None]
