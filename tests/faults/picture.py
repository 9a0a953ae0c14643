"""A picture of everything that a cluster is in memory, for comparing before and after."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.db.models.fields.files import FieldFile

from cluster.relations import state_of
from cluster.relations.state import STATE


def picture_of(root: Model) -> list[Any]:
    """Return all that can be seen of an instance and of what it holds, to any depth."""
    pictures, unfinished, met = [], [root], {id(root)}
    while unfinished:
        instance = unfinished.pop()
        state = state_of(instance)
        pictures.append((own_picture(instance), held_picture(state)))
        for held in state.held.values() if state is not None else ():
            unfinished += [each for each in held if id(each) not in met]
            met |= {id(each) for each in held}
    return pictures


def own_picture(instance: Model) -> Any:
    attributes = {name: shown(value) for name, value in instance.__dict__.items() if name not in {STATE, "_state"}}
    state = instance._state
    cached = {name: id(target) for name, target in state.fields_cache.items()}
    return type(instance).__name__, id(instance), attributes, state.adding, state.db, cached


def shown(value: Any) -> Any:
    if isinstance(value, FieldFile):
        return value.name, value._committed
    return repr(value)


def held_picture(state: Any) -> Any:
    if state is None:
        return {}
    return {
        name: ([id(each) for each in held], state.baselines.get(name), sorted(state.given_away.get(name, ()), key=repr))
        for name, held in state.held.items()
    }
