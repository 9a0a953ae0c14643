"""What a process does whose children save a cluster and are killed, each after another statement."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from django.core.management import call_command
from django.db import connection

from tests.support import build_band, stored_rows
from tests.testapp.models import Band, Genre, Member, Song


class KillAfter:
    """An execute wrapper that kills its own process after the ``nth`` statement."""

    def __init__(self, nth: int) -> None:
        self.left = nth

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


def edit(band: Any) -> None:
    """Change something on every level, in every way."""
    first, second, third = band.members.get_object_list()
    first.name, second.name = "changed", "changed too"
    band.members.remove(third)
    band.members.add(Member(name="new"))
    album = band.albums.get_object_list()[0]
    album.title = "changed"
    album.songs.add(Song(title="new", track=9))
    band.genres.clear()
    band.name = "changed"


def save_and_be_killed(nth: int) -> None:
    """In a process of its own: edit the stored band, and save until the nth statement is through."""
    band = Band.objects.get()
    edit(band)
    with connection.execute_wrapper(KillAfter(nth)):
        band.save()
    connection.close()


def is_killed(nth: int) -> bool:
    """Fork; return whether the child was killed."""
    child = os.fork()
    if child == 0:
        try:
            save_and_be_killed(nth)
        except BaseException:  # noqa: BLE001 - told by the exit code
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError(f"the save failed before statement {nth}")
    return os.WIFSIGNALED(status)


def main() -> None:
    """Store a band, and have it edited by processes that are killed, until one comes through.

    Prints a JSON list of all rows after each; the last entry is of the save that was let through.
    """
    if connection.vendor == "sqlite":
        call_command("migrate", run_syncdb=True, verbosity=0)
    band = build_band(members=3)
    band.genres = [Genre.objects.create(name="rock")]
    band.save()
    seen, nth, killed = [], 0, True
    while killed:
        nth += 1
        # A forked process must not share a connection.
        connection.close()
        killed = is_killed(nth)
        seen.append(stored_rows())
    print(json.dumps(seen, default=str))  # noqa: T201 - what the test reads
