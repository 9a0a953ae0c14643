"""Children without key that are rows of the database: told by a natural key, or by what is unique in the parent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import router
from django.db.models import UniqueConstraint

from cluster.errors import Problem
from cluster.relations import Relation
from cluster.saving.frozen import hashable
from cluster.saving.reading import chunks
from cluster.serialization.nodes import ABSENT, Node
from cluster.serialization.options import LoadOptions
from cluster.serialization.reading import Reading
from cluster.serialization.targets import can_be_asked


def match_children(reading: Reading, options: LoadOptions) -> set[int]:
    """Give the keys of live rows to children without key that stand for them; return the ``id()`` of these nodes.

    Level by level, as a child of a matched parent can be matched in turn: at most one query per relation and level.
    """
    matched: set[int] = set()
    taken = {(node.model._meta.concrete_model, node.key) for node in reading.nodes if node.key is not None}
    by_relation: dict[Any, list[Node]] = {}
    depth_of: dict[int, int] = {}
    for node in reading.nodes:
        depth = depth_of[id(node)] = 0 if node.above is None else depth_of[id(node.above)] + 1
        if node.key is None and node.relation is not None and ways_to_match(node.relation):
            by_relation.setdefault((depth, node.relation.field), []).append(node)
    for (_, _), nodes in sorted(by_relation.items(), key=lambda item: item[0][0]):
        matched |= match_level(nodes, taken, options)
    return matched


def ways_to_match(relation: Relation) -> list[tuple[Any, ...]]:
    """Return the sets of fields of which each tells the children of one parent apart."""
    meta, filled = relation.related_model._meta, relation.filled
    natural: tuple[str, ...] = getattr(relation.related_model, "natural_key_fields", ())
    # A part of what tells the parent is no natural key.
    sets = [] if filled > set(natural) else [natural]
    sets += [names for names in meta.unique_together if filled <= set(names)]
    sets += [_fields_of(each) for each in meta.constraints if _tells_apart(each, filled)]
    sets += [(each.name,) for each in meta.concrete_fields if each.unique and not each.primary_key]
    found = []
    for names in sets:
        fields = tuple(meta.get_field(name) for name in names if name not in filled)
        if all(each.concrete for each in fields):
            found.append(fields)
    return found


def _tells_apart(constraint: Any, filled: frozenset[str]) -> bool:
    return (
        isinstance(constraint, UniqueConstraint) and constraint.condition is None and filled <= set(constraint.fields)
    )


def _fields_of(constraint: Any) -> tuple[str, ...]:
    return tuple(constraint.fields)


def match_level(nodes: list[Node], taken: set[Any], options: LoadOptions) -> set[int]:
    """Match the children of one relation and level."""
    relation = nodes[0].relation
    assert relation is not None
    nodes = [node for node in nodes if _parent_value(node) not in (None, ABSENT)]
    if not nodes:
        return set()
    ways = ways_to_match(relation)
    attnames = list(dict.fromkeys(each.attname for way in ways for each in way))
    rows = list(live_rows(relation, {_parent_value(node) for node in nodes}, attnames, options.using))
    matched: set[int] = set()
    for way in ways:
        keys = {(owner, *(row[each.attname] for each in way)): key for key, owner, row in rows}
        for node in nodes:
            if node.key is None and (key := keys.get(_mark(node, way))) is not None:
                matched |= _take_row(node, key, taken, options)
    return matched


def _parent_value(node: Node) -> Any:
    assert node.above is not None
    value = node.above.values[node.above.plan.positions[node.parent_field.target_field]]
    return value if can_be_asked(value) else None


def _mark(node: Node, way: tuple[Any, ...]) -> Any:
    values = [node.values[node.plan.positions[each]] for each in way]
    # NULLs are distinct: they tell nothing apart.
    if any(value is None or value is ABSENT for value in values):
        return None
    return (_parent_value(node), *map(hashable, values))


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
            row = dict(zip(attnames, values, strict=True))
            yield key, owner, {name: hashable(value) for name, value in row.items()}
