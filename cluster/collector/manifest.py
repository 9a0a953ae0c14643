"""The manifest beside a file: what the rows alone do not tell."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from cluster.collector.rules import PLAIN_RULES

FORMAT = 1
SUFFIX = ".manifest.json"


def is_rule(value: Any) -> bool:
    """Whether a value is the text of a rule."""
    return isinstance(value, str) and value.partition("(")[0] in PLAIN_RULES


def is_number(value: Any) -> bool:
    """Whether a value counts something."""
    return isinstance(value, int)


def is_text(value: Any) -> bool:
    """Whether a value is a text."""
    return isinstance(value, str)


def is_list_of_texts(value: Any) -> bool:
    """Whether a value is a list of texts."""
    return isinstance(value, list) and all(map(is_text, value))


def is_list_of_names(value: Any) -> bool:
    """Whether a value names fields, one at least."""
    return is_list_of_texts(value) and bool(value)


def are_counts(value: Any) -> bool:
    """Whether a value has numbers by role."""
    return isinstance(value, dict) and all(map(is_number, value.values()))


def are_links(value: Any) -> bool:
    """Whether a value is a list of keys, each with what names its row."""
    pairs = [pair for pair in value if isinstance(pair, list) and len(pair) == 2] if isinstance(value, list) else []  # noqa: PLR2004
    return (
        isinstance(value, list) and len(pairs) == len(value) and all(isinstance(pair[1], dict | list) for pair in pairs)
    )


def are_ids(value: Any) -> bool:
    """Whether a value tells as ``Ids`` does where a field holds keys."""
    if not isinstance(value, dict) or not {"model"} <= value.keys() <= {"model", "path", "pattern"}:
        return False
    try:
        return all(map(is_text, value.values())) and bool(re.compile(value.get("pattern", "")))
    except re.error:
        return False


def is_source(value: Any) -> bool:
    """Whether a value tells what became of a source: an error, or a file beside the rows."""
    if not isinstance(value, dict):
        return False
    file, is_whole = value.get("file"), is_number(value.get("entries")) and is_text(value.get("sha256"))
    return is_text(value.get("error")) or (is_whole and isinstance(file, str) and Path(file).name == file)


SHAPES: dict[str, Callable[[Any], bool]] = {
    "rules": is_rule,
    "counts": are_counts,
    "migrations": is_list_of_texts,
    "redacted": is_number,
    "lookup_fields": is_list_of_names,
    "links": are_links,
    "ids": are_ids,
    "left_out": is_text,
    "referrers": is_number,
    "sources": is_source,
}


@dataclass(slots=True)
class Manifest:
    """What a file holds.

    Attributes:
        root: The label of the root model.
        root_keys: The keys of the roots, as they stand in the rows.
        collector: The dotted path of the collector's class, if it is one of its own.
        rules: The rules by key, as text.
        counts: By label how many rows are owned and how many are referenced.
        referenced: Pairs of first and last line (from 1) of runs of referenced rows; all other rows are owned.
        lines: How many rows there are.
        sha256: The checksum of the rows, uncompressed.
        migrations: By app the migrations that the database had.
        redacted: By field how many values were replaced.
        lookup_fields: By label the fields by which a load finds rows that are there already.
        links: By label the rows that are named but not in the file: pairs of key and lookup values, or of key and
            natural key.
        ids: The fields that hold keys in JSON or text, as declared.
        left_out: By relation why it was not followed.
        referrers: By relation how many rows point at owned rows without belonging to them.
        sources: By name the file and the number of entries of each source.
        format: The version of this format.
    """

    root: str
    root_keys: list[Any]
    collector: str = ""
    rules: dict[str, str] = field(default_factory=dict)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    referenced: list[list[int]] = field(default_factory=list)
    lines: int = 0
    sha256: str = ""
    migrations: dict[str, list[str]] = field(default_factory=dict)
    redacted: dict[str, int] = field(default_factory=dict)
    lookup_fields: dict[str, list[str]] = field(default_factory=dict)
    links: dict[str, list[list[Any]]] = field(default_factory=dict)
    ids: dict[str, dict[str, str]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    referrers: dict[str, int] = field(default_factory=dict)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    format: int = FORMAT

    def count(self, label: str, *, is_owned: bool) -> None:
        """Enter the next row."""
        self.lines += 1
        counts = self.counts.setdefault(label, {"owned": 0, "referenced": 0})
        counts["owned" if is_owned else "referenced"] += 1
        if is_owned:
            return
        if self.referenced and self.referenced[-1][1] == self.lines - 1:
            self.referenced[-1][1] = self.lines
        else:
            self.referenced.append([self.lines, self.lines])

    def to_json(self) -> str:
        """Return the manifest as text."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, cls=DjangoJSONEncoder) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read a manifest.

        Raises:
            ValueError: It is no manifest, or one of a later format.
        """
        data = json.loads(text)
        if not isinstance(data, dict) or not isinstance(data.get("format", 0), int) or data.get("format", 0) > FORMAT:
            raise ValueError("This is no manifest of a cluster file, or one of a later version.")
        known = {name: value for name, value in data.items() if name in cls.__slots__}
        if missing := {"root", "root_keys"} - known.keys():
            raise ValueError(f"It does not tell {' and '.join(sorted(missing))}.")
        manifest = cls(**known)
        manifest.check()
        return manifest

    def check(self) -> None:
        """Raise ``ValueError`` if a value is of another kind than it should be."""
        for spec in fields(self):
            kind = {"s": str, "i": int, "l": list, "d": dict}[str(spec.type)[0]]
            if not isinstance(getattr(self, spec.name), kind):
                raise ValueError(f"{spec.name} cannot be {getattr(self, spec.name)!r}.")  # noqa: TRY004 - in a file
        for name, is_right in SHAPES.items():
            for key, value in getattr(self, name).items():
                if not is_right(value):
                    raise ValueError(f"{name} of {key!r} cannot be {value!r}.")
        runs: list[Any] = self.referenced
        for run in runs:
            if not isinstance(run, list) or len(run) != 2 or not all(type(line) is int for line in run):  # noqa: PLR2004
                raise ValueError(f"referenced holds pairs of lines, not {run!r}.")


def manifest_path(path: Path) -> Path:
    """Return where the manifest of a file stands."""
    return path.with_name(path.name + SUFFIX)


def migrations_of(app_labels: Iterable[str], using: str) -> dict[str, list[str]]:
    """Return the migrations of some apps that a database has."""
    applied: dict[str, list[str]] = {label: [] for label in sorted(set(app_labels))}
    for app_label, name in MigrationRecorder(connections[using]).applied_migrations():
        if app_label in applied:
            applied[app_label].append(name)
    return {label: sorted(names) for label, names in applied.items()}
