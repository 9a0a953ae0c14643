from __future__ import annotations

from cluster.serialization.options import LoadOptions
from cluster.serialization.reading import read
from cluster.serialization.targets import Tree
from tests.testapp.models import Band, Collaboration


def test_a_value_is_there_until_the_last_object_that_has_it_is_left_out():
    duet = {"pk": 5, "title": "duet"}
    reading = read(Band, [{"pk": 1, "hosted": [duet], "visits": [duet]}], LoadOptions())
    first, second = (node for node in reading.nodes if node.model is Collaboration)
    tree, key = Tree(reading.nodes), Collaboration._meta.pk
    assert tree.has(key, 5)

    assert list(tree.leave_out(first)) == []
    assert tree.has(key, 5)
    assert list(tree.leave_out(second)) == [(key, 5)]
    assert not tree.has(key, 5)


def test_what_is_around_is_there_too():
    reading = read(Band, [{"pk": 1}], LoadOptions())

    assert Tree([], Tree(reading.nodes)).has(Band._meta.pk, 1)
    assert not Tree([], Tree(reading.nodes)).has(Band._meta.pk, 2)
