"""Children without key that are rows of the database: told by a natural key, or by what is unique in the parent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import router

from cluster.errors import Problem
from cluster.relations import Relation
from cluster.saving.reading import chunks
from cluster.saving.unique import UniqueSet, unique_sets
from cluster.serialization.nodes import ABSENT, Node
from cluster.serialization.options import LoadOptions
from cluster.serialization.reading import Reading
from cluster.serialization.targets import can_be_asked


@dataclass(frozen=True, slots=True)
class Way:
    """One way to tell the children of a parent apart.

    Attributes:
        unique: What is unique.
        fields: The fields that matter, but those that tell the parent.
        filled: The attnames of these.
    """

    unique: UniqueSet
    fields: tuple[Any, ...]
    filled: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """Whether the values of the fields themselves are unique, in every row."""
        return self.unique.is_plain and self.unique.condition is None

    def mark(self, owner: Any, values: Mapping[str, Any]) -> Any:
        """Return what no two children have in common, or ``None`` where nothing tells one apart."""
        taken = self.unique.exact_key({**values, **dict.fromkeys(self.filled, owner)})
        return None if taken is None else (owner, *taken)

    def mark_of(self, node: Node) -> Any:
        """Return the same of a child in the data, which may lack some of the values."""
        values = {each.attname: node.values[node.plan.positions[each]] for each in self.fields}
        return None if any(each is ABSENT for each in values.values()) else self.mark(_parent_value(node), values)


def match_children(reading: Reading, options: LoadOptions) -> set[int]:
    """Give the keys of live rows to children without key that stand for them; return the ``id()`` of these nodes.

    Level by level, as a child of a matched parent can be matched in turn: at most one query per relation and level.
    """
    matched: set[int] = set()
    taken = {(node.model._meta.concrete_model, node.key) for node in reading.nodes if node.key is not None}
    by_relation: dict[Any, list[Node]] = {}
    depth_of: dict[int, int] = {}
    for node in reading.nodes:
        depth = depth_of[id(node)] = depth_of.get(id(node.above), -1) + 1
        if node.key is None and node.relation is not None and ways_to_match(node.relation):
            by_relation.setdefault((depth, node.relation.field), []).append(node)
    for (_, _), nodes in sorted(by_relation.items(), key=lambda item: item[0][0]):
        matched |= match_level(nodes, taken, options)
    return matched


def ways_to_match(relation: Relation) -> list[Way]:
    """Return the ways to tell the children of one parent apart, the natural key first."""
    model = relation.related_model
    concrete = {each.name: each for each in model._meta.concrete_fields}
    natural: tuple[str, ...] = getattr(model, "natural_key_fields", ())
    sets = [*unique_sets(model)]
    # A part of what tells the parent is no natural key.
    if not relation.filled > set(natural) and concrete.keys() >= set(natural):
        sets.insert(0, UniqueSet(model, tuple(concrete[name] for name in natural)))
    if relation.is_in_key:
        sets.append(UniqueSet(model, tuple(model._meta.pk_fields)))
    filled = tuple(concrete[name].attname for name in relation.filled)
    return [
        Way(each, tuple(concrete[name] for name in each.names - relation.filled), filled)
        for each in sets
        if each.names <= concrete.keys()
    ]


def match_level(nodes: list[Node], taken: set[Any], options: LoadOptions) -> set[int]:
    """Match the children of one relation and level."""
    relation = nodes[0].relation
    assert relation is not None
    nodes = [node for node in nodes if _parent_value(node) not in (None, ABSENT)]
    if not nodes:
        return set()
    ways = ways_to_match(relation)
    attnames = sorted({each.attname for way in ways for each in way.fields})
    rows = list(live_rows(relation, {_parent_value(node) for node in nodes}, attnames, options.using))
    matched: set[int] = set()
    for way in ways:
        keys = {way.mark(owner, row): key for key, owner, row in rows}
        for node in nodes:
            mark = way.mark_of(node) if node.key is None else None
            if mark is not None and mark in keys:
                matched |= _take_row(node, keys[mark], taken, options)
    return matched


def _parent_value(node: Node) -> Any:
    assert node.above is not None
    value = node.above.values[node.above.plan.positions[node.parent_field.target_field]]
    return value if can_be_asked(value) else None


def _take_row(node: Node, key: Any, taken: set[Any], options: LoadOptions) -> set[int]:
    identity = (node.model._meta.concrete_model, key)
    if identity in taken:
        return set()
    taken.add(identity)
    node.key = key
    parts = key if node.plan.has_composite_key else (key,)
    for part, value in zip(node.plan.key, parts, strict=True):
        for position in part.positions:
            node.values[position] = value
    message = f"It is the {node.model._meta.object_name} with key {key!r}."
    options.report.matched.append(Problem(node.path, message))
    return {id(node)}


def live_rows(relation: Relation, owners: Iterable[Any], attnames: list[str], using: str | None) -> Iterable[Any]:
    """Give key, owner and values of the rows of parents, in one query."""
    model, attname = relation.related_model, relation.field.attname
    alias = using or router.db_for_read(model)
    for chunk in chunks(owners):
        rows = relation.among(model._base_manager.using(alias), chunk).order_by()
        for key, owner, *values in rows.values_list("pk", attname, *attnames):
            yield key, owner, dict(zip(attnames, values, strict=True))
