"""Plain data as JSON has it: copying it, to any depth."""

from __future__ import annotations

from typing import Any

from cluster.errors import SerializedDataError

JSON_CONTAINERS = (dict, list, tuple)
DEEPEST_JSON = 10_000
"""How many levels are followed; only data that contains itself has more."""


def copy_of_json(value: Any) -> Any:
    """Return plain data that shares nothing changeable with the original, to any depth.

    Raises:
        SerializedDataError: The data is nested without end, or as good as that.
    """
    if not isinstance(value, JSON_CONTAINERS):
        return value
    copied = _shallow_copy(value)
    unfinished = [(copied, 1)]
    while unfinished:
        container, depth = unfinished.pop()
        if depth > DEEPEST_JSON:
            raise SerializedDataError("The data is nested too deeply.")
        for key, item in container.items() if isinstance(container, dict) else enumerate(container):
            if isinstance(item, JSON_CONTAINERS):
                container[key] = below = _shallow_copy(item)
                unfinished.append((below, depth + 1))
    return copied


def _shallow_copy(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else list(value)
