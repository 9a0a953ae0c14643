"""Reading a file: its lines more than once, checked before anything is written."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tempfile
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.db.models import Model

from cluster.collector.book import find_model
from cluster.collector.edges import concrete, pointed_fields
from cluster.collector.keys import key_from_json
from cluster.collector.manifest import Manifest, manifest_path
from cluster.collector.output import path_of
from cluster.errors import Problem, SerializedDataError

MOST_PROBLEMS = 20
SPOOLED = 2**20


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row of a file.

    Attributes:
        line: Its line, from 1; 0 of a row that the manifest names.
        model: Its model.
        key: Its primary key in the file, as Python has it.
        fields: The values by field name as they stand in the file.
        is_owned: Whether it belongs to the roots; referenced rows are shared with others.
    """

    line: int
    model: type[Model]
    key: Any
    fields: dict[str, Any]
    is_owned: bool

    def problem(self, message: str) -> SerializedDataError:
        """Return an error about the row."""
        return SerializedDataError([Problem(f"line {self.line}" if self.line else "manifest", message)])


class Document:
    """A file of rows with its manifest; a stream that cannot go back is kept in a temporary file."""

    def __init__(self, source: Any, manifest: Manifest | None = None) -> None:
        self.path = path_of(source)
        self._stream = source if hasattr(source, "read") else None
        self._start = 0
        self._is_kept = False
        if self._stream is not None:
            self._is_kept = not self._stream.seekable()
            self._stream = rewindable(self._stream)
            self._start = self._stream.tell()
        elif self.path is None or not self.path.is_file():
            raise FileNotFoundError(f"There is no file {str(source)!r} to load.")
        self.manifest = manifest or self._manifest_beside()

    def close(self) -> None:
        """Drop the temporary file, if there is one."""
        if self._is_kept and self._stream is not None:
            self._stream.close()

    def _manifest_beside(self) -> Manifest | None:
        if self.path is None or not (beside := manifest_path(self.path)).is_file():
            return None
        try:
            return Manifest.from_json(beside.read_text(encoding="utf-8"))
        except ValueError as error:
            raise SerializedDataError([Problem(beside.name, f"The manifest cannot be read: {error}")]) from error

    def lines(self) -> Iterator[bytes]:
        """Yield the lines from the start."""
        if self._stream is not None:
            self._stream.seek(self._start)
            for line in self._stream:
                yield line if isinstance(line, bytes) else line.encode()
            return
        path: Any = self.path
        with opened(path) as stream:
            yield from stream

    def rows(self) -> Iterator[FileRow]:
        """Yield the rows of a document that was checked."""
        is_owned = Roles(self.manifest)
        models = Models()
        for number, line in enumerate(self.lines(), start=1):
            if line.strip():
                data = json.loads(line)
                model = models[data["model"]]
                yield FileRow(number, model, key_from_json(model, data["pk"]), data["fields"], is_owned(number))


class Models(dict[str, type[Model]]):
    """Models by the label that a row has."""

    def __missing__(self, label: str) -> type[Model]:
        model = find_model(label)
        if model is None:
            raise LookupError(label)
        self[label] = concrete(model)
        return self[label]


class Roles:
    """Tells by its line whether a row is owned."""

    def __init__(self, manifest: Manifest | None) -> None:
        runs = manifest.referenced if manifest is not None else []
        self._firsts = [first for first, _ in runs]
        self._lasts = [last for _, last in runs]

    def __call__(self, line: int) -> bool:
        place = bisect_right(self._firsts, line) - 1
        return place < 0 or line > self._lasts[place]


def is_key_among(model: type[Model], value: Any, keys: Container[Any]) -> bool:
    """Whether a value in a manifest is one of some keys."""
    try:
        return key_from_json(model, value) in keys
    except (TypeError, ValueError, OverflowError, ValidationError):
        return False


def rewindable(stream: IO[Any]) -> IO[Any]:
    """Return a stream that can be read again from where it stands."""
    if stream.seekable():
        return stream
    kept: IO[Any] = tempfile.SpooledTemporaryFile(SPOOLED, mode="w+b")  # noqa: SIM115 - lives as long as the document
    if isinstance(stream.read(0), str):
        kept.writelines(line.encode() for line in stream)
    else:
        shutil.copyfileobj(stream, kept)
    kept.seek(0)
    return kept


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading; ``.gz`` is decompressed."""
    if path.suffix == ".gz":
        with gzip.open(path, "rb") as stream:
            yield stream  # type: ignore[misc]
    else:
        with path.open("rb") as plain:
            yield plain


class Contents:
    """What a file holds, found by reading it once before anything is written.

    Attributes:
        keys: By model the keys of its rows, each with the mark of those that are not loaded yet.
        values: The same by model and attname for the values of other fields that foreign keys point at.
        holders: The keys of the rows that have those values.
        shared: By model the keys of those of its rows that are referenced only.
        lines: How many rows there are.
        sha256: The checksum of the rows.
    """

    def __init__(self, document: Document) -> None:
        self.keys: dict[type[Model], dict[Any, Any]] = {}
        self.values: dict[tuple[type[Model], str], dict[Any, Any]] = defaultdict(dict)
        self.holders: dict[tuple[type[Model], str], dict[Any, Any]] = defaultdict(dict)
        self.shared: dict[type[Model], set[Any]] = defaultdict(set)
        self.lines = 0
        self.sha256 = ""
        self._document = document
        self._is_owned = Roles(document.manifest)
        self._models = Models()
        self._names: dict[type[Model], frozenset[str]] = {}
        self._pointed: dict[type[Model], list[Any]] = {}
        self._problems: list[Problem] = []

    def check(self, pending: object) -> None:
        """Read every line.

        Raises:
            SerializedDataError: With everything found wrong, each with its line.
        """
        digest = hashlib.sha256()
        try:
            for number, line in enumerate(self._document.lines(), start=1):
                digest.update(line)
                if line.strip():
                    self.lines += 1
                    self._check_line(number, line, pending)
                if len(self._problems) >= MOST_PROBLEMS:
                    break
        except (EOFError, OSError) as error:
            self._problems.append(Problem(f"line {self.lines + 1}", f"The file cannot be read on: {error}"))
        self.sha256 = digest.hexdigest()
        self._check_whole()
        self._check_roots()
        if self._problems:
            raise SerializedDataError(self._problems)

    def _check_whole(self) -> None:
        manifest = self._document.manifest
        if manifest is None or len(self._problems) >= MOST_PROBLEMS:
            return
        if manifest.lines != self.lines:
            message = f"The manifest tells of {manifest.lines} rows, the file has {self.lines}: it is not whole."
            self._problems.append(Problem(f"line {self.lines}", message))
        elif manifest.sha256 != self.sha256:
            message = "The checksum in the manifest is another: the file was changed after it was written."
            self._problems.append(Problem("file", message))

    def _check_roots(self) -> None:
        """See that what the manifest calls a root is a row of the file: a restore deletes what belongs to roots."""
        manifest = self._document.manifest
        if manifest is None or self._problems:
            return
        model = find_model(manifest.root)
        if model is None:
            self._problems.append(Problem("manifest", f"There is no model {manifest.root!r}."))
            return
        keys = self.keys.get(concrete(model), {})
        for key in manifest.root_keys:
            if not is_key_among(concrete(model), key, keys):
                message = f"The root {manifest.root} {key!r} is not among the rows of the file."
                self._problems.append(Problem("manifest", message))

    def _check_line(self, number: int, line: bytes, pending: object) -> None:
        try:
            data = json.loads(line)
        except (ValueError, RecursionError) as error:
            self._add(number, f"This is no JSON: {error}.")
            return
        if not isinstance(data, dict) or not isinstance(data.get("fields"), dict) or "pk" not in data:
            self._add(number, 'A row is {"model": ..., "pk": ..., "fields": {...}}; this is not.')
            return
        try:
            model = self._models[str(data.get("model"))]
        except LookupError:
            self._add(number, f"There is no model {data.get('model')!r}.")
            return
        self._check_row(number, model, data, pending)

    def _check_row(self, number: int, model: type[Model], data: dict[str, Any], pending: object) -> None:
        if unknown := data["fields"].keys() - self._names_of(model):
            names = ", ".join(sorted(map(repr, unknown)))
            self._add(number, f"{model._meta.label} has no field {names}.")
        try:
            key = key_from_json(model, data["pk"])
            seen = self.keys.setdefault(model, {})
            is_double = key in seen
            seen[key] = pending
        except (TypeError, ValueError, OverflowError, ValidationError) as error:
            self._add(number, f"{data['pk']!r} is no key of {model._meta.label}: {error}")
            return
        if key is None:
            self._add(number, f"The row of {model._meta.label} has no key.")
        if is_double:
            self._add(number, f"{model._meta.label} {key!r} is in the file twice.")
        if not self._is_owned(number):
            self.shared[model].add(key)
        self._note_values(model, key, data["fields"], pending)

    def _note_values(self, model: type[Model], key: Any, fields: dict[str, Any], pending: object) -> None:
        if model not in self._pointed:
            self._pointed[model] = pointed_fields(model)
        for field in self._pointed[model]:
            # What cannot be read is told when the row is decoded.
            with suppress(OverflowError, ValidationError):
                value = field.to_python(fields.get(field.name))
                self.values[model, field.attname][value] = pending
                self.holders[model, field.attname][value] = key

    def _names_of(self, model: type[Model]) -> frozenset[str]:
        if model not in self._names:
            fields = (*model._meta.local_fields, *model._meta.local_many_to_many)
            self._names[model] = frozenset(field.name for field in fields)
        return self._names[model]

    def _add(self, number: int, message: str) -> None:
        self._problems.append(Problem(f"line {number}", message))
