"""Fails when Django changes something private that the package relies on."""

from __future__ import annotations

import inspect

import django
import pytest
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import query
from django.db.models.fields.related_descriptors import (
    ReverseManyToOneDescriptor,
    create_forward_many_to_many_manager,
    create_reverse_many_to_one_manager,
)

from cluster._compat import classes_of, is_pk_set, save_options
from cluster.relations.outcome import COMMIT
from tests.testapp.models import Band, Stop


@pytest.mark.parametrize(
    ("instance", "expected"),
    [(Band(), False), (Band(pk=0), True), (Stop(number=1), False), (Stop(tour_id=1, number=1), True)],
)
def test_a_key_is_set_when_every_part_of_it_is(instance: models.Model, expected: bool):
    assert is_pk_set(instance) is expected


def test_bulk_create_prepares_each_instance_and_says_what_it_does():
    signature = inspect.signature(models.Model._prepare_related_fields_for_save)

    assert list(signature.parameters) == ["self", "operation_name", "fields"]
    assert 'operation_name="bulk_create"' in inspect.getsource(query.QuerySet._prepare_for_bulk_create)


def test_prefetching_asks_managers_as_ours_answer():
    source = inspect.getsource(query.prefetch_one_level)

    assert "prefetcher.get_prefetch_querysets(" in source
    assert "manager._apply_rel_filters(" in source
    assert "for rel_obj in all_related_objects:\n        rel_attr_val = rel_obj_attr(rel_obj)" in source


def test_django_makes_the_related_managers_that_ours_stand_beside():
    assert list(inspect.signature(create_reverse_many_to_one_manager).parameters) == ["superclass", "rel"]
    assert list(inspect.signature(create_forward_many_to_many_manager).parameters) == ["superclass", "rel", "reverse"]
    assert "related_manager_cls" in vars(ReverseManyToOneDescriptor)


def test_related_objects_are_one_list_until_models_change():
    assert Band._meta.related_objects is Band._meta.related_objects
    assert Band._meta.many_to_many is Band._meta.many_to_many


def test_positional_options_are_parsed_or_refused_as_in_django():
    options = {"force_insert": False, "force_update": False, "using": None, "update_fields": None}

    assert save_options(Band(), (), **options) == options
    if django.VERSION < (6, 0):
        with pytest.deprecated_call():
            assert save_options(Band(), (True,), **options) == options | {"force_insert": True}
    else:
        with pytest.raises(TypeError, match=r"Band\.save\(\) takes 1 positional argument but 2 were given"):
            save_options(Band(), (True,), **options)


def test_classes_that_this_django_lacks_are_left_out():
    assert classes_of(models, "Model", "NoSuchModel") == (models.Model,)


def test_connections_commit_by_the_method_that_ours_stands_in_for():
    assert callable(getattr(BaseDatabaseWrapper, COMMIT))
