"""A cluster as the rows that are compared."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import (
    BinaryField,
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    FileField,
    FloatField,
    ForeignKey,
    IntegerField,
    JSONField,
    Model,
    TextField,
    TimeField,
    UUIDField,
)

from cluster._compat import is_pk_set
from cluster.fields.reading import objects_in
from cluster.relations import relations_of
from cluster.relations.builtin import is_builtin
from cluster.relations.describe import kinds_of_owners
from cluster.relations.natural import keys_by_name, natural_key_of
from cluster.relations.per_model import PerModel
from cluster.serialization.outgoing import in_utc

Read = tuple[str, str, Callable[[Any, Any], Any] | None]

# Fields whose Python values are compared as they are.
SIMPLE = (BooleanField, CharField, DateField, DecimalField, FloatField, IntegerField, TextField, TimeField, UUIDField)


def rows_of(instance: Model, *, using: str | None = None) -> dict[str, Any]:
    """Return a cluster as rows in the shape of ``serializable_data()``, with Python values.

    What is held is taken from memory, what is live from the database with one query per relation and level. The
    instance stays as it is. Values that only the database can tell (generated fields, defaults of the database that are
    still to come) are left out, and so are values that are deferred.
    """
    root = _own_values(instance)
    level = [(instance, root)]
    while level:
        level = [below for same_model in _by_model(level) for below in _add_relations(same_model, using)]
    return root


def _by_model(level: Sequence[tuple[Model, dict[str, Any]]]) -> list[list[tuple[Model, dict[str, Any]]]]:
    grouped: dict[type[Model], list[tuple[Model, dict[str, Any]]]] = {}
    for instance, row in level:
        grouped.setdefault(type(instance), []).append((instance, row))
    return list(grouped.values())


def _add_relations(
    parents: list[tuple[Model, dict[str, Any]]], using: str | None
) -> list[tuple[Model, dict[str, Any]]]:
    """Add to the rows of one model what their relations have; return the children with their rows."""
    below: list[tuple[Model, dict[str, Any]]] = []
    relations = relations_of(type(parents[0][0]))
    instances = [instance for instance, _ in parents]
    for relation in relations.children:
        for (_, row), children in zip(parents, objects_in(relation, instances, using=using), strict=True):
            pairs = [(child, _own_values(child)) for child in children]
            row[relation.name] = [child_row for _, child_row in pairs]
            below += pairs
    for relation in relations.links:
        for (_, row), targets in zip(parents, objects_in(relation, instances, using=using), strict=True):
            row[relation.name] = [linked_key(target) for target in targets]
    return below


def linked_key(target: Model) -> Any:
    """Return the key of what is linked; while it has none, the natural key, if it has one."""
    return _as_data(target.pk if is_pk_set(target) else natural_key_of(target))


def _own_values(instance: Model) -> dict[str, Any]:
    row = {"pk": _as_data(_topmost_key(instance))}
    known = instance.__dict__
    for name, attname, convert in _reads_of(type(instance)):
        if attname not in known:
            continue
        value = known[attname]
        if hasattr(value, "resolve_expression"):
            continue
        row[name] = value if convert is None else convert(instance, value)
    for field in keys_by_name(type(instance)):
        target = field.get_cached_value(instance, default=None)
        if target is not None and target._state.adding and field.name in row:
            row[field.name] = _as_data(natural_key_of(target) or row[field.name])
    return row


def _as_data(key: Any) -> Any:
    return list(key) if isinstance(key, tuple) else key


def _topmost_key(instance: Model) -> Any:
    """Return the primary key as the first table of a multi-table model has it."""
    key: Any = instance._meta.pk
    while isinstance(key, ForeignKey) and key.remote_field.parent_link:
        key = key.target_field
    return getattr(instance, key.attname)


@PerModel
def _reads_of(model: type[Model]) -> tuple[Read, ...]:
    """Return how to read the compared fields of a model."""
    fields: Any = model._meta.concrete_fields
    kinds = kinds_of_owners(model)
    return tuple(_read_of(each) for each in fields if each.serialize and not each.generated and each.name not in kinds)


def _read_of(field: Any) -> Read:
    if isinstance(field, DateTimeField):
        return (field.name, field.attname, _in_utc)
    if isinstance(field, FileField):
        return (field.name, field.attname, _file_name)
    if isinstance(field, BinaryField):
        return (field.name, field.attname, Printed(field))
    if isinstance(field, ForeignKey) or (isinstance(field, (*SIMPLE, JSONField)) and is_builtin(type(field))):
        return (field.name, field.attname, None)
    return (field.name, field.attname, Printed(field))


class Printed:
    """Reads a value by the field's own ``value_to_string``, as Django's serializers do."""

    def __init__(self, field: Any) -> None:
        self.field = field

    def __call__(self, instance: Any, value: Any) -> Any:
        return None if value is None else self.field.value_to_string(instance)


def _in_utc(instance: Any, value: Any) -> Any:
    return in_utc(value) if isinstance(value, dt.datetime) else value


def _file_name(instance: Any, value: Any) -> Any:
    return getattr(value, "name", value) or ""
