"""Field values as plain data: what ``serializable_data()`` holds for each kind of field.

A value is read without touching the instance: no descriptor runs that would change it, no file is opened, no deferred
field is fetched.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.db.models import (
    BinaryField,
    CharField,
    DateTimeField,
    DurationField,
    Field,
    FileField,
    ForeignKey,
    JSONField,
    Model,
    TextField,
    UUIDField,
    Value,
)
from django.db.models.expressions import DatabaseDefault
from django.utils import timezone
from django.utils.duration import duration_string
from django.utils.encoding import is_protected_type

from cluster.errors import SerializedDataError
from cluster.relations import ParentalField
from cluster.relations.builtin import is_builtin
from cluster.relations.natural import natural_fields, natural_key_of, takes_names
from cluster.serialization.json_data import copy_of_json

NoneType = type(None)
OMIT = object()
"""Stands for a value that only the database knows: the key is left out of the data."""

Convert = Callable[[Any, Model, Any], Any]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """How the values of a kind of field become data.

    Attributes:
        passed: The exact classes whose values are data already.
        convert: Gives the data for any other value, from the field, the instance and the value.
    """

    passed: frozenset[type]
    convert: Convert


def outgoing(field: Any) -> Outgoing:
    """Return how the values of a field become data."""
    if isinstance(field, ForeignKey):
        convert = _key_or_natural_key if takes_names(field) else _foreign_key
        return Outgoing(outgoing(_key_field(field)).passed - {NoneType}, convert)
    for kind, base in _KINDS:
        if isinstance(field, base) and _is_as_in(field, base):
            return kind
    return _PLAIN if _is_as_in(field, Field) or is_builtin(field.__class__) else CUSTOM


def _is_as_in(field: Any, base: Any) -> bool:
    """Whether a field reads and prints its values as the built-in class does."""
    return all(getattr(type(field), name) is getattr(base, name) for name in ("value_to_string", "value_from_object"))


def comes_as_data(field: Any) -> bool:
    """Whether what a database gives for a field is data as it is."""
    holder = _key_field(field)
    return is_builtin(holder.__class__) and holder.get_internal_type() in STORED_AS_DATA


# Null is among the data.
STORED_AS_DATA = frozenset(
    {
        "AutoField", "BigAutoField", "SmallAutoField", "IntegerField", "BigIntegerField", "SmallIntegerField",
        "PositiveIntegerField", "PositiveBigIntegerField", "PositiveSmallIntegerField", "BooleanField", "CharField",
        "TextField", "SlugField", "FloatField", "DecimalField", "DateField", "TimeField",
    }
)  # fmt: skip


def _key_field(field: Any) -> Any:
    """Return the field that holds what a foreign key's values are, through keys that are keys themselves."""
    while isinstance(field, ForeignKey):
        field = field.target_field
    return field


def is_data(value: Any) -> bool:
    """Whether Django's serializers leave a value as it is."""
    return bool(is_protected_type(value))


def plain_value(field: Any, instance: Model, value: Any) -> Any:
    """Return the data for a value of a plain field, of whatever class the value is."""
    if hasattr(value, "resolve_expression"):
        return expression_data(field, instance, value)
    if isinstance(value, dt.datetime):
        return in_utc(value)
    if is_data(value):
        return value
    converted = _as_field_converts(field, value)
    if is_data(converted):
        return converted
    # Not str(): that of a member of an enumeration is its name.
    return str.__str__(converted) if isinstance(converted, str) else str(converted)


def _as_field_converts(field: Any, value: Any) -> Any:
    """Return a value as its field reads it; one that the field refuses stays, as a draft may hold it."""
    try:
        return field.to_python(value)
    except (ValidationError, TypeError, ValueError, ArithmeticError):
        return value


def expression_data(field: Any, instance: Model, value: Any) -> Any:
    """Return the data for a value that is an expression; ``OMIT`` where it asks for the database's own default.

    Raises:
        SerializedDataError: It is another expression.
    """
    if isinstance(value, DatabaseDefault):
        return OMIT
    if isinstance(value, Value) and value.value is None:  # how Django spells JSON's null
        return None
    raise SerializedDataError(
        f"Cannot serialize {field.model._meta.object_name}.{field.name}: its value is the expression {value!r}, "
        "which only the database can work out. Save the instance and refresh it first."
    )


def _custom(field: Any, instance: Model, value: Any) -> Any:
    if hasattr(value, "resolve_expression"):
        return expression_data(field, instance, value)
    value = field.value_from_object(instance)
    if isinstance(value, dt.datetime):
        return in_utc(value)
    return value if is_data(value) else field.value_to_string(instance)


def _datetime(field: Any, instance: Model, value: Any) -> Any:
    return in_utc(value) if isinstance(value, dt.datetime) else _reread(field, instance, value)


def in_utc(value: dt.datetime) -> dt.datetime:
    """Return the same moment in UTC; a naive one is taken in the default time zone, where time zones are on."""
    if timezone.is_naive(value):
        if not settings.USE_TZ:
            return value
        value = timezone.make_aware(value, timezone.get_default_timezone())
    try:
        return value.astimezone(dt.UTC)
    except OverflowError:  # the first and the last day of the calendar
        return value


def _duration(field: Any, instance: Model, value: Any) -> Any:
    return duration_string(value) if isinstance(value, dt.timedelta) else _reread(field, instance, value)


def _uuid(field: Any, instance: Model, value: Any) -> Any:
    return str(value) if isinstance(value, uuid.UUID) else _reread(field, instance, value)


def _binary(field: Any, instance: Model, value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(value).decode("ascii")
    return _reread(field, instance, value)


def _file(field: Any, instance: Model, value: Any) -> Any:
    if isinstance(value, File):
        return value.name or ""
    return plain_value(field, instance, "" if value is None else value)


def _json(field: Any, instance: Model, value: Any) -> Any:
    if hasattr(value, "resolve_expression"):
        return expression_data(field, instance, value)
    if field.encoder is None:
        return copy_of_json(value)
    try:
        return json.loads(json.dumps(value, cls=field.encoder))
    except (TypeError, ValueError, RecursionError) as error:
        name = f"{field.model._meta.object_name}.{field.name}"
        raise SerializedDataError(f"Cannot serialize {name}: its encoder cannot write its value: {error}.") from error


def _key_or_natural_key(field: Any, instance: Model, value: Any) -> Any:
    target = field.get_cached_value(instance, default=None)
    if target is None or not target._state.adding or natural_key_of(target) is None:
        return _foreign_key(field, instance, value)
    return [_value_of(each, target) for each in natural_fields(type(target))]


def _value_of(field: Any, instance: Model) -> Any:
    value, kind = getattr(instance, field.attname), outgoing(field)
    return value if value.__class__ in kind.passed else kind.convert(field, instance, value)


def _foreign_key(field: Any, instance: Model, value: Any) -> Any:
    if value is None:
        target = field.get_cached_value(instance, default=None)
        if target is None:
            return None
        value = getattr(target, field.target_field.attname)
        if value is None:
            return _without_key(field, target)
    return _of_target(field, instance, value)


def _without_key(field: Any, target: Model) -> None:
    """A child's parent needs no key to be known from where the child is; any other target would be lost."""
    if not isinstance(field, ParentalField):
        raise SerializedDataError(
            f"Cannot serialize {field.model._meta.object_name}.{field.name}: {target!r} is not saved, so it has no key "
            "to be written. Save it first."
        )


def _of_target(field: Any, instance: Model, value: Any) -> Any:
    """Return the data for a key: that of the key that it points at.

    Text of a class that a field of the project's own has stays, as the field may read plain text as another value.
    """
    target = _key_field(field)
    kind = outgoing(target)
    if value.__class__ in kind.passed or (isinstance(value, str) and not is_builtin(target.__class__)):
        return value
    holder: Any = SimpleNamespace(**{target.attname: value})
    return kind.convert(target, holder if kind is CUSTOM else instance, value)


def _reread(field: Any, instance: Model, value: Any) -> Any:
    """Return the data for a value that is not of its field's type, such as a date given as text."""
    if hasattr(value, "resolve_expression") or is_data(value):
        return plain_value(field, instance, value)
    converted = _as_field_converts(field, value)
    if converted.__class__ is value.__class__:
        return str(value)
    return _kind_of(field).convert(field, instance, converted)


def _kind_of(field: Any) -> Outgoing:
    return next((kind for kind, base in _KINDS if isinstance(field, base)), _PLAIN)


_NUMBERS = frozenset({NoneType, bool, int, float, Decimal, dt.date, dt.time})
_TEXTS = _NUMBERS | {str}
_PLAIN = Outgoing(_NUMBERS, plain_value)
_TEXT = Outgoing(_TEXTS, plain_value)
CUSTOM = Outgoing(frozenset(), _custom)
_KINDS: tuple[tuple[Outgoing, Any], ...] = (
    (Outgoing(frozenset({str}), _file), FileField),
    (_TEXT, CharField),
    (_TEXT, TextField),
    (Outgoing(frozenset({NoneType}), _datetime), DateTimeField),
    (Outgoing(frozenset({NoneType}), _duration), DurationField),
    (Outgoing(frozenset({NoneType}), _uuid), UUIDField),
    (Outgoing(frozenset({NoneType}), _binary), BinaryField),
    (Outgoing(frozenset({NoneType, bool, int, float, str}), _json), JSONField),
)
