"""Differences and merges of snapshots.

The peer has neither. What it does in its place is to make the snapshot of as many rows, about 5.5 ms for 800. The goals
(5 ms for a diff, 15 ms for a merge) are given in terms of that, measured in the same run.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.benchmarks.measuring import Case, Job
from tests.benchmarks.schema.models import SUBJECT, Album, Band, Song

if SUBJECT == "cluster":
    from cluster.comparing import diff, merge

SONGS = 9


def new_band(n: int) -> Any:
    """An unsaved band with ``n`` rows below it, ten in each album."""
    band = Band(name="band")
    band.albums = [Album(id=i, title=f"album {i}", position=i) for i in range(1, n // (SONGS + 1) + 1)]
    for album in band.albums.all():
        first = album.id * 100
        album.songs = [Song(id=first + i, title=f"song {i}", track=i) for i in range(SONGS)]
    return band


def snapshot(n: int) -> dict[str, Any]:
    def song(key: int, track: int) -> dict[str, Any]:
        return {"pk": key, "album": key // 100, "title": f"song {track}", "track": track}

    def album(key: int) -> dict[str, Any]:
        own = {"pk": key, "band": 1, "label": None, "title": f"album {key}", "position": key, "released": None}
        return {**own, "songs": [song(key * 100 + track, track) for track in range(SONGS)]}

    own = {"pk": 1, "name": "band", "city": "", "genres": [1, 2]}
    return {**own, "albums": [album(key) for key in range(1, n // (SONGS + 1) + 1)]}


def edited(before: dict[str, Any], start: int) -> dict[str, Any]:
    """A version in which one album in ten has a changed song, a new one, and another place."""
    after = deepcopy(before)
    for album in after["albums"][start::10]:
        album["songs"][start]["title"] += " (live)"
        album["songs"].append({"pk": None, "album": album["pk"], "title": "encore", "track": SONGS})
    after["albums"].insert(0, after["albums"].pop())
    return after


def versions(n: int) -> Any:
    """A snapshot of 8 rows for every 10 asked for, with two edited versions; for the peer, the cluster itself."""
    rows = n * 8 // 10
    if SUBJECT == "modelcluster":
        return new_band(rows)
    before = snapshot(rows)
    return before, edited(before, 0), edited(before, 1)


def compare(prepared: Any) -> Any:
    if SUBJECT == "modelcluster":
        return prepared.serializable_data()
    before, after, _ = prepared
    return diff(before, after, model=Band)


def join(prepared: Any) -> Any:
    if SUBJECT == "modelcluster":
        return prepared.serializable_data()
    return merge(*prepared, model=Band)


# By hand: what a script for these two models alone would do -----------------------------------------------------------


def compare_by_hand(prepared: Any) -> list[Any]:
    before, after, _ = prepared
    changes: list[Any] = []
    compare_rows(before["albums"], after["albums"], changes)
    known = {album["pk"]: album for album in after["albums"]}
    for album in before["albums"]:
        compare_rows(album["songs"], known[album["pk"]]["songs"], changes)
    return changes


def compare_rows(before: list[Any], after: list[Any], changes: list[Any]) -> None:
    known = {row["pk"]: row for row in after}
    for row in before:
        other = known.pop(row["pk"], None)
        if other is None:
            changes.append((row, None))
            continue
        changes += [(name, row[name], other[name]) for name in row if name != "songs" and row[name] != other[name]]
    changes += [(None, row) for row in known.values()]


CASES = (
    Case("diff of two snapshots, 8 rows of 10", Job(versions, compare), Job(versions, compare_by_hand), goal=0.9),
    Case("merge of three snapshots, 8 rows of 10", Job(versions, join), goal=2.7),
)
