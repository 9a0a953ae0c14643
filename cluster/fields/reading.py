"""Reading one relation of many instances in one query, leaving the instances as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Model

from cluster.relations import Relation
from cluster.relations.holding import held_list
from cluster.relations.state import has_row

# Well below the number of parameters that any backend takes in one statement.
CHUNK = 10_000


def objects_in(relation: Relation, instances: Sequence[Model], *, using: str | None = None) -> list[Sequence[Model]]:
    """Return what is in a relation of each instance, held or live, in one query for all that are live.

    Nothing is held afterwards that was not, and no prefetched objects are used or left behind. Live rows come from the
    relation's default manager, in its order.

    Args:
        relation: A relation that all instances have.
        instances: The instances; those that were never saved and hold nothing have nothing.
        using: The database alias for live rows; the router's choice for reading by default.
    """
    held = [held_list(instance, relation) for instance in instances]
    live = [each for each, objects in zip(instances, held, strict=True) if objects is None and has_row(each)]
    rows: dict[Any, list[Model]] = {}
    key_of_instance = _no_key
    for start in range(0, len(live), CHUNK):
        key_of_instance = _read(relation, live[start : start + CHUNK], using, rows)
    return [
        list(objects) if objects is not None else rows.get(key_of_instance(each), []) if has_row(each) else []
        for each, objects in zip(instances, held, strict=True)
    ]


def _no_key(instance: Model) -> Any:
    return None


def _read(relation: Relation, instances: list[Model], using: str | None, rows: dict[Any, list[Model]]) -> Any:
    """Read the rows of live instances into ``rows`` and return what tells an instance's key there."""
    manager = getattr(instances[0], relation.name).live_manager
    manager._db = using
    queryset, key_of_row, key_of_instance, *_ = manager.get_prefetch_querysets(instances)
    for row in queryset:
        rows.setdefault(key_of_row(row), []).append(row)
    return key_of_instance
