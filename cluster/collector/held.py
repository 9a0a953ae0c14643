"""Collecting an unsaved cluster: its rows are held in memory, only what they point at is read.

Rows without a key get a provisional one, a negative number or what the key's default makes, so that they can point at
each other in a file; loaded as a copy they get real ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import CompositePrimaryKey, Model

from cluster.collector.book import RuleBook
from cluster.collector.edges import Edge, Kind, concrete
from cluster.collector.rules import Role
from cluster.collector.walk import Batch, Limits, Walk
from cluster.collector.writing import insertable, key_attnames
from cluster.errors import UnsavedParentError
from cluster.relations import Clusterable, relations_of

Row = dict[str, Any]


class HeldWalk(Walk):
    """A walk over instances that were never saved; what they point at is found in the database.

    Attributes:
        held: By model and key the values of the rows in memory, by attname.
        instances: The instances in memory, parents first.
    """

    def __init__(self, book: RuleBook, limits: Limits) -> None:
        super().__init__(book, limits)
        self.held: dict[type[Model], dict[Any, Row]] = defaultdict(dict)
        self.instances: list[tuple[type[Model], Any, Model]] = []
        self._keys: dict[int, Any] = {}
        self._links: dict[Edge, list[tuple[Any, Any]]] = defaultdict(list)
        self._next = 0

    def run_over(self, root: Model) -> None:
        """Collect an unsaved root with everything that it holds, and what that needs of the database."""
        waiting: list[tuple[Model, Any, int]] = [(root, None, 0)]
        batches: dict[tuple[type[Model], Any, int], Batch] = {}
        while waiting:
            instance, relation, depth = waiting.pop(0)
            self._take_instance(instance, relation, depth, batches)
            if isinstance(instance, Clusterable):
                for child_relation in relations_of(type(instance)).children:
                    children = instance.held_objects(child_relation.name) or ()
                    waiting += [(child, child_relation, depth + 1) for child in children]
        self.batches = list(batches.values())
        for model, rows in list(self.held.items()):
            self._need(model, rows)
        self.climb()

    def _take_instance(self, instance: Model, relation: Any, depth: int, batches: Any) -> None:
        model = concrete(instance)
        fields: list[Any] = list(model._meta.concrete_fields)
        values = {field.attname: self._value(field, instance) for field in fields}
        if relation is not None:
            values[relation.field.attname] = self._target_key(relation.field, instance)
        key = self._key(model, instance, values)
        self._keys[id(instance)] = key
        self.instances.append((model, key, instance))
        for table in (model, *map(concrete, model._meta.all_parents)):
            row = {field.attname: values.get(field.attname) for field in insertable(table)}
            if not isinstance(table._meta.pk, CompositePrimaryKey):
                row[table._meta.pk.attname] = key
            self._enter(table, key, row, relation if table is model else None, depth, batches)
        self._hold_links(model, key, instance)

    def _value(self, field: Any, instance: Model) -> Any:
        value = getattr(instance, field.attname)
        if value is None and field.remote_field and field.is_cached(instance):
            return self._target_key(field, instance)
        return value

    def _target_key(self, field: Any, instance: Model) -> Any:
        target = field.get_cached_value(instance, default=None)
        if target is None or id(target) not in self._keys:
            return getattr(instance, field.attname)
        return self._keys[id(target)] if field.target_field.primary_key else getattr(target, field.target_field.attname)

    def _key(self, model: type[Model], instance: Model, values: Row) -> Any:
        field: Any = model._meta.pk
        if isinstance(field, CompositePrimaryKey):
            return tuple(values[name] for name in key_attnames(model))
        if instance.pk is not None:
            return instance.pk
        if field.has_default():
            return field.get_default()
        self._next -= 1
        return self._next

    def _enter(self, table: type[Model], key: Any, row: Row, relation: Any, depth: int, batches: Any) -> None:
        self.held[table][key] = row
        self.owned[table].add(key)
        edge = self._edge(relation) if relation is not None else None
        place = (table, edge, depth)
        if place not in batches:
            batches[place] = Batch(table, [], edge, None, Role.OWN, None, None, depth)
        batches[place].keys = [*batches[place].keys, key]
        self._check_limits(batches[place])

    def _edge(self, relation: Any) -> Edge:
        owner = concrete(relation.field.related_model)
        return next(edge for edge in self.book.edges(owner).down if edge.field is relation.field)

    def _hold_links(self, model: type[Model], key: Any, instance: Model) -> None:
        if not isinstance(instance, Clusterable):
            return
        tables = (model, *map(concrete, model._meta.all_parents))
        by_name = {edge.name: edge for table in tables for edge in self.book.edges(table).many}
        for relation in relations_of(type(instance)).links:
            for target in instance.held_objects(relation.name) or ():
                if target.pk is None:
                    raise UnsavedParentError(
                        f"{relation.name} of {instance!r} links to {target!r}, which is not saved."
                    )
                if relation.name in by_name:
                    self._links[by_name[relation.name]].append((key, target.pk))

    def _need(self, model: type[Model], rows: dict[Any, Row]) -> None:
        batch = Batch(model, [], None, None, Role.OWN, None, self.book.start, 0)
        columns = self._columns(model)[1:]
        self._note_targets(batch, [(key, *(row.get(name) for name in columns)) for key, row in rows.items()])
        for edge in self.book.edges(model).many:
            values = {target for _, target in self._links[edge]}
            if edge.target is not None and values:
                self._want(batch, edge, edge.target, edge.target._meta.pk.attname, values)

    # What a dump asks -------------------------------------------------------------------------------------------------

    def values(self, model: type[Model], keys: list[Any], columns: list[str]) -> list[tuple[Any, ...]]:
        """Return rows as key and values; those in memory first."""
        held = self.held.get(model, {})
        found = [(key, *(held[key].get(name) for name in columns)) for key in keys if key in held]
        others = [key for key in keys if key not in held]
        return found + (super().values(model, others, columns) if others else [])

    def links(self, edge: Edge, keys: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield the links that are held."""
        wanted = set(keys)
        yield from sorted(pair for pair in self._links[edge] if pair[0] in wanted)

    def pointers(self, model: type[Model], edge: Edge, keys: Iterable[Any]) -> Iterator[tuple[Any, type[Model], Any]]:
        """Yield what rows point at, from memory where they are held."""
        held = self.held.get(model, {})
        listed = list(keys)
        for key in listed:
            if key in held and edge.kind is not Kind.GENERIC_TARGET and edge.target is not None:
                value = held[key].get(edge.field.attname)
                if value is not None:
                    yield key, edge.target, value
        yield from super().pointers(model, edge, [key for key in listed if key not in held])
