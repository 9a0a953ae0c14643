"""Children that were given to another parent: that one's save takes their rows over, while it holds them."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Model

from cluster.relations import Relation, relations_of
from cluster.relations.held import Key
from cluster.relations.holding import held_list
from cluster.saving.work import Holding


def keys_on_their_way(holding: Holding) -> set[Key]:
    """Return the keys of rows that a relation leaves alone, because another parent is about to take them over."""
    given_away = holding.node.state.given_away.get(holding.relation.name, {})
    return {key for key, child in given_away.items() if child is None or is_on_its_way(child, holding.relation)}


def keys_left_behind(holding: Holding) -> set[Key]:
    """Return the keys of rows that were given away and that no parent is about to take over."""
    given_away = holding.node.state.given_away.get(holding.relation.name, {})
    return given_away.keys() - holding.on_their_way


def is_on_its_way(child: Model, relation: Relation) -> bool:
    """Whether the parent of a child in memory holds it, and was not taken out of what holds that parent itself."""
    parent = relation.parent_of(child)
    if parent is None or not _holds(parent, relation, child, by_default=False):
        return False
    met = {id(child)}
    while parent is not None and id(parent) not in met:
        met.add(id(parent))
        above = list(_parents_of(parent))
        if not all(_holds(each, known_as, parent, by_default=True) for each, known_as in above):
            return False
        parent = next((each for each, _ in above), None)
    return True


def _holds(parent: Model, relation: Relation, child: Model, *, by_default: bool) -> bool:
    held = held_list(parent, relation)
    return by_default if held is None else child in held


def _parents_of(child: Model) -> Iterator[tuple[Model, Relation]]:
    for relation in relations_to(type(child)):
        parent = relation.parent_of(child)
        if parent is not None:
            yield parent, relation


def relations_to(model: type[Model]) -> list[Relation]:
    """Return the relations in which a model's rows are children."""
    found = []
    for each in model._meta.concrete_fields:
        target = each.related_model
        if each.is_relation and isinstance(target, type):
            found += [relation for relation in relations_of(target).children if relation.field is each]
    return found
