"""What becomes of a foreign key whose target is gone: what ``on_delete`` would have done when it went."""

from __future__ import annotations

from enum import Enum
from typing import Any

from django.db.models import Model, Value
from django.db.models.expressions import DatabaseDefault


class Effect(Enum):
    """What a dangling foreign key does to the object that has it."""

    DROP = "drop"
    NULL = "null"
    DEFAULT = "default"
    VALUE = "value"
    KEEP = "keep"


# By name, so that the kinds that only later versions of Django have need no branch.
EFFECTS = {
    "CASCADE": Effect.DROP,
    "DB_CASCADE": Effect.DROP,
    # The target could not have been deleted; it is gone all the same, and the row cannot be without it.
    "PROTECT": Effect.DROP,
    "RESTRICT": Effect.DROP,
    "SET_NULL": Effect.NULL,
    "DB_SET_NULL": Effect.NULL,
    "SET_DEFAULT": Effect.DEFAULT,
    "DB_SET_DEFAULT": Effect.DEFAULT,
    "set_on_delete": Effect.VALUE,
    "DO_NOTHING": Effect.KEEP,
}


def effect_of(field: Any) -> Effect:
    """Return what a dangling foreign key does.

    A function of the project's own is not asked, as it works on rows: the key becomes null where it may be, else the
    object is dropped.
    """
    on_delete = field.remote_field.on_delete
    effect = EFFECTS.get(getattr(on_delete, "__name__", ""))
    if effect is None:
        effect = Effect.NULL if field.null else Effect.DROP
    return effect


def replacement_for(field: Any, effect: Effect) -> Any:
    """Return the value that ``SET_DEFAULT`` or ``SET(...)`` gives a dangling key."""
    if effect is Effect.DEFAULT:
        default = field.get_default()
        made: Any = default.expression if isinstance(default, DatabaseDefault) else None  # type: ignore[attr-defined]
        return made.value if isinstance(made, Value) else default
    _path, (value,), _kwargs = field.remote_field.on_delete.deconstruct()
    if callable(value):
        value = value()
    return getattr(value, field.target_field.attname) if isinstance(value, Model) else value
