"""Rows of the database that rows of a file stand for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Model, QuerySet

from cluster.collector.databases import Databases
from cluster.collector.decoding import Decoded
from cluster.collector.keys import chunk_size_for
from cluster.collector.literals import among
from cluster.collector.reading import FileRow
from cluster.collector.rows import encode, plain_value
from cluster.collector.unique import any_of, rows_per_statement, telling_names
from cluster.collector.writing import insertable
from cluster.saving.reading import chunks

Current = dict[Any, dict[str, Any]]


class Finder:
    """Finds rows on one database, in bulk."""

    def __init__(
        self, databases: Databases, chunk_size: int, lookup_fields: Mapping[type[Model], Sequence[str]]
    ) -> None:
        self.databases = databases
        self.using = databases.using
        self.chunk_size = chunk_size
        self.lookup_fields = lookup_fields
        self._looked_up: dict[type[Model], dict[tuple[Any, ...], FileRow]] = defaultdict(dict)

    def present(self, model: type[Model], keys: Iterable[Any]) -> set[Any]:
        """Return which keys are in the database."""
        return {key for rows in self._pieces(model, keys) for key in rows.values_list("pk", flat=True)}

    def current(self, model: type[Model], keys: Iterable[Any]) -> Current:
        """Return the rows with some keys: their values by attname."""
        names = [field.attname for field in insertable(model)]
        return {
            key: dict(zip(names, values, strict=True))
            for rows in self._pieces(model, keys)
            for key, *values in rows.values_list("pk", *names)
        }

    def stored(self, model: type[Model], attname: str, keys: Iterable[Any]) -> dict[Any, Any]:
        """Return by key the value of one field."""
        return {key: value for rows in self._pieces(model, keys) for key, value in rows.values_list("pk", attname)}

    def _pieces(self, model: type[Model], keys: Iterable[Any]) -> Iterator[QuerySet[Any]]:
        """Yield the rows with some keys, as many at once as fit into a statement."""
        for piece in chunks(keys, chunk_size_for(model, self.chunk_size, self.using)):
            yield self._rows(model).filter(among("pk", piece))

    def _rows(self, model: type[Model]) -> QuerySet[Any]:
        return model._base_manager.using(self.databases.of(model))

    def by_lookup(self, model: type[Model], decoded: Sequence[Decoded], names: Sequence[str]) -> dict[Any, Any]:
        """Return by key in the file the key of the row with the same values in some fields, none of them null.

        Raises:
            SerializedDataError: Several rows, of the file or of the database, have the same values.
        """
        attnames = [model._meta.get_field(name).attname for name in names]  # type: ignore[union-attr]
        found: dict[Any, Any] = {}
        for row, key in self._alike(model, attnames, self._by_values(model, decoded, attnames)):
            if row.key in found:
                raise row.problem(
                    f"{model._meta.label} {row.key!r} may be {found[row.key]!r} or {key!r} of the database:"
                    f" {', '.join(names)} do not tell them apart."
                )
            found[row.key] = key
        return found

    def _by_values(
        self, model: type[Model], decoded: Sequence[Decoded], attnames: Sequence[str]
    ) -> dict[tuple[Any, ...], FileRow]:
        """Return the rows that have all of some values by these; two rows with the same ones are refused."""
        by_values: dict[tuple[Any, ...], FileRow] = {}
        # By its lookup fields a row must differ from all of the file, by other unique values from those at hand.
        known = self._looked_up[model] if model in self.lookup_fields else by_values
        for one in decoded:
            values = tuple(one.values.get(attname) for attname in attnames)
            if None not in values and one.later.keys().isdisjoint(attnames):
                refuse_alike(one.row, known.setdefault(values, one.row))
                by_values[values] = one.row
        return by_values

    def _alike(
        self, model: type[Model], attnames: Sequence[str], by_values: Mapping[tuple[Any, ...], FileRow]
    ) -> Iterator[tuple[FileRow, Any]]:
        """Yield rows of the file, each with the key of a row of the database that has the same values."""
        for piece in chunks(by_values, rows_per_statement(self.using, self.chunk_size, len(attnames))):
            rows = self._rows(model).filter(any_of(attnames, piece))
            for key, *values in rows.values_list("pk", *attnames):
                # A database that ignores case finds more than was asked for.
                if (row := by_values.get(tuple(values))) is not None:
                    yield row, key

    def same_row(self, model: type[Model], decoded: Sequence[Decoded]) -> dict[Any, Any]:
        """Return by key in the file the key of the row that a shared row stands for.

        That is the one with the same lookup fields; else with the same unique values; else with the same key and the
        same content, as a key alone may be a stranger's in another database.
        """
        if model in self.lookup_fields:
            return self.by_lookup(model, decoded, self.lookup_fields[model])
        found: dict[Any, Any] = {}
        for names in telling_names(model):
            remaining = [one for one in decoded if one.row.key not in found]
            found.update(self.by_lookup(model, remaining, names))
        remaining = [one for one in decoded if one.row.key not in found]
        current = self.current(model, [one.row.key for one in remaining])
        for one in remaining:
            if one.row.key in current and is_same_content(model, one, current[one.row.key]):
                found[one.row.key] = one.row.key
        return found


def refuse_alike(row: FileRow, other: FileRow) -> None:
    """Refuse a row that cannot be told from another one of the file.

    Raises:
        SerializedDataError: They are two rows.
    """
    if other is not row:
        raise row.problem(
            f"{row.model._meta.label} {row.key!r} has the same values as {other.key!r} of line {other.line} in the"
            " fields by which it is looked up."
        )


def is_same_content(model: type[Model], decoded: Decoded, current: Mapping[str, Any]) -> bool:
    """Whether a shared row has the content of the file; keys in it may be those of rows that are copied."""
    changed = differences(model, decoded, current)
    keys = {field.attname: field for field in insertable(model) if field.remote_field}
    return all(
        name in keys and keys[name].to_python(decoded.row.fields[keys[name].name]) == current[name] for name in changed
    )


def differences(model: type[Model], decoded: Decoded, current: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values in which a row of a file differs from a row of the database, as the file writes values."""
    return {
        field.attname: decoded.values[field.attname]
        for field in insertable(model)
        if field.attname in decoded.values
        and field.attname not in decoded.later
        and not field.primary_key
        and not same_value(field, decoded.values[field.attname], current[field.attname])
    }


def same_value(field: Any, one: Any, other: Any) -> bool:
    """Whether two values of a field read the same in a file."""
    if type(one) is type(other) and one == other:
        return True
    plain = plain_value(field)
    return encode(plain(one)) == encode(plain(other))
