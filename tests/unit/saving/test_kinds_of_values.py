from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import models

from cluster.saving.kinds_of_values import Scale, can_be_made, random_values
from tests.faults.app.models import Box, Meter
from tests.testapp.models import Stop


def test_a_scale_ends_at_its_bounds_and_where_python_has_no_value() -> None:
    assert list(Scale(1, 1, 0, 3).values()) == [1, 2, 3]
    assert Scale(1, 1, 0, 3).after(0, -1) is None
    assert Scale(date.max, timedelta(days=1)).after(date.max, timedelta(days=1)) is None
    assert Scale(0.0, 1.0).after(1e300, 1.0) is None


@pytest.mark.parametrize(
    ("kind", "is_random"),
    [
        (models.UUIDField(), True),
        (models.TextField(), True),
        (models.CharField(max_length=12), True),
        (models.CharField(max_length=11), False),
        (models.GenericIPAddressField(protocol="ipv6"), True),
        (models.GenericIPAddressField(protocol="IPv4"), False),
        (models.TimeField(), False),
    ],
    ids=["uuid", "text", "long text", "short text", "address", "old address", "time"],
)
def test_values_are_random_where_no_two_can_meet(kind: models.Field, is_random: bool) -> None:  # type: ignore[type-arg]
    values = random_values(kind)

    assert (values is not None and next(values) != next(values)) == is_random


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (Box._meta.get_field("code"), True),
        (Box._meta.get_field("shelf"), True),
        (Meter._meta.get_field("lid"), True),
        (Box._meta.get_field("is_main"), False),
        (Box._meta.get_field("id"), False),
        (Stop._meta.get_field("number"), False),
    ],
    ids=["text", "key to a parent", "one to one", "boolean", "primary key", "part of a primary key"],
)
def test_values_are_made_for_what_has_many_and_is_in_no_primary_key(field: object, expected: bool) -> None:
    assert can_be_made(field) == expected
