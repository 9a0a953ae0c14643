"""How the rows of a class are copied, field by field; worked out once per class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any

from django.core.files.base import File
from django.db.models import (
    BinaryField,
    BooleanField,
    CharField,
    DateField,
    DecimalField,
    DurationField,
    FileField,
    FloatField,
    ForeignKey,
    IntegerField,
    Model,
    TextField,
    TimeField,
    UUIDField,
)
from django.db.models.base import DEFERRED
from django.db.models.fields import AutoFieldMixin
from django.db.models.fields.proxy import OrderWrt

from cluster.copying.files import StoredFile
from cluster.copying.options import Files
from cluster.relations.builtin import is_builtin

Change = Callable[[Any, Files], Any]

# Fields whose values cannot be changed in place.
UNCHANGEABLE = (
    BooleanField,
    CharField,
    DateField,
    DecimalField,
    DurationField,
    FloatField,
    IntegerField,
    TextField,
    TimeField,
    UUIDField,
)


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """How the rows of a class are copied.

    Attributes:
        model: The class.
        attnames: The names of the values in a row's ``__dict__``, in the order in which the class takes them.
        values: Returns them all from a ``__dict__``.
        changes: For the values that are not simply taken over: their place, and what is to be done with them.
        keys: The foreign keys, those that tie the tables of multi-table inheritance left out.
        generic_keys: The generic foreign keys.
        places: The place of each field's value by name.
    """

    model: type[Model]
    attnames: tuple[str, ...]
    values: Callable[[dict[str, Any]], Sequence[Any]]
    changes: tuple[tuple[int, Change], ...]
    keys: tuple[Any, ...]
    generic_keys: tuple[Any, ...]
    places: dict[str, int]

    def new_values(self, values: Sequence[Any], files: Files) -> list[Any]:
        """Return the values of a copy from those of its source."""
        copied = list(values)
        for place, change in self.changes:
            copied[place] = change(copied[place], files)
        return copied


@cache
def copy_plan(model: Any) -> CopyPlan:
    """Return how the rows of a class are copied."""
    fields = model._meta.concrete_fields
    attnames = tuple(each.attname for each in fields)
    getter = itemgetter(*attnames)
    changes = [(place, change) for place, each in enumerate(fields) if (change := _change_of(each)) is not None]
    return CopyPlan(
        model=model,
        attnames=attnames,
        values=getter if len(attnames) > 1 else lambda values: (getter(values),),
        changes=tuple(changes),
        keys=tuple(each for each in fields if isinstance(each, ForeignKey) and not is_parent_link(each)),
        generic_keys=tuple(each for each in model._meta.private_fields if hasattr(each, "fk_field")),
        places={each.name: place for place, each in enumerate(fields)},
    )


def is_parent_link(field: Any) -> bool:
    """Whether a field ties a row to the row of the table that its model inherits from."""
    return bool(field.is_relation and field.remote_field.parent_link)


def makes_new_values(field: Any) -> bool:
    """Whether a field has a default that gives every row a value of its own, such as ``uuid4``."""
    return bool(field.has_default() and callable(field.default) and field.unique)


def _change_of(field: Any) -> Change | None:
    if field.generated:
        return _left_out
    if makes_new_values(field):
        return NewDefault(field)
    if isinstance(field, OrderWrt) or is_parent_link(field) or is_made_key(field):
        return _none
    if isinstance(field, FileField):
        return CopiedFile(field)
    if isinstance(field, ForeignKey) or (isinstance(field, UNCHANGEABLE) and is_builtin(type(field))):
        return None
    if isinstance(field, BinaryField):
        return _bytes
    return _deep_copy


def is_made_key(field: Any) -> bool:
    """Whether a field is a primary key, or a part of one, that the database makes."""
    is_key = field in field.model._meta.pk_fields
    return is_key and bool(isinstance(field, AutoFieldMixin) or field.has_db_default())


def _left_out(value: Any, files: Files) -> Any:
    return DEFERRED


def _none(value: Any, files: Files) -> Any:
    return None


def _deep_copy(value: Any, files: Files) -> Any:
    return deepcopy(value)


def _bytes(value: Any, files: Files) -> Any:
    return bytes(value) if isinstance(value, bytearray | memoryview) else value


class CopiedFile:
    """Names the same file in every copy, or has it stored again."""

    def __init__(self, field: Any) -> None:
        self.field = field

    def __call__(self, value: Any, files: Files) -> Any:
        if isinstance(value, File) and not getattr(value, "_committed", False):
            return File(value.file, value.name)
        # The name alone, where nothing has looked at the file of the row yet.
        name = getattr(value, "name", value)
        return StoredFile(self.field.storage, name) if name and files == "duplicate" else name


class NewDefault:
    """Gives every copy a new default."""

    def __init__(self, field: Any) -> None:
        self.field = field

    def __call__(self, value: Any, files: Files) -> Any:
        return self.field.get_default()
