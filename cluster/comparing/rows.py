"""Copies of snapshots that share nothing changeable with the original."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from cluster.comparing.shape import Row, Shape

CONTAINERS = (dict, list)


def copied_row(shape: Shape, row: Row) -> dict[str, Any]:
    """Copy a row with everything below it, to any depth."""
    copied = dict(row)
    unfinished = [(shape, copied)]
    while unfinished:
        shape, current = unfinished.pop()
        layout = shape.layout_of(current)
        for name in layout.own:
            if type(current[name]) in CONTAINERS:
                current[name] = deepcopy(current[name])
        for name in layout.links:
            current[name] = list(current[name])
        for name in layout.children:
            current[name] = children = [dict(child) for child in current[name]]
            below = shape.child(name)
            unfinished += [(below, child) for child in children]
    return copied


def copied_value(value: Any) -> Any:
    """Copy a value of a row that could be changed in place."""
    return deepcopy(value) if type(value) in CONTAINERS else value
