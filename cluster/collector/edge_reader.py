"""Reading the rows of a table, and those at the end of an edge, in pieces that fit into a statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models import CharField, IntegerField, Model, QuerySet, TextField, UUIDField

from cluster.collector.book import RuleBook
from cluster.collector.content_types import ContentTypes, used_types
from cluster.collector.edges import Edge, Kind, generic_columns, link_columns, own_generic_keys
from cluster.collector.keys import chunk_size_for, in_order
from cluster.collector.literals import among
from cluster.saving.reading import chunks


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a walk may go; exceeding raises.

    Attributes:
        chunk_size: How many keys go into one statement.
        max_objects: How many rows may be collected.
        max_depth: How many edges down from the root.
    """

    chunk_size: int = 2000
    max_objects: int | None = None
    max_depth: int | None = None


class EdgeReader:
    """Reads rows, and what hangs together with them, from the database; what is collected is noted elsewhere."""

    def __init__(self, book: RuleBook, limits: Limits) -> None:
        self.book = book
        self.limits = limits
        self.using = book.using
        self.types = ContentTypes(book.databases.of_content_types())

    def chunks(self, model: type[Model], keys: Iterable[Any]) -> Iterator[list[Any]]:
        """Cut keys of a model into pieces that fit into a statement."""
        return chunks(keys, chunk_size_for(model, self.limits.chunk_size, self.using))

    def rows(self, model: type[Model]) -> QuerySet[Any]:
        """Return all rows of a model, also those that its default manager hides."""
        return model._base_manager.using(self.book.databases.of(model)).order_by()

    # Down -------------------------------------------------------------------------------------------------------------

    def related(self, edge: Edge, keys: list[Any]) -> QuerySet[Any] | None:
        """Return the rows at the end of an edge down, or ``None`` where there can be none."""
        field = edge.field
        if edge.kind in (Kind.GENERIC_CHILD, Kind.GENERIC_POINTER):
            return self._generic_rows(edge, keys)
        if edge.kind is Kind.FAR_LINK:
            _, column = link_columns(edge)
            return self.rows(field.remote_field.through).filter(among(column, keys))
        lookup = field.attname if field.target_field.primary_key else f"{field.name}__pk"
        return self.rows(field.model).filter(among(lookup, keys))

    def _generic_rows(self, edge: Edge, keys: list[Any]) -> QuerySet[Any] | None:
        field, holder = edge.field, edge.target
        is_relation = edge.kind is Kind.GENERIC_CHILD
        type_name = field.content_type_field_name if is_relation else field.ct_field
        id_name = field.object_id_field_name if is_relation else field.fk_field
        types = self.types.of(edge.source)
        if not is_relation:
            types = [number for number in types if number in self._used_types[holder, f"{type_name}_id"]]
        if not types or holder is None:
            return None
        if not (keys := as_object_ids(holder._meta.get_field(id_name), keys)):
            return None
        return self.rows(holder).filter(among(id_name, keys), **{f"{type_name}__in": types})

    @cached_property
    def _used_types(self) -> dict[tuple[Any, str], set[Any]]:
        """Which content types the generic foreign keys in reach point at: most point at few, and need not be asked."""
        models = [model for model in apps.get_models() if model._meta.managed and not self.book.out_of_reach(model)]
        pairs = [(model, generic_columns(field)[0]) for model in models for field in own_generic_keys(model)]
        return used_types(pairs, self.using)

    # What rows hold and point at --------------------------------------------------------------------------------------

    def key_of(self, instance: Model) -> Any:
        """Return the key under which an instance is collected."""
        return instance.pk

    def in_order(self, model: type[Model], keys: set[Any]) -> Sequence[Any]:
        """Return keys of a model in the order in which its rows are written."""
        return in_order(keys)

    def read(self, model: type[Model], keys: Iterable[Any]) -> dict[Any, Model]:
        """Return rows as instances by key."""
        return {
            row.pk: row for piece in self.chunks(model, keys) for row in self.rows(model).filter(among("pk", piece))
        }

    def values(self, model: type[Model], keys: list[Any], columns: list[str]) -> list[tuple[Any, ...]]:
        """Return the rows with some keys, as key and values of some columns."""
        return list(self.rows(model).filter(among("pk", keys)).values_list("pk", *columns))

    def unknown(self, model: type[Model], key: Any) -> Iterable[str]:
        """Return the names of the fields of a row whose values only the database will know, as of a row in memory."""
        return ()

    def links(self, edge: Edge, keys: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield source and target of the links that rows declare in a many-to-many, by source and target."""
        names = link_columns(edge)
        for piece in self.chunks(edge.source, keys):
            rows = self.rows(edge.field.remote_field.through).filter(among(names[0], piece))
            yield from rows.order_by(*names).values_list(*names).iterator(chunk_size=self.limits.chunk_size)

    def pointers(self, model: type[Model], edge: Edge, keys: Iterable[Any]) -> Iterator[tuple[Any, type[Model], Any]]:
        """Yield the key of each row, and the model and key of what it points at along an edge."""
        if edge.kind is Kind.GENERIC_TARGET:
            columns = [*generic_columns(edge.field)]
        elif edge.field.target_field.primary_key:
            columns = [edge.field.attname]
        else:
            columns = [f"{edge.field.name}__pk"]
        for piece in self.chunks(model, keys):
            for row in self.rows(model).filter(among("pk", piece)).values_list("pk", *columns).iterator():
                if (target := self._target(edge, row[1:])) is not None:
                    yield row[0], *target

    def _target(self, edge: Edge, values: tuple[Any, ...]) -> tuple[type[Model], Any] | None:
        if edge.target is not None:
            return None if values[0] is None else (edge.target, values[0])
        return self._generic_target(values[0], values[1])

    def _generic_target(self, number: Any, value: Any) -> tuple[type[Model], Any] | None:
        """Return the model and key that a generic foreign key names, if it can be a key of that model."""
        model = None if number is None or value is None else self.types.model(number)
        try:
            return None if model is None else (model, model._meta.pk.to_python(value))
        except ValidationError:
            return None


def as_object_ids(field: Any, keys: list[Any]) -> list[Any]:
    """Return keys as the object ids of a generic foreign key hold them, without those that it cannot hold."""
    if isinstance(field, CharField | TextField):
        return [str(key) for key in keys]
    kind = int if isinstance(field, IntegerField) else UUID if isinstance(field, UUIDField) else object
    return [key for key in keys if isinstance(key, kind)]
