"""Progress on a terminal: a bar where tqdm is installed, else counted lines; silent elsewhere."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from cluster.collector.reading import Document

STEP = 10_000


class CountedLines:
    """Writes a line each time another number of rows is done."""

    def __init__(self, stream: Any, total: int | None) -> None:
        self._stream = stream
        self._of = f" of {total}" if total else ""
        self._done = 0

    def __call__(self, number: int) -> None:
        before, self._done = self._done, self._done + number
        if before // STEP != self._done // STEP:
            self._stream.write(f"{self._done}{self._of} rows")


class SameLine:
    """Writes to the output of a command without the line end that it adds, so that a bar stays where it is."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write text."""
        self._stream.write(text, ending="")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def rows_in(path: str) -> int | None:
    """Return how many rows the manifest beside a file names; ``None`` where there is no manifest."""
    with closing(Document(path)) as document:
        return None if document.manifest is None else document.manifest.lines


@contextmanager
def progress_on(stream: Any, verbosity: int, total: int | None = None) -> Iterator[Callable[[int], object] | None]:
    """Return what is to be called with the number of rows done, or ``None`` where nobody looks."""
    if verbosity < 1 or not stream.isatty():
        yield None
    elif importlib.util.find_spec("tqdm") is None:
        yield CountedLines(stream, total)
    else:
        from tqdm import tqdm  # noqa: PLC0415 - an option, looked for above

        with tqdm(unit=" rows", total=total, file=SameLine(stream)) as bar:
            yield bar.update
