"""Collecting an unsaved cluster: its rows are held in memory, only what they point at is read.

Rows without a key get a provisional one, a negative number or what the key's default makes, so that they can point at
each other in a file; loaded as a copy they get real ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django.db.models import Model, UUIDField

from cluster.collector.book import Resolved, RuleBook, Step
from cluster.collector.edge_reader import Limits
from cluster.collector.edges import Edge, concrete, edges_of
from cluster.collector.held_reader import HeldReader, Row
from cluster.collector.keys import extended, is_composite
from cluster.collector.rules import Role
from cluster.collector.walk import Batch, Walk
from cluster.collector.writing import insertable
from cluster.errors import UnsavedParentError
from cluster.queryset import FakeQuerySet
from cluster.relations import Clusterable, HeldLinks, relations_of
from cluster.relations.describe import tables_of
from cluster.saving.reading import is_mirrored, link_fields
from cluster.serialization.outgoing import OMIT, expression_data


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An instance in memory, and how it was reached.

    Attributes:
        instance: The instance.
        key: Its key, or a provisional one.
        edge: The edge that led to it; ``None`` for the root.
        rule: The rule of that edge.
        origin: The batch of the instance that holds it.
        step: Where the rules that name paths go on below it.
        depth: How many edges it is away from the root.
    """

    instance: Model
    key: Any
    edge: Edge | None = None
    rule: Resolved | None = None
    origin: Batch | None = None
    step: Step | None = None
    depth: int = 0

    @property
    def role(self) -> Role:
        """What the row becomes."""
        return self.rule.role if self.rule is not None else Role.OWN


class HeldWalk(HeldReader, Walk):
    """A walk over instances that were never saved; what they point at is found in the database."""

    def __init__(self, book: RuleBook, limits: Limits) -> None:
        super().__init__(book, limits)
        self._batches: dict[tuple[type[Model], Edge | None, int], Batch] = {}
        self._next = 0

    def run_over(self, root: Model) -> None:
        """Collect an unsaved root with everything that it holds, and what that needs of the database."""
        waiting = deque([Held(instance=root, key=self._key_for(root), step=self.book.start)])
        found: list[tuple[Held, Batch]] = []
        while waiting:
            held = waiting.popleft()
            batch = self._take_held(held)
            found.append((held, batch))
            if held.role is Role.OWN and isinstance(held.instance, Clusterable):
                waiting += self._below(held, held.instance, batch)
        # Only now every instance has a key: a row may point at one that comes later.
        for held, _ in found:
            self._fill(held)
        self.batches = list(self._batches.values())
        for batch in self.batches:
            self._need(batch)
        self.climb()

    # Down -------------------------------------------------------------------------------------------------------------

    def _below(self, held: Held, instance: Clusterable, batch: Batch) -> Iterator[Held]:
        for relation in relations_of(type(instance)).children:
            children = instance.held_objects(relation.name) or ()
            yield from self._reached(held, batch, relation.field, children)
        for relation in relations_of(type(instance)).links:
            if relation.rel.through._meta.auto_created:
                self._hold_links(held, relation)
            else:
                for near, far in directions(relation):
                    yield from self._reached(held, batch, near, self._rows_between(held.instance, relation, near, far))

    def _reached(self, held: Held, batch: Batch, field: Any, instances: Sequence[Model]) -> Iterator[Held]:
        """Yield instances that belong to one by a foreign key, as far as the rules take them."""
        instances = [each for each in instances if id(each) not in self._keys]
        if not instances:
            return
        edge = self._edge(field)
        resolved = self.book.resolve(edge, held.step)
        if resolved.role not in (Role.OWN, Role.REF):
            self.referrers[edge.label] += len(instances)
            return
        if resolved.rule.condition is not None:
            taken = list(FakeQuerySet(type(instances[0]), instances).filter(resolved.rule.condition))
            self.referrers[edge.label] += len(instances) - len(taken)
            instances = taken
        for each in instances:
            yield Held(
                instance=each,
                key=self._key_for(each, field),
                edge=edge,
                rule=resolved,
                origin=batch,
                step=resolved.step,
                depth=held.depth + 1,
            )

    def _edge(self, field: Any) -> Edge:
        owner = concrete(field.related_model)
        # Of a generic relation, the edge's field is the relation itself.
        return next(edge for edge in edges_of(owner).down if edge.field is field.remote_field.field)

    def _rows_between(self, instance: Any, relation: Any, near: Any, far: Any) -> list[Model]:
        """Return the rows that link an instance by a through model of its own, as saving it would make them."""
        held = instance.held_objects(relation.name) or ()
        made = []
        for linked in self._saved_targets(instance, relation):
            defaults = held.defaults_of(linked) if isinstance(held, HeldLinks) else {}
            row = relation.rel.through(**defaults, **{far.name: linked})
            near.set_cached_value(row, instance)
            made.append(row)
        return made

    def _hold_links(self, held: Held, relation: Any) -> None:
        tables = tables_of(type(held.instance))
        edges = [edge for table in tables for edge in edges_of(table).many if edge.field is relation.field]
        targets = self._saved_targets(held.instance, relation)
        for edge in edges:
            self._links[edge] += [(held.key, target.pk) for target in targets]

    def _saved_targets(self, instance: Any, relation: Any) -> list[Model]:
        targets = list(instance.held_objects(relation.name) or ())
        for target in targets:
            if target.pk is None:
                raise UnsavedParentError(f"{relation.name} of {instance!r} links to {target!r}, which is not saved.")
        return targets

    # Rows -------------------------------------------------------------------------------------------------------------

    def _key_for(self, instance: Model, owner: Any = None) -> Any:
        """Return the key of an instance, or make a provisional one, and note it."""
        field: Any = instance._meta.pk
        key = instance.pk
        if is_composite(type(instance)):
            fields: list[Any] = list(field)
            key = tuple(self._value(part, instance) for part in fields)
        elif field.remote_field and key is None:
            key = self._target_key(field, instance)
        if key is None or hasattr(key, "resolve_expression"):
            key = field.get_default() if field.has_default() else None
        if key is None:
            self._next -= 1
            key = UUID(int=-self._next) if isinstance(field, UUIDField) else self._next
        self._keys[id(instance)] = key
        return key

    def _take_held(self, held: Held) -> Batch:
        model = concrete(held.instance)
        self.instances.append((model, held.key, held.instance))
        batch = self._enter(held, model, held.edge, held.origin)
        for table in tables_of(model)[1:]:
            link: Any = model._meta.get_ancestor_link(table)
            edge = next((edge for edge in edges_of(model).keys if edge.field is link), None)
            self._enter(held, table, edge or held.edge, batch)
        return batch

    def _enter(self, held: Held, table: type[Model], edge: Edge | None, origin: Batch | None) -> Batch:
        found = self.owned if held.role is Role.OWN else self.referenced
        found[table].add(held.key)
        place = (table, edge, id(origin))
        if place not in self._batches:
            self._batches[place] = Batch(
                model=table,
                role=held.role,
                edge=edge,
                origin=origin,
                rule=held.rule,
                step=held.step,
                depth=held.depth,
            )
        batch = self._batches[place]
        batch.keys = extended(batch.keys, [held.key])
        self._check_limits(batch)
        return batch

    def _fill(self, held: Held) -> None:
        """Enter the values of an instance, table by table."""
        model = concrete(held.instance)
        tables = tables_of(model)
        fields = [field for table in tables for field in insertable(table)]
        stored = {field.attname: self._stored(field, held.instance) for field in fields}
        values = {attname: value for attname, value in stored.items() if value is not OMIT}
        self._point_at_held(model, held.instance, values)
        for table in tables:
            row = {field.attname: values[field.attname] for field in insertable(table) if field.attname in values}
            if not is_composite(table):
                row[table._meta.pk.attname] = held.key
            self.held[table][held.key] = row

    def _stored(self, field: Any, instance: Model) -> Any:
        """Return what a save would store in a field; ``OMIT`` where only the database knows it."""
        value = self._value(field, instance)
        if hasattr(value, "resolve_expression"):
            return expression_data(field, instance, value)
        if value is None and (getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)):
            return field.pre_save(SimpleNamespace(), True)
        return value

    def _value(self, field: Any, instance: Model) -> Any:
        if not field.remote_field or not field.is_cached(instance):
            return getattr(instance, field.attname)
        return self._target_key(field, instance)

    def _target_key(self, field: Any, instance: Model) -> Any:
        target = field.get_cached_value(instance, default=None)
        if target is None:
            return getattr(instance, field.attname)
        if not field.target_field.primary_key:
            return getattr(target, field.target_field.attname)
        key = self.key_of(target)
        if key is None:
            raise UnsavedParentError(
                f"{field.name} of {instance!r} is {target!r}, which is neither saved nor part of the cluster."
            )
        return key

    def _point_at_held(self, model: type[Model], instance: Model, values: Row) -> None:
        """Give generic foreign keys that point at instances in memory the keys that these have in the file."""
        for edge in edges_of(model).generic:
            target = edge.field.get_cached_value(instance, default=None)
            if target is not None and id(target) in self._keys:
                values[edge.field.fk_field] = self._keys[id(target)]
                kind: Any = model._meta.get_field(edge.field.ct_field)
                # Generic tags leave it to the save.
                values[kind.attname] = values[kind.attname] or edge.field.get_content_type(obj=target).pk

    def _need(self, batch: Batch) -> None:
        columns = self._columns(batch.model)[1:]
        rows = self.held[batch.model]
        self._note_targets(batch, [(key, *(rows[key].get(name) for name in columns)) for key in batch.keys])
        for edge in edges_of(batch.model).many if batch.role is Role.OWN else ():
            keys = set(batch.keys)
            values = {target for source, target in self._links[edge] if source in keys}
            if edge.target is not None and values:
                self._want(batch, edge, edge.target, edge.target._meta.pk.attname, values)


def directions(relation: Any) -> list[tuple[Any, Any]]:
    """Return the keys of a through model to an instance and to what it links to, both ways where links are mutual."""
    source, target = link_fields(relation)
    return [(source, target), (target, source)] if is_mirrored(relation) else [(source, target)]
