"""Whole columns of many instances at once: own fields, and fields behind forward keys."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Collection, Sequence
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import CompositePrimaryKey, Field, GeneratedField, JSONField, Model
from django.db.models.query_utils import DeferredAttribute

from cluster.queryset.columns import (
    column_reader,
    concrete_target,
    exact_type,
    is_plain_field,
    may_be_unsaved,
    plain_reader,
)
from cluster.queryset.related import related_instances

_NONE = type(None)

STRINGS = frozenset({str})
"""The types of what is asked for, where nothing but names is."""


class PlainColumn:
    """A column of a model's own table.

    Attributes:
        field: The field.
        kind: The type whose values need no preparing, if there is one.
        may_be_unsaved: Whether a value may be a key, or a place, that only saving gives.
        is_own_key: Whether this is the primary key of the model that is asked.
        path: The forward keys before the column.
    """

    __slots__ = (
        "_attname", "_exact", "_get", "_read", "_read_key", "_types", "field", "is_own_key", "kind", "may_be_unsaved",
        "path",
    )  # fmt: skip

    def __init__(self, field: Field[Any, Any]) -> None:
        self.field = field
        self.kind = exact_type(field)
        self.may_be_unsaved = may_be_unsaved(field)
        self.is_own_key = field.primary_key
        self.path: tuple[Any, ...] = ()
        self._attname = field.attname
        self._read = plain_reader(field)
        self._read_key = column_reader(field)
        self._exact = frozenset({self.kind})
        self._types = frozenset({self.kind, _NONE})
        # Attributes of Django's plain descriptor are read fastest as attributes, others past their descriptor.
        is_plain = field.descriptor_class is DeferredAttribute
        self._get = operator.attrgetter(field.attname) if is_plain else None

    def value(self, instance: Model) -> Any:
        """Return the value of one instance."""
        return self._read(instance)

    def key(self, instance: Model) -> Any:
        """Return the value of one instance, an ``UnsavedKey`` for a key to come."""
        return self._read_key(instance)

    def values(self, instances: Collection[Model], using: str | None = None) -> list[Any]:
        """Return the values of all instances; as fast as can be where they are of the field's own type."""
        get = self._get
        if get is not None:
            values = list(map(get, instances))
        else:
            attname = self._attname
            try:
                values = [item.__dict__[attname] for item in instances]
            except KeyError:
                return list(map(self._read, instances))
        if self._types.issuperset(map(type, values)):
            return values
        return list(map(self._read, instances))

    def sort_key(self, instances: Collection[Model]) -> Callable[[Any], Any] | None:
        """Return what gives the values of all instances, if they can be compared as they are."""
        get = self._get
        return get if get is not None and self._exact.issuperset(map(type, map(get, instances))) else None

    def keys(self, instances: Collection[Model], using: str | None = None) -> list[Any]:
        """Return the values of all instances, an ``UnsavedKey`` for each key to come."""
        values = self.values(instances)
        return list(map(self._read_key, instances)) if self.may_be_unsaved and None in values else values


class ForwardColumn(PlainColumn):
    """A column behind one or more forward keys; NULL where one of them is."""

    __slots__ = ()

    def __init__(self, path: tuple[Any, ...], field: Field[Any, Any]) -> None:
        super().__init__(field)
        self.path = path
        self.is_own_key = False

    def values(self, instances: Collection[Model], using: str | None = None) -> list[Any]:
        """Return the values of all instances, fetching targets that are not cached in one query per key."""
        targets = self._targets(instances, using)
        there = [target for target in targets if target is not None]
        values = super().values(there)
        if len(there) == len(targets):
            return values
        known = iter(values)
        return [None if target is None else next(known) for target in targets]

    def keys(self, instances: Collection[Model], using: str | None = None) -> list[Any]:
        """Return the values of all instances, an ``UnsavedKey`` for each key to come."""
        return [None if target is None else self.key(target) for target in self._targets(instances, using)]

    def _targets(self, instances: Collection[Model], using: str | None) -> list[Model | None]:
        targets: list[Model | None] = list(instances)
        for field in self.path:
            targets = follow(field, targets, using)
        return targets


def follow(field: Any, instances: Sequence[Model | None], using: str | None) -> list[Model | None]:
    """Return what a forward key of each instance points at."""
    name = field.cache_name
    try:
        return [None if item is None else item._state.fields_cache[name] for item in instances]
    except KeyError:
        pass  # Not all are cached.
    parents = list({id(item): item for item in instances if item is not None}.values())
    matches = related_instances(field, parents, using or "")
    return [next(iter(matches[id(item)]), None) if item is not None else None for item in instances]


# Names may come from a request: of those that were asked for once, not all are kept.
@functools.lru_cache(maxsize=1024)
def plain_column(model: type[Model], name: str) -> PlainColumn | None:
    """Return an own concrete column by field name, attname or ``pk``, if its values are plain."""
    try:
        field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    if not isinstance(field, Field) or not field.concrete or isinstance(field, (CompositePrimaryKey, GeneratedField)):
        return None
    # A many-to-many counts as concrete in Django 5.2.
    if field.is_relation and not (field.many_to_one or field.one_to_one):
        return None
    target = concrete_target(field)
    return PlainColumn(field) if is_plain_field(target) and not isinstance(target, JSONField) else None


def forward_column(
    model: type[Model], names: Sequence[str], path: tuple[Any, ...] = ()
) -> tuple[PlainColumn, Sequence[str]] | None:
    """Return the column that the first names lead to over forward keys, and the names behind it.

    A foreign key in the end is the column itself: no target is fetched for its key.
    """
    name, *rest = names
    column = plain_column(model, name)
    if column is None:
        return None
    if not _leads_on(column, rest, name):
        return (ForwardColumn(path, column.field) if path else column), rest
    return forward_column(column.field.related_model, rest, (*path, column.field))  # type: ignore[arg-type]


def _leads_on(column: PlainColumn, rest: Sequence[str], name: str) -> bool:
    field: Any = column.field
    if not rest or not field.is_relation or name != field.name or field.remote_field.parent_link:
        return False
    following = plain_column(field.related_model, rest[0])
    # The key of the target is the foreign key itself; Django trims that join.
    return following is not None and following.field is not concrete_target(field)
