from __future__ import annotations

from typing import Any

import pytest
from django.db import models
from django.db.models.query import QuerySet
from django.test.utils import isolate_apps

from cluster.fields import ParentalKey
from cluster.models import ClusterableModel
from cluster.queryset import FakeQuerySet
from tests.support import build_band
from tests.testapp.models import Band, Label, Member, Playlist

pytestmark = pytest.mark.django_db

QUICK = ("all", "count", "exists", "first", "filter", "exclude", "order_by", "values", "values_list")


class Countless(QuerySet[Any]):
    def count(self) -> int:
        return -1


class Tagged(QuerySet[Any]):
    """A class whose constructor and copying are its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tag = "new"

    def _clone(self) -> Any:
        clone = super()._clone()
        clone.tag = f"{self.tag}, copied"
        return clone


class First(QuerySet[Any]):
    """A class whose constructor asks for less than all."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._query = self.query.chain()
        self._query.add_q(models.Q(name="a"))


class Prefetching(QuerySet[Any]):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prefetch_related_lookups = ("parent",)


class Reluctant(models.Manager[Any]):
    def filter(self, *args: Any, **kwargs: Any) -> Any:
        return super().filter(name="a")


def parent_with(manager: Any) -> Any:
    """Return an unsaved parent with two children, whose model has a manager."""

    class Parent(ClusterableModel):
        class Meta:
            app_label = "testapp"

    class Child(models.Model):
        parent = ParentalKey(Parent, related_name="children")
        name = models.CharField(max_length=9)
        objects = manager

        class Meta:
            app_label = "testapp"

    return Parent(children=[Child(name="a"), Child(name="b")])


@pytest.mark.parametrize("name", QUICK)
def test_a_relation_without_a_say_of_the_users_answers_quickly(name: str) -> None:
    assert getattr(type(Band().members), name).__module__ == "cluster.fields.quick_answers"


def test_what_is_asked_first_changes_nothing_for_what_is_asked_next() -> None:
    band = build_band(members=3)

    everything = band.members.all()
    some = everything.filter(name="member 1")

    assert (len(everything), len(some), band.members.count()) == (3, 1, 3)
    filtered = band.members.filter(name="member 1")
    assert (len(filtered.exclude(name="member 1")), len(filtered)) == (0, 1)
    asked = band.members.filter(models.Q(name="member 1"))
    assert (len(asked.filter(name="member 2")), len(asked)) == (0, 1)


def test_quick_answers_are_those_of_the_queryset() -> None:
    band = build_band(members=3)
    members = band.members

    assert (members.count(), members.exists(), members.first()) == (3, True, band.members.all()[0])
    assert list(members.order_by("-name").values_list("name", flat=True)) == ["member 2", "member 1", "member 0"]
    assert next(iter(members.values("name"))) == {"name": "member 0"}
    assert list(members.exclude(name="member 0")) == list(members.all())[1:]


def test_the_first_is_that_of_the_key_or_of_the_models_ordering() -> None:
    late, early = Member(pk=9, name="late"), Member(pk=2, name="early")

    assert Band(members=[late, early]).members.first() is early
    assert Playlist(entries=[]).entries.first() is None


def test_a_live_relation_is_asked_in_the_database(django_assert_num_queries: Any) -> None:
    band = build_band(members=2)
    band.save()

    with django_assert_num_queries(3):
        assert (band.members.count(), band.members.exists(), band.members.first().name) == (2, True, "member 0")
    assert not band.members.is_deferring


@isolate_apps("tests.testapp")
def test_a_method_of_the_users_queryset_is_asked() -> None:
    children = parent_with(Countless.as_manager()).children

    assert children.count() == -1
    assert children.filter(name="a").count() == -1


@isolate_apps("tests.testapp")
def test_a_method_of_the_users_manager_is_asked() -> None:
    assert [child.name for child in parent_with(Reluctant()).children.filter(name="b")] == ["a"]


class Homonyms(QuerySet[Any]):
    """Methods with names that one may well choose, and that this package could have chosen, too."""

    def of(self, name: str) -> Any:
        return self.filter(name=name)

    over = whole = relation = as_live = nulls_first = get_using = of


@isolate_apps("tests.testapp")
@pytest.mark.parametrize("name", ["of", "over", "whole", "relation", "as_live", "nulls_first", "get_using"])
def test_a_method_of_the_users_may_have_any_name(name: str) -> None:
    children = parent_with(Homonyms.as_manager()).children
    first, second = children.order_by("name")

    assert list(getattr(children, name)("a")) == [first]
    assert list(getattr(children.all(), name)("b")) == [second]
    assert list(children.filter(name="b") | children.order_by("name")[:1]) == [first, second]


def test_relations_have_no_public_names_but_those_of_django_and_of_the_reference() -> None:
    band = Band(pk=1)
    of_django = public_names(band.members.live_manager) | public_names(band.genres.live_manager)
    of_django.add("set_base")  # In Django 6.1, whose deserializer calls it.
    of_reference = {"acommit", "commit", "get_live_queryset", "get_object_list", "is_deferring", "live_manager"}

    assert public_names(band.members) | public_names(band.genres) <= of_django | of_reference
    assert public_names(band.members.all()) <= public_names(Member.objects.all())


def public_names(it: Any) -> set[str]:
    return {name for name in dir(it) if not name.startswith("_")}


@isolate_apps("tests.testapp")
def test_a_constructor_of_the_users_has_its_say() -> None:
    children = parent_with(Tagged.as_manager()).children

    assert (children.all().tag, children.all().filter(name="a").tag) == ("new", "new, copied")
    assert children.filter(name="a").tag == "new, copied"
    assert isinstance(children.filter(name="a"), FakeQuerySet)
    assert [child.name for child in children.all()] == ["a", "b"]


@isolate_apps("tests.testapp")
def test_a_constructor_that_asks_for_less_is_obeyed() -> None:
    children = parent_with(First.as_manager()).children

    assert (children.count(), [child.name for child in children.all()]) == (1, ["a"])
    assert list(children.filter(name="b")) == []


@isolate_apps("tests.testapp")
def test_a_constructor_that_sets_what_django_sets_is_obeyed(django_assert_num_queries: Any) -> None:
    parent = parent_with(Prefetching.as_manager())

    assert parent.children.all()._prefetch_related_lookups == ("parent",)
    with django_assert_num_queries(0):
        assert [child.parent for child in parent.children.all()] == [parent, parent]


def test_hints_and_known_objects_of_one_queryset_are_not_those_of_another() -> None:
    one, other = FakeQuerySet(Label, [Label(name="a")]).all(), Band(members=[]).members.all()
    band = Band(members=[Member(name="m")])

    one._add_hints(instance=band)
    merged = band.members.all() | band.members.filter(name="m")

    assert (one._hints, dict(other._hints), dict(Band().members.all()._hints)) == ({"instance": band}, {}, {})
    assert (len(merged), merged._known_related_objects) == (1, {})
    other._add_hints(instance=band)
    assert not Band(members=[]).members.all()._hints
