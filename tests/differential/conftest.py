from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from cluster.queryset import FakeQuerySet
from tests.differential.app.models import Origin, Part, Seat, Specimen, Tag
from tests.differential.rows import stored_rows


@dataclass(frozen=True, slots=True)
class Both:
    """The same rows in the database and in memory."""

    held: dict[type, QuerySet]  # type: ignore[type-arg]

    def live(self, model: type = Specimen) -> QuerySet:  # type: ignore[type-arg]
        return model._default_manager.all()  # type: ignore[attr-defined,no-any-return]

    def memory(self, model: type = Specimen) -> QuerySet:  # type: ignore[type-arg]
        return self.held[model].all()


@pytest.fixture(autouse=True)
def zone_that_the_server_knows(db: None) -> Iterator[None]:
    """Work in UTC where MariaDB was not given the time zone tables, without which it converts every moment to NULL."""
    if connection.features.has_zoneinfo_database:
        yield
        return
    with timezone.override("UTC"):
        yield


@pytest.fixture(scope="module")
def both(django_db_setup: None, django_db_blocker) -> Iterator[Both]:  # type: ignore[no-untyped-def]
    with django_db_blocker.unblock(), stored_rows():
        models = (Specimen, Origin, Part, Seat, Tag)
        yield Both({model: FakeQuerySet(model, list(model._default_manager.order_by("pk"))) for model in models})
