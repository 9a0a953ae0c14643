from __future__ import annotations

from typing import Any

import pytest
from django.utils.module_loading import import_string

from cluster.queryset.private import NAMES, QUERY_ATTRIBUTES, QUERYSET_ATTRIBUTES
from tests.testapp.models import Label


def owner(path: str) -> Any:
    """Return a module or a class by its path."""
    try:
        return import_string(path)
    except ImportError:
        return __import__(path, fromlist=["_"])


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, names in NAMES.items() for name in names])
def test_django_has_every_private_name_that_is_relied_on(path: str, name: str) -> None:
    assert hasattr(owner(path), name)


def test_a_queryset_keeps_what_is_relied_on() -> None:
    assert set(vars(Label.objects.all())) >= QUERYSET_ATTRIBUTES


@pytest.mark.parametrize("name", sorted(QUERY_ATTRIBUTES))
def test_a_query_keeps_what_is_relied_on(name: str) -> None:
    assert hasattr(Label.objects.all().query, name)
