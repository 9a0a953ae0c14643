"""A source for a JSON-lines file on disk, in which every entry names the band that it belongs to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cluster.collector import Collection, Report, Source


class Archive(Source):
    """Letters to bands, one JSON object with ``band`` and ``text`` per line."""

    name = "archive"

    def __init__(self, path: Path, model: Any) -> None:
        self.path = path
        self.model = model

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def collect(self, collection: Collection) -> Iterable[Mapping[str, Any]]:
        bands = collection.keys(self.model)
        return [entry for entry in self.entries() if entry["band"] in bands]

    def load(self, entries: Iterable[Mapping[str, Any]], report: Report) -> int:
        keys = report.keys[self.model]
        added = [{**entry, "band": keys[entry["band"]]} for entry in entries]
        self.write([*self.entries(), *added])
        return len(added)

    def erase(self, collection: Collection) -> int:
        bands, entries = collection.keys(self.model), self.entries()
        kept = [entry for entry in entries if entry["band"] not in bands]
        self.write(kept)
        return len(entries) - len(kept)

    def write(self, entries: list[dict[str, Any]]) -> None:
        beside = self.path.with_suffix(".part")
        beside.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
        beside.replace(self.path)
