from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError
from django.db.models import F

from cluster.saving.free_values import FreeValues
from cluster.saving.order import Park
from cluster.saving.unique import UniqueSet
from tests.faults.app.models import Box, Shelf

pytestmark = pytest.mark.django_db

POSITION, SHELF = Box._meta.get_field("position"), Box._meta.get_field("shelf")
PARK = Park(Box, 1, {}, "boxes[0]", None)


def test_a_value_is_above_all_that_rows_have_and_are_going_to_have(django_assert_num_queries: Any) -> None:
    """What an expression will make is not known."""
    Box.objects.create(shelf=Shelf.objects.create(name="s"), code="a", position=3)
    values = FreeValues("default", {POSITION: [7, "9", None, F("position") + 1]})

    with django_assert_num_queries(1):
        chosen = [values.choose(UniqueSet(Box, (POSITION,)), PARK) for _ in range(2)]

    assert chosen == [(POSITION, 10), (POSITION, 11)]


def test_a_key_is_left_alone_where_it_may_not_dangle() -> None:
    unique_set = UniqueSet(Box, (SHELF,))

    assert FreeValues("default").choose(unique_set, PARK) == (SHELF, 1)
    with pytest.raises(IntegrityError, match=r"^Cannot save boxes\[0\]: it exchanges unique values of shelf with"):
        FreeValues("default", can_dangle=False).choose(unique_set, PARK)
