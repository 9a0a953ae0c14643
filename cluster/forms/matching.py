"""Which child each submitted row stands for.

The key in the row decides, never its position. Whatever is wrong with a key is an error of that row; a key names a
child of this parent or none at all, so that no submission reaches another parent's row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import AutoField, Model
from django.forms import Field as FormField
from django.forms import HiddenInput
from django.forms.models import ModelChoiceField
from django.utils.hashable import make_hashable
from django.utils.translation import gettext_lazy as _

from cluster._compat import is_pk_set

ABSENT = object()
UNREADABLE = (ValidationError, TypeError, ValueError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Match:
    """What one submitted row stands for.

    Attributes:
        child: The child as it is held or was loaded; ``None`` for a new one.
        problem: The code of what is wrong with the row's key: ``required``, ``invalid_choice`` or ``repeated``.
    """

    child: Model | None = None
    problem: str | None = None


NEW = Match()


def key_text(child: Any) -> str | None:
    """Return the key of a child as a hidden field carries it."""
    if not is_pk_set(child):
        return None
    key: Any = child._meta.pk
    return json.dumps(child.pk, default=str) if isinstance(child.pk, tuple) else str(key.value_to_string(child))


class KeyReader:
    """Reads the keys of one model from the texts of a submission."""

    def __init__(self, model: type[Model]) -> None:
        field: Any = model._meta.pk
        while field.remote_field is not None:
            field = field.remote_field.get_related_field()
        self._to_python = field.to_python

    def read(self, text: Any) -> Any:
        """Return the key.

        Raises:
            ValidationError: The text is no key; also raised as the other errors of ``UNREADABLE``.
        """
        key = self._to_python(text)
        key = tuple(key) if isinstance(key, list) else key
        hash(key)
        return key


def match_keys(texts: Iterable[Any], claimed: int, children: Sequence[Any], reader: KeyReader) -> list[Match]:
    """Match rows to children by the keys that they carry.

    Args:
        texts: The key of each row as submitted, or ``ABSENT``.
        claimed: How many rows the submission says stand for children; of these the key must be there.
        children: The children that there are.
        reader: What turns texts into keys.
    """
    by_key = {child.pk: child for child in children if is_pk_set(child)}
    taken: set[Any] = set()
    return [_match(text, by_key, taken, reader, must_be_there=index < claimed) for index, text in enumerate(texts)]


def _match(text: Any, by_key: dict[Any, Model], taken: set[Any], reader: KeyReader, *, must_be_there: bool) -> Match:
    if text is ABSENT or text is None or text == "":
        return Match(problem="required") if text is ABSENT and must_be_there else NEW
    try:
        key = reader.read(text)
    except UNREADABLE:
        return Match(problem="invalid_choice")
    if key in taken:
        return Match(problem="repeated")
    taken.add(key)
    return Match(child=by_key[key]) if key in by_key else Match(problem="invalid_choice")


class RowKeyField(FormField):
    """The hidden field with the key of a row's child; its value was read when the rows were matched."""

    default_error_messages = {
        "invalid_choice": ModelChoiceField.default_error_messages["invalid_choice"],
        "repeated": _("Please correct the duplicate values below."),
    }
    widget = HiddenInput

    def __init__(self, match: Match, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.match = match

    def clean(self, value: Any) -> Any:
        """Return the child, or ``None`` for a new one."""
        if self.match.problem is not None:
            code = self.match.problem
            raise ValidationError(self.error_messages[code], code=code, params={"value": value})
        return self.match.child

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Return whether the key is one that names no child; the key of a child never changes."""
        return self.match.problem is not None


def is_hidden_key(key: Any) -> bool:
    """Say whether a model's key is one that nobody types, so that a row carries it in a hidden field."""
    if not key.editable or key.auto_created or isinstance(key, AutoField):
        return True
    parent_link = key.remote_field is not None and key.remote_field.parent_link
    return bool(parent_link and is_hidden_key(key.remote_field.model._meta.pk))


def match_by_identity(
    forms: Mapping[int, Any], children: Sequence[Model], ways: Iterable[tuple[Any, ...]]
) -> dict[int, Model]:
    """Match rows without key to children by what tells the children of one parent apart.

    Args:
        forms: The rows by index; blank ones left out.
        children: The children that no row names by key.
        ways: Sets of fields, each of which tells the children of one parent apart.
    """
    matched: dict[int, Model] = {}
    for fields in ways:
        taken = {id(child) for child in matched.values()}
        by_identity = {identity(child, fields): child for child in children if id(child) not in taken}
        for index, form in forms.items():
            values = None if index in matched else submitted_identity(form, fields)
            child = None if values is None else by_identity.pop(values, None)
            if child is not None:
                matched[index] = child
    return matched


def identity(child: Model, fields: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the values by which a child is told from its siblings."""
    return tuple(make_hashable(getattr(child, field.attname)) for field in fields)


def submitted_identity(form: Any, fields: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Return the same values as a row submits them; ``None`` where it has not all of them."""
    values = []
    for field in fields:
        if field.name not in form.fields:
            return None
        bound = form[field.name]
        try:
            value = bound.field.clean(bound.data)
        except ValidationError:
            return None
        values.append(getattr(value, field.target_field.attname, None) if field.is_relation else value)
    return None if any(value is None or value == "" for value in values) else tuple(map(make_hashable, values))
