from __future__ import annotations

from typing import Any

from cluster.saving.owners import OwnedUpdate
from tests.testapp.models import Act, Dance


class Told:
    """Gives the rows back that it is told to update."""

    def _do_update(self, rows: Any) -> Any:
        return rows


def test_the_rows_of_a_table_that_does_not_tell_whose_they_are_are_left_as_they_are():
    told: Any = Told()
    of_base, of_child = Act._base_manager.all(), Dance._base_manager.all()
    update = OwnedUpdate(told, ({"style": "slow"}, {"style": None}))

    assert update(of_base) is of_base
    assert "OR" in str(update(of_child).query)
