"""The objects of one level of a cluster, while snapshots are taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

from cluster.relations import ClusterState, Relation, state_of
from cluster.relations.state import has_row
from cluster.serialization.fields import Data, Pair, by_database
from cluster.serialization.plans import ModelPlan
from cluster.serialization.rows import RowPlan


@dataclass(slots=True)
class Group:
    """Objects of one class at one place of the cluster, with their data.

    Attributes:
        plan: The plan of the class, with what the options leave out at this place.
        path: The dotted path of the place, ending with a dot; only kept where options name paths.
        pairs: Each object, an instance or a row, with its data.
        rows: How to read the objects, where they are rows; their data has the fields already.
        using: The database that the rows came from.
        states: What the instances hold, looked up once for all relations.
    """

    plan: ModelPlan
    path: str
    pairs: list[Pair] = field(default_factory=list)
    rows: RowPlan | None = None
    using: str | None = None
    states: list[ClusterState | None] | None = None

    def in_memory(self, relation: Relation) -> tuple[list[tuple[Data, Sequence[Model]]], list[Pair]]:
        """Return the data of the objects that hold something in a relation with what they hold; and the live ones."""
        if self.rows is not None:
            return [], self.pairs
        known: list[tuple[Data, Sequence[Model]]] = []
        live: list[Pair] = []
        name, prefetched = relation.name, Prefetched(relation)
        if self.states is None:
            self.states = [state_of(instance) for instance, _ in self.pairs]
        for pair, state in zip(self.pairs, self.states, strict=True):
            objects: Sequence[Model] | None = None if state is None else state.held.get(name)
            if objects is None:
                objects = prefetched.objects_of(pair[0])
            if objects is None:
                live.append(pair)
            elif objects:
                known.append((pair[1], objects))
        return known, live

    def by_database(self, pairs: list[Pair], attname: str, using: str | None) -> dict[str, list[Pair]]:
        """Return by database the values that others point at some of the objects with, and the objects' data."""
        if self.rows is not None:
            index, alias = self.rows.index[attname], using or self.using or ""
            return {alias: [(row[index], data) for row, data in pairs]} if pairs else {}
        return {
            alias: [(getattr(instance, attname), data) for instance, data in same]
            for alias, same in by_database(pairs, using).items()
        }


@dataclass(slots=True)
class Walk:
    """The parents from which a relation was gone down.

    Attributes:
        levels: Those of the levels that were not compared yet, which most are never.
        marks: What tells those of the other levels.
    """

    levels: list[tuple[int, list[Pair]]] = field(default_factory=list)
    marks: set[Any] = field(default_factory=set)

    def meets(self, pairs: list[Pair], depth: int) -> bool:
        """Whether any of the objects was met on a level above; notes them."""
        upper = [level for level in self.levels if level[0] < depth]
        if upper:
            self.levels = [level for level in self.levels if level[0] == depth]
            self.marks.update(_mark(pair) for _, level in upper for pair in level)
        self.levels.append((depth, pairs))
        return bool(self.marks) and any(_mark(pair) in self.marks for pair in pairs)


def _mark(pair: Pair) -> Any:
    """Return what tells an object among those of its kind: its key, or itself while it has none."""
    owner, data = pair
    key = data["pk"]
    parts = key if isinstance(key, list) else [key]
    return ("object", id(owner)) if None in parts else ("key", *parts)


@dataclass(slots=True)
class Prefetched:
    """What was prefetched of a relation.

    Attributes:
        conditions: The number of conditions under which a row is in the relation, counted when first asked for.
    """

    relation: Relation
    conditions: int | None = None

    def objects_of(self, instance: Any) -> Sequence[Model] | None:
        """Return the objects of an instance that holds none; ``None`` where only the database knows all of them."""
        rows = instance.__dict__.get("_prefetched_objects_cache", {}).get(self.relation.name)
        if rows is not None and self._is_whole(rows, instance):
            return list(rows)
        return None if has_row(instance) else ()

    def _is_whole(self, rows: Any, instance: Any) -> bool:
        """Whether rows were prefetched without further conditions, as by ``Prefetch()`` with a queryset."""
        query = rows.query
        if self.conditions is None:
            manager = getattr(instance, self.relation.name)
            plain = manager._apply_rel_filters(self.relation.related_model._default_manager.get_queryset())
            self.conditions = len(plain.query.where.children)
        return not query.distinct_fields and len(query.where.children) == self.conditions
