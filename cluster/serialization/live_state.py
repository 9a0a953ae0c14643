"""What stands for the instance where a value is converted that was read without one."""

from __future__ import annotations

from typing import Any


class _NoState:
    """The state of no instance: nothing is cached in it."""

    fields_cache: dict[str, Any] = {}
    db = None


class _NoInstance:
    _state = _NoState()


UNHELD: Any = _NoInstance()
"""A stand-in for an instance with nothing in memory."""
