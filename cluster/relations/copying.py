"""``copy.copy`` of an instance that holds relations: an independent cluster of the same rows."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from django.db.models import Model

from cluster.relations.clusterable import Clusterable
from cluster.relations.describe import Relation, relations_of
from cluster.relations.held import HeldList
from cluster.relations.state import STATE, ClusterState, state_of

AnyModel = TypeVar("AnyModel", bound=Model)


def copy_in_memory(instance: AnyModel) -> AnyModel:
    """Copy an instance and its held children to any depth; links and other objects are shared. No query.

    Keys and baselines are copied too: the copy stands for the same rows.
    """
    root: AnyModel = _copy_alone(instance)
    unfinished: list[tuple[Any, Any]] = [(instance, root)]
    while unfinished:
        source, copied = unfinished.pop()
        unfinished += _copy_held(source, copied)
    return root


def _copy_held(source: Model, copied: Model) -> list[tuple[Model, Model]]:
    """Copy what one instance holds; return its clusterable children with their copies, whose turn comes next."""
    state = state_of(source)
    copied.__dict__.pop(STATE, None)
    if state is None:
        return []
    copied.__dict__[STATE] = copied_state = ClusterState(
        baselines={name: baseline.copy() for name, baseline in state.baselines.items()},
        given_away={name: dict(keys) for name, keys in state.given_away.items()},
    )
    relations, nested = relations_of(type(source)), []
    for name, held in state.held.items():
        if name in relations and relations[name].is_child:
            copied_state.held[name], pairs = _copy_children(held, relations[name], copied)
            nested += pairs
        else:
            copied_state.held[name] = held.copy()
    return nested


def _copy_children(held: HeldList, relation: Relation, parent: Model) -> tuple[HeldList, list[tuple[Model, Model]]]:
    copies: list[Model] = []
    nested: list[tuple[Model, Model]] = []
    for child in held:
        copied = _copy_alone(child) if isinstance(child, Clusterable) else copy.copy(child)
        relation.point(copied, parent)
        copies.append(copied)
        if isinstance(child, Clusterable):
            nested.append((child, copied))
    return HeldList(copies), nested


def _copy_alone(instance: Any) -> Any:
    """Copy an instance as ``copy.copy`` does a plain model's."""
    rebuild, arguments, attributes = instance.__reduce__()
    copied = rebuild(*arguments)
    copied.__setstate__(attributes)
    return copied
