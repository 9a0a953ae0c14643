"""Whether a save goes to another database than the one that a cluster was loaded from."""

from __future__ import annotations

from typing import Any

from django.db import router
from django.db.models import Model
from django.db.models.base import ModelState


def is_other_database(instance: Model, using: str) -> bool:
    """Whether what was loaded with an instance says nothing of a database's rows.

    A primary is not another database than its replicas: the router sends it the writes of what was read from them, and
    lets objects of both be related.
    """
    if instance._state.db in {None, using}:
        return False
    if router.db_for_write(type(instance), instance=instance) != using:
        return True
    return not router.allow_relation(instance, _object_in(type(instance), using))


def _object_in(model: type[Model], using: str) -> Model:
    """Return an object without values that stands for any that was loaded from a database."""
    instance: Any = model.__new__(model)
    instance._state = ModelState()
    instance._state.db = using
    return instance  # type: ignore[no-any-return]
