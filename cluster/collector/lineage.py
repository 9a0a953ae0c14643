"""How collected rows hang together: why one was taken, and all of them as a tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from cluster.collector.edges import Kind, edges_of
from cluster.collector.rules import Role
from cluster.collector.walk import Batch, Walk
from cluster.errors import StaleClusterError


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

    def _step(self, batch: Batch, model: type[Model], key: Any) -> tuple[Batch, type[Model], Any]:
        edge: Any = batch.edge
        source = self._owner(batch, model, key) if edge.is_down else self._source(batch, model, key)
        if source is None:
            raise StaleClusterError(
                f"{model._meta.label} {key!r} hangs no longer on the row because of which it was taken. Ask why before"
                " rows are erased or changed."
            )
        found, owner = source
        return found, edge.source, owner

    def _owner(self, batch: Batch, model: type[Model], key: Any) -> tuple[Batch, Any] | None:
        """Return the batch and key of the row from which an edge down led to a row."""
        origin: Any = batch.origin
        owner = self._owners(batch.edge, model, [key]).get(key)
        return (origin, owner) if owner in origin.keys else None

    def _owners(self, edge: Any, model: type[Model], keys: list[Any]) -> dict[Any, Any]:
        """Return by key the keys of the rows from which an edge down led to rows; one query per chunk."""
        field = edge.field
        if edge.kind in (Kind.CHILD, Kind.INHERITOR):
            up = next(each for each in edges_of(model).keys if each.field is field)
            return {key: owner for key, _, owner in self.walk.pointers(model, up, keys)}
        name = field.object_id_field_name if edge.kind is Kind.GENERIC_CHILD else field.fk_field
        convert = edge.source._meta.pk.to_python
        return {
            key: convert(owner)
            for piece in self.walk.chunks(model, keys)
            for key, owner in self.walk.values(model, piece, [name])
        }

    def _source(self, batch: Batch, model: type[Model], key: Any) -> tuple[Batch, Any] | None:
        """Return the batch and key of a row that was collected before a row and points at it along an edge up."""
        edge: Any = batch.edge
        before = self.walk.batches[: self.walk.batches.index(batch)] if batch.origin is None else [batch.origin]
        places = {source: each for each in before if each.model is edge.source for source in each.keys}
        if edge.kind is Kind.MANY:
            pointing = (source for source, target in self.walk.links(edge, list(places)) if target == key)
        else:
            pointers = self.walk.pointers(edge.source, edge, list(places))
            pointing = (source for source, table, target in pointers if table is model and target == key)
        return next(((places[source], source) for source in pointing), None)

    def nested(self, format_callback: Callable[[Any], Any] | None) -> list[Any]:
        """Return the owned rows as nested lists."""
        below: dict[tuple[type[Model], Any] | None, list[tuple[type[Model], Any]]] = defaultdict(list)
        instances: dict[tuple[type[Model], Any], Any] = {}
        for batch in self.walk.batches:
            if batch.role is Role.OWN:
                self._hang(batch, below, instances)
        return _tree(below, instances, format_callback)

    def _hang(self, batch: Batch, below: Any, instances: Any) -> None:
        found = self.walk.read(batch.model, batch.keys)
        parents = self._parents(batch)
        for key in batch.keys:
            if key in found:
                instances[batch.model, key] = found[key]
                below[parents.get(key)].append((batch.model, key))

    def _parents(self, batch: Batch) -> dict[Any, tuple[type[Model], Any]]:
        edge = batch.edge
        if edge is None:
            return {}
        if edge.is_down:
            pairs: Any = self._owners(edge, batch.model, list(batch.keys)).items()
        elif edge.kind is Kind.MANY:
            pairs = ((target, source) for source, target in self.walk.links(edge, self.walk.owned[edge.source]))
        else:
            pointers = self.walk.pointers(edge.source, edge, self.walk.owned[edge.source])
            pairs = ((target, source) for source, _, target in pointers)
        return {key: (edge.source, parent) for key, parent in pairs}


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
