"""Builders of clusters and submissions, and looks at the database, for all tests."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import ForeignObjectRel, Model

from cluster.models import get_all_child_relations
from tests.testapp.models import Album, Band, Credit, Genre, Member, Person, Show, Song, Ticket, Verse


def stored_rows(*, using: str = DEFAULT_DB_ALIAS, app_label: str = "testapp") -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table of an app, links included, by table name; equal when nothing was changed."""
    rows = {}
    with connections[using].cursor() as cursor:
        for model in apps.get_app_config(app_label).get_models(include_auto_created=True):
            if model._meta.proxy:
                continue
            table = connections[using].ops.quote_name(model._meta.db_table)
            cursor.execute(f"SELECT * FROM {table}")
            rows[model._meta.db_table] = sorted(cursor.fetchall(), key=repr)
    return {table: found for table, found in rows.items() if found}


def seconds_of(work: Callable[[], Any]) -> float:
    """Return the CPU seconds that this thread works, without the garbage collector, which works on everything."""
    gc.disable()
    try:
        began = time.thread_time()
        work()
        return time.thread_time() - began
    finally:
        gc.enable()


@contextmanager
def rolled_back() -> Iterator[None]:
    """Run the block in a transaction or savepoint that is undone."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def run_in_thread(work: Callable[[], Any]) -> Any:
    """Run ``work`` in a thread, that is on a connection of its own, and return its result or raise its error."""
    outcome: dict[str, Any] = {}

    def target() -> None:
        try:
            outcome["result"] = work()
        except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
            outcome["error"] = error
        finally:
            for connection in connections.all(initialized_only=True):
                # Django's own close() keeps SQLite's databases in memory open.
                BaseDatabaseWrapper.close(connection)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["result"]


def rel_of(model: type[Model], name: str) -> ForeignObjectRel:
    """Return the child relation that a model has under a name."""
    return next(rel for rel in get_all_child_relations(model) if rel.get_accessor_name() == name)


def build_band(*, name: str = "The Band", members: int = 2, albums: int = 2, songs: int = 2) -> Band:
    """Return an unsaved band with members, albums and songs, and nothing else; no query is made."""
    band = Band(name=name, members=[Member(name=f"member {i}") for i in range(members)])
    band.albums = [build_album(position=i, songs=songs) for i in range(albums)]
    return band


def build_album(*, position: int = 0, songs: int = 2) -> Album:
    """Return an unsaved album with songs."""
    album = Album(title=f"album {position}", position=position)
    album.songs = [Song(title=f"song {position}.{track}", track=track) for track in range(1, songs + 1)]
    return album


def build_full_band(*, name: str = "The Band") -> Band:
    """Return an unsaved band with something on every level and links on two; saves what the links point at."""
    rock, folk = (Genre.objects.get_or_create(name=genre)[0] for genre in ("rock", "folk"))
    person = Person.objects.get_or_create(name="Robbie")[0]
    band = build_band(name=name)
    band.genres = [rock, folk]
    for album in band.albums.all():
        album.genres = [rock]
        for song in album.songs.all():
            song.credits = [Credit(person=person, role="writer")]
            song.verses = [Verse(position=1, text="first"), Verse(position=2, text="second")]
    return band


def stored_show(*, title: str = "show") -> Show:
    """Return a show with two tickets, "A" and "B", as it is loaded."""
    show = Show(title=title, tickets=[Ticket(seat="A"), Ticket(seat="B")])
    show.save()
    return Show.objects.get(pk=show.pk)


def submission(prefix: str, *rows: Mapping[str, Any], initial: int = 0, **own: str) -> dict[str, Any]:
    """Return what a browser submits for the rows of one formset.

    Args:
        prefix: The prefix of the formset.
        *rows: The values of each row by field name.
        initial: How many rows were shown for children that are stored.
        **own: The values of the fields of the form itself.
    """
    data: dict[str, Any] = {**own, f"{prefix}-TOTAL_FORMS": str(len(rows)), f"{prefix}-INITIAL_FORMS": str(initial)}
    for index, row in enumerate(rows):
        for name, value in row.items():
            data[f"{prefix}-{index}-{name}"] = value if isinstance(value, list) else str(value)
    return data
