from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import models
from django.test.utils import isolate_apps

from cluster.checks import check_clusterable_model
from cluster.fields import ParentalKey, ParentalManyToManyField
from cluster.models import ClusterableModel


def messages(model: type[models.Model]) -> list[tuple[str, Any]]:
    return [(message.id, message.hint) for message in model.check() if message.id.startswith("cluster.")]


@pytest.mark.django_db(databases=["default", "other"])
def test_the_models_of_the_tests_are_sound():
    # Other tests declare collectors that are wrong on purpose, and no database has every kind of constraint.
    of_models = [message for message in run_checks() if message.id.startswith(("cluster.E0", "cluster.W", "fields."))]
    # Links that are plain on purpose, as forms and copies are to take these too.
    plain = [message for message in of_models if message.id == "cluster.W001"]

    assert [message for message in of_models if message not in plain] == []
    assert {message.obj.model._meta.app_label for message in plain} <= {"behaviour", "roundtrip"}


@isolate_apps("tests.testapp")
def test_a_parental_key_to_a_model_that_is_not_there_is_left_to_the_check_of_django():
    class Child(models.Model):
        parent = ParentalKey("testapp.Missing", related_name="children")

        class Meta:
            app_label = "testapp"

    assert [message.id for message in Child.check()] == ["fields.E300"]


@isolate_apps("tests.testapp")
def test_a_parental_key_must_point_to_a_clusterable_model():
    class Plain(models.Model):
        class Meta:
            app_label = "testapp"

    class Child(models.Model):
        plain = ParentalKey(Plain, related_name="children")

        class Meta:
            app_label = "testapp"

    assert messages(Child) == [
        ("cluster.E001", "Derive Plain from cluster.models.ClusterableModel, or use a ForeignKey.")
    ]
    with pytest.raises(TypeError, match="Direct assignment to the reverse side of a related set is prohibited"):
        Plain().children = []
    assert not hasattr(Plain(pk=1).children, "commit")


@isolate_apps("tests.testapp")
def test_a_parental_key_must_have_a_way_back():
    class Parent(ClusterableModel):
        class Meta:
            app_label = "testapp"

    class Child(models.Model):
        parent = ParentalKey(Parent, related_name="+")

        class Meta:
            app_label = "testapp"

    assert messages(Child) == [("cluster.E002", "Give it another related_name, or use a ForeignKey.")]


@isolate_apps("tests.testapp")
def test_parental_links_must_be_on_a_clusterable_model():
    class Target(models.Model):
        class Meta:
            app_label = "testapp"

    class Plain(models.Model):
        targets = ParentalManyToManyField(Target)

        class Meta:
            app_label = "testapp"

    assert [message for message, _ in messages(Plain)] == ["cluster.E003"]


@isolate_apps("tests.testapp")
def test_plain_links_on_a_clusterable_model_are_warned_of():
    class Target(models.Model):
        class Meta:
            app_label = "testapp"

    class Parent(ClusterableModel):
        targets = models.ManyToManyField(Target)

        class Meta:
            app_label = "testapp"

    assert messages(Parent) == [
        (
            "cluster.W001",
            "Use ParentalManyToManyField to make the links a part of the cluster, or silence cluster.W001.",
        )
    ]


@isolate_apps("tests.testapp")
def test_two_relations_of_one_name_are_refused():
    class Base(ClusterableModel):
        class Meta:
            app_label = "testapp"

    class Derived(Base):
        class Meta:
            app_label = "testapp"

    class First(models.Model):
        base = ParentalKey(Base, related_name="parts")

        class Meta:
            app_label = "testapp"

    class Second(models.Model):
        derived = ParentalKey(Derived, related_name="parts", related_query_name="second")

        class Meta:
            app_label = "testapp"

    assert messages(Derived) == [("cluster.E004", "Give one of them another related_name.")]


@isolate_apps("tests.testapp")
def test_a_field_deconstructs_to_its_public_name():
    class Parent(ClusterableModel):
        links = ParentalManyToManyField("testapp.Genre")

        class Meta:
            app_label = "testapp"

    class Child(models.Model):
        parent = ParentalKey(Parent, related_name="parts")
        other = ParentalKey(Parent, models.SET_NULL, null=True, related_name="others")

        class Meta:
            app_label = "testapp"

    key, other = Child._meta.get_field("parent").deconstruct(), Child._meta.get_field("other").deconstruct()
    links = Parent._meta.get_field("links").deconstruct()

    assert key[1] == "cluster.fields.ParentalKey"
    assert key[3]["on_delete"] is models.CASCADE
    assert other[3]["on_delete"] is models.SET_NULL
    assert links[1] == "cluster.fields.ParentalManyToManyField"


@isolate_apps("tests.testapp")
def test_an_abstract_model_is_checked_in_the_models_derived_from_it():
    class Parent(ClusterableModel):
        plain = models.ManyToManyField("testapp.Genre", related_name="+")

        class Meta:
            app_label = "testapp"
            abstract = True

    class Derived(Parent):
        class Meta:
            app_label = "testapp"

    assert check_clusterable_model(Parent) == []
    assert [message.id for message in check_clusterable_model(Derived)] == ["cluster.W001"]
