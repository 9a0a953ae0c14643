"""Giving the entries of a file back to the sources that they came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cluster.collector.reading import Document
from cluster.collector.report import Report
from cluster.collector.sources import Source
from cluster.errors import Problem


def load_sources(document: Document, sources: Sequence[Source], report: Report) -> None:
    """Load what each source wrote beside a file; what fails, or has no source any more, is in the report."""
    manifest = document.manifest
    by_name = {source.name: source for source in sources}
    for name, entry in (manifest.sources if manifest is not None else {}).items():
        source = by_name.get(name)
        if "error" in entry:
            report.errors[name] = f"It was not in the file, as its export failed: {entry['error']}"
        elif source is None or type(source).load is Source.load or document.path is None:
            report.count_source("skipped", name, entry["entries"])
            report.note(f"Nothing takes the {entry['entries']} entries of the source {name!r}.")
        else:
            _load(source, document.path.with_name(entry["file"]), entry, report)


def _load(source: Source, path: Path, entry: dict[str, Any], report: Report) -> None:
    try:
        data = path.read_bytes()
        check_sum(path, data, entry["sha256"])
        report.count_source("inserted", source.name, source.load(_entries(data), report))
    except Exception as error:  # noqa: BLE001 - whatever a foreign store raises is reported under its name
        report.errors[source.name] = f"{type(error).__name__}: {error}"
        report.count_source("failed", source.name)


def source_problems(document: Document) -> Iterator[Problem]:
    """Yield which files of sources are not those that the manifest tells of."""
    manifest, rows = document.manifest, document.path
    if manifest is None or rows is None:
        return
    for entry in manifest.sources.values():
        if "error" not in entry:
            path = rows.with_name(entry["file"])
            try:
                check_sum(path, path.read_bytes(), entry["sha256"])
            except (OSError, ValueError) as error:
                yield Problem(path.name, f"What the source wrote cannot be trusted: {error}.")


def check_sum(path: Path, data: bytes, expected: str) -> None:
    """Raise if a file is not the one that the manifest tells of."""
    if hashlib.sha256(data).hexdigest() != expected:
        raise ValueError(f"the checksum of {path.name} is another than in the manifest")


def _entries(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.splitlines():
        yield json.loads(line)
