"""How collected rows hang together: why one was taken, and all of them as a tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from cluster.collector.edges import Edge, Kind
from cluster.collector.literals import among
from cluster.collector.rules import Role
from cluster.collector.walk import Batch, Walk


@dataclass(frozen=True, slots=True)
class Why:
    """Why a row was taken.

    Attributes:
        role: What the row is to the collection.
        rule: The key of the rule that said so; empty for the default of the edge.
        path: The names of the edges from a root to the row.
        rows: Label and key of each row on the way, root first, the row itself last.
    """

    role: Role
    rule: str
    path: tuple[str, ...]
    rows: tuple[tuple[str, Any], ...]

    def __str__(self) -> str:
        first, *others = [f"{label} {key}" for label, key in self.rows]
        way = "".join(f" -{name}-> {row}" for name, row in zip(self.path, others, strict=True))
        return f"{self.role.name} by {self.rule or 'default'}: {first}{way}"


class Lineage:
    """Finds the way from rows back to the roots."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk

    def why(self, model: type[Model], key: Any) -> Why | None:
        """Return why a row was taken, or ``None``."""
        batch = self._batch_of(model, key)
        if batch is None:
            return None
        names: list[str] = []
        rows = [(model._meta.label, key)]
        current: Batch | None = batch
        while current is not None and current.edge is not None:
            names.append(current.edge.name)
            current, model, key = self._step(current, model, key)
            rows.append((model._meta.label, key))
        rule = batch.rule.key if batch.rule is not None else ""
        return Why(batch.role, rule, tuple(reversed(names)), tuple(reversed(rows)))

    def _batch_of(self, model: type[Model], key: Any) -> Batch | None:
        return next((batch for batch in self.walk.batches if batch.model is model and key in batch.keys), None)

    def _step(self, batch: Batch, model: type[Model], key: Any) -> tuple[Batch | None, type[Model], Any]:
        edge: Any = batch.edge
        if edge.is_down and batch.origin is not None:
            return batch.origin, batch.origin.model, self._parent(edge, model, key)
        source = self._source(edge, key)
        return self._batch_of(edge.source, source), edge.source, source

    def _parent(self, edge: Edge, model: type[Model], key: Any) -> Any:
        """Return the key of the row from which an edge down led to a row."""
        field = edge.field
        row = self.walk.rows(model).filter(pk=key)
        if edge.kind in (Kind.GENERIC_CHILD, Kind.GENERIC_POINTER):
            name = field.object_id_field_name if edge.kind is Kind.GENERIC_CHILD else field.fk_field
            return edge.source._meta.pk.to_python(row.values_list(name, flat=True).get())
        return row.values_list(f"{field.name}__pk", flat=True).get()

    def _source(self, edge: Edge, key: Any) -> Any:
        """Return the key of a collected row that points at a row along an edge up."""
        collected = [*self.walk.owned[edge.source], *self.walk.referenced[edge.source]]
        if edge.kind is Kind.MANY:
            pairs = self.walk.links(edge, self.walk.owned[edge.source])
            return next(source for source, target in pairs if target == key)
        pointers = self.walk.pointers(edge.source, edge, collected)
        return next(source for source, _, target in pointers if target == key)

    def nested(self, format_callback: Callable[[Any], Any] | None) -> list[Any]:
        """Return the owned rows as nested lists."""
        below: dict[tuple[type[Model], Any] | None, list[tuple[type[Model], Any]]] = defaultdict(list)
        instances: dict[tuple[type[Model], Any], Any] = {}
        for batch in self.walk.batches:
            if batch.role is Role.OWN:
                self._hang(batch, below, instances)
        return _tree(below, instances, format_callback)

    def _hang(self, batch: Batch, below: Any, instances: Any) -> None:
        for keys in self.walk.chunks(batch.model, batch.keys):
            for row in self.walk.rows(batch.model).filter(among("pk", keys)).order_by("pk"):
                instances[batch.model, row.pk] = row
        parents = self._parents(batch)
        for key in batch.keys:
            if (batch.model, key) in instances:
                below[parents.get(key)].append((batch.model, key))

    def _parents(self, batch: Batch) -> dict[Any, tuple[type[Model], Any]]:
        edge = batch.edge
        if edge is None:
            return {}
        if not edge.is_down:
            owned = self.walk.owned[edge.source]
            pointers = self.walk.pointers(edge.source, edge, owned) if edge.kind is not Kind.MANY else ()
            pairs = self.walk.links(edge, owned) if edge.kind is Kind.MANY else ((s, t) for s, _, t in pointers)
            return {target: (edge.source, source) for source, target in pairs}
        name = edge.field.name
        if edge.kind is Kind.GENERIC_CHILD:
            name = edge.field.object_id_field_name
        elif edge.kind is Kind.GENERIC_POINTER:
            name = edge.field.fk_field
        else:
            name = f"{name}__pk"
        convert = edge.source._meta.pk.to_python
        return {
            key: (edge.source, convert(parent) if not isinstance(parent, tuple) else parent)
            for keys in self.walk.chunks(batch.model, batch.keys)
            for key, parent in self.walk.rows(batch.model).filter(among("pk", keys)).values_list("pk", name)
        }


def _tree(below: Any, instances: Any, format_callback: Callable[[Any], Any] | None) -> list[Any]:
    roots: list[Any] = []
    waiting = [(None, roots)]
    while waiting:
        parent, place = waiting.pop()
        for node in below.get(parent, ()):
            instance = instances[node]
            place.append(format_callback(instance) if format_callback else instance)
            if node in below:
                children: list[Any] = []
                place.append(children)
                waiting.append((node, children))
    return roots
