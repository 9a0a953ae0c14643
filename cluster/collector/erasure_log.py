"""Which roots were erased, so that it can be done again after a backup came back. Holds keys, no data."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model
from django.utils import timezone

from cluster.collector.keys import key_from_json
from cluster.errors import Problem, SerializedDataError


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

    def keys_of(self, model: type[Model]) -> list[Any]:
        """Return the keys as Python has them.

        Raises:
            SerializedDataError: One can be no key of the model.
        """
        try:
            return [key_from_json(model, key) for key in self.keys]
        except (TypeError, ValueError, OverflowError, ValidationError) as error:
            message = f"{self.keys!r} are no keys of {model._meta.label}: {error}"
            raise SerializedDataError([Problem(f"erasure {self.number}", message)]) from error

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
        with self.path.open("ab+") as stream:
            # An interrupted program may have left half a line.
            if stream.tell() and stream.seek(-1, os.SEEK_END) and stream.read() != b"\n":
                stream.write(b"\n")
            stream.write(json.dumps(data, cls=DjangoJSONEncoder).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def entries(self) -> Iterator[Entry]:
        """Yield the erasures in the order in which they were begun.

        A last line that is cut off, as an interrupted program leaves it, is passed over: its erasure counts as not
        finished.

        Raises:
            SerializedDataError: A line cannot be read.
        """
        lines = list(self._lines())
        done = {line["id"] for line in lines if line["state"] == "done"}
        for line in lines:
            if line["state"] == "begun":
                yield Entry(self, line["id"], line["model"], line["keys"], line["id"] in done)

    def _lines(self) -> Iterator[dict[str, Any]]:
        for number, line in enumerate(self.path.read_bytes().splitlines(keepends=True), start=1):
            if not line.strip():
                continue
            try:
                yield _checked(json.loads(line))
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                if line.endswith(b"\n"):
                    problem = Problem(f"line {number}", f"This is no line of a log of erasures: {error!r}.")
                    raise SerializedDataError([problem]) from error


def _checked(data: Any) -> dict[str, Any]:
    """Return what a line tells, once its values are known to be of the right kinds."""
    wanted = (
        {"id": str, "state": str, "model": str, "keys": list} if data["state"] == "begun" else {"id": str, "state": str}
    )
    for name, kind in wanted.items():
        if not isinstance(data[name], kind):
            raise TypeError(f"{name} cannot be {data[name]!r}")
    return {name: data[name] for name in wanted}
