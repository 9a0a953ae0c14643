from __future__ import annotations

from array import array
from uuid import UUID

from cluster.collector.keymap import PENDING
from cluster.collector.keys import extended, in_order, sorted_keys


def test_small_integers_are_packed_and_other_keys_are_not():
    packed = extended([], [3, 1])

    assert isinstance(packed, array)
    assert list(extended(packed, [2])) == [3, 1, 2]
    assert extended([], [2**70]) == [2**70]
    assert extended(packed, ["a"]) == [3, 1, 2, "a"]


def test_keys_are_ordered_by_value_or_else_by_text():
    one, other = UUID(int=1), UUID(int=2)

    assert in_order({other, one}) == [one, other]
    assert in_order(["a", 1]) == ["a", 1]
    assert list(sorted_keys(array("q", [2, 1]))) == [1, 2]


def test_a_key_that_is_not_there_yet_says_so():
    assert f"needs {[PENDING]}" == "needs [PENDING]"
