"""What loading found, in a form to compare."""

from __future__ import annotations

from typing import Any


def problems_of(caught: Any) -> list[tuple[str, str]]:
    """Return path and message of each problem of a ``SerializedDataError``."""
    return [(problem.path, problem.message) for problem in caught.value.problems]


def entries_of(report: Any, *names: str) -> dict[str, list[str]]:
    """Return the paths of some kinds of entries of a ``LoadReport``."""
    return {name: [entry.path for entry in getattr(report, name)] for name in names}
