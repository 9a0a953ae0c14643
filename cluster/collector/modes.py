"""What a load does with each row: keep its key, give it a new one, or meet the row that is there."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.db import DataError, IntegrityError, ProgrammingError
from django.db.models import AutoField, Model

from cluster.collector.book import RuleBook
from cluster.collector.decoding import Decoded, Decoder
from cluster.collector.edges import concrete
from cluster.collector.finding import Finder
from cluster.collector.keymap import PENDING, KeyMap
from cluster.collector.keys import is_composite
from cluster.collector.reading import Document, Models
from cluster.collector.report import Report
from cluster.collector.rules import PLAIN_RULES, Rule
from cluster.collector.writing import Writer, insertable, key_attnames, split
from cluster.errors import Problem, SerializedDataError

REFUSALS = (IntegrityError, DataError, ProgrammingError, ValueError, OverflowError)

SharedKeys = Mapping[type[Model], Container[Any]]
"""By model the keys of rows that a file has, but does not own."""


class Mode:
    """One way of loading; the base keeps the keys of the file and refuses those that are taken.

    Attributes:
        name: Its name as an argument.
        keeps_keys: Whether rows keep the keys of the file.
        only_inserts: Whether no owned row of the file can be there already.
    """

    name: ClassVar[str] = "insert"
    keeps_keys: ClassVar[bool] = True
    only_inserts: ClassVar[bool] = True

    def __init__(self, finder: Finder, writer: Writer, decoder: Decoder) -> None:
        self.finder = finder
        self.writer = writer
        self.decoder = decoder

    def consult(self, document: Document, shared: SharedKeys, collector: Any) -> None:
        """Take note of the file, the keys that it shares with others, and the rules by which it was written."""
        self.document, self.shared, self.collector = document, shared, collector
        root = self._root()
        try:
            self.book = None if root is None else RuleBook(root, self.rules(), self.finder.using)
        except ImproperlyConfigured as error:
            if collector is not None:
                raise
            raise SerializedDataError([Problem("manifest", f"Its rules cannot be read: {error}")]) from error

    def _root(self) -> type[Model] | None:
        if self.document.manifest is not None:
            return Models()[self.document.manifest.root]
        declared = self.collector.declared_model() if self.collector is not None else None
        return None if declared is None else concrete(declared)

    def rules(self) -> dict[str, Rule]:
        """Return the rules of the collector, or those of the file without their conditions."""
        if self.collector is not None:
            return dict(self.collector.rules)
        manifest = self.document.manifest
        texts = manifest.rules if manifest is not None else {}
        return {key: PLAIN_RULES[text.partition("(")[0]] for key, text in texts.items()}

    @property
    def keys(self) -> KeyMap:
        """The map of keys."""
        return self.decoder.keys

    @property
    def report(self) -> Report:
        """The report of the load."""
        return self.writer.report

    def place(self, model: type[Model], decoded: Sequence[Decoded]) -> list[Decoded]:
        """Write rows, or find those that they stand for; return those whose links are to be written."""
        owned = [one for one in decoded if one.row.is_owned]
        shared = [one for one in decoded if not one.row.is_owned]
        self.place_shared(model, shared)
        return self.place_owned(model, owned) if owned else []

    def place_shared(self, model: type[Model], decoded: Sequence[Decoded]) -> None:
        """Use the rows that are there as they are; insert the others."""
        if not decoded:
            return
        found = self._inherited(model, decoded)
        if found is None:
            found = self.finder.same_row(model, decoded)
        for one in decoded:
            if one.row.key in found:
                self.keys.place(model, one.row.key, found[one.row.key])
                one.later.clear()
        self.report.count("linked", model._meta.label, len(found))
        self.insert_new(model, [one for one in decoded if one.row.key not in found])

    def _inherited(self, model: type[Model], decoded: Sequence[Decoded]) -> dict[Any, Any] | None:
        """Return what is found of rows whose key is that of another row, which was placed before."""
        key: Any = model._meta.pk
        if is_composite(model) or not key.remote_field:
            return None
        expected = {one.row.key: self.decoder.table(model).key_of(one.row, one.values) for one in decoded}
        present = self.finder.present(model, expected.values())
        return {old: new for old, new in expected.items() if new in present}

    def place_owned(self, model: type[Model], decoded: Sequence[Decoded]) -> list[Decoded]:
        """Write rows that belong to the roots."""
        self.insert_new(model, decoded)
        return list(decoded)

    def find_linked(self, model: type[Model], named: Sequence[Decoded], names: Sequence[str]) -> dict[Any, Any]:
        """Return the keys of rows that the file names by lookup fields without holding them."""
        return self.finder.by_lookup(model, named, names)

    def find_named(self, model: type[Model], named: Mapping[Any, list[Any]]) -> tuple[dict[Any, Any], list[list[Any]]]:
        """Return the keys of rows that the file names by natural key without holding them, and the names of others."""
        self.decoder.names.prepare(model, named.values())
        found, missing = {}, []
        for key, name in named.items():
            try:
                found[key] = self.decoder.names.find(model, name, model._meta.pk.attname)
            except LookupError:
                missing.append(name)
        return found, missing

    def insert_new(self, model: type[Model], decoded: Sequence[Decoded]) -> None:
        """Insert rows under the keys of the file."""
        if not decoded:
            return
        keys = {one.row.key: self.decoder.table(model).key_of(one.row, one.values) for one in decoded}
        taken = self.finder.present(model, keys.values())
        self.refuse(
            [
                Problem(
                    f"line {one.row.line}",
                    f"{model._meta.label} {keys[one.row.key]!r} is already in the database, with other content or as"
                    " another's row. Load as a copy, or merge.",
                )
                for one in decoded
                if keys[one.row.key] in taken
            ]
        )
        self.insert(model, decoded, list(keys.values()))

    def refuse(self, problems: Sequence[Problem], error: type[SerializedDataError] = SerializedDataError) -> None:
        """Raise if there are problems."""
        if problems:
            raise error(problems)

    @contextmanager
    def told_by_lines(self, model: type[Model], decoded: Sequence[Decoded], verb: str) -> Iterator[None]:
        """Tell which rows the database refuses."""
        try:
            yield
        except REFUSALS as error:
            path = f"lines {decoded[0].row.line}-{decoded[-1].row.line}"
            raise SerializedDataError(
                [Problem(path, f"Rows of {model._meta.label} cannot be {verb}: {error}")]
            ) from error

    def insert(
        self, model: type[Model], decoded: Sequence[Decoded], keys: Sequence[Any], *, is_counted: bool = True
    ) -> None:
        """Insert rows under given keys; ``None`` lets the database make one."""
        if not decoded:
            return
        rows = [self.row_for(model, one, key) for one, key in zip(decoded, keys, strict=True)]
        with self.told_by_lines(model, decoded, "inserted"):
            new = self.writer.insert(model, rows, is_counted=is_counted)
        for one, key in zip(decoded, new, strict=True):
            self.keys.place(model, one.row.key, key)

    def row_for(self, model: type[Model], one: Decoded, key: Any) -> dict[str, Any]:
        """Return a whole row by attname, with defaults for what the file does not hold."""
        row = {
            field.attname: one.values[field.attname] if field.attname in one.values else field.get_default()
            for field in insertable(model)
        }
        parts = (None,) * len(key_attnames(model)) if key is None else split(key)
        row.update(zip(key_attnames(model), parts, strict=True))
        return row

    def prepare(self) -> None:
        """Do what comes before the first row."""

    def finish(self) -> None:
        """Do what comes after the last row."""


class Copy(Mode):
    """Gives every owned row a new key; shared rows are used as they are, or inserted under a new key."""

    name = "copy"
    keeps_keys = False

    def insert_new(self, model: type[Model], decoded: Sequence[Decoded]) -> None:
        """Insert rows under new keys."""
        if decoded:
            self.insert(model, decoded, [self.new_key(model, one) for one in decoded])

    def new_key(self, model: type[Model], one: Decoded) -> Any:
        """Return a new key for a row; ``None`` where the database makes it."""
        key: Any = model._meta.pk
        if is_composite(model) or key.remote_field:
            return self.decoder.table(model).key_of(one.row, one.values)
        if (model, key.name) in self.decoder.replace:
            replace = self.decoder.replace[model, key.name]
            return replace(one.row.key) if callable(replace) else replace
        if isinstance(key, AutoField) or key.has_db_default():
            return None
        return key.get_default() if key.has_default() else one.row.key


def is_blocked(decoder: Decoder, one: Decoded) -> bool:
    """Whether a row needs another row of the file that is not loaded yet."""
    model = one.row.model
    return one.is_blocked or (not is_composite(model) and decoder.table(model).key_of(one.row, one.values) is PENDING)
