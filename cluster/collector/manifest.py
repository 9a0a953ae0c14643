"""The manifest beside a file: what the rows alone do not tell."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from cluster.collector.rules import PLAIN_RULES

FORMAT = 1
SUFFIX = ".manifest.json"


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
        for text in self.rules.values():
            if str(text).partition("(")[0] not in PLAIN_RULES:
                raise ValueError(f"{text!r} is no rule.")
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
