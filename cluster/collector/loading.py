"""Loading a file into a database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, Literal, TypedDict, Unpack

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, DataError, IntegrityError, transaction
from django.db.models import Model

from cluster.collector.content_types import ContentTypes
from cluster.collector.databases import Databases
from cluster.collector.declarations import lookups, model_named, plain_field
from cluster.collector.decoding import Decoder
from cluster.collector.edges import concrete
from cluster.collector.finding import Finder
from cluster.collector.ids import Ids
from cluster.collector.keymap import PENDING, KeyMap
from cluster.collector.keys import checked_chunk_size, key_from_json
from cluster.collector.ledger import enter_import
from cluster.collector.linking import Linker
from cluster.collector.manifest import Manifest
from cluster.collector.manifest_links import ManifestLinks
from cluster.collector.merging import Merge
from cluster.collector.migration_state import check_migrations
from cluster.collector.modes import Copy, Mode
from cluster.collector.naming import Names
from cluster.collector.placing import Placer
from cluster.collector.reading import Contents, Document, Models
from cluster.collector.report import Report
from cluster.collector.restoring import Restore
from cluster.collector.source_files import load_sources
from cluster.collector.ties import Ties
from cluster.collector.writing import Writer
from cluster.errors import ClusterError, Problem, SerializedDataError
from cluster.saving.reading import chunks
from cluster.serialization.options import check_keywords

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
        ValueError: There is no such mode, or ``chunk_size`` is no whole number above zero.
        TypeError: There is no such option.
    """
    check_keywords("load", options, LoadOptions.__optional_keys__)
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
        self.chunk_size = checked_chunk_size("load", options.get("chunk_size", 2000))
        self.contents = Contents(document)

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
        self._check_collector(Models()[manifest.root])
        try:
            lookups(manifest.lookup_fields)
            resolved_ids(manifest.ids)
        except ImproperlyConfigured as error:
            raise SerializedDataError([Problem("manifest", f"It names what is not there: {error}")]) from error
        if not self.options.get("ignore_migrations", False):
            check_migrations(manifest, self.using)

    def _check_collector(self, root: type[Model]) -> None:
        collector: Any = self.options.get("collector")
        declared = collector.declared_model() if collector is not None else None
        if declared is not None and not issubclass(root, concrete(declared)):
            message = f"The file is of {root._meta.label}; {collector.__name__} collects {declared._meta.label}."
            raise SerializedDataError([Problem("manifest", message)])

    def _build(self, mode: type[Mode]) -> None:
        manifest = self.document.manifest
        databases = Databases(Models()[manifest.root] if manifest is not None else None, self.using)
        types = ContentTypes(databases.of_content_types())
        names = Names(databases, types, self.chunk_size)
        known = KeyMap(self.contents.keys, self.contents.values)
        self.decoder = Decoder(known, names, types, keeps_keys=mode.keeps_keys)
        for name, value in self.options.get("replace", {}).items():
            self.decoder.replace[plain_field(name, "replace", allows_key=mode is Copy)] = value
        self._declare_ids()
        writer = Writer(self.using, self.report, self.chunk_size)
        self.mode = mode(Finder(databases, self.chunk_size, self._lookups()), writer, self.decoder)
        self.mode.consult(self.document, self.contents.shared, self.options.get("collector"))
        linker = Linker(self.using, self.chunk_size, self.decoder, writer)
        self.placer = Placer(self.mode, self.decoder, linker, self._ties())

    def _ties(self) -> Ties | None:
        book, manifest = self.mode.book, self.document.manifest
        if book is None:
            return None
        roots = None if manifest is None else {key_from_json(book.model, key) for key in manifest.root_keys}
        return Ties(book, self.decoder, self.contents, roots)

    def _lookups(self) -> dict[type[Model], Sequence[str]]:
        manifest = self.document.manifest
        declared: dict[str, Sequence[str]] = {**manifest.lookup_fields} if manifest is not None else {}
        declared |= getattr(self.options.get("collector"), "lookup_fields", {})
        declared.update(self.options.get("lookup_fields", {}))
        return lookups({label.lower(): names for label, names in declared.items()})

    def _declare_ids(self) -> None:
        manifest = self.document.manifest
        self.decoder.ids.update(resolved_ids(manifest.ids) if manifest is not None else {})
        for declared in (getattr(self.options.get("collector"), "ids", {}), self.options.get("ids", {})):
            self.decoder.ids.update(resolved_ids(declared))

    def _write(self) -> None:
        if self.document.manifest is not None:
            ManifestLinks(self.mode, self.contents).find(self.document.manifest)
        self.mode.prepare()
        progress = self.options.get("progress")
        for rows in chunks(self.document.rows(), self.chunk_size):
            self.placer.place(rows)
            if progress is not None:
                progress(len(rows))
        self.placer.finish()
        self.mode.finish()
        self.mode.writer.reset_sequences()
        self.report.keys = {model: keys for model, keys in self.decoder.keys.keys.items() if keys}


def resolved_ids(declared: Mapping[str, Any]) -> dict[tuple[type[Model], str], tuple[type[Model], Ids]]:
    """Return by model and field which model's keys it holds, and where; a manifest has ``Ids`` as plain data."""
    found = {key: ids if isinstance(ids, Ids) else Ids(**ids) for key, ids in declared.items()}
    return {plain_field(key, "ids"): (model_named(ids.model, "ids"), ids) for key, ids in found.items()}
