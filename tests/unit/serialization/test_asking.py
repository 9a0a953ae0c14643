from __future__ import annotations

from cluster.serialization.asking import is_equal


class Endless:
    """Is nested deeper than Python compares, on any version."""

    __hash__ = None

    def __eq__(self, other):
        raise RecursionError


def test_what_cannot_be_compared_is_taken_for_changed():
    assert is_equal({"title": ["gig"]}, {"title": ["gig"]})
    assert not is_equal({"title": "gig"}, {"title": "fair"})
    assert not is_equal([Endless()], [Endless()])
