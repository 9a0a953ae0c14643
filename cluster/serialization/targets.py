"""Which of the objects that data points at are there: one query per model for the whole tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any

from django.db import router
from django.db.models import Model, Q

from cluster.relations.natural import natural_fields
from cluster.saving.reading import chunks
from cluster.serialization.incoming import NaturalKey
from cluster.serialization.nodes import ABSENT, Node

LARGEST_INTEGER = 2**63


@dataclass(slots=True)
class Targets:
    """What foreign keys and many-to-many keys point at.

    Attributes:
        wanted: By concrete model and field of it, the values that are pointed with.
        found: By field, the values that the database has.
        linked: The models that many-to-many or natural keys point at, of which whole objects are read.
        objects: Those objects, by concrete model and primary key, and by concrete model, field and value.
    """

    using: str | None
    wanted: dict[Any, dict[Any, set[Any]]] = field(default_factory=dict)
    found: dict[Any, set[Any]] = field(default_factory=dict)
    linked: set[Any] = field(default_factory=set)
    objects: dict[Any, Model] = field(default_factory=dict)

    def want(self, nodes: Iterable[Node]) -> None:
        """Note everything that the nodes point at."""
        for node in nodes:
            for position, key in node.plan.foreign_keys:
                value = node.values[position]
                if value.__class__ is NaturalKey:
                    self._want_named(value)
                elif value is not None and value is not ABSENT and key is not node.parent_field:
                    self._want(key.target_field, value)
            for relation in node.plan.links:
                if keys := node.links.get(relation.name):
                    self._want_links(relation.related_model, keys)

    def _want(self, target_field: Any, value: Any) -> None:
        model = target_field.model._meta.concrete_model
        self.wanted.setdefault(model, {}).setdefault(target_field, set()).add(value)

    def _want_named(self, key: NaturalKey) -> None:
        fields, concrete = natural_fields(key.model), key.model._meta.concrete_model
        # The rows that have one of several values might be a large part of the table.
        if len(fields) == 1:
            self.linked.add(concrete)
            self.wanted.setdefault(concrete, {}).setdefault(fields[0], set()).add(key.values[0])

    def _want_links(self, model: Any, keys: Iterable[Any]) -> None:
        concrete = model._meta.concrete_model
        self.linked.add(concrete)
        self.wanted.setdefault(concrete, {}).setdefault(model._meta.pk, set()).update(keys)

    def look_up(self) -> None:
        """Ask the database for all of them, through the base managers, so that what they hide elsewhere counts."""
        for model, by_field in self.wanted.items():
            read = self._read_objects if model in self.linked else self._read_values
            for condition in conditions_of(by_field):
                alias = self.using or router.db_for_read(model)
                read(model, model._base_manager.using(alias).filter(condition).order_by(), list(by_field))

    def _read_values(self, model: Any, rows: Any, fields: list[Any]) -> None:
        for row in rows.values_list(*(each.attname for each in fields)):
            for each, value in zip(fields, row, strict=True):
                self.found.setdefault(each, set()).add(value)

    def _read_objects(self, model: Any, rows: Any, fields: list[Any]) -> None:
        for row in rows:
            self.objects[model, row.pk] = row
            for each in fields:
                value = getattr(row, each.attname)
                self.found.setdefault(each, set()).add(value)
                self.objects[model, each, value] = row

    def has(self, target_field: Any, value: Any) -> bool:
        """Whether the database has a row of the field's model with this value."""
        return value in self.found.get(target_field, ())


def conditions_of(by_field: dict[Any, set[Any]]) -> Iterator[Q]:
    """Give the conditions that together find all values: one, unless there are more than fit into one statement."""
    pairs = [(each.attname, value) for each, values in by_field.items() for value in values if can_be_asked(value)]
    for chunk in chunks(pairs):
        values: dict[str, list[Any]] = {}
        for attname, value in chunk:
            values.setdefault(attname, []).append(value)
        yield reduce(or_, (Q(**{f"{attname}__in": asked}) for attname, asked in values.items()))


def can_be_asked(value: Any) -> bool:
    """Whether a database can have a value at all; a driver would raise for another."""
    if isinstance(value, int):
        return -LARGEST_INTEGER <= value < LARGEST_INTEGER
    if isinstance(value, str):
        return "\0" not in value and (value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value))
    if isinstance(value, tuple):
        return all(can_be_asked(each) for each in value)
    return True


@dataclass(slots=True)
class Tree:
    """What the data itself brings, and what may therefore be pointed at though the database does not have it.

    Attributes:
        around: What the data around these nodes brings.
    """

    nodes: list[Node]
    around: Tree | None = None
    _counts: dict[Any, Counter[Any]] = field(default_factory=dict)

    def has(self, target_field: Any, value: Any) -> bool:
        """Whether an object of the data has this value in the field."""
        if value in self._counts_of(target_field):
            return True
        return self.around is not None and self.around.has(target_field, value)

    def _counts_of(self, target_field: Any) -> Counter[Any]:
        """Return the values that the objects of the data have in a field, with the number of the objects."""
        if target_field not in self._counts:
            self._counts[target_field] = Counter(
                node.values[node.plan.positions[target_field]]
                for node in self.nodes
                if not node.is_dropped and target_field in node.plan.positions
            )
        return self._counts[target_field]

    def leave_out(self, node: Node) -> Iterator[tuple[Any, Any]]:
        """Forget an object that was dropped; give each field with the value that no other object has."""
        for target_field, counts in self._counts.items():
            if target_field in node.plan.positions:
                value = node.values[node.plan.positions[target_field]]
                counts[value] -= 1
                if not counts[value]:
                    del counts[value]
                    yield target_field, value
