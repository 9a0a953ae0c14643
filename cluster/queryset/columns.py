"""How a column of a table is read from an instance.

Values are taken in the form in which the database would compare them (``Field.get_prep_value``). A key that does not
exist yet (of an unsaved instance, or of a foreign key to one) reads as an ``UnsavedKey``, which is equal by identity.
So does the place of an unsaved instance that is ordered with respect to its parent: it comes after those in use.
"""

from __future__ import annotations

import datetime
import decimal
import functools
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Model
from django.db.models.expressions import DatabaseDefault, Value
from django.db.models.fields.proxy import OrderWrt
from django.utils import timezone

from cluster.errors import NotInMemoryError

MISSING: Any = object()

Reader = Callable[[Model], Any]


class UnsavedKey:
    """The key that a row will get when it is saved: equal by identity, greater than every key in use."""

    __slots__ = ("instance",)

    def __init__(self, instance: Model) -> None:
        self.instance = instance

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnsavedKey) and other.instance is self.instance

    def __hash__(self) -> int:
        return id(self.instance)

    def __lt__(self, other: object) -> bool:
        return False

    def __le__(self, other: object) -> bool:
        return self == other

    def __gt__(self, other: object) -> bool:
        return not isinstance(other, UnsavedKey)

    def __ge__(self, other: object) -> bool:
        return not isinstance(other, UnsavedKey) or self == other

    def __repr__(self) -> str:
        return f"<key of unsaved {self.instance!r}>"


_EXACT_TYPES: tuple[tuple[type[models.Field[Any, Any]], type], ...] = (
    (models.IntegerField, int),
    (models.CharField, str),
    (models.TextField, str),
    (models.BooleanField, bool),
    (models.FloatField, float),
    (models.UUIDField, uuid.UUID),
    (models.TimeField, datetime.time),
    (models.DurationField, datetime.timedelta),
    (models.BinaryField, bytes),
)
_FORM_METHODS = ("get_prep_value", "get_db_prep_value", "to_python", "from_db_value")


def is_plain_field(field: models.Field[Any, Any]) -> bool:
    """Tell whether a field converts its values as Django's own fields do."""
    return all(
        getattr(method, "__module__", "").startswith("django.")
        for method in (getattr(type(field), name, None) for name in _FORM_METHODS)
        if method is not None
    )


def concrete_target(field: Any) -> models.Field[Any, Any]:
    """Return the field whose kind of values a column holds: for a foreign key the key pointed at."""
    while getattr(field, "remote_field", None) is not None and hasattr(field, "target_field"):
        field = field.target_field
    return field  # type: ignore[no-any-return]


def exact_type(field: models.Field[Any, Any]) -> type | None:
    """Return the Python type whose values need no preparing for a field, if there is one."""
    target = concrete_target(field)
    if not is_plain_field(target):
        return None
    if type(target) is models.DateField:
        return datetime.date
    # None for moments: whether they are aware is a setting, which tests change while the process runs.
    return next((kind for base, kind in _EXACT_TYPES if isinstance(target, base)), None)


class NotRead:
    """The value of a column of a link's row, where only the objects on both sides are in memory."""

    # By this a reader of columns tells it from a value, as it tells an expression.
    resolve_expression = None


def unready_value(value: Any, field: models.Field[Any, Any]) -> Any:
    """Return the value that an expression assigned to an attribute will have, where it is known without SQL."""
    if isinstance(value, NotRead):
        raise NotInMemoryError(
            f"Cannot read {field.model._meta.object_name}.{field.attname} in memory: what is held are the objects that "
            "are linked, not the rows that link them. Save the cluster and query the live relation."
        )
    if isinstance(value, DatabaseDefault):
        value = value.expression  # type: ignore[attr-defined]
    if isinstance(value, Value):
        return value.value
    raise NotInMemoryError(
        f"Cannot read {field.model._meta.object_name}.{field.attname} in memory: its value is the expression "
        f"{value!r}, which the database works out on save. Save the cluster first, or assign a value."
    )


def prepare_decimal(value: Any, field: models.DecimalField[Any, Any]) -> Any:
    """Return a decimal with the column's number of places."""
    prepared = field.get_prep_value(value)
    # The field that Django gives to Value(Decimal(...)) has no number of places.
    places: Any = field.decimal_places
    if prepared is None or places is None or not prepared.is_finite():
        return prepared
    return prepared.quantize(decimal.Decimal(1).scaleb(-places), context=field.context)


def prepare_file(value: Any, field: models.FileField) -> Any:
    """Return the stored name of a file."""
    return str(value)


def prepare_address(value: Any, field: models.GenericIPAddressField[Any, Any]) -> Any:
    """Return an address; Django stores an empty one as NULL."""
    return field.get_prep_value(value) or None


def prepare_datetime(value: Any, field: models.DateTimeField[Any, Any]) -> Any:
    """Return a datetime in UTC, as the database gives it back."""
    prepared = field.get_prep_value(value)
    if prepared is not None and settings.USE_TZ and timezone.is_aware(prepared):
        return prepared.astimezone(datetime.UTC)
    return prepared


def prepare_plain(value: Any, field: models.Field[Any, Any]) -> Any:
    """Return a value in the form in which the database compares it."""
    return field.get_prep_value(value)


def preparing(field: models.Field[Any, Any]) -> Callable[[Any, Any], Any]:
    """Return the function that brings values of a field into the form in which the database compares them."""
    if not is_plain_field(field):
        return prepare_plain
    if isinstance(field, models.DecimalField):
        return prepare_decimal
    if isinstance(field, models.FileField):
        return prepare_file
    if isinstance(field, models.DateTimeField):
        return prepare_datetime
    if isinstance(field, models.GenericIPAddressField):
        return prepare_address
    return prepare_plain


def prepared_value(value: Any, field: models.Field[Any, Any]) -> Any:
    """Return any value of a field as the database would compare it."""
    if value is None:
        return None
    if hasattr(value, "resolve_expression"):
        value = unready_value(value, field)
    target = concrete_target(field)
    return preparing(target)(value, target)


@functools.cache
def plain_reader(field: models.Field[Any, Any]) -> Reader:
    """Return the function that reads a column that is no key from an instance."""
    attname = field.attname
    expected = exact_type(field)
    target = concrete_target(field)
    prepare = preparing(target)

    def read(instance: Model) -> Any:
        value = instance.__dict__.get(attname, MISSING)
        if value is MISSING:
            value = getattr(instance, attname)
        if value is None or type(value) is expected:
            return value
        if hasattr(value, "resolve_expression"):
            value = unready_value(value, field)
        return prepare(value, target)

    return read


@functools.cache
def column_reader(field: models.Field[Any, Any]) -> Reader:
    """Return the function that reads a column from an instance, with an ``UnsavedKey`` for a key to come."""
    read = plain_reader(field)
    if field.is_relation:
        read = _foreign_key_reader(field, read)
    if field.primary_key or isinstance(field, OrderWrt):
        read = _own_key_reader(read)
    return read


def may_be_unsaved(field: models.Field[Any, Any]) -> bool:
    """Tell whether a column can read as an ``UnsavedKey``: also the place of a row that is ordered by its parent."""
    return field.is_relation or field.primary_key or isinstance(field, OrderWrt)


def _foreign_key_reader(field: Any, read: Reader) -> Reader:
    def read_foreign_key(instance: Model) -> Any:
        value = read(instance)
        if value is None and field.is_cached(instance):
            target = field.get_cached_value(instance)
            if target is not None:
                return UnsavedKey(target)
        return value

    return read_foreign_key


def _own_key_reader(read: Reader) -> Reader:
    def read_own_key(instance: Model) -> Any:
        value = read(instance)
        if value is None and instance._state.adding:
            return UnsavedKey(instance)
        return value

    return read_own_key


def without_unsaved(value: Any) -> Any:
    """Return a value as callers see it: a key that does not exist yet is ``None``."""
    return None if type(value) is UnsavedKey else value
