"""Changes as lines of plain text."""

from __future__ import annotations

from typing import Any

from cluster.comparing.changes import Change, FieldChanged, Linked, RowAdded, RowMoved, RowRemoved, Unlinked

# Longer values are cut in a line of text; `as_data()` has them whole.
WIDTH = 60


def line_of(change: Change) -> str:
    """Return one change as a line: a sign, the path, and what changed.

    The signs: ``~`` a value or a place, ``+`` a row or a link that is new, ``-`` one that is gone.
    """
    match change:
        case FieldChanged():
            return f"~ {change.path}: {_shortened(change.before)} -> {_shortened(change.after)}"
        case RowMoved():
            return f"~ {change.path}: moved from place {change.before + 1} to {change.after + 1}{_named(change)}"
        case RowAdded():
            return f"+ {change.path}{_named(change)}"
        case RowRemoved():
            return f"- {change.path}{_named(change)}"
        case Linked():
            return f"+ {change.path}: {change.target!r}"
    assert isinstance(change, Unlinked)
    return f"- {change.path}: {change.target!r}"


def _named(change: Change) -> str:
    label, key = change.steps[-1].label, change.key
    parts = [part for part in (repr(label) if label else "", f"pk={key!r}" if key is not None else "") if part]
    return f" ({', '.join(parts)})" if parts else ""


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."
