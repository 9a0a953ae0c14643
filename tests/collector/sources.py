"""Sources beside the database, for exports and erasures."""

from __future__ import annotations

from cluster.collector import Source
from tests.collector.app.models import Client


class Archive(Source):
    """A list in memory."""

    name = "archive"

    def __init__(self, entries=()):
        self.entries = list(entries)

    def collect(self, collection):
        keys = collection.keys(Client)
        return [entry for entry in self.entries if entry["client"] in keys]

    def load(self, entries, report):
        new = [{"client": report.keys[Client][entry["client"]]} for entry in entries]
        self.entries += new
        return len(new)

    def erase(self, collection):
        gone = self.collect(collection)
        self.entries = [entry for entry in self.entries if entry not in gone]
        return len(gone)


class Early(Archive):
    when = "before"


class Broken(Source):
    name = "broken"
    when = "before"

    def collect(self, collection):
        raise OSError("no disk")

    def erase(self, collection):
        raise OSError("no disk")


class Late(Broken):
    when = "after"
