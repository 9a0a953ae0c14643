"""Files that look whole only when they are: written beside, renamed at the end."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import IO, Any


class Checked:
    """Writes text to a stream and keeps the checksum of what went through."""

    def __init__(self, stream: IO[Any]) -> None:
        self._stream = stream
        self._is_binary = is_binary(stream)
        self._digest = hashlib.sha256()

    def write(self, text: str) -> None:
        """Write text."""
        data = text.encode()
        self._digest.update(data)
        self._stream.write(data if self._is_binary else text)

    @property
    def sha256(self) -> str:
        """The checksum of everything written, as UTF-8."""
        return self._digest.hexdigest()


def is_binary(stream: Any) -> bool:
    """Whether a stream takes bytes; what wraps a file, as ``tempfile`` and Django do, is asked for that or its mode."""
    if isinstance(stream, io.RawIOBase | io.BufferedIOBase | io.TextIOBase):
        return not isinstance(stream, io.TextIOBase)
    if (wrapped := getattr(stream, "file", None)) is not None:
        return is_binary(wrapped)
    return "b" in str(getattr(stream, "mode", ""))


@contextmanager
def written_beside(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes its name only when the block ends well; ``.gz`` is compressed.

    The same content gives the same bytes, compressed too.
    """
    # Several may write to one path at once, on several machines too: the last to be done gives its file the name.
    part = path.with_name(f".{path.name}.{token_hex(8)}.part")
    try:
        with part.open("xb") as raw:
            with compressed(raw, path) as stream:
                yield stream
            raw.flush()
            os.fsync(raw.fileno())
        part.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            part.unlink()
        raise


@contextmanager
def compressed(raw: IO[bytes], path: Path) -> Iterator[IO[bytes]]:
    """Compress what is written where the name ends in ``.gz``."""
    if path.suffix == ".gz":
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as stream:
            yield stream  # type: ignore[misc]
    else:
        yield raw


def path_of(target: Any) -> Path | None:
    """Return the path that is meant by a path or a named file; ``None`` for other streams."""
    if isinstance(target, str | os.PathLike):
        return Path(target)
    name = getattr(target, "name", None)
    return Path(name) if isinstance(name, str) and Path(name).is_file() else None
