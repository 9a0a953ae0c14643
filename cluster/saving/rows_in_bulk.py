"""Write many rows of one table by one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connections
from django.db.models import Model
from django.db.models.constants import OnConflict

# Up to here single UPDATEs are as fast as an upsert, whose rows have to be locked first.
FEW = 2


def upsert_images(model: Any, images: list[Model], changed: Sequence[Any], using: str) -> None:
    """Write the given columns of rows that are known to exist, from instances that have all columns."""
    connection: Any = connections[using]
    fields = [each for each in model._meta.concrete_fields if not each.generated]
    targets = model._meta.pk_fields if connection.features.supports_update_conflicts_with_target else []
    size = max(connection.ops.bulk_batch_size(fields, images), 1)
    for start in range(0, len(images), size):
        # Not bulk_create(), whose pre_save(add=True) would make auto_now_add values anew.
        model._base_manager.using(using)._insert(
            images[start : start + size],
            fields=fields,
            using=using,
            raw=True,
            on_conflict=OnConflict.UPDATE,
            update_fields=changed,
            unique_fields=targets,
        )
