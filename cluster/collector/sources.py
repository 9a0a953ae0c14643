"""Stores that are no relations: files, archives, other services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal


class Source:
    """A store whose entries belong to what a collector collects; subclass it and override what the store can do.

    A method that raises is an entry in the report, never the end of the whole run: see ``when``.

    Attributes:
        name: Its name in reports and in the names of files.
        when: Whether it is erased before the database, where its failure keeps the database untouched, or after.
    """

    name: ClassVar[str] = ""
    when: ClassVar[Literal["before", "after"]] = "after"

    def collect(self, collection: Any) -> Iterable[Mapping[str, Any]]:
        """Return the entries that belong to a collection, as plain data."""
        raise NotImplementedError(f"{type(self).__name__} does not collect")

    def load(self, entries: Iterable[Mapping[str, Any]], report: Any) -> int:
        """Store entries of a file after its rows were loaded; ``report.keys`` has the new keys. Return how many."""
        raise NotImplementedError(f"{type(self).__name__} does not load")

    def erase(self, collection: Any) -> int:
        """Erase the entries that belong to a collection, and return how many."""
        raise NotImplementedError(f"{type(self).__name__} does not erase")
