"""Sets of primary keys that stay small in memory, and the pieces in which they are sent to the database."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connections
from django.db.models import CompositePrimaryKey, Model

from cluster.collector.literals import has_number_key


def extended(keys: Sequence[Any], more: Iterable[Any]) -> Sequence[Any]:
    """Return keys with more of them behind: a packed array while all are small integers, else a list."""
    added = list(more)
    if (not keys or isinstance(keys, array)) and all(type(key) is int for key in added):
        with contextlib.suppress(OverflowError):
            packed = array("q", added)
            if isinstance(keys, array):
                keys.extend(packed)
                return keys
            return packed
    return [*keys, *added]


def sorted_keys(keys: Sequence[Any]) -> Sequence[Any]:
    """Return keys in order, packed if they are packed."""
    return array("q", sorted(keys)) if isinstance(keys, array) else in_order(keys)


def in_order(keys: Iterable[Any]) -> list[Any]:
    """Sort keys: by value where they compare, else by their text."""
    try:
        return sorted(keys)
    except TypeError:
        return sorted(keys, key=repr)


def checked_chunk_size(call: str, size: Any) -> int:
    """Return a chunk size that a call was given.

    Raises:
        ValueError: It is no number of keys; in pieces of none, nothing would be read and nothing missed.
    """
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"{call}() got chunk_size={size!r}; it must be a whole number, at least 1.")
    return size


def chunk_size_for(model: type[Model], size: int, using: str) -> int:
    """Return how many keys of a model fit into one statement, at most ``size``."""
    if has_number_key(model):
        return size
    limit = connections[using].features.max_query_params
    width = len(model._meta.pk_fields)
    return size if not limit else max(1, min(size, (limit - 10) // width))


def is_composite(model: type[Model]) -> bool:
    """Whether a model's key has several parts."""
    return isinstance(model._meta.pk, CompositePrimaryKey)


def key_from_json(model: type[Model], value: Any) -> Any:
    """Return a primary key as Python has it from what a file has."""
    key: Any = model._meta.pk
    if is_composite(model):
        parts: list[Any] = list(key)
        return tuple(part.to_python(piece) for part, piece in zip(parts, value, strict=True))
    return key.to_python(value)
