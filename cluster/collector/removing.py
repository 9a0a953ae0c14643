"""Deleting collected rows so that nothing is left that points at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connections
from django.db.models import CASCADE, PROTECT, RESTRICT, Model, ProtectedError, QuerySet, RestrictedError

from cluster.collector.edges import Edge, Kind
from cluster.collector.keys import in_order
from cluster.collector.literals import among
from cluster.collector.order import model_groups, points_at_itself, rows_in_order, strongly_connected
from cluster.collector.walk import Walk
from cluster.collector.writing import Writer

Keys = Mapping[type[Model], set[Any]]


class Remover:
    """Removes rows of a walk: first what points at them lets go, then they go, children before parents."""

    def __init__(self, walk: Walk, writer: Writer) -> None:
        self.walk = walk
        self.writer = writer
        self.using = walk.using

    def remove(self, doomed: Keys) -> None:
        """Delete rows.

        Raises:
            ProtectedError: A row that is not deleted protects one that is, or cannot do without it.
            RestrictedError: The same with ``RESTRICT``.
        """
        for model, keys in doomed.items():
            if keys:
                self._release(model, keys, doomed)
        for group in reversed(model_groups(self.walk)):
            present = [model for model in group if doomed.get(model)]
            if present:
                self._remove_group(present, doomed)

    # What points at them ----------------------------------------------------------------------------------------------

    def _release(self, model: type[Model], keys: set[Any], doomed: Keys) -> None:
        for edge in self.walk.book.edges(model).down:
            if edge.reason or (edge.target is not None and self.walk.book.out_of_reach(edge.target)):
                continue
            for piece in self.walk.chunks(model, keys):
                rows = self.walk.related(edge, piece)
                if rows is not None and edge.kind is Kind.FAR_LINK:
                    self._delete_links(rows)
                elif rows is not None and edge.kind in (Kind.CHILD, Kind.INHERITOR):
                    self._let_go(edge, rows, doomed)
        for edge in self.walk.book.edges(model).many:
            through, column = edge.field.remote_field.through, f"{edge.field.m2m_field_name()}_id"
            for piece in self.walk.chunks(model, keys):
                self._delete_links(self.walk.rows(through).filter(among(column, piece)))

    def _delete_links(self, links: QuerySet[Any]) -> None:
        self.writer.report.count("deleted", links.model._meta.label, links._raw_delete(self.using))

    def _let_go(self, edge: Edge, rows: QuerySet[Any], doomed: Keys) -> None:
        target: Any = edge.target
        gone = doomed.get(target, set())
        if self._is_followed(edge) and not self._has_condition(edge) and gone == self.walk.owned[target]:
            return
        remaining = [key for key in rows.values_list("pk", flat=True) if key not in gone]
        if not remaining:
            return
        on_delete = edge.field.remote_field.on_delete
        if on_delete in (PROTECT, RESTRICT) or (on_delete is CASCADE and not edge.field.null):
            raise self._protected(edge, remaining)
        recorded = FieldUpdates()
        if on_delete is CASCADE:
            recorded.add_field_update(edge.field, None, ())
        else:
            on_delete(recorded, edge.field, rows, self.using)
        for value in recorded.values:
            self.writer.update(target, [(key, {edge.field.attname: key_value(value)}) for key in remaining])

    def _is_followed(self, edge: Edge) -> bool:
        return any(batch.edge is edge for batch in self.walk.batches)

    def _has_condition(self, edge: Edge) -> bool:
        rules = [batch.rule for batch in self.walk.batches if batch.edge is edge]
        return any(resolved is not None and resolved.rule.condition is not None for resolved in rules)

    def _protected(self, edge: Edge, keys: list[Any]) -> Exception:
        target: Any = edge.target
        rows = set(self.walk.rows(target).filter(pk__in=keys[:100]))
        error = RestrictedError if edge.field.remote_field.on_delete is RESTRICT else ProtectedError
        return error(
            f"Cannot delete rows of {edge.source._meta.label}: {len(keys)} rows of {target._meta.label} that stay point"
            f" at them by {edge.field.name!r}.",
            rows,
        )

    # The rows themselves ----------------------------------------------------------------------------------------------

    def _remove_group(self, group: list[type[Model]], doomed: Keys) -> None:
        is_circular = len(group) > 1 or points_at_itself(self.walk, group[0])
        if is_circular and not connections[self.using].features.supports_forward_references:
            self._remove_circle(group, doomed)
            return
        for model in reversed(group):
            self.writer.delete(model, in_order(doomed[model]))

    def _remove_circle(self, group: list[type[Model]], doomed: Keys) -> None:
        """Remove rows that point at each other where the database checks each statement."""
        if not self._loosen(group, doomed):
            self._remove_one_by_one(group, doomed)
            return
        for model in self._children_first(group):
            self.writer.delete(model, in_order(doomed[model]))

    def _children_first(self, group: list[type[Model]]) -> list[type[Model]]:
        """Return models that point at each other so that those come first whose keys cannot be null."""
        inside = set(group)
        needs = {
            model: [
                edge.target
                for edge in self.walk.book.edges(model).keys
                if edge.target in inside and edge.target is not model and not edge.field.null
            ]
            for model in group
        }
        return [model for tied in reversed(strongly_connected(group, needs)) for model in tied]

    def _loosen(self, group: list[type[Model]], doomed: Keys) -> bool:
        """Set the nullable keys inside a group to null; return whether no other keys tie it together."""
        inside = set(group)
        is_loose = True
        for model in group:
            for edge in self.walk.book.edges(model).keys:
                if edge.target in inside and edge.field.null:
                    for piece in self.walk.chunks(model, doomed[model]):
                        rows = self.walk.rows(model).filter(among("pk", piece))
                        rows.update(**{edge.field.attname: None})
                elif edge.target is model:
                    is_loose = False
        return is_loose

    def _remove_one_by_one(self, group: list[type[Model]], doomed: Keys) -> None:
        inside = set(group)
        nodes = [(model, key) for model, key in rows_in_order(self.walk) if model in inside and key in doomed[model]]
        for model, key in reversed(nodes):
            self.writer.delete(model, [key])


class FieldUpdates:
    """Takes the place of Django's deletion collector where ``on_delete`` asks for the update of a field.

    Attributes:
        values: The values asked for.
    """

    def __init__(self) -> None:
        self.values: list[Any] = []

    def add_field_update(self, field: Any, value: Any, objs: Any) -> None:
        """Note the value."""
        self.values.append(value)


def key_value(value: Any) -> Any:
    """Return the key of an instance, or the value itself."""
    return value.pk if isinstance(value, Model) else value
