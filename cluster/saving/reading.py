"""What the database has now, read once per relation and level."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.db.models import Model, QuerySet

from cluster.relations import Relation
from cluster.relations.held import Key
from cluster.relations.state import concrete_attnames

# Well below the number of parameters that any backend takes in one statement.
CHUNK = 10_000

KnownRows = dict[Key, dict[str, Any]]


def chunks(values: Iterable[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    """Return the values in lists of at most ``size``, which fit into one statement."""
    remaining = iter(values)
    while chunk := list(islice(remaining, size)):
        yield chunk


def read_children(relation: Relation, parent_values: Sequence[Any], using: str) -> dict[Any, KnownRows]:
    """Return the rows of a child relation by the value with which they point at their parent.

    Rows that the default manager hides are not among them, as in Django's related managers.
    """
    attname = relation.field.attname
    found: dict[Any, KnownRows] = {value: {} for value in parent_values}
    for chunk in chunks(parent_values):
        rows = relation.among(relation.related_model._default_manager.using(using), chunk)
        for key, values in keyed_rows(relation.related_model, rows):
            found.setdefault(values[attname], {})[key] = values
    return found


def read_by_key(model: type[Model], pks: Iterable[Any], using: str) -> KnownRows:
    """Return the rows of a model that have one of the keys."""
    found: KnownRows = {}
    for chunk in chunks(pks):
        found.update(keyed_rows(model, model._base_manager.using(using).filter(pk__in=chunk)))
    return found


def keyed_rows(model: type[Model], queryset: QuerySet[Any]) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Return each row's key and values by attname."""
    attnames, concrete = concrete_attnames(model), model._meta.concrete_model
    pk_names = [each.attname for each in model._meta.pk_fields]
    for row in queryset.order_by().values_list(*attnames):
        values = dict(zip(attnames, row, strict=True))
        pk = tuple(values[name] for name in pk_names) if len(pk_names) > 1 else values[pk_names[0]]
        yield (concrete, pk), values  # type: ignore[misc]


def lock_rows(
    model: type[Model], pks: Iterable[Any], using: str, attnames: Sequence[str] = ()
) -> dict[Any, dict[str, Any]]:
    """Lock rows until the end of the transaction, in one order for all writers.

    Returns:
        By key of the rows that exist, the values that were asked for.
    """
    found: dict[Any, dict[str, Any]] = {}
    for chunk in chunks(pks):
        rows = model._base_manager.using(using).filter(pk__in=chunk).order_by("pk").select_for_update()
        found |= {pk: dict(zip(attnames, row, strict=True)) for pk, *row in rows.values_list("pk", *attnames)}
    return found


def read_links(relation: Relation, source_values: Sequence[Any], using: str) -> dict[Any, set[Any]]:
    """Return by source value the target values that the rows of the through model link it to."""
    source, target = link_fields(relation)
    found: dict[Any, set[Any]] = {value: set() for value in source_values}
    for chunk in chunks(source_values):
        rows = relation.rel.through._base_manager.using(using).filter(**{f"{source.attname}__in": chunk})
        for source_value, target_value in rows.order_by().values_list(source.attname, target.attname):
            found.setdefault(source_value, set()).add(target_value)
    return found


def is_mirrored(relation: Relation) -> bool:
    """Whether an object that is linked links back, as in a symmetrical many-to-many of a model to itself."""
    return bool(relation.rel.symmetrical and relation.rel.model is relation.field.model)


def link_fields(relation: Relation) -> tuple[Any, Any]:
    """Return the two keys of the through model: to the instance that holds the relation, and to what it links to."""
    meta = relation.rel.through._meta
    return meta.get_field(relation.field.m2m_field_name()), meta.get_field(relation.field.m2m_reverse_field_name())
