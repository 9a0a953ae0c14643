"""Objects that have tags in common."""

from __future__ import annotations

from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import Count
from taggit.models import CommonGenericTaggedItemBase


def similar_objects(items: Any) -> list[Any]:
    """Return the tagged objects of a queryset of tagged items, those with the most items first.

    Each has the number of its items as ``similar_tags``. One query for the numbers, and one for each model.
    """
    is_generic = issubclass(items.model, CommonGenericTaggedItemBase)
    found = []
    for number, target, row in _generic(items) if is_generic else _of_one_model(items):
        row.similar_tags = number
        found.append((-number, target, row))
    return [row for _, _, row in sorted(found, key=lambda each: each[:2])]


def _of_one_model(items: Any) -> list[tuple[int, Any, Any]]:
    key: Any = items.model._meta.get_field("content_object")
    counts = dict(items.values_list(key.attname).annotate(n=Count("pk")).order_by())
    return _rows(key.related_model._default_manager.using(items.db), key.target_field.attname, counts)


def _generic(items: Any) -> list[tuple[int, Any, Any]]:
    by_kind: dict[Any, dict[Any, int]] = {}
    counted = items.values_list("content_type_id", "object_id").annotate(n=Count("pk")).order_by()
    for kind, key, number in counted:
        by_kind.setdefault(kind, {})[key] = number
    found = []
    for kind, counts in sorted(by_kind.items()):
        model = ContentType.objects.db_manager(items.db).get_for_id(kind).model_class()
        # A model may be gone, and its tagged items not.
        found += [] if model is None else _rows(model._default_manager.using(items.db), "pk", counts)
    return found


def _rows(rows: Any, attname: str, counts: dict[Any, int]) -> list[tuple[int, Any, Any]]:
    found = rows.filter(**{f"{attname}__in": counts})
    return [(counts[getattr(row, attname)], getattr(row, attname), row) for row in found]
