from __future__ import annotations

from typing import Any

import pytest

from cluster.relations import ClusterState, HeldList, relations_of
from cluster.saving.free_values import FreeValues
from cluster.saving.order import Park, parks_for_later
from cluster.saving.parking import park_rows
from cluster.saving.unique import unique_sets
from cluster.saving.work import Holding, Node, Update
from tests.faults.app.models import Box, Shelf


def update_of(box: Box, level: int, **known: Any) -> Update:
    node = Node(Shelf(), ClusterState())
    holding = Holding(node, relations_of(Shelf)["boxes"], HeldList(), None, [])
    fields = [Box._meta.get_field(name) for name in known]
    row = {"id": box.pk, "code": box.code, "position": box.position, "tag": None, "shelf_id": 1, **known}
    return Update(box, holding, 0, level, fields, row, [])


def test_a_late_row_is_parked_for_one_of_a_level_above_and_not_for_one_below() -> None:
    giver = Box(pk=1, shelf_id=1, code="new", position=1)
    taker = Box(pk=2, shelf_id=1, code="old", position=2)

    for giver_level, taker_level, parked in ((2, 1, [1]), (1, 2, [])):
        late = [update_of(giver, giver_level, code="old"), update_of(taker, taker_level, code="other")]

        assert [park.pk for park in parks_for_later([], [], late, [])] == parked


@pytest.mark.django_db
def test_one_temporary_value_serves_all_unique_sets_that_its_field_is_in() -> None:
    shelf = Shelf.objects.create(name="s")
    box = Box.objects.create(shelf=shelf, code="a", position=1)
    code = next(each for each in unique_sets(Box) if [field.name for field in each.fields] == ["code"])

    park_rows([Park(Box, box.pk, {}, "", None, [code, code])], FreeValues("default"))

    stored = Box.objects.get()
    assert stored.code != "a"
    assert stored.position == 1
