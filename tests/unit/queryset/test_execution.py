from __future__ import annotations

import pytest
from django.core.exceptions import FieldError
from django.db import connection
from django.db.models import Count, F, IntegerField, Subquery, Value, Window
from django.db.models.functions import Rank
from django.db.models.lookups import Exact

from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet, ListSource, held_queryset
from cluster.queryset.held_query import HeldQuery
from tests.testapp.models import Band, Genre, Label, Member

pytestmark = pytest.mark.django_db


def test_a_union_with_a_live_part_that_can_have_no_rows_is_the_other_part():
    held = FakeQuerySet(Label, [Label(pk=1, name="a")])
    nothing = Label.objects.filter(pk__in=[])

    assert list(held.values_list("name").union(nothing.values_list("name"))) == [("a",)]


def test_a_condition_on_an_aggregate_of_no_rows_gives_no_instance():
    assert list(FakeQuerySet(Label, []).filter(Exact(Count("pk"), 0))) == []


def test_a_query_on_held_objects_is_not_explained():
    with pytest.raises(NotInMemoryError) as raised:
        FakeQuerySet(Label, []).query.explain("default")

    assert str(raised.value) == (
        "Cannot explain a query on held Label objects: no SQL is run. Save the cluster and explain the live query."
    )


def test_a_queryset_without_a_model_can_be_made_as_by_django():
    assert FakeQuerySet().model is None


def test_a_query_of_djangos_is_taken_over_the_same_objects():
    labels = FakeQuerySet(Label, [Label(pk=1, name="a"), Label(pk=2, name="b")])

    labels.query = Label.objects.filter(name="b").query

    assert [label.pk for label in labels] == [2]


def test_a_query_on_held_objects_is_taken_as_it_is():
    labels = FakeQuerySet(Label, [Label(pk=1, name="a")])
    query = FakeQuerySet(Label, [Label(pk=2, name="b")]).all().query

    labels.query = query

    assert [label.pk for label in labels] == [2]


def test_a_compiler_needs_a_database():
    with pytest.raises(ValueError, match=r"^Need either using or connection$"):
        HeldQuery(Label).get_compiler()

    assert HeldQuery(Label).get_compiler(connection=connection).using == "default"


def test_a_value_without_a_kind_is_selected_by_no_database():
    labels = FakeQuerySet(Label, [Label(name="a")]).annotate(nothing=Value(None))

    with pytest.raises(FieldError, match="unknown output_field"):
        list(labels.values_list("nothing", flat=True))


def test_an_aggregate_of_no_rows_has_a_row_where_all_groups_are_constants():
    members = FakeQuerySet(Member, [])
    labels = FakeQuerySet(Label, [Label(name="a")])

    counted = members.annotate(one=Value(1)).values("one").annotate(number=Count("pk")).values("number")

    assert list(labels.annotate(number=Subquery(counted, IntegerField())).values_list("number", flat=True)) == [0]


def test_the_parts_of_a_tree_are_told_by_identity_before_they_have_keys():
    first, second = Genre(name="a"), Genre(name="b")
    bands = FakeQuerySet(Band, [Band(name="x", genres=[first, second]), Band(name="y", genres=[first])])

    found = bands.filter(genres__name="a").exclude(genres__name="b")

    assert [band.name for band in found] == ["y"]


def test_instances_are_not_made_from_the_values_of_another_part():
    members = FakeQuerySet(Member, [Member(pk=1, name="a")])

    with pytest.raises(NotInMemoryError) as raised:
        list(members.union(members.values_list("name")))

    assert str(raised.value) == (
        "Cannot make Member objects in memory of the values that another part of a combined query gives: select the "
        "same in all parts."
    )


@pytest.fixture
def by_facts() -> FakeQuerySet:
    """Bands whose facts are equal for Python and not for a database, and two that are equal for both."""
    facts = [True, 1, 1.0, {}, [], {"a": 1}, [["a", 1]], [True], [1], "1"]
    return FakeQuerySet(Band, [Band(pk=key, facts=fact) for key, fact in enumerate(facts, start=1)])


def test_groups_are_told_apart_as_json_is(by_facts):
    groups = list(by_facts.values_list("facts").annotate(number=Count("pk")).values_list("facts", "number"))

    assert list(map(repr, groups)) == [
        "(True, 1)", "(1, 2)", "({}, 1)", "([], 1)", "({'a': 1}, 1)", "([['a', 1]], 1)", "([True], 1)", "([1], 1)",
        "('1', 1)",
    ]  # fmt: skip


def test_repetitions_are_told_as_json_is(by_facts):
    shown = by_facts.values_list("facts", flat=True)

    assert len(shown.distinct()) == 9
    assert len(shown.union(shown)) == 9
    assert by_facts.aggregate(number=Count("facts", distinct=True)) == {"number": 9}


def test_partitions_and_peers_are_told_apart_as_json_is():
    bands = FakeQuerySet(Band, [Band(pk=key, facts={"a": fact}) for key, fact in enumerate([1, True], start=1)])
    by_value = Window(Count("pk"), partition_by=F("facts__a"))
    in_order = Window(Rank(), order_by=[F("facts__a")])

    counted = bands.annotate(number=by_value, rank=in_order).order_by("pk")

    assert list(counted.values_list("number", "rank")) == [(1, 1), (1, 2)]


@pytest.mark.parametrize("asked", [{"select": {"louder": "name"}}, {"tables": ["testapp_band"]}], ids=str)
def test_a_live_queryset_that_selects_sql_is_refused_in_memory(asked):
    held = held_queryset(Label.objects.extra(**asked), ListSource(Label, [Label(pk=1, name="a")]))

    with pytest.raises(NotInMemoryError) as raised:
        list(held.values())

    assert str(raised.value) == (
        "Cannot run extra() on held Label objects: it needs the database. Save the cluster first, or write it with "
        "expressions."
    )
