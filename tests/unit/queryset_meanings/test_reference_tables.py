"""The tables of the reference are those that the code gives, with this and with every older Django."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import django
import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sites.models import Site
from django.db import models
from django.db.models import QuerySet

from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet
from tests.docs.pages import ROOT

NEWEST = (6, 1)
ARGUMENTS = {
    "only": ["name"],
    "defer": ["name"],
    "using": ["default"],
    "select_related": ["content_type"],
    "fetch_mode": [getattr(models, "FETCH_PEERS", None)],
}


def load_tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_tables", ROOT / "docs" / "reference_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tables = load_tables()
NAMED = [(page, name) for page, named in tables.TABLES.items() for name in named]


@pytest.mark.parametrize(("page", "name"), NAMED, ids=lambda value: value)
def test_a_table_of_the_reference_lists_what_this_django_has(page: str, name: str) -> None:
    written = tables.written_table(page, name)

    rows = list(tables.TABLES[page][name]())

    assert [row for row in rows if row not in written] == []
    assert django.VERSION[:2] < NEWEST or written == rows


@pytest.mark.parametrize("name", sorted(tables.REFUSED_METHODS))
def test_a_method_listed_as_refused_raises(name: str) -> None:
    held = FakeQuerySet(Site, [Site(name="here")])

    with pytest.raises(NotInMemoryError, match=name):
        getattr(held, name)(*(["SELECT 1"] if name == "raw" else []))


@pytest.mark.parametrize("name", sorted(set(tables.WITHOUT_EFFECT) & set(dir(QuerySet))))
def test_a_method_listed_as_meaning_nothing_returns_the_same_instances(name: str) -> None:
    permission = Permission(name="here", content_type=ContentType(app_label="here"))
    held = FakeQuerySet(Permission, [permission])

    found = getattr(held, name)(*ARGUMENTS.get(name, []))

    assert [instance is permission for instance in found] == [True]


def test_every_public_name_of_queryset_is_there_in_memory() -> None:
    names = {name for name in dir(QuerySet) if not name.startswith("_")}

    assert names - set(dir(FakeQuerySet)) == set()
