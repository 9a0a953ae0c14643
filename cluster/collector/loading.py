"""Loading a file into a database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, Literal, TypedDict, Unpack

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DEFAULT_DB_ALIAS, DataError, IntegrityError, transaction
from django.db.models import Model

from cluster.collector.content_types import ContentTypes
from cluster.collector.databases import Databases
from cluster.collector.declarations import lookups, model_named, plain_field
from cluster.collector.decoding import Decoded, Decoder, as_stored
from cluster.collector.edges import concrete, pointed_fields
from cluster.collector.finding import Finder, is_composite, same_value
from cluster.collector.ids import Ids
from cluster.collector.keymap import PENDING, KeyMap
from cluster.collector.keys import chunks, key_from_json
from cluster.collector.ledger import enter_import
from cluster.collector.linking import Linker
from cluster.collector.manifest import Manifest
from cluster.collector.merging import Merge
from cluster.collector.migration_state import check_migrations
from cluster.collector.modes import Copy, Mode, is_blocked
from cluster.collector.naming import Names
from cluster.collector.reading import Contents, Document, FileRow, Models
from cluster.collector.report import Report
from cluster.collector.restoring import Restore
from cluster.collector.source_files import load_sources
from cluster.collector.writing import Writer
from cluster.errors import ClusterError, Problem, SerializedDataError

MODES: dict[str, type[Mode]] = {mode.name: mode for mode in (Mode, Copy, Merge, Restore)}


class LoadOptions(TypedDict, total=False):
    """The rarer arguments of ``load()``."""

    manifest: Manifest | None
    collector: Any
    lookup_fields: Mapping[str, Sequence[str]]
    ids: Mapping[str, Ids]
    replace: Mapping[str, Any]
    import_id: str | None
    sources: Sequence[Any]
    chunk_size: int
    progress: Callable[[int], object] | None
    ignore_migrations: bool


def load(
    source: Any,
    mode: Literal["insert", "copy", "merge", "restore"] = "insert",
    *,
    using: str = DEFAULT_DB_ALIAS,
    dry_run: bool = False,
    **options: Unpack[LoadOptions],
) -> Report:
    """Load a file that a collection wrote, in one transaction.

    The whole file is read and checked before anything is written. Rows go in as they are, as ``loaddata`` does it:
    ``auto_now`` values are those of the file.

    Args:
        source: A path or an open file.
        mode: ``insert`` keeps the keys and refuses clashes; ``copy`` gives new keys and turns every key that points at
            a copied row; ``merge`` updates the rows that are there, by lookup fields or key, and inserts the others;
            ``restore`` makes what belongs to the roots equal to the file, and deletes what came since.
        using: The database alias.
        dry_run: Do everything, then roll back.
        options: ``manifest`` (for a stream without a name), ``collector`` (the class whose lookup fields, ids, sources
            and rules hold), ``lookup_fields``, ``ids``, ``replace`` (by ``app.Model.field`` a value, or a callable that
            makes one from the value in the file), ``import_id`` (refuse to load twice under one name), ``sources``,
            ``chunk_size``, ``progress`` (called with the number of rows after each chunk), ``ignore_migrations``.

    Returns:
        What was done; ``report.keys`` has the new keys.

    Raises:
        SerializedDataError: The file cannot be loaded; nothing was written.
        AlreadyLoadedError: The import id was used before.
    """
    if mode not in MODES:
        raise ValueError(f"load() got the mode {mode!r}; there are {', '.join(MODES)}.")
    with closing(Document(source, options.get("manifest"))) as document:
        return Load(document, using, options).run(MODES[mode], dry_run=dry_run)


class Load:
    """One run of ``load()``."""

    def __init__(self, document: Document, using: str, options: LoadOptions) -> None:
        self.document = document
        self.using = using
        self.options = options
        self.report = Report()
        self.chunk_size = options.get("chunk_size", 2000)
        self.contents = Contents(document)
        self.later: list[tuple[type[Model], Any, str, Any, Decoded]] = []
        self.waiting: list[FileRow] = []

    def run(self, mode: type[Mode], *, dry_run: bool) -> Report:
        """Check, write, and tell what was done."""
        self.contents.check(PENDING)
        self._check_manifest(mode)
        try:
            self._load(mode, dry_run=dry_run)
        except (IntegrityError, DataError, OverflowError) as error:
            if isinstance(error, ClusterError):
                raise
            raise SerializedDataError([Problem("file", f"The database refuses what it holds: {error}")]) from error
        if not dry_run:
            load_sources(self.document, self._sources(), self.report)
        return self.report

    def _load(self, mode: type[Mode], *, dry_run: bool) -> None:
        entering = enter_import(self.using, self.options.get("import_id"), self.contents.sha256, dry_run=dry_run)
        with entering as record:
            self._build(mode)
            self._write()
            record(self.report)
            if dry_run:
                transaction.set_rollback(True, using=self.using)

    def _sources(self) -> Sequence[Any]:
        declared = getattr(self.options.get("collector"), "sources", ())
        return [*declared, *self.options.get("sources", ())]

    def _check_manifest(self, mode: type[Mode]) -> None:
        manifest = self.document.manifest
        if manifest is None:
            if mode in (Copy, Restore):
                raise SerializedDataError(
                    f"To load in the mode {mode.name!r} the manifest is needed, which tells owned rows from shared."
                    " It stands beside the file under its name with .manifest.json added; give it as manifest=..."
                )
            self.report.note("There was no manifest: all rows were taken as owned, and no checksum was compared.")
            return
        if not self.options.get("ignore_migrations", False):
            check_migrations(manifest, self.using)

    def _build(self, mode: type[Mode]) -> None:
        manifest = self.document.manifest
        databases = Databases(Models()[manifest.root] if manifest is not None else None, self.using)
        self.types = ContentTypes(databases.of_content_types())
        self.names = Names(databases, self.types, self.chunk_size)
        self.decoder = Decoder(KeyMap(self.contents.keys, self.contents.values), self.names, self.types)
        for name, value in self.options.get("replace", {}).items():
            self.decoder.replace[plain_field(name, "replace", allows_key=mode is Copy)] = value
        self._declare_ids()
        writer = Writer(self.using, self.report, self.chunk_size)
        self.mode = mode(Finder(databases, self.chunk_size, self._lookups()), writer, self.decoder)
        if isinstance(self.mode, Merge):
            self.mode.document, self.mode.collector = self.document, self.options.get("collector")
        self.linker = Linker(self.using, self.chunk_size, self.decoder, writer)

    def _lookups(self) -> dict[type[Model], Sequence[str]]:
        manifest = self.document.manifest
        declared: dict[str, Sequence[str]] = {**manifest.lookup_fields} if manifest is not None else {}
        declared |= getattr(self.options.get("collector"), "lookup_fields", {})
        declared.update(self.options.get("lookup_fields", {}))
        return lookups({label.lower(): names for label, names in declared.items()})

    def _declare_ids(self) -> None:
        manifest = self.document.manifest
        declared = {key: Ids(**spec) for key, spec in manifest.ids.items()} if manifest is not None else {}
        declared |= getattr(self.options.get("collector"), "ids", {})
        declared |= self.options.get("ids", {})
        for key, ids in declared.items():
            self.decoder.ids[plain_field(key, "ids")] = (model_named(ids.model, "ids"), ids)

    def _find_links(self) -> None:
        """Find the rows that the manifest names by lookup fields, and enter their keys."""
        manifest = self.document.manifest
        for label, links in (manifest.links if manifest is not None else {}).items():
            try:
                model = Models()[label]
                named = [_named(model, key, values) for key, values in links]
            except (LookupError, TypeError, ValueError, AttributeError, FieldDoesNotExist, ValidationError) as error:
                message = f"The rows of {label!r} that it links to cannot be read: {error}"
                raise SerializedDataError([Problem("manifest", message)]) from error
            if links:
                self._place_links(model, named, list(links[0][1]))

    def _place_links(self, model: type[Model], named: Sequence[Decoded], names: Sequence[str]) -> None:
        found = self.mode.find_linked(model, named, names)
        for old, new in found.items():
            self.decoder.keys.place(model, old, new)
        problems = [
            Problem("manifest", f"The file needs {model._meta.label} with {one.row.fields!r}, which is not in the"
                    " database.")
            for one in named
            if one.row.key not in found
        ]  # fmt: skip
        self.mode.refuse(problems)

    # Rows -------------------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        self._find_links()
        self.mode.prepare()
        progress = self.options.get("progress")
        for rows in chunks(self.document.rows(), self.chunk_size):
            self._place([*self.waiting, *rows])
            self._settle()
            if progress is not None:
                progress(len(rows))
        if self.waiting:
            self._place_circle()
        self._settle()
        self.linker.finish()
        self.names.check_expected()
        self.mode.finish()
        self.mode.writer.reset_sequences()
        self.report.keys = {model: keys for model, keys in self.decoder.keys.keys.items() if keys}

    def _place(self, rows: Sequence[FileRow]) -> None:
        """Write rows, those first that need nothing of the others; what needs later rows waits."""
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
            self.names.prepare(target, names)

    def _place_ready(self, model: type[Model], ready: Sequence[Decoded]) -> None:
        self._expect_extended(model, ready)
        self.names.check_expected()
        with_links = self.mode.place(model, ready)
        self._place_values(model, ready)
        for one in ready:
            key = self.decoder.keys.new(model, one.row.key)
            self.later += [(model, key, attname, pointer, one) for attname, pointer in one.later.items()]
        self.linker.add(model, with_links, is_new=type(self.mode) in (Mode, Copy))

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
        target = concrete(key.remote_field.model)
        for one in ready:
            if not self.decoder.keys.has(target, one.row.key):
                self.names.expect(one.row, target, one.row.key)

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
            self.report.count("updated", one.row.model._meta.label)

    def _settled(self, model: type[Model], attname: str, pointer: Any, one: Decoded) -> Any:
        target, old = pointer
        if old is not None:
            new = self.decoder.keys.new(target, old)
            return new if new is PENDING else as_stored(model, attname, new)
        again = self.decoder.decode(one.row)
        return PENDING if attname in again.later else again.values[attname]


def _named(model: type[Model], key: Any, values: dict[str, Any]) -> Decoded:
    row = FileRow(0, model, key_from_json(model, key), values, is_owned=False)
    fields: dict[str, Any] = {name: model._meta.get_field(name) for name in values}
    return Decoded(row, {field.attname: field.to_python(values[name]) for name, field in fields.items()})
