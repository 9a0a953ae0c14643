"""Values as the text that PostgreSQL makes of them, and text folded as PostgreSQL folds it."""

from __future__ import annotations

import datetime
import math
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db.models import DecimalField, Field, JSONField

from cluster.errors import NotInMemoryError
from cluster.queryset.meanings.json_values import from_python, json_text

_LARGEST_PLAIN_FLOAT = 1e15


def upper(text: str) -> str:
    """Upper-case character by character: a database never turns one character into two."""
    return text.upper() if text.isascii() else "".join(map(_upper_character, text))


def lower(text: str) -> str:
    """Lower-case character by character, without the final sigma that Python knows."""
    return text.lower() if text.isascii() else "".join(map(_lower_character, text))


def _upper_character(character: str) -> str:
    changed = character.upper()
    return changed if len(changed) == 1 else character


def _lower_character(character: str) -> str:
    changed = character.lower()
    return changed if len(changed) == 1 else character


def as_text(value: Any, field: Field[Any, Any] | None = None) -> str:
    """Return ``value`` as PostgreSQL's ``::text`` writes it.

    Args:
        value: A value that is not NULL.
        field: The field that the value comes from, for the places of a decimal.

    Raises:
        NotInMemoryError: The databases write values of this type in different ways.
    """
    if isinstance(field, JSONField):
        return json_text(from_python(value, field.encoder))
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return _decimal_text(value, field)
    writer = _WRITERS.get(type(value))
    if writer is None:
        raise NotInMemoryError(
            f"Cannot turn {value!r} into text in memory: the databases write a {type(value).__name__} differently."
        )
    return writer(value)


def _decimal_text(value: Decimal, field: Field[Any, Any] | None) -> str:
    places = field.decimal_places if isinstance(field, DecimalField) else None
    return f"{value:f}" if places is None else f"{value:.{places}f}"


def _float_text(value: float) -> str:
    if abs(value) >= _LARGEST_PLAIN_FLOAT or math.isnan(value):
        raise NotInMemoryError(
            f"Cannot turn the float {value!r} into text in memory: the databases write it differently."
        )
    return repr(value).removesuffix(".0")


def _bool_text(value: Any) -> str:
    return "true" if value else "false"


def _datetime_text(value: datetime.datetime) -> str:
    zone = "" if value.tzinfo is None else "+00"
    moment = value if value.tzinfo is None else value.astimezone(datetime.UTC)
    return f"{moment.date().isoformat()} {_time_text(moment.time())}{zone}"


def _time_text(value: datetime.time) -> str:
    text = value.replace(tzinfo=None).isoformat()
    return text.rstrip("0") if value.microsecond else text


def _bytes_text(value: bytes) -> str:
    return "\\x" + bytes(value).hex()


_WRITERS: dict[type, Callable[[Any], str]] = {
    bool: _bool_text,
    int: str,
    float: _float_text,
    datetime.date: datetime.date.isoformat,
    datetime.datetime: _datetime_text,
    datetime.time: _time_text,
    uuid.UUID: str,
    bytes: _bytes_text,
    memoryview: _bytes_text,
}
