"""Deleting collected rows so that nothing is left that points at them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any

from django.db import connections
from django.db.models import PROTECT, RESTRICT, Model, ProtectedError, QuerySet, RestrictedError

from cluster.collector.edges import Edge, Kind, cascades, edges_of, falls_in_database, link_columns
from cluster.collector.keys import in_order
from cluster.collector.literals import among
from cluster.collector.order import model_groups, points_at_itself, strongly_connected
from cluster.collector.walk import Walk
from cluster.collector.writing import Writer

Keys = Mapping[type[Model], set[Any]]


class Remover:
    """Removes rows of a walk: first what points at them lets go, then they go, children before parents."""

    def __init__(self, walk: Walk, writer: Writer) -> None:
        self.walk = walk
        self.writer = writer
        self.using = walk.using

    def check(self, doomed: Keys, staying: Mapping[type[Model], Container[Any]]) -> None:
        """Say whether rows may be deleted; writes nothing.

        Args:
            doomed: The rows.
            staying: Collected rows that stay, and let go by themselves.

        Raises:
            ProtectedError: A row that is not deleted protects one that is, or cannot do without it.
            RestrictedError: The same with ``RESTRICT``.
        """
        for edge, _, keys in self._clinging(doomed):
            self._refuse_protected(edge, [key for key in keys if key not in staying.get(edge.target, ())])  # type: ignore[arg-type]

    def remove(self, doomed: Keys) -> None:
        """Delete rows.

        Raises:
            ProtectedError: As ``check()`` does.
            RestrictedError: As ``check()`` does.
        """
        clinging = list(self._clinging(doomed))
        for edge, _, remaining in clinging:
            self._refuse_protected(edge, remaining)
        for model, keys in doomed.items():
            if keys:
                self._unlink(model, keys)
        for edge, rows, remaining in clinging:
            self._let_go(edge, rows, remaining)
        for group in reversed(model_groups(self.walk)):
            present = [model for model in group if doomed.get(model)]
            if present:
                self._remove_group(present, doomed)

    def _refuse_protected(self, edge: Edge, keys: list[Any]) -> None:
        on_delete = edge.field.remote_field.on_delete
        if keys and (on_delete in (PROTECT, RESTRICT) or (cascades(edge.field) and not edge.field.null)):
            raise self._protected(edge, keys)

    # What points at them ----------------------------------------------------------------------------------------------

    def _edges_down(self, model: type[Model]) -> list[Edge]:
        return [
            edge
            for edge in edges_of(model).down
            if not edge.reason and not (edge.target is not None and self.walk.book.out_of_reach(edge.target))
        ]

    def _clinging(self, doomed: Keys) -> Iterator[tuple[Edge, QuerySet[Any], list[Any]]]:
        """Yield along which edges rows point at doomed rows, and which of them are not doomed."""
        for model, keys in doomed.items():
            for edge in self._edges_down(model) if keys else ():
                if edge.kind in (Kind.CHILD, Kind.INHERITOR):
                    yield from self._clinging_along(edge, keys, doomed.get(edge.target, set()))  # type: ignore[arg-type]

    def _clinging_along(
        self, edge: Edge, keys: set[Any], gone: set[Any]
    ) -> Iterator[tuple[Edge, QuerySet[Any], list[Any]]]:
        if self._takes_all(edge, gone):
            return
        for piece in self.walk.chunks(edge.source, in_order(keys)):
            rows: Any = self.walk.related(edge, piece)
            if remaining := [key for key in rows.values_list("pk", flat=True) if key not in gone]:
                yield edge, rows, remaining

    def _takes_all(self, edge: Edge, gone: set[Any]) -> bool:
        """Whether all rows at the end of an edge were collected, and all that were go."""
        rules = [batch.rule for batch in self.walk.batches if batch.edge is edge]
        has_condition = any(resolved is not None and resolved.rule.condition is not None for resolved in rules)
        return bool(rules) and not has_condition and gone == self.walk.owned[edge.target]  # type: ignore[index]

    def _unlink(self, model: type[Model], keys: set[Any]) -> None:
        """Delete the links of rows, those that others declare too."""
        for edge in self._edges_down(model):
            if edge.kind is Kind.FAR_LINK:
                for piece in self.walk.chunks(model, in_order(keys)):
                    self._delete_links(self.walk.related(edge, piece))
        for edge in edges_of(model).many:
            column, _ = link_columns(edge)
            links = self.walk.rows(edge.field.remote_field.through)
            for piece in self.walk.chunks(model, in_order(keys)):
                self._delete_links(links.filter(among(column, piece)))

    def _delete_links(self, links: Any) -> None:
        self.writer.report.count("deleted", links.model._meta.label, links._raw_delete(self.using))

    def _let_go(self, edge: Edge, rows: QuerySet[Any], remaining: list[Any]) -> None:
        target: Any = edge.target
        on_delete = edge.field.remote_field.on_delete
        recorded = FieldUpdates()
        if cascades(edge.field):
            recorded.add_field_update(edge.field, None, ())
        elif falls_in_database(on_delete):
            self.writer.report.count("updated", target._meta.label, len(remaining))
        else:
            on_delete(recorded, edge.field, rows, self.using)
        for value in recorded.values:
            self.writer.update(target, [(key, {edge.field.attname: key_value(value)}) for key in remaining])

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
        self._loosen(group, doomed)
        inside = set(group)
        needs = {model: self._needs(model, inside) for model in group}
        for tied in reversed(strongly_connected(group, needs)):
            if len(tied) > 1 or tied[0] in needs[tied[0]]:
                self._remove_tied(tied, doomed)
            else:
                self.writer.delete(tied[0], in_order(doomed[tied[0]]))

    def _loosen(self, group: list[type[Model]], doomed: Keys) -> None:
        """Set the nullable keys inside a group to null."""
        for model in group:
            edges = edges_of(model).keys
            for field in [edge.field for edge in edges if edge.target in group and edge.field.null]:
                for piece in self.walk.chunks(model, doomed[model]):
                    self.walk.rows(model).filter(among("pk", piece)).update(**{field.attname: None})

    def _needs(self, model: type[Model], inside: set[type[Model]]) -> list[Any]:
        """Return the models of a group that rows of a model cannot do without."""
        return [edge.target for edge in edges_of(model).keys if edge.target in inside and not edge.field.null]

    def _remove_tied(self, models: list[type[Model]], doomed: Keys) -> None:
        """Remove rows tied together by keys that cannot be null: no order of single rows is legal, so none is checked.

        The rows are locked first, so that nobody can point at them while the database does not look.
        """
        for model in models:
            for piece in self.walk.chunks(model, in_order(doomed[model])):
                list(self.walk.rows(model).filter(among("pk", piece)).select_for_update().values_list("pk"))
        for model in models:
            self._refuse_latecomers(model, doomed)
        with connections[self.using].constraint_checks_disabled():
            for model in models:
                self.writer.delete(model, in_order(doomed[model]))

    def _refuse_latecomers(self, model: type[Model], doomed: Keys) -> None:
        """Refuse if a row that stays points at rows of a model, as the database would."""
        for edge in edges_of(model).down:
            if edge.kind not in (Kind.CHILD, Kind.INHERITOR) or edge.reason or not edge.field.db_constraint:
                continue
            for piece in self.walk.chunks(model, in_order(doomed[model])):
                rows: Any = self.walk.related(edge, piece)
                keys = rows.select_for_update().values_list("pk", flat=True)
                if late := [key for key in keys if key not in doomed.get(rows.model, ())]:
                    raise self._protected(edge, late)


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
