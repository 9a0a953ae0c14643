"""Changes as HTML, in the words of the models."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import BinaryField, ForeignKey, Model
from django.template.loader import render_to_string
from django.utils.formats import localize
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from cluster.comparing.changes import Change, FieldChanged, Linked, RowMoved, Step, Unlinked
from cluster.comparing.shape import NO_VALUE, is_key, shape_of
from cluster.relations.natural import natural_fields
from cluster.saving.frozen import hashable
from cluster.saving.reading import chunks
from cluster.serialization.incoming import in_current_zone

Targets = dict[type[Model], dict[Any, str]]


@dataclass(frozen=True, slots=True)
class ShownChange:
    """One change as the template shows it.

    Attributes:
        kind: ``changed``, ``added``, ``removed``, ``moved``, ``linked`` or ``unlinked``.
        path: The path, for an anchor or a title.
        where: The readable names of the rows from the root down; empty for the root itself.
        label: The readable name of the field, or of the model for a row.
        before: What was, or ``None``.
        after: What is, or ``None``.
        change: The change itself.
    """

    kind: str
    path: str
    where: tuple[str, ...]
    label: str
    before: str | None
    after: str | None
    change: Change


def render_changes(
    model: type[Model], changes: Sequence[Change], *, template_name: str, using: str | None = None
) -> str:
    """Render changes with a template, whose context has ``model`` and ``changes`` (of ``ShownChange``)."""
    targets = _read_targets(changes, using)
    shown = [_shown(model, change, targets) for change in changes]
    return render_to_string(template_name, {"model": model._meta, "changes": shown})


def _shown(root: type[Model], change: Change, targets: Targets) -> ShownChange:
    names = _names_of(root, change.steps)
    before: str | None = None
    after: str | None = None
    label = str(capfirst(change.model._meta.verbose_name))
    match change:
        case FieldChanged():
            field = _field_of(change.model, change.field)
            label = _label_of(change.field, field)
            before, after = (_value_text(field, value, targets) for value in (change.before, change.after))
        case Linked() | Unlinked():
            field = _field_of(change.model, change.field)
            label = _label_of(change.field, field)
            text = _target_text(field, change.target, targets)
            before, after = (None, text) if isinstance(change, Linked) else (text, None)
        case RowMoved():
            before, after = str(change.before + 1), str(change.after + 1)
    return ShownChange(change.kind, change.path, names, label, before, after, change)


def _names_of(model: type[Model], steps: Iterable[Step]) -> tuple[str, ...]:
    names = []
    for step in steps:
        model = shape_of(model).child(step.relation).model
        name = str(capfirst(model._meta.verbose_name))
        names.append(f"{name} {step.label or step.index + 1}")
    return tuple(names)


def _field_of(model: type[Model], name: str) -> Any:
    try:
        return model._meta.pk if name == "pk" else model._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def _label_of(name: str, field: Any) -> str:
    return str(capfirst(field.verbose_name if field is not None else name.replace("_", " ")))


def _value_text(field: Any, value: Any, targets: Targets) -> str:
    if value is None or value == "":
        return ""
    if isinstance(field, ForeignKey):
        return _target_text(field, value, targets)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    chosen = dict(field.flatchoices).get(hashable(value)) if field is not None and field.choices else None
    if chosen is not None:
        return str(chosen)
    # Joined, so that a value is escaped even if memory has it marked as safe.
    return "".join([str(localize(_python_value(field, value)))])


def _python_value(field: Any, value: Any) -> Any:
    """Return a value as its field reads it, in the current time zone; bytes stay the text that stands for them."""
    if field is None or isinstance(field, BinaryField):
        return value
    try:
        read = field.to_python(value)
    except NO_VALUE:
        return value
    return in_current_zone(read) if isinstance(read, dt.datetime) else read


def _target_text(field: Any, key: Any, targets: Targets) -> str:
    model = field.related_model
    if isinstance(key, list | tuple) and natural_fields(model):
        return ", ".join(map(str, key))
    return targets.get(model, {}).get(shape_of(model).comparable_key(key), str(key))


def _read_targets(changes: Iterable[Change], using: str | None) -> Targets:
    """Return the names of the objects that keys in the changes point at, with one query per model."""
    wanted: dict[type[Model], set[Any]] = {}
    for change in changes:
        for field, key in _keys_in(change):
            if _points_at_primary_key(field) and is_key(field.related_model, key):
                wanted.setdefault(field.related_model, set()).add(shape_of(field.related_model).comparable_key(key))
    found: Targets = {}
    for model, keys in wanted.items():
        rows = model._base_manager.using(using)
        found[model] = {row.pk: str(row) for some in chunks(keys) for row in rows.filter(pk__in=some)}
    return found


def _points_at_primary_key(field: Any) -> bool:
    return not isinstance(field, ForeignKey) or field.target_field.primary_key


def _keys_in(change: Change) -> list[tuple[Any, Any]]:
    match change:
        case Linked() | Unlinked():
            return [(_field_of(change.model, change.field), change.target)]
        case FieldChanged():
            field = _field_of(change.model, change.field)
            if isinstance(field, ForeignKey):
                return [(field, key) for key in (change.before, change.after) if key is not None]
    return []
