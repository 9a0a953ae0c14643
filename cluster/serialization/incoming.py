"""Data as field values: what a loaded instance gets for what the data says."""

from __future__ import annotations

import binascii
import datetime as dt
import json
import math
import uuid
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import (
    BinaryField,
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    DurationField,
    FileField,
    FilePathField,
    FloatField,
    ForeignKey,
    GenericIPAddressField,
    IntegerField,
    JSONField,
    Model,
    TextField,
    TimeField,
    UUIDField,
)
from django.utils import timezone

from cluster.relations.natural import natural_fields
from cluster.serialization.json_data import copy_of_json

NoneType = type(None)
CONVERSION_ERRORS = (
    ValidationError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
)
"""What ``to_python`` of Django's and others' fields raises for data that it cannot read."""

Read = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Incoming:
    """How data becomes the values of a kind of field.

    Attributes:
        accepted: The exact classes whose values are taken as they are.
        read: Gives the value for any other data, from the field and the data; raises one of ``CONVERSION_ERRORS``.
    """

    accepted: frozenset[type]
    read: Read


def incoming(field: Any) -> Incoming:
    """Return how data becomes the values of a field."""
    if isinstance(field, ForeignKey):
        return incoming(field.target_field)
    for base, kind in _KINDS:
        if isinstance(field, base) and type(field).to_python is base.to_python:
            return kind
    return _CUSTOM


def reading_field(field: Any) -> Any:
    """Return the field whose ``to_python`` reads the data of a field: the target's for a foreign key."""
    while isinstance(field, ForeignKey):
        field = field.target_field
    return field


@dataclass(frozen=True, slots=True)
class NaturalKey:
    """Stands among the values of an object for a target that the data names by its natural key.

    Attributes:
        model: The model of the target.
        values: The values of its natural key.
    """

    model: Any
    values: tuple[Any, ...]

    def make(self) -> Model:
        """Return an unsaved object that has the values."""
        pairs = zip(natural_fields(self.model), self.values, strict=True)
        target: Model = self.model(**{field.attname: value for field, value in pairs})
        return target


def key_or_natural_key(field: Any, data: Any) -> Any:
    """Read the data of a foreign key whose targets have natural keys."""
    if not isinstance(data, list | tuple):
        return incoming(field).read(reading_field(field), data)
    fields = natural_fields(field.related_model)
    if len(data) != len(fields):
        raise ValueError(f"a natural key has {len(fields)} values")
    if any(value is None for value in data):
        raise ValueError("a value of a natural key cannot be null")
    values = tuple(incoming(each).read(each, value) for each, value in zip(fields, data, strict=True))
    key = NaturalKey(field.related_model, values)
    hash(key)
    return key


def _custom(field: Any, data: Any) -> Any:
    return field.to_python(data)


def _text(field: Any, data: Any) -> Any:
    if isinstance(data, list | dict | tuple):
        raise TypeError("it is not text")
    return field.to_python(data)


def _path(field: Any, data: Any) -> Any:
    # The field's own to_python() takes anything.
    return data if isinstance(data, str) else _refuse(data)


def _boolean(field: Any, data: Any) -> Any:
    # A null boolean would take an empty list or object for null.
    return _refuse(data) if isinstance(data, list | dict | tuple) else field.to_python(data)


def _address(field: Any, data: Any) -> Any:
    return field.to_python(data) if isinstance(data, str) else _refuse(data)


def _integer(field: Any, data: Any) -> Any:
    if isinstance(data, float | Decimal) and data != int(data):
        raise ValueError("it is not a whole number")
    return field.to_python(data)


def _float(field: Any, data: Any) -> Any:
    value = field.to_python(data)
    if value is not None and not math.isfinite(value) and not isinstance(data, float):
        # Text such as "nan"; the float itself is the caller's affair (``allow_nan``).
        raise ValueError("it is not a finite number")
    return value


def _date(field: Any, data: Any) -> Any:
    return field.to_python(data) if isinstance(data, str | dt.date) else _refuse(data)


def _refuse(data: Any) -> Any:
    raise TypeError(f"a {type(data).__name__} was given")


def _time(field: Any, data: Any) -> Any:
    return field.to_python(data) if isinstance(data, str | dt.time) else _refuse(data)


def _datetime(field: Any, data: Any) -> Any:
    value: Any
    if isinstance(data, dt.datetime):
        value = data
    elif isinstance(data, dt.date):
        value = dt.datetime.combine(data, dt.time())
    else:
        value = field.to_python(data) if isinstance(data, str) else _refuse(data)
    return value if value is None else in_current_zone(value)


def in_current_zone(value: dt.datetime) -> dt.datetime:
    """Return the same moment in the current time zone, or as naive time where time zones are off."""
    try:
        if not settings.USE_TZ:
            return value if timezone.is_naive(value) else timezone.make_naive(value, timezone.get_default_timezone())
        if timezone.is_naive(value):
            value = timezone.make_aware(value, timezone.get_default_timezone())
        return value.astimezone(timezone.get_current_timezone())
    except OverflowError:  # the first and the last day of the calendar
        return value


def _duration(field: Any, data: Any) -> Any:
    return field.to_python(data) if isinstance(data, str | dt.timedelta) else _refuse(data)


def _uuid(field: Any, data: Any) -> Any:
    # An integer would be read too, and is never what was written.
    return field.to_python(data) if isinstance(data, str | uuid.UUID) else _refuse(data)


def _binary(field: Any, data: Any) -> Any:
    if isinstance(data, str):
        try:
            return b64decode(data.encode("ascii"), validate=True)
        except binascii.Error as error:
            raise ValueError(f"it is not base64 ({error})") from error
    return bytes(data) if isinstance(data, bytes | bytearray | memoryview) else _refuse(data)


def _json(field: Any, data: Any) -> Any:
    if field.decoder is not None:
        return json.loads(json.dumps(data), cls=field.decoder)
    return copy_of_json(data)


def _decimal(field: Any, data: Any) -> Any:
    if isinstance(data, bool):
        return _refuse(data)
    # Django has no infinite decimals; whether they are let in is the caller's affair (``allow_nan``).
    if isinstance(data, str) and data in INFINITE_DECIMALS:
        return Decimal(data)
    return data if isinstance(data, Decimal) and not data.is_finite() else field.to_python(data)


INFINITE_DECIMALS = ("NaN", "Infinity", "-Infinity")
_NOTHING = frozenset({NoneType})
_CUSTOM = Incoming(_NOTHING, _custom)
_TEXT = Incoming(frozenset({str, NoneType}), _text)
_KINDS: tuple[tuple[Any, Incoming], ...] = (
    (FileField, _TEXT),
    (FilePathField, Incoming(frozenset({str, NoneType}), _path)),
    (GenericIPAddressField, Incoming(_NOTHING, _address)),
    (CharField, _TEXT),
    (TextField, _TEXT),
    (IntegerField, Incoming(frozenset({int, NoneType}), _integer)),
    (BooleanField, Incoming(frozenset({bool, NoneType}), _boolean)),
    (FloatField, Incoming(_NOTHING, _float)),
    (DecimalField, Incoming(_NOTHING, _decimal)),
    (DateTimeField, Incoming(_NOTHING, _datetime)),
    (DateField, Incoming(_NOTHING, _date)),
    (TimeField, Incoming(_NOTHING, _time)),
    (DurationField, Incoming(_NOTHING, _duration)),
    (UUIDField, Incoming(_NOTHING, _uuid)),
    (BinaryField, Incoming(_NOTHING, _binary)),
    (JSONField, Incoming(frozenset({NoneType, bool, int, str}), _json)),
)
