from __future__ import annotations

import pytest
from django.db import models
from django.db.models.expressions import DatabaseDefault
from django.db.models.functions import Length

from cluster.serialization.policy import Effect, effect_of, replacement_for
from tests.testapp.models import Label
from tests.upgrade.app.models import Loan, Subject


def leave_a_trace(collector, field, sub_objs, using):
    raise AssertionError


KINDS = [
    (models.CASCADE, Effect.DROP),
    (models.PROTECT, Effect.DROP),
    (models.RESTRICT, Effect.DROP),
    (models.SET_NULL, Effect.NULL),
    (models.SET_DEFAULT, Effect.DEFAULT),
    (models.SET(1), Effect.VALUE),
    (models.SET(list), Effect.VALUE),
    (models.DO_NOTHING, Effect.KEEP),
]
IN_THE_DATABASE = {"DB_CASCADE": Effect.DROP, "DB_SET_NULL": Effect.NULL, "DB_SET_DEFAULT": Effect.DEFAULT}
KINDS += [(getattr(models, name), effect) for name, effect in IN_THE_DATABASE.items() if hasattr(models, name)]


@pytest.mark.parametrize(("on_delete", "effect"), KINDS, ids=lambda value: getattr(value, "__name__", str(value)))
def test_every_on_delete_has_an_effect(on_delete, effect):
    assert effect_of(models.ForeignKey(Label, on_delete, null=True)) is effect


@pytest.mark.parametrize(("null", "effect"), [(True, Effect.NULL), (False, Effect.DROP)])
def test_a_function_of_the_projects_own_makes_the_key_null_where_it_may_be(null, effect):
    assert effect_of(models.ForeignKey(Label, leave_a_trace, null=null)) is effect


def test_an_object_given_to_set_stands_for_its_key():
    assert replacement_for(Loan._meta.get_field("set_object"), Effect.VALUE) == 1


def test_what_is_called_by_set_is_called_each_time():
    assert replacement_for(Loan._meta.get_field("set_callable"), Effect.VALUE) == 1


def test_a_default_of_the_database_stands_for_its_value_where_it_has_one():
    plain = models.ForeignKey(Subject, on_delete=models.SET_DEFAULT, db_default=1)
    made = models.ForeignKey(Subject, on_delete=models.SET_DEFAULT, db_default=Length(models.Value("a")))

    assert replacement_for(plain, Effect.DEFAULT) == 1
    assert isinstance(replacement_for(made, Effect.DEFAULT), DatabaseDefault)
