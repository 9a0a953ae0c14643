from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from decimal import Decimal

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.functional import lazystr

from cluster.errors import SerializedDataError
from cluster.serialization.encoding import ClusterJSONEncoder, decode, encode, step_to

SAME_AS_DJANGO = [
    dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC),
    dt.datetime(2024, 1, 1, 12, 0, 0, 123000, tzinfo=dt.UTC),
    dt.datetime(2024, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=1))),
    dt.datetime(2024, 1, 1, 12),  # noqa: DTZ001
    dt.date(2024, 1, 1),
    dt.time(12, 30),
    dt.time(12, 30, 1, 5000),
    dt.timedelta(days=1),
    Decimal("1.50"),
    uuid.UUID(int=5),
    lazystr("lazy"),
]


@pytest.mark.parametrize("value", SAME_AS_DJANGO, ids=repr)
def test_values_are_encoded_as_django_does(value):
    assert encode(value) == json.dumps(value, cls=DjangoJSONEncoder)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (dt.datetime(2024, 1, 1, 12, 0, 0, 123456, tzinfo=dt.UTC), "2024-01-01T12:00:00.123456Z"),
        (dt.time(1, 2, 3, 1), "01:02:03.000001"),
    ],
)
def test_microseconds_are_not_cut_off(value, expected):
    assert json.loads(encode(value)) == expected


def test_aware_times_of_day_are_refused_as_by_django():
    with pytest.raises(ValueError, match="timezone-aware times"):
        ClusterJSONEncoder().default(dt.time(1, tzinfo=dt.UTC))


def test_a_number_without_form_is_named_with_its_path():
    with pytest.raises(SerializedDataError) as caught:
        encode({"a": [1.5, {"b c": math.nan}], "d": math.inf})

    assert str(caught.value) == "$.a[1]['b c']: nan has no form in JSON; allow_nan=True writes it as Python does."


def test_what_is_no_data_is_refused():
    with pytest.raises(SerializedDataError, match=r"It cannot be written as JSON: .*object is not JSON serializable"):
        encode({"a": object()})


def test_data_nested_beyond_measure_is_refused():
    data: list = []
    for _ in range(200_000):
        data = [data]

    with pytest.raises(SerializedDataError, match="nested too deeply"):
        encode(data)
    while data:
        data = data.pop()


def test_constants_are_read_where_they_are_allowed():
    assert decode("[Infinity]", allow_nan=True) == [math.inf]
    with pytest.raises(SerializedDataError, match="it has -Infinity, which only allow_nan=True lets in"):
        decode("[-Infinity]")


@pytest.mark.parametrize(("key", "step"), [("name", ".name"), ("a b", "['a b']"), (0, "[0]"), ("1", "['1']")])
def test_steps_of_paths_are_quoted_where_they_have_to_be(key, step):
    assert step_to(key) == step
