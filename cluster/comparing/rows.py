"""Copies of snapshots that share nothing changeable with the original."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from cluster.comparing.trails import Trail, checked_list, checked_row, checked_rows

CONTAINERS = (dict, list)


def copied_row(trail: Trail) -> dict[str, Any]:
    """Copy the row at the end of a way with everything below it, to any depth.

    Raises:
        SerializedDataError: Something is no row, or a relation no list.
    """
    copied = dict(checked_row(trail))
    unfinished = [(trail, copied)]
    while unfinished:
        at, current = unfinished.pop()
        layout = at.shape.layout_of(current)
        for name in layout.own:
            if type(current[name]) in CONTAINERS:
                current[name] = deepcopy(current[name])
        for name in layout.links:
            current[name] = list(checked_list(at, name, current[name]))
        for name in layout.children:
            rows = checked_rows(at, name, current[name])
            current[name] = children = [dict(row) for row in rows]
            unfinished += zip(at.below(name, rows), children, strict=True)
    return copied


def copied_value(value: Any) -> Any:
    """Copy a value of a row that could be changed in place."""
    return deepcopy(value) if type(value) in CONTAINERS else value
