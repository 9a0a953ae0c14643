"""Writing rows in bulk, and Django's own way where somebody listens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from django.core.management.color import no_style
from django.db import connections
from django.db.models import AutoField, Model, signals
from django.db.models.deletion import Collector

from cluster.collector.edges import Edge, falls_in_database, link_columns
from cluster.collector.keys import chunk_size_for, is_composite
from cluster.collector.literals import among
from cluster.collector.report import Report
from cluster.saving.reading import chunks


@dataclass(frozen=True, slots=True)
class LinkChange:
    """A way of changing the links of a many-to-many.

    Attributes:
        counter: Under which word of the report they are counted.
        method: The method of Django's manager that does it for one row.
        template: The statement that does it for one bare link: the table, then the columns of source and target.
    """

    counter: str
    method: str
    template: str


LINKING = LinkChange("inserted", "add", "INSERT INTO {} ({}, {}) VALUES (%s, %s)")
UNLINKING = LinkChange("deleted", "remove", "DELETE FROM {} WHERE {} = %s AND {} = %s")


class Writer:
    """Writes to one database and counts what it wrote."""

    def __init__(self, using: str, report: Report, chunk_size: int) -> None:
        self.using = using
        self.connection = connections[using]
        self.report = report
        self.chunk_size = chunk_size
        self.progress: Callable[[int], object] | None = None
        self._numbered: set[type[Model]] = set()

    # Rows -------------------------------------------------------------------------------------------------------------

    def insert(self, model: type[Model], rows: Sequence[dict[str, Any]], *, is_counted: bool = True) -> list[Any]:
        """Insert rows given by attname, without ``pre_save``; return their keys. All have a key or none has."""
        if is_counted:
            self.report.count("inserted", model._meta.label, len(rows))
        has_keys = all(rows[0].get(attname) is not None for attname in key_attnames(model))
        if has_keys and isinstance(model._meta.pk, AutoField):
            self._numbered.add(model)
        if listens(model, "save"):
            return self._save_each(model, rows, force_insert=True)
        if has_keys:
            self._insert_with_keys(model, rows)
            return [key_in(model, row) for row in rows]
        return self._insert_without_keys(model, rows)

    def _insert_with_keys(self, model: type[Model], rows: Sequence[dict[str, Any]]) -> None:
        fields = insertable(model)
        for piece in self._pieces(fields, rows):
            model._base_manager._insert(piece, fields=fields, using=self.using, raw=True)  # type: ignore[attr-defined]

    def _insert_without_keys(self, model: type[Model], rows: Sequence[dict[str, Any]]) -> list[Any]:
        key: Any = model._meta.pk
        fields = [field for field in insertable(model) if field is not key]
        found: list[Any] = []
        for piece in self._pieces(fields, rows, is_single=not self._returns_keys):
            returned = model._base_manager._insert(  # type: ignore[attr-defined]
                piece, fields=fields, using=self.using, returning_fields=[key], raw=True
            )
            found += [row[0] for row in returned]
        return found

    @property
    def _returns_keys(self) -> bool:
        return bool(self.connection.features.can_return_rows_from_bulk_insert)

    def _pieces(self, fields: list[Any], rows: Sequence[dict[str, Any]], *, is_single: bool = False) -> Iterable[Any]:
        objects = [SimpleNamespace(**row) for row in rows]
        size = 1 if is_single else max(1, self.connection.ops.bulk_batch_size(fields, objects))
        return chunks(objects, min(size, self.chunk_size))

    def _save_each(self, model: type[Model], rows: Sequence[dict[str, Any]], **options: Any) -> list[Any]:
        self.report.note(f"{model._meta.label} has receivers for saving: its rows were saved one by one.")
        found = []
        for row in rows:
            instance = model(**row)
            instance.save_base(raw=True, using=self.using, **options)
            found.append(instance.pk)
        return found

    def update(
        self, model: type[Model], rows: Sequence[tuple[Any, dict[str, Any]]], *, is_counted: bool = True
    ) -> None:
        """Update rows, each given by its key and the new values by attname."""
        if is_counted:
            self.report.count("updated", model._meta.label, len(rows))
        if rows and listens(model, "save"):
            self._save_changed(model, rows)
            return
        by_columns: dict[tuple[str, ...], list[tuple[Any, dict[str, Any]]]] = defaultdict(list)
        for key, values in rows:
            by_columns[tuple(values)].append((key, values))
        for names, group in by_columns.items():
            self._update_columns(model, names, group)

    def _save_changed(self, model: type[Model], rows: Sequence[tuple[Any, dict[str, Any]]]) -> None:
        self.report.note(f"{model._meta.label} has receivers for saving: its rows were saved one by one.")
        instances = model._base_manager.using(self.using).in_bulk([key for key, _ in rows])
        for key, values in rows:
            for attname, value in values.items():
                setattr(instances[key], attname, value)
            instances[key].save_base(raw=True, using=self.using)

    def _update_columns(
        self, model: type[Model], names: tuple[str, ...], rows: Sequence[tuple[Any, dict[str, Any]]]
    ) -> None:
        quote = self.connection.ops.quote_name
        fields: list[Any] = [model._meta.get_field(name) for name in names]
        parts: list[Any] = list(model._meta.pk_fields)
        sql = "UPDATE {} SET {} WHERE {}".format(  # noqa: S608 - names are quoted, values are parameters
            quote(model._meta.db_table),
            ", ".join(f"{quote(field.column)} = %s" for field in fields),
            " AND ".join(f"{quote(part.column)} = %s" for part in parts),
        )
        params = [
            [
                *(field.get_db_prep_save(values[field.attname], self.connection) for field in fields),
                *(part.get_db_prep_save(value, self.connection) for part, value in zip(parts, split(key), strict=True)),
            ]
            for key, values in rows
        ]
        with self.connection.cursor() as cursor:
            for piece in chunks(params, self.chunk_size):
                cursor.executemany(sql, piece)

    def take_out(self, model: type[Model], keys: Iterable[Any]) -> None:
        """Delete rows that are inserted again under their keys at once; nobody is told."""
        with self.connection.constraint_checks_disabled():
            for piece in chunks(keys, chunk_size_for(model, self.chunk_size, self.using)):
                rows = model._base_manager.using(self.using).filter(among("pk", piece))
                rows._raw_delete(self.using)

    def delete(self, model: type[Model], keys: Iterable[Any]) -> None:
        """Delete rows by key; nothing hangs on them any more."""
        for piece in chunks(keys, chunk_size_for(model, self.chunk_size, self.using)):
            rows = model._base_manager.using(self.using).filter(among("pk", piece))
            number = self._delete_each(model, rows) if listens(model, "delete") else rows._raw_delete(self.using)
            self.report.count("deleted", model._meta.label, number)
            if self.progress is not None:
                self.progress(len(piece))

    def _delete_each(self, model: type[Model], rows: Any) -> int:
        """Delete rows as Django does, with its signals, but no others: what hangs on them may be kept."""
        self.report.note(f"{model._meta.label} has receivers for deleting: Django's own delete() was used.")
        deletion = Collector(self.using, origin=rows)
        deletion.add(list(rows))
        total, _ = deletion.delete()
        return total

    # Links ------------------------------------------------------------------------------------------------------------

    def link(self, edge: Edge, pairs: Sequence[tuple[Any, Any]]) -> None:
        """Insert links of a many-to-many."""
        self._change_links(edge, pairs, LINKING)

    def unlink(self, edge: Edge, pairs: Sequence[tuple[Any, Any]]) -> None:
        """Delete links of a many-to-many."""
        self._change_links(edge, pairs, UNLINKING)

    def _change_links(self, edge: Edge, pairs: Sequence[tuple[Any, Any]], change: LinkChange) -> None:
        if not pairs:
            return
        through = edge.field.remote_field.through
        self.report.count(change.counter, through._meta.label, len(pairs))
        if signals.m2m_changed.has_listeners(through):
            self._change_each(edge, pairs, change.method)
        else:
            self._run_for_each(edge, change.template, pairs)

    def _run_for_each(self, edge: Edge, template: str, pairs: Sequence[tuple[Any, Any]]) -> None:
        """Run a statement for bare pairs: far cheaper than to compile one for each piece, and there are many pairs."""
        through = edge.field.remote_field.through
        fields: list[Any] = [through._meta.get_field(name) for name in link_columns(edge)]
        names = (through._meta.db_table, *(field.column for field in fields))
        sql = template.format(*map(self.connection.ops.quote_name, names))
        with self.connection.cursor() as cursor:
            for piece in chunks(pairs, self.chunk_size):
                cursor.executemany(sql, [self._link_values(fields, pair) for pair in piece])

    def _link_values(self, fields: list[Any], pair: tuple[Any, Any]) -> list[Any]:
        return [
            key if type(key) is int else field.get_db_prep_save(key, self.connection)
            for field, key in zip(fields, pair, strict=True)
        ]

    def _change_each(self, edge: Edge, pairs: Sequence[tuple[Any, Any]], method: str) -> None:
        self.report.note(f"{edge.label} has receivers for its links: they were changed row by row.")
        by_source: dict[Any, list[Any]] = defaultdict(list)
        for one, other in pairs:
            by_source[one].append(other)
        for key, targets in by_source.items():
            instance = edge.source._base_manager.using(self.using).get(pk=key)
            getattr(getattr(instance, edge.field.name), method)(*targets)

    # The end ----------------------------------------------------------------------------------------------------------

    def check_constraints(self, models: Iterable[type[Model]]) -> None:
        """Have the database check the foreign keys of some tables now, where it would do so at the end only."""
        if self.connection.features.can_defer_constraint_checks:
            self.connection.check_constraints([model._meta.db_table for model in models])

    def reset_sequences(self) -> None:
        """Let the database count on behind the keys that were inserted."""
        statements = self.connection.ops.sequence_reset_sql(no_style(), list(self._numbered))
        if statements:
            with self.connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)


def listens(model: type[Model], verb: str) -> bool:
    """Whether somebody listens to saving or deleting rows of a model."""
    before, after = getattr(signals, f"pre_{verb}"), getattr(signals, f"post_{verb}")
    return bool(before.has_listeners(model) or after.has_listeners(model))


def takes_others_along(model: type[Model]) -> bool:
    """Whether the database itself deletes or changes other rows when a row of a model is deleted."""
    related = model._meta.get_fields(include_hidden=True)
    return any(falls_in_database(getattr(rel, "on_delete", None)) for rel in related if rel.auto_created)


def insertable(model: type[Model]) -> list[Any]:
    """Return the fields of a model's own table that are written."""
    return [field for field in model._meta.local_concrete_fields if not field.generated]


def key_attnames(model: type[Model]) -> list[str]:
    """Return the attnames that make up a model's primary key."""
    return [part.attname for part in model._meta.pk_fields]


def split(key: Any) -> tuple[Any, ...]:
    """Return the parts of a key, of one or of many."""
    return key if isinstance(key, tuple) else (key,)


def key_in(model: type[Model], row: dict[str, Any]) -> Any:
    """Return the key in a row given by attname."""
    parts = tuple(row[attname] for attname in key_attnames(model))
    return parts if is_composite(model) else parts[0]
