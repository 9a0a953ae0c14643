"""Unsaved instances as values of lookups: they match by identity, for they have no key to match by."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.db.models.expressions import Value

from cluster._compat import is_pk_set
from cluster.queryset.columns import UnsavedKey
from cluster.queryset.registry import Evaluator, compiles

_CONTAINERS = (list, tuple, set, frozenset)


class UnsavedValue(Value):
    """The key to come of an unsaved instance, as the right side of a lookup."""


@compiles(UnsavedValue)
def compile_unsaved_value(node: UnsavedValue, compiler: Any) -> Evaluator:
    """Give the key to come."""
    key = UnsavedKey(node.value)

    def evaluate_unsaved(row: Any) -> UnsavedKey:
        return key

    return evaluate_unsaved


def is_unsaved(value: Any) -> bool:
    """Tell whether a value is an instance without a key."""
    return isinstance(value, Model) and not is_pk_set(value)


def split_unsaved(value: Any) -> tuple[Any, list[UnsavedKey]]:
    """Return a right side of a lookup without its unsaved instances, and their keys to come.

    A single unsaved instance becomes an expression, for Django's lookups take only saved ones.
    """
    if is_unsaved(value):
        return UnsavedValue(value), []
    if isinstance(value, _CONTAINERS) and any(map(is_unsaved, value)):
        keys = [UnsavedKey(item) for item in value if is_unsaved(item)]
        return [item for item in value if not is_unsaved(item)], keys
    return value, []
