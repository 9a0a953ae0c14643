"""Writing a collection to a file."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.db.models import Model

from cluster.collector.declarations import Declarations
from cluster.collector.linked_rows import linked_rows
from cluster.collector.manifest import Manifest, manifest_path, migrations_of
from cluster.collector.order import rows_in_order
from cluster.collector.output import Checked, path_of, written_beside
from cluster.collector.rows import RowReader, encode, lines_of, plain_key
from cluster.collector.snapshot import snapshot
from cluster.collector.sources import Source
from cluster.collector.walk import Walk
from cluster.errors import StaleClusterError
from cluster.saving.reading import chunks


def dump_collection(collection: Any, target: Any, progress: Any = None) -> Manifest:
    """Write rows, manifest and the entries of sources; see ``Collection.dump()``."""
    walk, declarations = collection.walk, collection.declarations
    path = path_of(target)
    if declarations.sources and path is None:
        raise ValueError("A collector with sources writes several files: dump it to a path, not to a stream.")
    with snapshot(walk.using), ExitStack() as files:
        # Renamed in reverse: the rows take their name last, so what stands there under it is whole.
        rows = target if hasattr(target, "write") or path is None else files.enter_context(written_beside(path))
        manifest = write_rows(walk, declarations, rows, progress)
        if path is not None:
            write_sources(collection, path, manifest, files)
            files.enter_context(written_beside(manifest_path(path))).write(manifest.to_json().encode())
    return manifest


def write_rows(walk: Walk, declarations: Declarations, stream: Any, progress: Any = None) -> Manifest:
    """Write the rows of a walk and return the manifest of what was written."""
    out = Checked(stream)
    reader = RowReader(walk, declarations.redact)
    manifest = begin_manifest(walk, declarations)
    for piece in chunks(rows_in_order(walk), walk.limits.chunk_size):
        lines = list(lines_of(reader, piece))
        check_complete(piece, lines)
        for model, key, _ in lines:
            manifest.count(model._meta.label_lower, is_owned=key in walk.owned[model])
        out.write("".join(line for _, _, line in lines))
        if progress is not None:
            progress(len(lines))
    manifest.sha256 = out.sha256
    manifest.redacted = dict(sorted(reader.redacted.items()))
    return manifest


def check_complete(asked: list[tuple[type[Model], Any]], lines: list[tuple[type[Model], Any, str]]) -> None:
    """Raise when rows went away since they were collected."""
    if len(asked) == len(lines):
        return
    gone = set(asked).difference((model, key) for model, key, _ in lines)
    names = ", ".join(sorted(f"{model._meta.label} {key}" for model, key in gone)[:5])
    raise StaleClusterError(
        f"{len(gone)} collected rows are no longer in the database ({names}). Collect and dump in one transaction, as"
        " Collector.dump() does."
    )


def begin_manifest(walk: Walk, declarations: Declarations) -> Manifest:
    """Return the manifest of a walk, without the rows."""
    root = walk.book.model
    convert = plain_key(root)
    root_keys = [convert(key) for batch in walk.batches if batch.edge is None for key in sorted(batch.keys)]
    app_labels = {model._meta.app_label for found in (walk.owned, walk.referenced) for model in found if found[model]}
    return Manifest(
        root=root._meta.label_lower,
        root_keys=root_keys,
        collector=declarations.name,
        rules={key: str(rule) for key, rule in declarations.rules.items()},
        migrations=migrations_of(app_labels, walk.using),
        lookup_fields={model._meta.label_lower: list(names) for model, names in declarations.lookup_fields.items()},
        links=linked_rows(walk, declarations.lookup_fields, declarations.redact),
        ids={
            f"{model._meta.label_lower}.{name}": {"model": ids.model, "path": ids.path, "pattern": ids.pattern}
            for (model, name), ids in declarations.ids.items()
        },
        left_out=dict(sorted(walk.passed_by.items())),
        referrers=dict(sorted(walk.referrers.items())),
    )


def source_path(path: Path, name: str) -> Path:
    """Return where the entries of a source stand beside the rows."""
    return path.with_name(f"{path.name}.{name}.source.jsonl")


def write_sources(collection: Any, path: Path, manifest: Manifest, files: ExitStack) -> None:
    """Write what each source collects to a file of its own; one that fails is an entry in the manifest."""
    for source in collection.declarations.sources:
        if type(source).collect is not Source.collect:
            manifest.sources[source.name] = _write_source(source, collection, source_path(path, source.name), files)


def _write_source(source: Source, collection: Any, path: Path, files: ExitStack) -> dict[str, Any]:
    number = 0
    try:
        with ExitStack() as own:
            out = Checked(own.enter_context(written_beside(path)))
            for entry in source.collect(collection):
                out.write(encode(dict(entry)) + "\n")
                number += 1
            files.push(own.pop_all())
    except Exception as error:  # noqa: BLE001 - whatever a foreign store raises is reported under its name
        return {"error": f"{type(error).__name__}: {error}"}
    return {"file": path.name, "entries": number, "sha256": out.sha256}
