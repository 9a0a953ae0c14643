from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models import F, JSONField, Q, Value
from django.db.models.fields.json import KT, HasKey, HasKeyOrArrayIndex, KeyTransform, KeyTransformIExact
from django.db.models.functions import JSONObject

from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet
from tests.differential.app.models import Specimen
from tests.unit.queryset_meanings.specimens import evaluated, matches

DATA = {"a": 1, "n": None, "s": "Text", "l": [1, "x"]}
TRUE: dict[str, Any] = {
    "a JSON null under a key": Q(json__n=None),
    "a key that is there": Q(json__n__isnull=False),
    "a key that is not there": Q(json__z__isnull=True),
    "text in any case": Q(json__s__iexact="tEXT"),
    "text in the case of another": Q(json__s__iexact=F("char")),
    "a part of the text of a value": Q(json__s__icontains="EX"),
    "text of the whole": Q(json__icontains='"S": "tex'),
    "a pattern": Q(json__s__regex="^T"),
    "a pattern in any case": Q(json__s__iregex="^t"),
    "keys": Q(json__has_keys=["a", "s"]),
    "any key": Q(json__has_any_keys=["z", "s"]),
    "a part": Q(json__contains={"l": [1]}),
    "a whole": Q(json__contained_by={**DATA, "more": 1}),
    "in a list": Q(json__a__in=[1.0, 2]),
    "in expressions": Q(json__a__in=[Value(1, JSONField()), Value(7, JSONField())]),
    "an index": HasKeyOrArrayIndex(F("json__l"), "1"),
}


FALSE: dict[str, Any] = {
    "not in expressions": Q(json__a__in=[Value(2, JSONField()), Value(7, JSONField())]),
    "nothing in expressions": Q(json__z__in=[Value(2, JSONField()), Value(None, JSONField())]),
    "nothing in a list": Q(json__z__in=[1]),
    "nothing in any case": Q(json__z__iexact="a"),
    "nothing as an expression": Q(json__a=F("json__z")),
    "no index": HasKeyOrArrayIndex(F("json__l"), "2"),
}


@pytest.mark.parametrize("condition", TRUE.values(), ids=TRUE.keys())
def test_a_lookup_of_json_finds(condition: Any) -> None:
    assert matches(condition, json=DATA, char="text")


@pytest.mark.parametrize("condition", FALSE.values(), ids=FALSE.keys())
def test_a_lookup_of_json_does_not_find(condition: Any) -> None:
    assert not matches(condition, json=DATA, char="text")


def test_iexact_none_is_a_json_null_or_before_django_6_1_a_key_that_is_not_there() -> None:
    is_null = KeyTransformIExact.can_use_none_as_rhs

    assert matches(Q(json__n__iexact=None), json=DATA) is is_null
    assert matches(Q(json__z__iexact=None), json=DATA) is not is_null


def test_text_under_a_key_is_compared_as_text() -> None:
    held = FakeQuerySet(Specimen, [Specimen(json=DATA)]).annotate(s=KT("json__s"), z=KT("json__z"))

    assert held.filter(s="Text", s__gt="A", s__gte="Text", s__lt="Z", s__lte="Text", s__in=["Text"]).exists()
    assert not held.filter(z="Text").exists()


def test_a_json_null_is_none_for_callers() -> None:
    assert evaluated(F("json__n"), json=DATA) is None
    assert evaluated(JSONObject(n=F("json__n"), s=KT("json__s")), json=DATA) == {"n": None, "s": "Text"}


PATHS: dict[str, tuple[Any, bool]] = {
    "a key": (KeyTransform("a", "json"), True),
    "another key": (F("json__z"), False),
    "a JSON null": (F("json__n"), True),
    "a key of an object in a list": (KeyTransform("f", KeyTransform("2", KeyTransform("l", "json"))), True),
    "a key of what is no object": (F("json__a__b"), False),
    "a key of what is not there": (F("json__z__b"), False),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "is_there"), PATHS.values(), ids=PATHS.keys())
def test_the_key_that_is_looked_for_may_be_a_path(path: Any, is_there: bool) -> None:
    stored = Specimen.objects.create(json={**DATA, "l": [1, "x", {"f": 2}]})
    held = FakeQuerySet(Specimen, [stored])

    assert held.filter(json__has_key=path).exists() is is_there
    assert Specimen.objects.filter(json__has_key=path).exists() is is_there
    # On the others nothing under a path is no NULL.
    if connection.vendor == "postgresql":
        assert held.exclude(json__has_key=path).exists() is Specimen.objects.exclude(json__has_key=path).exists()


def test_null_has_no_answer_to_whether_there_is_a_path() -> None:
    assert evaluated(HasKey(F("json"), KeyTransform("a", F("json"))), json=None) is None
    assert evaluated(HasKey(F("json"), KeyTransform("a", F("json"))), json={"b": 1}) is False


def test_another_expression_as_a_key_is_refused() -> None:
    with pytest.raises(NotInMemoryError, match="HasKey with an expression as its key"):
        matches(Q(json__has_key=F("char")), json=DATA)
