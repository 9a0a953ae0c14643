from __future__ import annotations

from typing import Any

import pytest

from cluster.saving.check_constraints import may_be_stored
from tests.faults.app.models import Meter

GRADE = Meter._meta.get_field("grade")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"grade": 3}, True),
        ({"grade": 6}, False),
        ({"grade": None}, True),
        ({"grade": 1, "opposite": 2}, False),
        ({"grade": "much"}, True),
    ],
    ids=["passes", "breaks one", "null", "breaks one with another field", "memory cannot tell"],
)
def test_a_row_may_be_stored_unless_a_check_is_known_to_fail(values: dict[str, Any], expected: bool) -> None:
    assert may_be_stored(Meter, values, GRADE) == expected
