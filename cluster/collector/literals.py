"""Conditions on any number of keys, where a statement takes only so many parameters.

Numbers stand in the statement itself, so that their number is not limited and none has to be bound.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import F, IntegerField, Lookup, Model, Q


class WithKeys(Lookup):
    """The condition that an integer column has one of many values."""

    lookup_name = "with_keys"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Write the condition; every value is a Python ``int``, whose text needs no quoting."""
        sql, params = self.process_lhs(compiler, connection)
        numbers = ",".join(map(int.__repr__, self.rhs))
        return f"{sql} IN ({numbers})", params


def among(name: str, keys: Collection[Any]) -> Any:
    """Return the condition that a column has one of some values: numbers as literals, others as parameters."""
    if keys and all(type(key) is int for key in keys):
        return WithKeys(F(name), list(keys))
    return Q(**{f"{name}__in": list(keys)})


def has_number_key(model: type[Model]) -> bool:
    """Whether the keys of a model are integers, of its own or of the row that it extends."""
    key: Any = model._meta.pk
    while key.remote_field:
        key = key.target_field
    return isinstance(key, IntegerField)
