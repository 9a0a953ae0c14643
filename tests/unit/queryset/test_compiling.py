from __future__ import annotations

import pytest
from django.db.models import CharField, F, IntegerField, Max, Q, Value
from django.db.models.functions import Cast, Concat, Substr

from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet
from cluster.queryset.compiling import Compiler
from tests.testapp.models import Band, Member, Show, Ticket

pytestmark = pytest.mark.django_db


def test_an_aggregate_of_a_key_to_come_passes_it_over():
    members = FakeQuerySet(Member, [Member(name="a", band=Band(name="x")), Member(name="b", band=Band(pk=3))])

    found = members.annotate(whose=F("band")).aggregate(text=Max(Cast("whose", CharField())))

    assert found == {"text": "3"}


def test_a_generated_column_behind_a_join_that_found_nothing_is_null():
    full, empty = Show(title="a", tickets=[Ticket(price=2, fee=3)]), Show(title="b", tickets=[])

    found = FakeQuerySet(Show, [full, empty]).values_list("title", "tickets__total")

    assert list(found) == [("a", 5), ("b", None)]


def test_a_condition_that_was_not_resolved_is_refused():
    with pytest.raises(NotInMemoryError) as raised:
        Compiler("default").compile(Q(name="x"))

    text = "Cannot evaluate <Q: (AND: ('name', 'x'))> in memory: it was not resolved against a query."
    assert str(raised.value) == text


def test_a_function_of_several_values_is_null_if_one_of_them_is():
    members = FakeQuerySet(Member, [Member(name="Ann", wage=2), Member(name="Bob")])

    found = members.annotate(part=Substr("name", Cast("wage", IntegerField()))).values_list("part", flat=True)

    assert list(found) == ["nn", None]


def test_a_list_may_mix_values_and_expressions():
    members = [Member(name="a", instrument="a"), Member(name="b", instrument="c"), Member(name="d", instrument="x")]

    found = FakeQuerySet(Member, members).filter(name__in=[F("instrument"), "b"])

    assert [member.name for member in found] == ["a", "b"]


def test_a_range_may_be_of_expressions():
    members = [Member(name="b", instrument="a"), Member(name="b", instrument="c")]

    found = FakeQuerySet(Member, members).filter(name__range=(F("instrument"), Concat(F("instrument"), Value("z"))))
    above = FakeQuerySet(Member, members).filter(name__range=(F("instrument"), "z"))

    assert list(found) == []
    assert [member.instrument for member in above] == ["a"]
