"""Rows that a manifest names without their being in the file: found first, so that keys in the rows can be followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Model

from cluster.collector.decoding import Decoded
from cluster.collector.edges import has_natural_key
from cluster.collector.keys import key_from_json
from cluster.collector.manifest import Manifest
from cluster.collector.modes import Mode
from cluster.collector.reading import Contents, FileRow, Models
from cluster.errors import Problem, SerializedDataError

UNREADABLE = (LookupError, TypeError, ValueError, OverflowError, AttributeError, FieldDoesNotExist, ValidationError)


class ManifestLinks:
    """Finds the rows that a manifest links to by lookup fields or by natural keys, and enters their keys."""

    def __init__(self, mode: Mode, contents: Contents) -> None:
        self.mode = mode
        self.contents = contents

    def find(self, manifest: Manifest) -> None:
        """Find all of them.

        Raises:
            SerializedDataError: One cannot be read, is a row of the file, or is not in the database.
        """
        for label, links in manifest.links.items():
            try:
                model = Models()[label]
                pairs = [(key_from_json(model, key), values) for key, values in links]
                named = [_decoded(model, key, values) for key, values in pairs if not isinstance(values, list)]
                if len(named) < len(pairs) and not has_natural_key(model):
                    raise ValueError(f"{model._meta.label} has no natural keys")
            except UNREADABLE as error:
                message = f"The rows of {label!r} that it links to cannot be read: {error}"
                raise SerializedDataError([Problem("manifest", message)]) from error
            self._refuse_rows(model, [key for key, _ in pairs])
            self._place_looked_up(model, named)
            self._place_named(model, {key: values for key, values in pairs if isinstance(values, list)})

    def _refuse_rows(self, model: type[Model], keys: Sequence[Any]) -> None:
        rows = self.contents.keys.get(model, {})
        self._refuse(
            f"{model._meta.label} {key!r} is linked to, and is a row of the file." for key in keys if key in rows
        )

    def _place_looked_up(self, model: type[Model], named: Sequence[Decoded]) -> None:
        names = list(named[0].row.fields) if named else []
        found = self.mode.find_linked(model, named, names) if named else {}
        self._place(model, found)
        self._refuse(_missing(model, one.row.fields) for one in named if one.row.key not in found)

    def _place_named(self, model: type[Model], named: Mapping[Any, list[Any]]) -> None:
        found, missing = self.mode.find_named(model, named)
        self._place(model, found)
        self._refuse(_missing(model, name) for name in missing)

    def _place(self, model: type[Model], found: Mapping[Any, Any]) -> None:
        for old, new in found.items():
            self.mode.keys.place(model, old, new)

    def _refuse(self, messages: Any) -> None:
        self.mode.refuse([Problem("manifest", message) for message in messages])


def _missing(model: type[Model], values: Any) -> str:
    return f"The file needs {model._meta.label} with {values!r}, which is not in the database."


def _decoded(model: type[Model], key: Any, values: dict[str, Any]) -> Decoded:
    if not values:
        raise ValueError(f"nothing names {key!r}")
    fields: dict[str, Any] = {name: model._meta.get_field(name) for name in values}
    row = FileRow(0, model, key, values, is_owned=False)
    return Decoded(row, {field.attname: field.to_python(values[name]) for name, field in fields.items()})
