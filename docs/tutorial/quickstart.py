"""The main job on real input: a discography as one cluster, from an empty database to an edited one.

Run it as ``python docs/tutorial/quickstart.py``. The models are in ``music/models.py``, the discography in
``discography.json``; the tutorial page beside this file explains every step.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import django
from django.conf import settings

HERE = Path(__file__).parent
PREVIEW = """\
{{ band }} from {{ band.city }}{% for genre in band.genres.all %}, {{ genre }}{% endfor %}
{% for member in band.members.all %}  {{ member.name }}, {{ member.instrument }}
{% endfor %}{% for album in band.albums.all %}{{ album.position|rjust:2 }}. {{ album }}, {{ album.released.year }}: \
{{ album.songs.count }} songs, from "{{ album.songs.first }}" to "{{ album.songs.last }}"
{% endfor %}"""


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        set_up_django(Path(directory) / "music.sqlite3")
        discography = json.loads((HERE / "discography.json").read_text(encoding="utf-8"))
        with step("Make the genres, which are no part of the cluster"):
            genres = make_genres(discography)
        with step("Build the band as an unsaved cluster of three levels"):
            band = build_band(discography, genres)
        with step("Query it in memory"):
            query(band)
        with step("Render a preview"):
            preview(band)
        with step("Save everything"):
            band.save()
        with step("Read it back, rename a song, move an album, remove one"):
            band = type(band).objects.get(name=discography["name"])
            edit(band)
        with step("Look at what the save would write"):
            print(band.plan_save())
        with step("Save the edits"):
            band.save()
        with step("Count the rows"):
            report(band)
        with step("Edit a draft and store it as a revision, as JSON"):
            revision = draft_revision(band)
        with step("Compare the revision with the database"):
            compare(band, revision)
        with step("Publish the revision"):
            type(band).from_json(revision).save()
        with step("Copy the band with everything in it"):
            copy_band(band)
        with step("Export the band to a file"):
            export(band, Path(directory) / "band.jsonl")
        with step("Import the file as another band"):
            import_as_copy(band, Path(directory) / "band.jsonl")


def set_up_django(database: Path) -> None:
    """Configure Django by hand, as a project's settings module would, and make the tables."""
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        INSTALLED_APPS=["cluster", "music"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print a step's title, what it prints itself, and the SQL statements that it took."""
    from django.db import connection

    verbs: Counter[str] = Counter()

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        verbs[sql.split(maxsplit=1)[0]] += 1
        return execute(sql, params, many, context)

    print(f"== {title}")
    with connection.execute_wrapper(count):
        yield
    begun = verbs.pop("BEGIN", 0)
    kinds = ", ".join(f"{number} {verb}" for verb, number in verbs.items())
    end = f" ({kinds})" if kinds else ""
    end += " in one transaction" if begun == 1 and verbs.total() > 1 else ""
    statements = "SQL statement" if verbs.total() == 1 else "SQL statements"
    print(f"-> {verbs.total()} {statements}{end}\n")


def make_genres(discography: dict[str, Any]) -> dict[str, Any]:
    from music.models import Genre

    names = {*discography["genres"], *(name for album in discography["albums"] for name in album["genres"])}
    return {genre.name: genre for genre in Genre.objects.bulk_create(Genre(name=name) for name in sorted(names))}


def build_band(discography: dict[str, Any], genres: dict[str, Any]) -> Any:
    """Build the whole cluster in memory: nothing is read or written."""
    from music.models import Album, Band, Member, Song

    band = Band(name=discography["name"], city=discography["city"])
    band.genres = [genres[name] for name in discography["genres"]]
    band.members = [Member(**{**data, "born": date.fromisoformat(data["born"])}) for data in discography["members"]]
    for position, data in enumerate(discography["albums"], start=1):
        album = Album(title=data["title"], released=date.fromisoformat(data["released"]), position=position)
        album.genres = [genres[name] for name in data["genres"]]
        album.songs = [
            Song(track=track, title=song["title"], duration=duration(song["duration"]))
            for track, song in enumerate(data["songs"], start=1)
        ]
        band.albums.add(album)
    songs = sum(album.songs.count() for album in band.albums.all())
    print(
        f"{band}: {band.members.count()} members, {band.albums.count()} albums, {songs} songs; saved: {bool(band.pk)}"
    )
    return band


def duration(text: str) -> timedelta:
    minutes, seconds = text.split(":")
    return timedelta(minutes=int(minutes), seconds=int(seconds))


def query(band: Any) -> None:
    """Ask the unsaved cluster what one would ask a database."""
    from django.db.models import Avg, Max, Q, Sum

    early = band.albums.filter(released__year__lt=1966).order_by("-released")
    print("Before 1966, newest first:", ", ".join(early.values_list("title", flat=True)))
    print(
        "Rock or pop:", band.albums.filter(Q(genres__name="rock") | Q(genres__name="pop")).distinct().count(), "albums"
    )
    white = band.albums.get(title="The Beatles")
    long_songs = white.songs.filter(duration__gt=timedelta(minutes=4)).exclude(title__startswith="Revolution")
    print(f"Long songs on {white}:", ", ".join(f"{song.title} ({song.duration})" for song in long_songs))
    totals = white.songs.aggregate(total=Sum("duration"), average=Avg("duration"), longest=Max("duration"))
    print(f"{white} runs {totals['total']}, {totals['average']} a song, the longest {totals['longest']}")
    print("Born first:", band.members.earliest("born"))


def preview(band: Any) -> None:
    """Render the unsaved band with the template that would show a saved one."""
    from django.template import Context, engines

    template = engines["django"].engine.from_string(PREVIEW)
    print(template.render(Context({"band": band}, autoescape=False)), end="")


def edit(band: Any) -> None:
    """Change three things in memory."""
    albums = {album.title: album for album in band.albums.get_object_list()}
    songs = albums["Beatles for Sale"].songs.get_object_list()
    next(song for song in songs if song.title.startswith("Kansas City")).title = "Kansas City"
    let_it_be, abbey_road = albums["Let It Be"], albums["Abbey Road"]
    let_it_be.position, abbey_road.position = abbey_road.position, let_it_be.position
    band.albums.remove(albums["Yellow Submarine"])


def draft_revision(band: Any) -> str:
    """Change a draft without saving it, and keep it as JSON, as a content system keeps a draft."""
    draft = type(band).objects.get(pk=band.pk)
    help_album = draft.albums.get_object_list()[4]
    help_album.title = "Help! (remastered)"
    draft.members.remove(draft.members.get(name="Ringo Starr"))
    revision: str = draft.to_json()
    print(f"{len(revision):,} characters")
    return revision


def compare(band: Any, revision: str) -> None:
    from cluster.comparing import diff_from_database

    print(diff_from_database(type(band).from_json(revision)))


def copy_band(band: Any) -> None:
    """Make new rows of everything that belongs to the band."""
    source = type(band).objects.get(pk=band.pk)
    copied, _copies = source.copy_cluster()
    copied.name = f"{source.name} (copy)"
    copied.save()
    songs = sum(album.songs.count() for album in copied.albums.prefetch_related("songs"))
    print(f"{copied}: {copied.members.count()} members, {copied.albums.count()} albums, {songs} songs")


def export(band: Any, file: Path) -> None:
    """Write everything that belongs to the band as JSON lines, which Django's own loaddata reads too."""
    from cluster.collector import Collector

    Collector(band).dump(file)
    lines = file.read_text(encoding="utf-8").splitlines()
    print(f"{len(lines)} rows, from {json.loads(lines[0])['model']} to {json.loads(lines[-1])['model']}")


def import_as_copy(band: Any, file: Path) -> None:
    """Load the file with new keys: nothing of what is there is touched."""
    from cluster.collector import load

    result = load(file, "copy", replace={"music.Band.name": lambda name: f"{name} (import)"})
    imported = type(band).objects.get(pk=result.keys[type(band)][band.pk])
    print(f"{imported}: {imported.members.count()} members, {imported.albums.count()} albums")


def report(band: Any) -> None:
    from music.models import Album, Song

    titles = Album.objects.filter(band=band).values_list("title", flat=True)
    print(f"{len(titles)} albums, ending with {', '.join(titles[len(titles) - 2 :])}; {Song.objects.count()} songs")


if __name__ == "__main__":
    main()
