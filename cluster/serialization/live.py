"""What the database has of relations and fields that are not in memory, read for many objects at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.models import Model

from cluster._compat import is_pk_set
from cluster.fields.reading import in_key_order
from cluster.relations import Relation
from cluster.saving.reading import chunks
from cluster.serialization.plans import ModelPlan, plan_of
from cluster.serialization.rows import RowPlan, can_be_read_as_rows


def live_children(relation: Relation, values: Iterable[Any], using: str) -> Iterator[Any]:
    """Give the queryset of the children of parents, told by the values that the children point with; one query.

    They come through the default manager and in its order, as in Django's related managers; without one in that of
    their keys, so that data of the same rows is the same.
    """
    for chunk in chunks(dict.fromkeys(values)):
        yield in_key_order(relation.among(relation.related_model._default_manager.using(using), chunk))


def row_plan_for(plan: ModelPlan, queryset: Any, relation: Relation) -> RowPlan | None:
    """Return how to read children as rows, or ``None`` where only instances tell what their data is."""
    return RowPlan.of(plan, relation.field.attname) if can_be_read_as_rows(plan, queryset) else None


def source_field(relation: Relation) -> Any:
    """Return the field of the linking model whose values are in the rows of the through model."""
    through: Any = relation.rel.through._meta
    return through.get_field(relation.field.m2m_field_name()).target_field


def live_links(relation: Relation, values: Iterable[Any], using: str) -> dict[Any, list[Any]]:
    """Return the data of the keys that a many-to-many links to, by the value of the linking object, in one query."""
    name = f"{relation.field.related_query_name()}__{source_field(relation).attname}"
    part = plan_of(relation.related_model).key[0]
    found: dict[Any, list[Any]] = {}
    for chunk in chunks(dict.fromkeys(values)):
        rows = relation.related_model._default_manager.using(using).filter(**{f"{name}__in": chunk})
        for key, value in rows.values_list("pk", name):
            found.setdefault(value, []).append(part.to_data(key))
    return found


def live_fields(model: type[Model], instances: Sequence[Model], using: str) -> dict[Any, dict[str, Any]]:
    """Return the stored values of concrete fields by primary key, in one query."""
    attnames = [each.attname for each in model._meta.concrete_fields]
    found: dict[Any, dict[str, Any]] = {}
    for chunk in chunks(instance.pk for instance in instances if is_pk_set(instance)):
        rows = model._base_manager.using(using).filter(pk__in=chunk).order_by()
        for key, *values in rows.values_list("pk", *attnames):
            found[key] = dict(zip(attnames, values, strict=True))
    return found
