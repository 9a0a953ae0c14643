"""Placing the rows of a file in whatever order they stand: each as soon as what it needs is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import Model

from cluster.collector.decoding import Decoded, Decoder, as_stored
from cluster.collector.edges import concrete, pointed_fields
from cluster.collector.finding import same_value
from cluster.collector.keymap import PENDING
from cluster.collector.keys import is_composite
from cluster.collector.linking import Linker
from cluster.collector.modes import Mode, is_blocked
from cluster.collector.reading import FileRow
from cluster.collector.ties import Ties
from cluster.errors import Problem, SerializedDataError


class Placer:
    """Gives rows to the mode of a load, group by group; those that need later rows wait.

    Attributes:
        waiting: The rows that need rows which did not come yet.
        later: What is to be written of rows that were placed: model, key, attname, what it points at, and the row.
    """

    def __init__(self, mode: Mode, decoder: Decoder, linker: Linker, ties: Ties | None = None) -> None:
        self.mode = mode
        self.decoder = decoder
        self.linker = linker
        self.ties = ties
        self.waiting: list[FileRow] = []
        self.later: list[tuple[type[Model], Any, str, Any, Decoded]] = []

    def place(self, rows: Sequence[FileRow]) -> None:
        """Write rows, those first that need nothing of the others; what needs later rows waits."""
        self._place([*self.waiting, *rows])
        self._settle()

    def finish(self) -> None:
        """Write what still waits, now that all rows have come.

        Raises:
            SerializedDataError: Rows need what is nowhere, or each other, or do not belong to the roots.
        """
        if self.waiting:
            self._place_circle()
        self._settle()
        self.linker.finish()
        self.decoder.names.check_expected()
        if self.ties is not None:
            self.mode.refuse(self.ties.problems(self.mode.document.rows()))

    def _place(self, rows: Sequence[FileRow]) -> None:
        self._prepare_names(rows)
        waiting: dict[type[Model], list[FileRow]] = defaultdict(list)
        for row in rows:
            waiting[row.model].append(row)
        is_moving = True
        while is_moving:
            is_moving = False
            for model, group in waiting.items():
                decoded = [self.decoder.decode(row) for row in group]
                ready = [one for one in decoded if not is_blocked(self.decoder, one)]
                waiting[model] = [one.row for one in decoded if is_blocked(self.decoder, one)]
                if ready:
                    self._place_ready(model, ready)
                    is_moving = True
            is_moving = is_moving and any(waiting.values())
        self.waiting = [row for group in waiting.values() for row in group]

    def _prepare_names(self, rows: Sequence[FileRow]) -> None:
        wanted: dict[type[Model], list[Any]] = defaultdict(list)
        for row in rows:
            table = self.decoder.table(row.model)
            for name, target in table.named:
                if isinstance(row.fields.get(name), list):
                    wanted[target].append(row.fields[name])
        for target, names in wanted.items():
            self.decoder.names.prepare(target, names)

    def _place_ready(self, model: type[Model], ready: Sequence[Decoded]) -> None:
        if self.ties is not None:
            self.ties.see([one.row for one in ready])
        self._expect_extended(model, ready)
        self.decoder.names.check_expected()
        with_links = self.mode.place(model, ready)
        self._place_values(model, ready)
        for one in ready:
            key = self.decoder.keys.new(model, one.row.key)
            self.later += [(model, key, attname, pointer, one) for attname, pointer in one.later.items()]
        self.linker.add(model, with_links, is_new=self.mode.only_inserts)

    def _place_values(self, model: type[Model], ready: Sequence[Decoded]) -> None:
        """Enter the values, other than the key, that foreign keys hold of rows; those of shared rows are read."""
        keys = self.decoder.keys
        for column in pointed_fields(model):
            shared = [keys.new(model, one.row.key) for one in ready if not one.row.is_owned]
            stored = self.mode.finder.stored(model, column.attname, shared) if shared else {}
            for one in ready:
                old = column.to_python(one.row.fields.get(column.name))
                new = one.values.get(column.attname)
                keys.values[model, column.attname][old] = stored.get(keys.new(model, one.row.key), new)

    def _expect_extended(self, model: type[Model], ready: Sequence[Decoded]) -> None:
        """Expect the rows whose keys rows share: those that they extend."""
        key: Any = model._meta.pk
        if is_composite(model) or not key.remote_field:
            return
        target, to = concrete(key.remote_field.model), key.target_field
        known = self.decoder.pointed(key)
        for one in ready:
            if one.row.key not in known:
                self.decoder.names.expect(one.row, target, one.row.key, "pk" if to.primary_key else to.attname)

    def _place_circle(self) -> None:
        """Write rows that need each other by keys that cannot be null, under the keys that they have."""
        if not self.mode.keeps_keys:
            raise SerializedDataError(
                [
                    Problem(f"line {row.line}", f"{row.model._meta.label} {row.key!r} needs a row that needs it by keys"
                            " that cannot be null: neither can be inserted first.")
                    for row in self.waiting
                ]
            )  # fmt: skip
        circle = self.waiting
        for row in circle:
            self.decoder.keys.place(row.model, row.key, row.key)
        # Their targets are these rows, or were placed or looked for.
        with self.mode.writer.connection.constraint_checks_disabled():
            self._place(circle)
        if moved := [row for row in circle if self.decoder.keys.new(row.model, row.key) != row.key]:
            raise SerializedDataError(
                [
                    Problem(f"line {row.line}", f"{row.model._meta.label} {row.key!r} was found under another key, but"
                            " needs a row that needs it by keys that cannot be null.")
                    for row in moved
                ]
            )  # fmt: skip

    def _settle(self) -> None:
        """Write the keys that could not be written with their rows, as far as their targets are there now."""
        open_still = []
        changes: dict[tuple[type[Model], str], list[tuple[Any, dict[str, Any]]]] = defaultdict(list)
        for entry in self.later:
            model, key, attname, pointer, one = entry
            value = self._settled(model, attname, pointer, one)
            if value is PENDING:
                open_still.append(entry)
            elif one.current is None or not same_value(model._meta.get_field(attname), value, one.current[attname]):
                changes[model, attname].append((key, {attname: value}))
                self._count_updated(one)
        for (model, _), rows in changes.items():
            self.mode.writer.update(model, rows, is_counted=False)
        self.later = open_still

    def _count_updated(self, one: Decoded) -> None:
        if one.current is not None and not one.is_counted:
            one.is_counted = True
            self.mode.report.count("updated", one.row.model._meta.label)

    def _settled(self, model: type[Model], attname: str, pointer: Any, one: Decoded) -> Any:
        target, old = pointer
        if old is not None:
            new = self.decoder.keys.new(target, old)
            return new if new is PENDING else as_stored(model, attname, new)
        again = self.decoder.decode(one.row)
        return PENDING if attname in again.later else again.values[attname]
