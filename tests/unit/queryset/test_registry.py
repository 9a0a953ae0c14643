from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import Aggregate, CharField, F, Func, IntegerField, Lookup, Transform, Value, Window
from django.db.models.functions import Upper
from django.test.utils import register_lookup as django_knows

from cluster.errors import NotInMemoryError
from cluster.queryset import (
    FakeQuerySet,
    register_aggregate,
    register_expression,
    register_function,
    register_lookup,
    register_transform,
    register_window_function,
    registry,
)
from tests.testapp.models import Label

pytestmark = pytest.mark.django_db


class SoFar(Func):
    function = "SO_FAR"
    output_field = IntegerField()
    window_compatible = True


class Sounds(Lookup):  # type: ignore[type-arg]
    lookup_name = "sounds"

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        raise AssertionError("no SQL is made")


class Backwards(Transform):
    lookup_name = "backwards"
    function = "REVERSE"


class Twice(Func):
    function = "TWICE"
    output_field = CharField()


class Longest(Aggregate):
    function = "LONGEST"
    output_field = IntegerField()


class Seven(Value):
    def as_sql(self, compiler: Any, connection: Any) -> Any:
        raise AssertionError("no SQL is made")


class LoudUpper(Upper):
    """An ancestor has a meaning, but the SQL is another."""

    function = "LOUD"


class PoliteUpper(Upper):
    """The same in SQL as its ancestor."""


@pytest.fixture
def labels() -> FakeQuerySet:
    return FakeQuerySet(Label, [Label(pk=1, name="abc"), Label(pk=2, name="xy")])


@pytest.fixture(autouse=True)
def _forget_afterwards() -> Iterator[None]:
    tables = (registry.lookups, registry.functions, registry.aggregates, registry.expressions)
    before = [dict(table._own) for table in tables]
    yield
    for table, own in zip(tables, before, strict=True):
        table._own = own
        table._found.clear()


def test_a_projects_own_lookup_gets_a_meaning(labels: FakeQuerySet) -> None:
    with django_knows(CharField, Sounds):
        with pytest.raises(NotInMemoryError, match=r"Sounds has no meaning in memory.*register_lookup"):
            list(labels.filter(name__sounds="cba"))

        register_lookup(Sounds, lambda left, right: left == right[::-1])

        assert [label.pk for label in labels.filter(name__sounds="cba")] == [1]
        assert [label.pk for label in labels.exclude(name__sounds="cba")] == [2]


def test_a_projects_own_transform_gets_a_meaning(labels: FakeQuerySet) -> None:
    with django_knows(CharField, Backwards):
        register_transform(Backwards, lambda value: value[::-1])

        assert [label.pk for label in labels.filter(name__backwards="yx")] == [2]
        assert list(labels.order_by("name__backwards").values_list("name__backwards", flat=True)) == ["cba", "yx"]


def test_a_projects_own_function_gets_a_meaning(labels: FakeQuerySet) -> None:
    with pytest.raises(NotInMemoryError, match=r"Twice has no meaning in memory.*register_function"):
        list(labels.annotate(twice=Twice("name")))

    register_function(Twice, lambda value: value * 2)

    assert [label.twice for label in labels.annotate(twice=Twice("name"))] == ["abcabc", "xyxy"]


def test_null_is_handed_to_a_function_that_asks_for_it(labels: FakeQuerySet) -> None:
    register_function(Twice, lambda value: "none" if value is None else value, propagate_null=False)

    assert list(labels.annotate(twice=Twice(Value(None, CharField()))).values_list("twice", flat=True)) == ["none"] * 2


def test_a_projects_own_aggregate_gets_a_meaning(labels: FakeQuerySet) -> None:
    with pytest.raises(NotInMemoryError, match=r"Longest has no meaning in memory.*register_aggregate"):
        labels.aggregate(n=Longest("name"))

    register_aggregate(Longest, lambda values: max(map(len, values), default=None))

    assert labels.aggregate(n=Longest("name")) == {"n": 3}


def test_a_projects_own_window_function_gets_a_meaning(labels: FakeQuerySet) -> None:
    asked = labels.annotate(n=Window(SoFar("name"), order_by="-name")).order_by("name").values_list("n", flat=True)
    with pytest.raises(NotInMemoryError) as raised:
        list(asked)

    register_window_function(
        SoFar, lambda rows: [sum(len(name) for (name,) in rows[: n + 1]) for n in range(len(rows))]
    )

    assert str(raised.value) == (
        "tests.unit.queryset.test_registry.SoFar has no meaning in memory. Give this window function one with "
        "cluster.queryset.register_window_function(), or ask the database: save the cluster and query the live "
        "relation."
    )
    assert list(asked.all()) == [5, 2]


def test_a_projects_own_expression_gets_a_meaning(labels: FakeQuerySet) -> None:
    with pytest.raises(NotInMemoryError, match=r"Seven has no meaning in memory.*register_expression"):
        list(labels.annotate(seven=Seven(7)))

    register_expression(Seven, lambda expression, compiler: lambda row: expression.value)

    assert [label.seven for label in labels.annotate(seven=Seven(7))] == [7, 7]


def test_an_ancestors_meaning_serves_only_while_the_sql_is_the_same(labels: FakeQuerySet) -> None:
    assert [label.loud for label in labels.annotate(loud=PoliteUpper("name"))] == ["ABC", "XY"]
    with pytest.raises(NotInMemoryError, match="LoudUpper has no meaning in memory"):
        list(labels.annotate(loud=LoudUpper("name")))


def test_the_sql_of_a_class_is_told_by_the_names_it_defines() -> None:
    assert registry.says_other_sql(LoudUpper)
    assert not registry.says_other_sql(PoliteUpper)
    assert registry.says_other_sql(Sounds)


def test_registered_classes_are_listed() -> None:
    register_function(Twice, str)

    assert Twice in registry.functions.registered()
    assert F not in registry.functions.registered()


def test_a_class_without_any_known_ancestor_has_no_meaning():
    assert registry.functions.find(object) is None
