"""Reading the rows of instances in memory as if they were in the database, and all other rows from there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Model

from cluster.collector.book import RuleBook
from cluster.collector.edge_reader import EdgeReader, Limits
from cluster.collector.edges import Edge, Kind, generic_columns
from cluster.collector.keys import in_order
from cluster.collector.literals import among

Row = dict[str, Any]


class HeldReader(EdgeReader):
    """Answers what a dump and a lineage ask, first from rows in memory; a walk over instances enters them.

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

    def key_of(self, instance: Model) -> Any:
        """Return the key of an instance, provisional where it has none of its own."""
        return self._keys.get(id(instance), instance.pk)

    def values(self, model: type[Model], keys: list[Any], columns: list[str]) -> list[tuple[Any, ...]]:
        """Return rows as key and values; those in memory first."""
        held = self.held.get(model, {})
        found = [(key, *(held[key].get(name) for name in columns)) for key in keys if key in held]
        others = [key for key in keys if key not in held]
        return found + (super().values(model, others, columns) if others else [])

    def unknown(self, model: type[Model], key: Any) -> Iterable[str]:
        """Return the names of the fields that a row in memory has no value for."""
        row = self.held.get(model, {}).get(key)
        return () if row is None else [field.name for field in model._meta.local_fields if field.attname not in row]

    def links(self, edge: Edge, keys: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield the links that are held."""
        wanted = set(keys)
        yield from sorted(pair for pair in self._links[edge] if pair[0] in wanted)

    def pointers(self, model: type[Model], edge: Edge, keys: Iterable[Any]) -> Iterator[tuple[Any, type[Model], Any]]:
        """Yield what rows point at, from memory where they are held."""
        held = self.held.get(model, {})
        listed = list(keys)
        values = {key: self._pointing_values(edge, held[key]) for key in listed if key in held}
        places = self._places(edge, values.values())
        for key, pair in values.items():
            if (target := self._target(edge, pair)) is not None:
                yield key, target[0], places.get(target[1], target[1])
        yield from super().pointers(model, edge, [key for key in listed if key not in held])

    def _pointing_values(self, edge: Edge, row: Row) -> tuple[Any, ...]:
        if edge.kind is Kind.GENERIC_TARGET:
            return tuple(map(row.get, generic_columns(edge.field)))
        return (row.get(edge.field.attname),)

    def _places(self, edge: Edge, values: Iterable[tuple[Any, ...]]) -> Mapping[Any, Any]:
        """Return the keys of rows that are pointed at by another field than their key."""
        target: Any = edge.target
        if target is None or edge.field.target_field.primary_key:
            return {}
        name = edge.field.target_field.attname
        rows = self.rows(target).filter(among(name, {value for (value,) in values} - {None}))
        return {**dict(rows.values_list(name, "pk")), **{row[name]: key for key, row in self.held[target].items()}}

    def in_order(self, model: type[Model], keys: set[Any]) -> Sequence[Any]:
        """Return keys in the order in which the rows are held."""
        held = self.held.get(model, {})
        return [*(key for key in held if key in keys), *in_order(keys - held.keys())]

    def read(self, model: type[Model], keys: Iterable[Any]) -> dict[Any, Model]:
        """Return rows by key: those in memory as they are, the others from the database."""
        wanted = set(keys)
        found = {key: row for table, key, row in self.instances if table is model and key in wanted}
        return {**found, **super().read(model, wanted - found.keys() - self.held.get(model, {}).keys())}
