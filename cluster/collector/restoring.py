"""Making what belongs to the roots equal to a file."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Model

from cluster.collector.belonging import Belonging
from cluster.collector.decoding import Decoded
from cluster.collector.edge_reader import Limits
from cluster.collector.keys import in_order, key_from_json
from cluster.collector.literals import among
from cluster.collector.merging import Merge
from cluster.collector.removing import Remover
from cluster.collector.rows import RowReader, encode
from cluster.collector.rules import PLAIN_RULES, Rule
from cluster.collector.unique import unique_attnames
from cluster.collector.walk import Walk
from cluster.collector.writing import takes_others_along
from cluster.errors import SerializedDataError
from cluster.saving.reading import chunks


class Restore(Merge):
    """Updates, inserts and deletes until the owned rows are those of the file; touches nothing of anybody else."""

    name = "restore"
    way_out = "which is not restored. Give it another key, or move it back first."

    def prepare(self) -> None:
        """Delete what came since, and rows whose unique values would be in each other's way."""
        self.walk = self._walk()
        self.belonging = Belonging(self.walk, self.is_ours)
        self.owned: dict[type[Model], set[Any]] = defaultdict(set)
        self.replaced: dict[type[Model], set[Any]] = defaultdict(set)
        self._read_file()
        doomed = {
            model: {key for key in keys if key not in self.keys.keys[model]} for model, keys in self.walk.owned.items()
        }
        Remover(self.walk, self.writer).remove({model: keys for model, keys in doomed.items() if keys})
        for model, keys in self.replaced.items():
            self.writer.take_out(model, in_order(keys))

    def _walk(self) -> Walk:
        manifest: Any = self.document.manifest
        book: Any = self.book
        model: type[Model] = book.model
        walk = Walk(book, Limits(self.finder.chunk_size))
        keys = [key_from_json(model, key) for key in manifest.root_keys]
        walk.run(model._base_manager.using(self.finder.using).filter(among("pk", keys)))
        return walk

    def rules(self) -> dict[str, Rule]:
        """Return the rules by which the file was written.

        Raises:
            SerializedDataError: They are not known whole.
        """
        manifest: Any = self.document.manifest
        if self.collector is not None:
            rules: dict[str, Rule] = dict(self.collector.rules)
            if {key: str(rule) for key, rule in rules.items()} != manifest.rules:
                raise SerializedDataError(
                    "The collector's rules are others than those of the file: what belongs to the roots"
                    " would be something else. Restore by the collector that wrote the file."
                )
            return rules
        if any(text not in PLAIN_RULES for text in manifest.rules.values()):
            raise SerializedDataError(
                f"The file was written by rules with conditions. Restore it with collector=..., the class"
                f" {manifest.collector}."
            )
        return {key: PLAIN_RULES[text] for key, text in manifest.rules.items()}

    def _read_file(self) -> None:
        """Note which rows the file owns, and which of them change in something unique."""
        reader = RowReader(self.walk, {})
        for piece in chunks(self.document.rows(), self.finder.chunk_size):
            by_model: dict[type[Model], list[Any]] = defaultdict(list)
            for row in piece:
                if row.is_owned:
                    self.owned[row.model].add(row.key)
                    by_model[row.model].append(row)
            for model, rows in by_model.items():
                if (names := unique_attnames(model)) and not takes_others_along(model):
                    self._note_replaced(reader, model, rows, names)

    def _note_replaced(self, reader: RowReader, model: type[Model], rows: list[Any], names: set[str]) -> None:
        fields = [field.name for field in model._meta.local_concrete_fields if field.attname in names]
        keys = [row.key for row in rows if row.key in self.walk.owned[model]]
        current = {}
        for piece in self.walk.chunks(model, keys):
            current.update(reader.read(model, piece))
        for row in rows:
            if row.key in current:
                stored = json.loads(encode(current[row.key]["fields"]))
                if any(name in row.fields and row.fields[name] != stored.get(name) for name in fields):
                    self.replaced[model].add(row.key)

    def find_linked(self, model: type[Model], named: Sequence[Decoded], names: Sequence[str]) -> dict[Any, Any]:
        """Return the keys of rows that the file names: their own if they are there, as with shared rows."""
        present = self.finder.present(model, [one.row.key for one in named])
        remaining = [one for one in named if one.row.key not in present]
        return {**{key: key for key in present}, **super().find_linked(model, remaining, names)}

    def find_named(self, model: type[Model], named: Mapping[Any, list[Any]]) -> tuple[dict[Any, Any], list[list[Any]]]:
        """Return the keys of rows that the file names by natural key: their own if they are there."""
        present = self.finder.present(model, named)
        found, missing = super().find_named(model, {key: named[key] for key in named if key not in present})
        return {**{key: key for key in present}, **found}, missing

    # Rows -------------------------------------------------------------------------------------------------------------

    def place_shared(self, model: type[Model], decoded: Sequence[Decoded]) -> None:
        """Use shared rows that are there under their keys as they are; look for the others, or insert them."""
        present = self.finder.present(model, [one.row.key for one in decoded])
        for one in decoded:
            if one.row.key in present:
                self.keys.place(model, one.row.key, one.row.key)
                one.later.clear()
        self.report.count("linked", model._meta.label, len(present))
        super().place_shared(model, [one for one in decoded if one.row.key not in present])

    def place_owned(self, model: type[Model], decoded: Sequence[Decoded]) -> list[Decoded]:
        """Update the rows that are there, insert those that are gone."""
        places = {one.row.key: self.decoder.table(model).key_of(one.row, one.values) for one in decoded}
        present = self.finder.present(model, places.values())
        found = {key: place for key, place in places.items() if place in present}
        there = [one for one in decoded if one.row.key in found]
        self.refuse_strangers(model, [one for one in there if found[one.row.key] not in self.walk.owned[model]], found)
        self.update(there, found, self.finder.current(model, present))
        again = [one for one in decoded if one.row.key in self.replaced[model]]
        self._insert_again(model, again)
        missing = [one for one in decoded if one.row.key not in found and one.row.key not in self.replaced[model]]
        self.insert(model, missing, [places[one.row.key] for one in missing])
        return list(decoded)

    def is_ours(self, model: type[Model], key: Any) -> bool:
        """Whether a row belonged to the roots when the restore began."""
        return key in self.walk.owned[model]

    def _insert_again(self, model: type[Model], decoded: Sequence[Decoded]) -> None:
        if decoded:
            self.insert(model, decoded, [one.row.key for one in decoded], is_counted=False)
            self.report.count("updated", model._meta.label, len(decoded))
