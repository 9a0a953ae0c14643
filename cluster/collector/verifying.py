"""Comparing a file with a database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model

from cluster.collector.content_types import ContentTypes
from cluster.collector.databases import Databases
from cluster.collector.decoding import Decoded, Decoder
from cluster.collector.edges import Edge, edges_of
from cluster.collector.finding import Finder, differences
from cluster.collector.keymap import KeyMap
from cluster.collector.keys import checked_chunk_size
from cluster.collector.linking import Linker
from cluster.collector.manifest import Manifest
from cluster.collector.naming import Names
from cluster.collector.reading import Contents, Document, FileRow, Models
from cluster.collector.report import Report
from cluster.collector.snapshot import snapshot
from cluster.collector.source_files import source_problems
from cluster.collector.writing import Writer
from cluster.errors import Problem, SerializedDataError
from cluster.saving.reading import chunks


@dataclass(slots=True)
class Verification:
    """What a comparison found; true when the database has what the file has.

    Attributes:
        problems: Everything that differs, with the line in the file.
        report: Per model how many rows are the same (``collected``) and how many are not (``failed``).
    """

    problems: list[Problem] = field(default_factory=list)
    report: Report = field(default_factory=Report)

    def __bool__(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems)) or "The database has what the file has."


def verify(
    source: Any,
    *,
    using: str = DEFAULT_DB_ALIAS,
    keys: Mapping[type[Model], Mapping[Any, Any]] | None = None,
    manifest: Manifest | None = None,
    chunk_size: int = 2000,
    progress: Callable[[int], object] | None = None,
) -> Verification:
    """Compare a file with its manifest (checksums, counts) and with a database, row by row; writes nothing.

    Args:
        source: A path or an open file.
        using: The database alias.
        keys: The new keys after a load as a copy, ``report.keys``; without them rows have the keys of the file.
        manifest: The manifest, for a stream without a name.
        chunk_size: How many rows are compared at once.
        progress: Called with the number of rows after each chunk.

    Raises:
        ValueError: ``chunk_size`` is no whole number above zero.
    """
    checked_chunk_size("verify", chunk_size)
    with closing(Document(source, manifest)) as document, snapshot(using):
        contents = Contents(document)
        try:
            contents.check(None)
        except SerializedDataError as error:
            return Verification(list(error.problems))
        return Verifying(document, contents, using, chunk_size).run(keys or {}, progress)


class Verifying:
    """One comparison."""

    def __init__(self, document: Document, contents: Contents, using: str, chunk_size: int) -> None:
        self.document = document
        self.contents = contents
        self.using = using
        self.chunk_size = chunk_size
        self.found = Verification(list(source_problems(document)))
        root = Models()[document.manifest.root] if document.manifest is not None else None
        self.databases = Databases(root, using)
        self.finder = Finder(self.databases, chunk_size, {})

    def run(self, keys: Mapping[type[Model], Mapping[Any, Any]], progress: Any = None) -> Verification:
        """Compare all rows."""
        for model, placed in self.contents.keys.items():
            placed.update({old: keys.get(model, {}).get(old, old) for old in placed})
        for model, found in keys.items():
            # Rows that the file only names were found under keys of their own.
            self.contents.keys.setdefault(model, {}).update(found)
        for values in self.contents.values.values():
            values.update({value: value for value in values})
        types = ContentTypes(self.databases.of_content_types())
        names = Names(self.databases, types, self.chunk_size)
        self.decoder = Decoder(KeyMap(self.contents.keys, self.contents.values), names, types)
        self.linker = Linker(self.using, self.chunk_size, self.decoder, Writer(self.using, Report(), self.chunk_size))
        for rows in chunks(self.document.rows(), self.chunk_size):
            by_model: dict[type[Model], list[FileRow]] = defaultdict(list)
            for row in rows:
                by_model[row.model].append(row)
            for model, group in by_model.items():
                self._compare(model, group)
            if progress is not None:
                progress(len(rows))
        return self.found

    def _compare(self, model: type[Model], rows: list[FileRow]) -> None:
        decoded = list(self._decoded(rows))
        places = {one.row.key: self.decoder.keys.new(model, one.row.key) for one in decoded}
        current = self.finder.current(model, places.values())
        different = {one.row.key for one in decoded if not self._is_same(one, current.get(places[one.row.key]))}
        for edge in edges_of(model).many:
            different |= self._different_links(edge, [one for one in decoded if one.row.key not in different], places)
        failed = len(different) + len(rows) - len(decoded)
        self.found.report.count("failed", model._meta.label, failed)
        self.found.report.count("collected", model._meta.label, len(rows) - failed)

    def _decoded(self, rows: list[FileRow]) -> Iterator[Decoded]:
        for row in rows:
            try:
                yield self.decoder.decode(row)
            except SerializedDataError as error:
                self.found.problems += error.problems

    def _is_same(self, one: Decoded, current: Mapping[str, Any] | None) -> bool:
        label, key = one.row.model._meta.label, one.row.key
        if current is None:
            self._add(one, f"{label} {key!r} is not in the database.")
            return False
        changed = differences(one.row.model, one, current)
        for attname, value in changed.items():
            self._add(one, f"{label} {key!r}: {attname} is {current[attname]!r}, in the file {value!r}.")
        return not changed

    def _different_links(self, edge: Edge, decoded: list[Decoded], places: Mapping[Any, Any]) -> set[Any]:
        with_links = [one for one in decoded if edge.name in one.links]
        sources = [places[one.row.key] for one in with_links]
        wanted = self._grouped(self.linker.wanted(edge, with_links, sources))
        current = self._grouped(self.linker.current(edge, sources))
        different = [one for one, source in zip(with_links, sources, strict=True) if wanted[source] != current[source]]
        for one in different:
            self._add(one, f"{one.row.model._meta.label} {one.row.key!r}: the links of {edge.name!r} are others.")
        return {one.row.key for one in different}

    def _grouped(self, pairs: Iterator[tuple[Any, Any]]) -> dict[Any, set[Any]]:
        found: dict[Any, set[Any]] = defaultdict(set)
        for source, target in pairs:
            found[source].add(target)
        return found

    def _add(self, one: Decoded, message: str) -> None:
        self.found.problems.append(Problem(f"line {one.row.line}", message))
