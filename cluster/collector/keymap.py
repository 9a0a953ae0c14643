"""What became of the keys in a file."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db.models import Model


class _Pending:
    """Stands for the key of a row that is in the file and not in the database yet."""

    def __repr__(self) -> str:
        return "PENDING"


PENDING: Any = _Pending()


class KeyMap:
    """By model the new key of each key in the file, and by field the new value of values that keys point at.

    Attributes:
        keys: By model, by key in the file: the key in the database, or ``PENDING``.
        values: By model and attname of a field, other than the key, that foreign keys point at, by value in the file:
            the value in the database, or ``PENDING``.
    """

    def __init__(self, keys: dict[type[Model], dict[Any, Any]], values: dict[tuple[type[Model], str], Any]) -> None:
        self.keys: dict[type[Model], dict[Any, Any]] = defaultdict(dict, keys)
        self.values: dict[tuple[type[Model], str], dict[Any, Any]] = defaultdict(dict, values)

    def place(self, model: type[Model], old: Any, new: Any) -> None:
        """Enter the key under which a row is in the database."""
        self.keys[model][old] = new

    def has(self, model: type[Model], old: Any) -> bool:
        """Whether a key stands for a row of the file, or for one that was found by its name."""
        return old in self.keys[model]

    def new(self, model: type[Model], old: Any) -> Any:
        """Return the new key, ``PENDING``, or the key itself where the file says nothing about it."""
        return self.keys[model].get(old, old)
