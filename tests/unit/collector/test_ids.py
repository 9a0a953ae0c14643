from __future__ import annotations

import pytest

from cluster.collector import Ids

NEW = {1: 11, 2: 12, "1": 11}


@pytest.mark.parametrize(
    ("ids", "value", "expected"),
    [
        pytest.param(Ids("m", path="a"), {"a": 1, "b": 1}, {"a": 11, "b": 1}, id="a name"),
        pytest.param(Ids("m", path="a.*.b"), {"a": [{"b": 1}, {"c": 1}]}, {"a": [{"b": 11}, {"c": 1}]}, id="a list"),
        pytest.param(Ids("m", path="*"), {"a": 1, "b": 2}, {"a": 11, "b": 12}, id="every name"),
        pytest.param(Ids("m", path="a"), {"a": [1, 2, 3]}, {"a": [11, 12, 3]}, id="a list of keys"),
        pytest.param(Ids("m"), [1, 2], [11, 12], id="the value itself"),
        pytest.param(Ids("m", path="a.b"), {"a": "text"}, {"a": "text"}, id="another shape"),
        pytest.param(Ids("m", pattern=r"/(\d)/"), "/1/ /9/ 1", "/11/ /9/ 1", id="a pattern"),
    ],
)  # fmt: skip
def test_keys_are_replaced_where_they_are_declared(ids, value, expected):
    assert ids.replaced(value, lambda key: NEW.get(key, key)) == expected
