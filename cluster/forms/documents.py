"""One JSON document in the place of a submission: the same data, through the same validation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.forms import JSONField, MultiWidget
from django.forms.formsets import INITIAL_FORM_COUNT, TOTAL_FORM_COUNT
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _


class DocumentData(MultiValueDict[str, Any]):
    """The data of a document under the names that a submission would have.

    Attributes:
        problems: What in the document could not be read, as sentences with JSON paths.
    """

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []


def read_document(document: Any, form_class: Any, prefix: str | None) -> DocumentData:
    """Turn a document into the data for a form.

    Args:
        document: JSON text, or what it would be parsed to: an object with the fields of the form, and under the name of
            every formset a list of such objects. The key of a row is called as its field or ``pk``, as in snapshots.
        form_class: The class of the form.
        prefix: The prefix of the form.
    """
    data = DocumentData()
    _read_object(_parse(document, data), form_class, _Names(prefix or "", "$"), data)
    return data


class _Names:
    """The prefix of the names, and the path in the document, of one place."""

    def __init__(self, prefix: str, path: str) -> None:
        self.prefix, self.path = prefix, path

    def of(self, name: str) -> str:
        return f"{self.prefix}-{name}" if self.prefix else name

    def below(self, name: str) -> _Names:
        return _Names(self.of(name), f"{self.path}.{name}")

    def row(self, index: int) -> _Names:
        return _Names(f"{self.prefix}-{index}", f"{self.path}[{index}]")


def _parse(document: Any, data: DocumentData) -> Mapping[str, Any]:
    if isinstance(document, str | bytes | bytearray):
        try:
            document = json.loads(document)
        except (ValueError, RecursionError):
            data.problems.append(_("The document is not valid JSON."))
            return {}
    if isinstance(document, Mapping):
        return document
    data.problems.append(_("$: Enter an object."))
    return {}


def _read_object(given: Mapping[str, Any], form_class: Any, names: _Names, data: DocumentData) -> None:
    for name, value in given.items():
        if name not in form_class.formsets:
            _read_value(names.of(str(name)), value, form_class.base_fields.get(name), data)
    for name, formset_class in form_class.formsets.items():
        _read_rows(given.get(name), formset_class, names.below(name), data)


def _read_rows(rows: Any, formset_class: Any, names: _Names, data: DocumentData) -> None:
    if rows is not None and not isinstance(rows, list):
        data.problems.append(_("%(path)s: Enter a list.") % {"path": names.path})
        rows = None
    objects = list(_objects(rows or [], names, data))
    data[names.of(TOTAL_FORM_COUNT)] = len(objects)
    data[names.of(INITIAL_FORM_COUNT)] = 0
    key_name = formset_class.model._meta.pk.name
    for index, row in enumerate(objects[: formset_class.absolute_max]):
        _read_object(_with_key(row, key_name), formset_class.form, names.row(index), data)


def _with_key(row: Mapping[str, Any], key_name: str) -> Mapping[str, Any]:
    """Return a row with its key as the hidden field of the key carries it, also where it is called as in snapshots."""
    name = key_name if key_name in row else "pk"
    if name not in row:
        return row
    key = row[name]
    return {**row, key_name: json.dumps(key) if isinstance(key, list) else key}


def _objects(rows: list[Any], names: _Names, data: DocumentData) -> Iterator[Mapping[str, Any]]:
    for index, row in enumerate(rows):
        if isinstance(row, Mapping):
            yield row
        else:
            data.problems.append(_("%(path)s: Enter an object.") % {"path": names.row(index).path})


def _read_value(name: str, value: Any, field: Any, data: DocumentData) -> None:
    if isinstance(field, JSONField):
        data[name] = json.dumps(value)
    elif isinstance(value, list) and isinstance(getattr(field, "widget", None), MultiWidget):
        for suffix, part in zip(field.widget.widgets_names, value, strict=False):
            _read_value(f"{name}{suffix}", part, None, data)
    elif isinstance(value, list):
        data.setlist(name, [_as_submitted(item) for item in value])
    elif value is not None and value is not False:
        data[name] = _as_submitted(value)


def _as_submitted(value: Any) -> str:
    """Return a value as a browser would send it; an object, which no browser sends, as its JSON."""
    if value is True:
        return "on"
    text = value if isinstance(value, str) else json.dumps(value)
    # Half of a pair of surrogates is no text that a browser could send or a database could keep.
    return text.encode(errors="replace").decode()
