"""The rows that collected rows name by their keys, though they are not collected: the manifest tells who they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Model

from cluster.collector.edges import Edge, Kind, edges_of, has_natural_key
from cluster.collector.literals import among
from cluster.collector.order import found_models
from cluster.collector.rows import NaturalNames, Redaction, new_value, plain_key
from cluster.collector.walk import Walk

Lookups = Mapping[type[Model], Sequence[str]]


def linked_rows(walk: Walk, lookup_fields: Lookups, redact: Redaction) -> dict[str, list[list[Any]]]:
    """Return by label pairs of key and name: values by lookup field, or a natural key where no name is in the row."""
    found: dict[str, list[list[Any]]] = {}
    for model, keys in linked_keys(walk, lookup_fields).items():
        convert = plain_key(model)
        if model in lookup_fields:
            named = _looked_up(walk, model, lookup_fields[model], keys, redact)
        else:
            named = NaturalNames(walk, redact).fetch(model, model._meta.pk.attname, keys)
        found[model._meta.label_lower] = [
            [convert(key), named[key]] for key in walk.in_order(model, keys) if key in named
        ]
    return found


def _looked_up(
    walk: Walk, model: type[Model], names: Sequence[str], keys: set[Any], redact: Redaction
) -> Mapping[Any, Any]:
    columns = [model._meta.get_field(name).attname for name in names]  # type: ignore[union-attr]
    return {
        key: {
            name: new_value(redact[model, name], value) if (model, name) in redact else value
            for name, value in zip(names, values, strict=True)
        }
        for piece in walk.chunks(model, walk.in_order(model, keys))
        for key, *values in walk.rows(model).filter(among("pk", piece)).values_list("pk", *columns)
    }


def linked_keys(walk: Walk, lookup_fields: Lookups) -> dict[type[Model], set[Any]]:
    """Return by model the keys of rows that collected rows point at and that were not collected."""
    found: dict[type[Model], set[Any]] = defaultdict(set)
    for edge in _telling_edges(walk, lookup_fields):
        for model, key in _targets(walk, edge):
            if is_told(edge, model, lookup_fields):
                found[model].add(key)
    collected = {model: keys - walk.owned[model] - walk.referenced[model] for model, keys in found.items()}
    return {model: collected[model] for model in sorted(collected, key=lambda one: one._meta.label) if collected[model]}


def _telling_edges(walk: Walk, lookup_fields: Lookups) -> Iterator[Edge]:
    """Yield the edges of collected rows that lead to something that the manifest names; no others need be read."""
    for edge in (edge for source in found_models(walk) for edge in edges_of(source).up):
        targets = walk.generic_targets[edge] if edge.target is None else [edge.target]
        if edge not in walk.cut and any(is_told(edge, target, lookup_fields) for target in targets):
            yield edge


def is_told(edge: Edge, target: type[Model], lookup_fields: Lookups) -> bool:
    """Whether the manifest names what an edge leads to: by lookup fields, or where the row has nothing but a key."""
    has_bare_key = edge.kind is Kind.GENERIC_TARGET or (edge.kind is not Kind.MANY and edge.field.primary_key)
    return target in lookup_fields or (has_bare_key and has_natural_key(target))


def _targets(walk: Walk, edge: Edge) -> Iterator[tuple[type[Model], Any]]:
    if edge.kind is Kind.MANY:
        yield from ((edge.target, target) for _, target in walk.links(edge, walk.owned[edge.source]))  # type: ignore[misc]
    else:
        keys = walk.owned[edge.source] | walk.referenced[edge.source]
        yield from ((model, target) for _, model, target in walk.pointers(edge.source, edge, keys))
