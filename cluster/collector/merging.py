"""Loading over rows that are there: updated by lookup fields or key, and nothing taken from others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import AutoField, Model

from cluster.collector.belonging import Belonging
from cluster.collector.book import RuleBook
from cluster.collector.decoding import Decoded
from cluster.collector.edge_reader import Limits
from cluster.collector.edges import Edge, edges_of
from cluster.collector.finding import differences
from cluster.collector.keymap import PENDING
from cluster.collector.keys import is_composite
from cluster.collector.modes import Mode
from cluster.collector.unique import unique_attnames
from cluster.collector.walk import Walk
from cluster.collector.writing import takes_others_along
from cluster.errors import ForeignChildError, Problem


class Merge(Mode):
    """Updates the rows that are there, by lookup fields or by key, and inserts the others."""

    name = "merge"
    only_inserts = False
    way_out = "which is not in the file. Load as a copy, or name lookup_fields that tell the rows apart."

    def prepare(self) -> None:
        """Get ready to tell whose the rows are that are there."""
        self.placed: dict[type[Model], set[Any]] = defaultdict(set)
        book = self.book
        if book is None and self.keys.keys:
            book = RuleBook(next(iter(self.keys.keys)), self.rules(), self.finder.using)
        if book is not None:
            self.belonging = Belonging(Walk(book, Limits(self.finder.chunk_size)), self.is_ours)

    def is_ours(self, model: type[Model], key: Any) -> bool:
        """Whether a row of the database is one of those that the load placed as owned, or will be."""
        return key in self.placed[model] or self._is_coming(model, key)

    def _is_coming(self, model: type[Model], key: Any) -> bool:
        """Whether an owned row that stands further down in the file will be met with the row that has its key."""
        if model in self.finder.lookup_fields or is_composite(model) or model._meta.pk.remote_field:
            return False
        return self.keys.new(model, key) is PENDING and key not in self.shared.get(model, ())

    def place_owned(self, model: type[Model], decoded: Sequence[Decoded]) -> list[Decoded]:
        """Update or insert rows that belong to the roots."""
        found = self.find(model, decoded)
        present = [one for one in decoded if one.row.key in found]
        self.refuse_strangers(model, [one for one in present if self.has_owner(one)], found)
        self.update(present, found, self.finder.current(model, found.values()))
        self.insert_new(model, [one for one in decoded if one.row.key not in found])
        self.placed[model].update(self.keys.new(model, one.row.key) for one in decoded)
        return list(decoded)

    def has_owner(self, one: Decoded) -> bool:
        """Whether the file says that a row belongs to another of its owned rows; a root does not."""
        edges = edges_of(one.row.model)
        return any(self._owner_in_file(edge, one) for edge in (*edges.keys, *edges.generic))

    def _owner_in_file(self, edge: Edge, one: Decoded) -> bool:
        if edge.target is None:
            named = self.decoder.generic_target(edge, one.values)
            if named is None or not self.belonging.owns(named[0], edge):
                return False
            return edge.field.fk_field in one.later or self.is_ours(*named)
        if not self.belonging.owns(edge.target, edge):
            return False
        if edge.field.attname in one.later:
            return True
        value = one.values.get(edge.field.attname)
        if edge.field.primary_key:
            value = self.decoder.table(one.row.model).key_of(one.row, one.values)
        to = edge.field.target_field
        return (
            self.is_ours(edge.target, value) if to.primary_key else value in self.keys.values[edge.target, to.attname]
        )

    def refuse_strangers(self, model: type[Model], decoded: Sequence[Decoded], found: Mapping[Any, Any]) -> None:
        """Refuse rows that are there but belong to somebody else."""
        lines = {found[one.row.key]: one.row.line for one in decoded}
        strangers = self.belonging.strangers(model, list(lines)) if lines else {}
        self.refuse(
            [
                Problem(f"line {lines[key]}", f"{model._meta.label} {key!r} belongs to {owner._meta.label}"
                        f" {owner_key!r} by now, {self.way_out}")
                for key, (owner, owner_key) in strangers.items()
            ],
            ForeignChildError,
        )  # fmt: skip

    def find(self, model: type[Model], decoded: Sequence[Decoded]) -> dict[Any, Any]:
        """Return by key in the file the keys of the rows that are there."""
        if model in self.finder.lookup_fields:
            return self.finder.by_lookup(model, decoded, self.finder.lookup_fields[model])
        keys = {one.row.key: self.decoder.table(model).key_of(one.row, one.values) for one in decoded}
        present = self.finder.present(model, keys.values())
        return {old: new for old, new in keys.items() if new in present}

    def update(self, decoded: Sequence[Decoded], found: dict[Any, Any], current: Any) -> None:
        """Update rows in what differs."""
        changed = []
        for one in decoded:
            key = found[one.row.key]
            self.keys.place(one.row.model, one.row.key, key)
            one.current = current[key]
            if values := differences(one.row.model, one, current[key]):
                changed.append((key, values))
                one.is_counted = True
        if changed:
            model = decoded[0].row.model
            with self.told_by_lines(model, [one for one in decoded if one.is_counted], "updated"):
                self._write_changes(model, changed, current)

    def _write_changes(self, model: type[Model], changed: list[tuple[Any, dict[str, Any]]], current: Any) -> None:
        """Update rows; several that change in something unique are taken out and put back, so that they may swap."""
        unique = unique_attnames(model)
        again = [(key, values) for key, values in changed if not unique.isdisjoint(values)]
        if len(again) < 2 or takes_others_along(model):  # noqa: PLR2004 - one alone cannot swap
            self.writer.update(model, changed)
            return
        self.writer.update(model, [(key, values) for key, values in changed if unique.isdisjoint(values)])
        self.writer.take_out(model, [key for key, _ in again])
        self.writer.insert(model, [{**current[key], **values} for key, values in again], is_counted=False)
        self.report.count("updated", model._meta.label, len(again))

    def insert_new(self, model: type[Model], decoded: Sequence[Decoded]) -> None:
        """Insert rows under the keys of the file, or under new ones where those are another row's."""
        if not decoded:
            return
        table = self.decoder.table(model)
        keys = [table.key_of(one.row, one.values) for one in decoded]
        taken = self.finder.present(model, keys) if model in self.finder.lookup_fields else set()
        if not taken or not isinstance(model._meta.pk, AutoField):
            super().insert_new(model, decoded)
            return
        free = [(one, key) for one, key in zip(decoded, keys, strict=True) if key not in taken]
        self.insert(model, [one for one, _ in free], [key for _, key in free])
        clashing = [one for one, key in zip(decoded, keys, strict=True) if key in taken]
        self.insert(model, clashing, [None] * len(clashing))
