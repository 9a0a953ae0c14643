"""Which deletions have to wait."""

from __future__ import annotations

from typing import Any

from cluster.relations import HeldList, ensure_state, relations_of
from cluster.saving.removing import late_deletes
from cluster.saving.work import Delete, Holding, Node, Update, Work
from tests.support import seconds_of
from tests.testapp.models import Album, Band, Credit, Label, Song


def work_of(count: int) -> Work:
    """Return the work of a save that gives albums another label and removes as many others."""
    band, relation = Band(pk=1), relations_of(Band)["albums"]
    holding = Holding(Node(band, ensure_state(band)), relation, HeldList(), None, [])
    label: Any = Album._meta.get_field("label")
    return Work(
        "default",
        updates=[
            Update(Album(pk=pk, label=Label(pk=2)), holding, pk, 1, [label], {"label_id": 1}, []) for pk in range(count)
        ],
        deletes=[Delete(Album, pk, {"id": pk, "label_id": 1}, holding) for pk in range(count, 2 * count)],
    )


def test_deletions_that_no_moved_row_points_at_do_not_wait_and_are_told_in_linear_time():
    def seconds(count: int) -> float:
        work = work_of(count)
        return seconds_of(lambda: late_deletes(work))

    few, many = min(seconds(400) for _ in range(5)), min(seconds(4_000) for _ in range(3))

    # A quadratic one would take a hundred times as long.
    assert many < 50 * few
    assert late_deletes(work_of(3)) == []


def test_a_deletion_waits_for_a_row_that_leaves_it_or_that_leaves_an_unknown_place_below():
    work = work_of(3)
    holding, first, last = work.updates[0].holding, work.deletes[0], work.deletes[-1]
    song, credit = Song(pk=1), Credit(pk=1)
    leaves_album: Any = Song._meta.get_field("album")
    leaves_song: Any = Credit._meta.get_field("song")
    known = Update(song, holding, 0, 2, [leaves_album], {"album_id": first.pk}, [])
    unknown = Update(credit, holding, 1, 3, [leaves_song], {"song_id": 77}, [])

    assert late_deletes(Work("default", updates=[known], deletes=[first, last])) == [first]
    assert late_deletes(Work("default", updates=[unknown, unknown], deletes=[first, last])) == [first, last]
