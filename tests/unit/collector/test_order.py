from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.collector.order import sorted_by_need, strongly_connected

SIZE = 8
numbers = st.integers(min_value=0, max_value=SIZE - 1)


@given(st.lists(st.tuples(numbers, numbers)))
def test_without_circles_everything_stands_after_what_it_needs(pairs):
    edges = [(max(pair), min(pair), 0) for pair in pairs if pair[0] != pair[1]]

    order = sorted_by_need(SIZE, edges)

    assert sorted(order) == list(range(SIZE))
    assert all(order.index(target) < order.index(source) for source, target, _ in edges)


@given(st.lists(st.tuples(numbers, numbers)), st.lists(st.tuples(numbers, numbers)))
def test_in_a_circle_only_the_heavier_edges_give_way(strong, weak):
    edges = [(max(pair), min(pair), 0) for pair in strong if pair[0] != pair[1]]
    heavy = [(one, other, 1) for one, other in weak if one != other]

    order = sorted_by_need(SIZE, [*edges, *heavy])

    assert sorted(order) == list(range(SIZE))
    assert all(order.index(target) < order.index(source) for source, target, _ in edges)


@pytest.mark.parametrize(
    ("needs", "groups"),
    [
        pytest.param({1: [2], 2: [3], 3: []}, [[3], [2], [1]], id="a line"),
        pytest.param({1: [2], 2: [1], 3: [1]}, [[1, 2], [3]], id="a circle"),
        pytest.param({1: [1]}, [[1]], id="itself"),
        pytest.param({}, [], id="nothing"),
    ],
)
def test_groups_stand_after_the_groups_that_they_need(needs, groups):
    found = strongly_connected(list(needs), needs)

    assert [sorted(group) for group in found] == groups
