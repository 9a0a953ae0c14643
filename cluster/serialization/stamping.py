"""The stamp that ``to_json(stamp=True)`` adds: by which form and migration data was written."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from django.db.models import Model

STAMP = "_cluster"
"""The key of the stamp in the root's data; readers that do not know it ignore it."""

FORMAT = 1


def stamp_of(model: type[Model]) -> dict[str, Any]:
    """Return the stamp of data of a model: the version of the format and the latest migration of its app."""
    return {"format": FORMAT, "migration": latest_migration(model._meta.app_label)}


@cache
def latest_migration(app_label: str) -> str | None:
    """Return the name of an app's last migration on disk, or ``None`` where it has none; no query."""
    apps.get_app_config(app_label)
    loader = MigrationLoader(None, ignore_no_migrations=True)
    leaves = sorted(name for _, name in loader.graph.leaf_nodes(app_label))
    return leaves[-1] if leaves else None
