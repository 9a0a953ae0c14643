"""Rows as Django's serializers write them, read in bulk and without building instances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from django.db.models import Field, ForeignKey, Model
from django.utils.encoding import is_protected_type

from cluster.collector.edges import Edge, edges_of, has_natural_key
from cluster.collector.keys import is_composite
from cluster.collector.literals import among
from cluster.collector.walk import Walk
from cluster.serialization.encoding import ClusterJSONEncoder

Convert = Callable[[Any], Any]
Redaction = Mapping[tuple[type[Model], str], Any]
PLAIN = (str, int, float, bool, type(None))
PLAIN_TYPES = frozenset(PLAIN)

encode = ClusterJSONEncoder(ensure_ascii=False, separators=(",", ": ")).encode


class Holder:
    """Stands in for an instance where a field only asks for its value."""


def plain_value(field: Any) -> Convert:
    """Return the function that turns a value of a field into what a serializer writes."""
    method: Any = type(field).value_to_string
    if isinstance(field, ForeignKey) or method == Field.value_to_string:
        return _text_unless_plain
    return partial(_through_field, field)


def _through_field(field: Any, value: Any) -> Any:
    # The stubs take every value of type Any for a protected one.
    is_plain: bool = is_protected_type(value)
    if is_plain:
        return value
    holder = Holder()
    setattr(holder, field.attname, value)
    return field.value_to_string(holder)


def _text_unless_plain(value: Any) -> Any:
    return value if isinstance(value, PLAIN) or is_protected_type(value) else str(value)


def converted(convert: Convert, values: Sequence[Any]) -> Sequence[Any]:
    """Return the values of one column as a serializer writes them; nothing is called for what is plain already."""
    if convert is _text_unless_plain and PLAIN_TYPES.issuperset(map(type, values)):
        return values
    return [convert(value) for value in values]


def plain_key(model: type[Model]) -> Convert:
    """Return the function that turns a primary key into what a serializer writes."""
    key: Any = model._meta.pk
    if not is_composite(model):
        return plain_value(key)
    parts = [plain_value(part) for part in key]
    return lambda values: [part(value) for part, value in zip(parts, values, strict=True)]


def serialized_fields(model: type[Model]) -> list[Any]:
    """Return the fields of a model's own table that a serializer writes."""
    fields: list[Any] = model._meta.local_fields
    return [field for field in fields if field.serialize]


def new_value(new: Any, old: Any) -> Any:
    """Return what takes the place of a value: a value, or what a callable makes of the old one."""
    return new(old) if callable(new) else new


class NaturalNames:
    """The natural keys of rows that are named, not exported; each read once, in bulk."""

    def __init__(self, walk: Walk, redact: Redaction) -> None:
        self._walk = walk
        self._redact = redact
        self._names: dict[tuple[type[Model], str], dict[Any, Any]] = defaultdict(dict)

    def fetch(self, model: type[Model], attname: str, values: Iterable[Any]) -> Mapping[Any, Any]:
        """Return the natural keys of the rows whose ``attname`` has one of the values."""
        known = self._names[model, attname]
        followed = [field.name for field in model._meta.concrete_fields if field.remote_field and not field.null]
        for piece in self._walk.chunks(model, {value for value in values if value not in known}):
            rows = self._walk.rows(model).filter(among(attname, piece))
            rows = rows.select_related(*followed) if followed else rows
            known.update({getattr(row, attname): self._name(model, row) for row in rows})
        return known

    def _name(self, model: type[Model], row: Any) -> list[Any]:
        """Return the natural key of a row, in which nothing stands that is to be redacted of it."""
        for (table, name), new in self._redact.items():
            if table is model:
                setattr(row, name, new_value(new, getattr(row, name)))
        return list(row.natural_key())


class RowReader:
    """Reads collected rows and turns them into what a serializer writes."""

    def __init__(self, walk: Walk, redact: Redaction) -> None:
        self.walk = walk
        self.redact = redact
        self.names = NaturalNames(walk, redact)
        self.redacted: dict[str, int] = defaultdict(int)
        self._plans: dict[type[Model], TablePlan] = {}

    def read(self, model: type[Model], keys: list[Any]) -> dict[Any, dict[str, Any]]:
        """Return the rows of a model by key, as ``{"model", "pk", "fields"}``; one query, and one per many-to-many."""
        plan = self._plan(model)
        columns = [field.attname for field in plan.fields]
        rows = self.walk.values(model, keys, columns)
        found: dict[Any, dict[str, Any]] = {}
        if rows:
            stored, *raw = zip(*rows, strict=True)
            plain = [converted(plan.convert(self, position, values), values) for position, values in enumerate(raw)]
            fields = zip(*plain, strict=True) if plain else ((),) * len(rows)
            for key, written, values in zip(stored, converted(plan.key, stored), fields, strict=True):
                row = dict(zip(plan.names, values, strict=True))
                for name in self.walk.unknown(model, key):
                    row.pop(name, None)
                found[key] = {"model": plan.label, "pk": written, "fields": row}
        for edge in edges_of(model).many:
            self._add_links(edge, found)
        return found

    def _plan(self, model: type[Model]) -> TablePlan:
        if model not in self._plans:
            self._plans[model] = TablePlan(self, model)
        return self._plans[model]

    def _add_links(self, edge: Edge, found: dict[Any, dict[str, Any]]) -> None:
        # Links belong to the row that declares them: of a referenced row they are not exported.
        owned = [key for key in found if key in self.walk.owned[edge.source]]
        target = edge.target
        if not owned or target is None or not edge.field.serialize:
            return
        links = list(self.walk.links(edge, owned))
        convert = self.target_value(edge, target._meta.pk.attname, plain_key(target), {value for _, value in links})
        lists: dict[Any, list[Any]] = {key: [] for key in owned}
        for key in owned:
            found[key]["fields"][edge.field.name] = lists[key]
        written = converted(convert, [value for _, value in links])
        for (source, _), value in zip(links, written, strict=True):
            if value is not None:
                lists[source].append(value)

    def redacted_value(self, label: str, plain: Convert, new: Any, value: Any) -> Any:
        """Return what is written in the place of a value, and count it under the label of its field."""
        self.redacted[label] += 1
        return plain(new_value(new, value))

    def target_value(self, edge: Edge, attname: str, plain: Convert, values: set[Any]) -> Convert:
        """Return the function that writes what an edge points at: its key, its natural key, or nothing if left out."""
        target: Any = edge.target
        known_by_key = attname == target._meta.pk.attname
        owned, referenced = self.walk.owned[target], self.walk.referenced[target]
        outside = {value for value in values if value not in owned and value not in referenced} - {None}
        if not known_by_key or not outside:
            return plain
        if edge in self.walk.cut:
            return lambda value: None if value in outside else plain(value)
        if has_natural_key(target):
            names = self.names.fetch(target, attname, outside)
            return lambda value: names.get(value, plain(value)) if value in outside else plain(value)
        return plain


class TablePlan:
    """How the rows of one model are written."""

    def __init__(self, reader: RowReader, model: type[Model]) -> None:
        self.label = model._meta.label_lower
        self.fields = serialized_fields(model)
        self.names = [field.name for field in self.fields]
        self.key = self._pointing(reader, model._meta.pk, plain_key(model))
        edges = {edge.field: edge for edge in edges_of(model).keys}
        self.edges = [edges.get(field) for field in self.fields]
        self.plain = [self._plain(reader, model, field) for field in self.fields]

    def _plain(self, reader: RowReader, model: type[Model], field: Any) -> Convert:
        plain = plain_value(field)
        if (model, field.name) not in reader.redact:
            return self._pointing(reader, field, plain)
        replace = reader.redact[model, field.name]
        return partial(reader.redacted_value, f"{model._meta.label}.{field.name}", plain, replace)

    def _pointing(self, reader: RowReader, field: Any, plain: Convert) -> Convert:
        """Return the function for a key; what it holds of its target is redacted as it is there."""
        if not isinstance(field, ForeignKey) or field.target_field.primary_key:
            return plain
        place: Any = (field.target_field.model._meta.concrete_model, field.target_field.name)
        if place not in reader.redact:
            return plain
        return partial(_redacted_key, plain, reader.redact[place])

    def convert(self, reader: RowReader, position: int, values: Iterable[Any]) -> Convert:
        """Return the function for one column of some rows."""
        edge, plain = self.edges[position], self.plain[position]
        if edge is None:
            return plain
        return reader.target_value(edge, edge.field.target_field.attname, plain, set(values))


def _redacted_key(plain: Convert, new: Any, value: Any) -> Any:
    return plain(value if value is None else new_value(new, value))


def lines_of(reader: RowReader, nodes: Iterable[tuple[type[Model], Any]]) -> Iterator[tuple[type[Model], Any, str]]:
    """Yield model, key and line of rows in the order asked for; rows that are gone are left out."""
    listed = list(nodes)
    by_model: dict[type[Model], list[Any]] = defaultdict(list)
    for model, key in listed:
        by_model[model].append(key)
    found = {
        model: {key: row for piece in reader.walk.chunks(model, keys) for key, row in reader.read(model, piece).items()}
        for model, keys in by_model.items()
    }
    for model, key in listed:
        if key in found[model]:
            yield model, key, encode(found[model][key]) + "\n"
