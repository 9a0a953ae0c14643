"""Differences of clusters and snapshots: to find, to show, to apply and to merge them."""

from __future__ import annotations

from cluster.comparing.applying import apply
from cluster.comparing.changes import Change, FieldChanged, Linked, RowAdded, RowMoved, RowRemoved, Unlinked
from cluster.comparing.conflicts import Conflict
from cluster.comparing.diff import Diff, diff, diff_from_database
from cluster.comparing.merging import Merge, merge

__all__ = [
    "Change",
    "Conflict",
    "Diff",
    "FieldChanged",
    "Linked",
    "Merge",
    "RowAdded",
    "RowMoved",
    "RowRemoved",
    "Unlinked",
    "apply",
    "diff",
    "diff_from_database",
    "merge",
]
