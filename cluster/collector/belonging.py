"""To whom rows of the database belong, so that a load takes nothing from others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db.models import Model

from cluster.collector.edges import Edge, Kind, edges_of
from cluster.collector.walk import Walk

Node = tuple[type[Model], Any]
Owners = dict[Node, list[Node]]


class Belonging:
    """Climbs from rows to their owners; a row belongs to us if any way up leads to a row that is ours."""

    def __init__(self, walk: Walk, is_ours: Callable[[type[Model], Any], bool]) -> None:
        self.walk = walk
        self.is_ours = is_ours
        self._owners_known = owned_models(walk)

    def strangers(self, model: type[Model], keys: Iterable[Any]) -> dict[Any, Node]:
        """Return by key an owner of each row that belongs to others alone; a row that nobody owns is nobody's.

        One query per level, edge and chunk.
        """
        owners = self._climbed([(model, key) for key in keys])
        ours = self._reaching(owners)
        return {key: owners[model, key][0] for key in keys if owners[model, key] and (model, key) not in ours}

    def _climbed(self, nodes: Iterable[Node]) -> Owners:
        owners: Owners = {}
        waiting = dict.fromkeys(nodes)
        while waiting:
            owners.update({node: [] for node in waiting})
            by_model: dict[type[Model], list[Any]] = defaultdict(list)
            for model, key in waiting:
                by_model[model].append(key)
            for model, keys in by_model.items():
                for key, owner in self._owners(model, keys):
                    owners[model, key].append(owner)
            above = [owner for node in waiting for owner in owners[node]]
            waiting = dict.fromkeys(node for node in above if node not in owners and not self.is_ours(*node))
        return owners

    def _owners(self, model: type[Model], keys: list[Any]) -> Iterator[tuple[Any, Node]]:
        edges = edges_of(model)
        up = (*edges.keys, *edges.generic)
        for edge in (edge for edge in up if edge.target is None or self.owns(edge.target, edge)):
            for key, owner, owner_key in self.walk.pointers(model, edge, keys):
                if self.owns(owner, edge):
                    yield key, (owner, owner_key)

    def owns(self, owner: type[Model], edge: Edge) -> bool:
        """Whether rows may belong to what they point at along an edge up."""
        return owner in self._owners_known and any(
            is_reverse(down, edge) and self.walk.book.may_own(down) for down in edges_of(owner).down
        )

    def _reaching(self, owners: Owners) -> set[Node]:
        """Return the rows from which a way leads up to one of ours."""
        below: Owners = defaultdict(list)
        for node, above in owners.items():
            for owner in above:
                below[owner].append(node)
        waiting = [owner for owner in below if self.is_ours(*owner)]
        found: set[Node] = set()
        while waiting:
            for node in below.get(waiting.pop(), ()):
                if node not in found:
                    found.add(node)
                    waiting.append(node)
        return found


def owned_models(walk: Walk) -> set[type[Model]]:
    """Return the models whose rows may belong to the roots: what is shared by all owns nothing."""
    found = {walk.book.model}
    waiting = [walk.book.model]
    while waiting:
        for edge in edges_of(waiting.pop()).down:
            if edge.target is not None and edge.target not in found and walk.book.may_own(edge):
                found.add(edge.target)
                waiting.append(edge.target)
    return found


def is_reverse(down: Edge, up: Edge) -> bool:
    """Whether an edge down leads back along an edge up."""
    if down.kind is Kind.GENERIC_CHILD:
        names = (down.field.content_type_field_name, down.field.object_id_field_name)
        is_generic = up.kind is Kind.GENERIC_TARGET and down.target is up.source
        return is_generic and names == (up.field.ct_field, up.field.fk_field)
    return down.field is up.field
