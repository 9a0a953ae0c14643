"""Reading one relation of many instances in one query, leaving the instances as they are."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from django.db import router
from django.db.models import Model, QuerySet

from cluster.relations import Relation
from cluster.relations.holding import held_list
from cluster.relations.state import has_row
from cluster.saving.reading import chunks


def objects_in(relation: Relation, instances: Sequence[Model], *, using: str | None = None) -> list[Sequence[Model]]:
    """Return what is in a relation of each instance, held or live, in one query for every 10,000 that are live.

    Nothing is held afterwards that was not, and no prefetched objects are used or left behind. Live rows come from the
    relation's default manager, in its order; children without one in that of their keys.

    Args:
        relation: A relation that all instances have.
        instances: The instances; those that were never saved and hold nothing have nothing.
        using: The database alias for live rows; the router's choice for reading by default.
    """
    held = [held_list(instance, relation) for instance in instances]
    live = [each for each, objects in zip(instances, held, strict=True) if objects is None and has_row(each)]
    rows: dict[Any, list[Model]] = {}
    key_of_instance: Any = id
    for chunk in chunks(live):
        key_of_instance = _read(relation, chunk, using, rows)
    return [
        list(objects) if objects is not None else rows.get(key_of_instance(each), []) if has_row(each) else []
        for each, objects in zip(instances, held, strict=True)
    ]


def related_objects(name: str, instances: Sequence[Model], *, using: str | None = None) -> list[Sequence[Model]]:
    """Return what is in a live many-to-many of each instance, in one query for every 10,000 of them.

    Those that were never saved have nothing.
    """
    saved = [each for each in instances if has_row(each)]
    rows: dict[Any, list[Model]] = {}
    key_of_instance: Any = id
    for chunk in chunks(saved):
        key_of_instance = _read_by(getattr(chunk[0], name), chunk, using, rows)
    return [rows.get(key_of_instance(each), []) if has_row(each) else [] for each in instances]


def _read(relation: Relation, instances: list[Model], using: str | None, rows: dict[Any, list[Model]]) -> Any:
    """Read the rows of live instances into ``rows`` and return what tells an instance's key there."""
    if not relation.is_child:
        return _read_by(getattr(instances[0], relation.name).live_manager, instances, using, rows)
    own, target = relation.field.attname, relation.parent_attname
    using = using or router.db_for_read(relation.related_model, instance=instances[0])
    children = relation.related_model._default_manager.using(using)
    # By value and not by instance, which Django would take apart one by one.
    for child in in_key_order(relation.among(children, {getattr(each, target) for each in instances})):
        rows.setdefault(getattr(child, own), []).append(child)
    return attrgetter(target)


def in_key_order(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return rows in their order; without one in that of their keys, as the database gives them in any.

    What was read before, as by ``prefetch_related()``, stays as it came.
    """
    is_settled = rows.ordered or rows.query.distinct_fields or rows._result_cache is not None
    return rows if is_settled else rows.order_by("pk")


def _read_by(manager: Any, instances: list[Model], using: str | None, rows: dict[Any, list[Model]]) -> Any:
    manager._db = using
    queryset, key_of_row, key_of_instance, *_ = manager.get_prefetch_querysets(instances)
    for row in queryset:
        rows.setdefault(key_of_row(row), []).append(row)
    return key_of_instance
