"""Which roots were erased, so that it can be done again after a backup came back. Holds keys, no data."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone


@dataclass(frozen=True, slots=True)
class Entry:
    """One erasure in a log.

    Attributes:
        log: The log.
        number: Its id.
        model: The label of the roots.
        keys: Their keys as a file has them.
        is_done: Whether its transaction was committed.
    """

    log: ErasureLog
    number: str
    model: str
    keys: list[Any]
    is_done: bool = False

    def finish(self, report: dict[str, Any]) -> None:
        """Note that it was committed."""
        self.log.append({"id": self.number, "state": "done", "report": report})


class ErasureLog:
    """A file of JSON lines, two for each erasure: one before, one when it is in the database for good."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def begin(self, model: str, keys: list[Any], collector: str) -> Entry:
        """Note that roots are about to be erased."""
        entry = Entry(self, uuid.uuid4().hex, model, keys)
        self.append(
            {
                "id": entry.number,
                "state": "begun",
                "at": timezone.now(),
                "collector": collector,
                "model": model,
                "keys": keys,
            }
        )
        return entry

    def append(self, data: dict[str, Any]) -> None:
        """Write a line, for good."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(data, cls=DjangoJSONEncoder) + "\n")
            stream.flush()
            os.fsync(stream.fileno())

    def entries(self) -> Iterator[Entry]:
        """Yield the erasures in the order in which they were begun."""
        lines = [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines() if line.strip()]
        done = {line["id"] for line in lines if line["state"] == "done"}
        for line in lines:
            if line["state"] == "begun":
                yield Entry(self, line["id"], line["model"], line["keys"], line["id"] in done)
