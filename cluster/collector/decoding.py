"""From the rows of a file to values for the database, every key replaced by what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import BinaryField, Model

from cluster.collector.content_types import ContentTypes
from cluster.collector.edges import Edge, concrete, edges_of, generic_columns, has_natural_key
from cluster.collector.ids import Ids
from cluster.collector.keymap import PENDING, KeyMap
from cluster.collector.keys import is_composite
from cluster.collector.naming import Names
from cluster.collector.reading import FileRow


@dataclass(slots=True)
class Decoded:
    """A row of a file, ready to be written.

    Attributes:
        row: The row in the file.
        values: By attname the values for the database.
        later: By attname what a nullable key, a generic key or a declared id points at that is not loaded yet: its
            model and key, the key ``None`` where the value is to be decoded again.
        links: By name of a many-to-many the targets as they stand in the file.
        is_blocked: Whether the row needs a row that is not loaded yet.
        current: The values of the row of the database that it was met with, if it was.
        is_counted: Whether that row is counted as updated.
    """

    row: FileRow
    values: dict[str, Any] = field(default_factory=dict)
    later: dict[str, Any] = field(default_factory=dict)
    links: dict[str, list[Any]] = field(default_factory=dict)
    is_blocked: bool = False
    current: dict[str, Any] | None = None
    is_counted: bool = False


class Decoder:
    """Decodes the rows of one load.

    Attributes:
        keeps_keys: Whether keys mean the same in the file and in the database.
    """

    def __init__(self, keys: KeyMap, names: Names, types: ContentTypes, *, keeps_keys: bool = True) -> None:
        self.keys = keys
        self.keeps_keys = keeps_keys
        self.names = names
        self.types = types
        self.ids: dict[tuple[type[Model], str], tuple[type[Model], Ids]] = {}
        self.replace: dict[tuple[type[Model], str], Any] = {}
        self._tables: dict[type[Model], Table] = {}

    def table(self, model: type[Model]) -> Table:
        """Return how rows of a model are decoded."""
        if model not in self._tables:
            self._tables[model] = Table(self, model)
        return self._tables[model]

    def pointed(self, field: Any) -> dict[Any, Any]:
        """Return what became of the values in the file that a foreign key may hold."""
        target, to = concrete(field.remote_field.model), field.target_field
        return self.keys.keys[target] if to.primary_key else self.keys.values[target, to.attname]

    def generic_target(self, edge: Edge, values: Mapping[str, Any]) -> tuple[type[Model], Any] | None:
        """Return the model and key that a generic foreign key names by values by attname, if it names any.

        Raises:
            ValidationError: The value can be no key of the model.
        """
        number, value = map(values.get, generic_columns(edge.field))
        target = None if number is None or value is None else self.types.model(number)
        return None if target is None else (target, target._meta.pk.to_python(value))

    def decode(self, row: FileRow) -> Decoded:
        """Decode one row.

        Raises:
            SerializedDataError: A value cannot be read.
        """
        table = self.table(row.model)
        decoded = Decoded(row)
        for name, raw in row.fields.items():
            decode = table.columns.get(name)
            if decode is not None:
                try:
                    decode(decoded, raw)
                except (ValidationError, ValueError, TypeError, OverflowError, LookupError) as error:
                    problem = "; ".join(getattr(error, "messages", None) or [str(error)])
                    raise row.problem(f"{row.model._meta.label}.{name} cannot be {raw!r}: {problem}") from error
            elif name in table.many:
                if not isinstance(raw, list):
                    raise row.problem(f"{row.model._meta.label}.{name} cannot be {raw!r}: links are a list.")
                decoded.links[name] = raw
        try:
            table.decode_generic(decoded)
        except ValidationError as error:
            raise row.problem(f"{row.model._meta.label} points at no row: {'; '.join(error.messages)}") from error
        return decoded


class Table:
    """How the rows of one model are decoded."""

    def __init__(self, decoder: Decoder, model: type[Model]) -> None:
        self.decoder = decoder
        self.model = model
        edges = edges_of(model)
        self.many = {edge.name: edge for edge in edges.many}
        self.fields = [one for one in model._meta.local_concrete_fields if not one.generated]
        keys = {edge.field: edge for edge in edges.keys}
        self.columns: dict[str, Callable[[Decoded, Any], None]] = {
            one.name: KeyColumn(decoder, keys[one]) if one in keys else PlainColumn(decoder, model, one)
            for one in self.fields
        }
        # Foreign keys whose targets may be named by natural keys.
        targets = [(edge.name, edge.target) for edge in edges.keys if edge.target is not None]
        self.named = [(name, target) for name, target in targets if has_natural_key(target)]

    def decode_generic(self, decoded: Decoded) -> None:
        """Replace the object ids of generic foreign keys."""
        for edge in edges_of(self.model).generic:
            named = self.decoder.generic_target(edge, decoded.values)
            if named is None:
                continue
            target, old = named
            new = self.decoder.keys.new(target, old)
            if new is PENDING:
                decoded.later[edge.field.fk_field] = named
            elif new != old:
                decoded.values[edge.field.fk_field] = as_stored(self.model, edge.field.fk_field, new)

    def key_of(self, row: FileRow, values: dict[str, Any]) -> Any:
        """Return the key under which a row with decoded values is stored if it keeps its key; follows keys in it."""
        key: Any = self.model._meta.pk
        if is_composite(self.model):
            parts: list[Any] = list(key)
            return tuple(values[part.attname] for part in parts)
        return self.decoder.pointed(key).get(row.key, row.key) if key.remote_field else row.key


def as_stored(model: type[Model], attname: str, key: Any) -> Any:
    """Return the key of a target in the form that a generic key's column has."""
    field: Any = model._meta.get_field(attname)
    return field.to_python(key)


class PlainColumn:
    """Decodes the values of a field that is no key."""

    def __init__(self, decoder: Decoder, model: type[Model], column: Any) -> None:
        self.decoder = decoder
        self.column = column
        self.attname = column.attname
        self.replace = decoder.replace.get((model, column.name))
        self.ids = decoder.ids.get((model, column.name))

    def __call__(self, decoded: Decoded, raw: Any) -> None:
        """Set the column's value."""
        value = self.column.to_python(raw)
        if isinstance(self.column, BinaryField) and not isinstance(value, bytes | memoryview | None):
            raise ValidationError("bytes are written as a text in base64.")
        if self.replace is not None:
            value = self.replace(value) if callable(self.replace) else self.replace
        if self.ids is not None and value is not None:
            target, ids = self.ids
            value = ids.replaced(value, partial(self._new_id, decoded, target))
        decoded.values[self.attname] = value

    def _new_id(self, decoded: Decoded, target: type[Model], old: Any) -> Any:
        """Return what became of an id in a value, of the type that it has there; what is no key stays as it is."""
        try:
            new = self.decoder.keys.new(target, target._meta.pk.to_python(old))
        except ValidationError:
            return old
        if new is PENDING:
            decoded.later[self.attname] = (target, None)
            return old
        return type(old)(new) if isinstance(old, str | int) else new


class KeyColumn:
    """Decodes the values of a foreign key."""

    def __init__(self, decoder: Decoder, edge: Edge) -> None:
        self.decoder = decoder
        self.column = edge.field
        self.attname = edge.field.attname
        target: Any = edge.target
        self.target = target
        self.to = edge.field.target_field
        self.is_key = self.to.primary_key
        self.to_name = "pk" if self.is_key else self.to.attname
        self.is_named = has_natural_key(target)
        self.may_dangle = not edge.field.db_constraint
        self.is_null = edge.field.null and not edge.field.primary_key

    def __call__(self, decoded: Decoded, raw: Any) -> None:
        """Set the column's value, or note what it is to be later."""
        if raw is None:
            decoded.values[self.attname] = None
        elif self.is_named and isinstance(raw, list):
            decoded.values[self.attname] = self.decoder.names.find(self.target, raw, self.to.attname)
        else:
            self._point(decoded, self.to.to_python(raw))

    def _point(self, decoded: Decoded, old: Any) -> None:
        known = self.decoder.pointed(self.column)
        new = known.get(old, old)
        if new is not PENDING:
            decoded.values[self.attname] = new
            if old not in known and not (self.may_dangle and self.decoder.keeps_keys):
                self.decoder.names.expect(decoded.row, self.target, new, self.to_name)
        elif self.is_null:
            decoded.values[self.attname] = None
            decoded.later[self.attname] = (self.target, old if self.is_key else None)
        else:
            decoded.is_blocked = True
