"""Construction, adding, saving, loading, and queries in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from operator import attrgetter
from typing import Any

from django.db import transaction

from tests.benchmarks.measuring import Case, Job
from tests.benchmarks.schema.models import Album, Band, Genre, Label, Song

SMALL = (3, 10, 100)
FIELDS = ("band_id", "label_id", "title", "position", "released")
values_of = attrgetter(*FIELDS)

# What jobs work on ---------------------------------------------------------------------------------------------------


def number(n: int) -> int:
    return n


def new_albums(n: int) -> list[Any]:
    start = date(1960, 1, 1)
    return [Album(title=f"album {i}", position=n - i, released=start + timedelta(days=i)) for i in range(n)]


def empty_band_and_albums(n: int) -> tuple[Any, list[Any]]:
    return Band(name="band"), new_albums(n)


def new_band(n: int) -> Any:
    band = Band(name="band")
    band.albums = new_albums(n)
    return band


def labelled_albums(n: int) -> list[Any]:
    """Albums with keys, as if they had been loaded, on one of three labels."""
    labels = [Label(id=i, name=f"label {i}") for i in range(3)]
    albums = new_albums(n)
    for i, album in enumerate(albums):
        album.id, album.label = i + 1, labels[i % 3]
    return albums


def band_with_labels(n: int) -> Any:
    band = Band(name="band")
    band.albums = labelled_albums(n)
    return band


def new_nested_band(n: int) -> Any:
    """``n`` songs, ten on each album."""
    band = new_band(n // 10 or 1)
    for album in band.albums.all():
        album.songs = [Song(title=f"song {i}", track=i) for i in range(10)]
    return band


def saved_band(n: int) -> Any:
    band = Band.objects.create(name="band")
    Album.objects.bulk_create(make_owned(new_albums(n), band))
    return Band.objects.get(pk=band.pk)


def make_owned(albums: list[Any], band: Any) -> list[Any]:
    for album in albums:
        album.band_id = band.pk
    return albums


def saved_bands(n: int) -> None:
    Band.objects.all().delete()
    Band.objects.bulk_create([Band(name=f"band {i}") for i in range(n)])


def held_band(n: int) -> Any:
    """A saved band whose albums were loaded to be edited."""
    band = saved_band(n)
    band.albums.get_object_list()
    return band


def held_band_with_one_change(n: int) -> Any:
    band = held_band(n)
    band.albums.get_object_list()[n // 2].title = "changed"
    return band


def held_band_with_all_changed(n: int) -> Any:
    band = held_band(n)
    for album in band.albums.get_object_list():
        album.title += " changed"
    return band


def band_with_links(n: int) -> Any:
    band = Band.objects.create(name="band")
    genres = Genre.objects.bulk_create([Genre(name=f"genre {i}") for i in range(n)])
    links = Band.genres.through
    links.objects.bulk_create([links(band_id=band.pk, genre_id=genre.pk) for genre in genres])
    return Band.objects.get(pk=band.pk)


def band_with_held_links(n: int) -> Any:
    band = band_with_links(n)
    band.genres.get_object_list()
    return band


def save(band: Any) -> None:
    band.save()


# The floor: the same by hand on plain Django --------------------------------------------------------------------------


def add_to_index(prepared: tuple[Any, list[Any]]) -> None:
    band, albums = prepared
    held: dict[int, Any] = {}
    for album in albums:
        album.band = band
        held[id(album)] = album


def save_in_bulk(prepared: tuple[Any, list[Any]]) -> None:
    band, albums = prepared
    with transaction.atomic():
        band.save()
        Album.objects.bulk_create(make_owned(albums, band))


def band_and_nested_albums(n: int) -> tuple[Any, list[Any], list[Any]]:
    albums = new_albums(n // 10 or 1)
    songs = [Song(title=f"song {i}", track=i, album=album) for album in albums for i in range(10)]
    return Band(name="band"), albums, songs


def save_nested_in_bulk(prepared: tuple[Any, list[Any], list[Any]]) -> None:
    band, albums, songs = prepared
    with transaction.atomic():
        band.save()
        Album.objects.bulk_create(make_owned(albums, band))
        for song in songs:
            song.album_id = song.album.pk
        Song.objects.bulk_create(songs)


def band_albums_and_values(n: int) -> tuple[Any, list[Any], list[Any]]:
    band = saved_band(n)
    albums = list(band.albums.all())
    return band, albums, [values_of(album) for album in albums]


def one_changed(n: int) -> tuple[Any, list[Any], list[Any]]:
    band, albums, values = band_albums_and_values(n)
    albums[n // 2].title = "changed"
    return band, albums, values


def all_changed(n: int) -> tuple[Any, list[Any], list[Any]]:
    band, albums, values = band_albums_and_values(n)
    for album in albums:
        album.title += " changed"
    return band, albums, values


def save_changed(prepared: tuple[Any, list[Any], list[Any]]) -> None:
    band, albums, values = prepared
    changed = [album for album, before in zip(albums, values, strict=True) if values_of(album) != before]
    with transaction.atomic():
        band.save()
        if len(changed) > 1:
            Album.objects.bulk_create(changed, update_conflicts=True, unique_fields=["id"], update_fields=["title"])
        for album in changed if len(changed) == 1 else ():
            album.save(update_fields=["title"])


def band_and_keys(n: int) -> tuple[Any, set[int], set[int]]:
    band = band_with_links(n)
    keys = {genre.pk for genre in band.genres.all()}
    return band, keys, set(keys)


def save_links(prepared: tuple[Any, set[int], set[int]]) -> None:
    band, keys, before = prepared
    with transaction.atomic():
        band.save()
        assert keys - before == before - keys == set()


# Queries in memory ---------------------------------------------------------------------------------------------------


def in_memory(name: str, query: Callable[[Any], Any], by_hand: Callable[[list[Any]], Any]) -> Case:
    """Compare a query on a held relation; on a small one it must not be slower than the peer's."""
    return Case(
        f"memory: {name}",
        Job(band_with_labels, query, is_brief=True),
        Job(labelled_albums, by_hand, is_brief=True),
        goal=0.3,
        sizes=SMALL,
    )


def at_once(name: str, query: Callable[[Any], Any], by_hand: Callable[[list[Any]], Any]) -> Case:
    """Compare a query that the first row answers: its time must not depend on the number of rows."""
    return Case(
        f"memory: {name}",
        Job(new_band, query, is_brief=True),
        Job(new_albums, by_hand, is_brief=True),
        sizes=(10,),
        flat=True,
        # Objects without a key may have been given one since: first() reads the key of each, in 0.03 us.
        held_to=9.0,
    )


DAY = date(1960, 1, 3)

CASES = [
    Case(
        "__init__ of n parents",
        Job(number, lambda n: [Band(name="band") for _ in range(n)]),
        Job(number, lambda n: [Band(name="band") for _ in range(n)]),
        goal=0.6,
    ),
    Case(
        "load n parents",
        Job(saved_bands, lambda _: list(Band.objects.all())),
        Job(saved_bands, lambda _: list(Band.objects.all())),
        goal=0.6,
    ),
    Case(
        "add() one by one",
        Job(empty_band_and_albums, lambda prepared: [prepared[0].albums.add(album) for album in prepared[1]]),
        Job(empty_band_and_albums, add_to_index),
        goal=0.02,
    ),
    Case("first save", Job(new_band, save), Job(empty_band_and_albums, save_in_bulk), goal=0.35),
    Case(
        "first save, n/10 x 10 nested",
        Job(new_nested_band, save),
        Job(band_and_nested_albums, save_nested_in_bulk),
        goal=0.25,
    ),
    Case("save, nothing changed", Job(held_band, save), Job(band_albums_and_values, save_changed), goal=0.05),
    Case("save, one changed", Job(held_band_with_one_change, save), Job(one_changed, save_changed), goal=0.06),
    Case("save, all changed", Job(held_band_with_all_changed, save), Job(all_changed, save_changed), goal=0.15),
    Case("m2m save, unchanged", Job(band_with_held_links, save), Job(band_and_keys, save_links), goal=0.02),
    in_memory("all()", lambda band: list(band.albums.all()), list),
    in_memory(
        "filter(title=)",
        lambda band: list(band.albums.filter(title="album 2")),
        lambda albums: [album for album in albums if album.title == "album 2"],
    ),
    in_memory(
        "filter(released__gt=)",
        lambda band: list(band.albums.filter(released__gt=DAY)),
        lambda albums: [album for album in albums if album.released > DAY],
    ),
    in_memory(
        "filter(label__name=)",
        lambda band: list(band.albums.filter(label__name="label 1")),
        lambda albums: [album for album in albums if album.label.name == "label 1"],
    ),
    in_memory(
        "get(id=)",
        lambda band: band.albums.get(id=2),
        lambda albums: next(album for album in albums if album.id == 2),
    ),
    in_memory("first()", lambda band: band.albums.first(), lambda albums: albums[0]),
    in_memory(
        "exclude(position__in=)",
        lambda band: list(band.albums.exclude(position__in=[1, 2])),
        lambda albums: [album for album in albums if album.position not in (1, 2)],
    ),
    in_memory(
        "order_by()",
        lambda band: list(band.albums.order_by("position")),
        lambda albums: sorted(albums, key=attrgetter("position")),
    ),
    in_memory(
        "values_list()",
        lambda band: list(band.albums.values_list("title", "position")),
        lambda albums: [(album.title, album.position) for album in albums],
    ),
    in_memory("count()", lambda band: band.albums.count(), len),
    at_once(
        "filter().first(), first row matches",
        lambda band: band.albums.filter(title="album 0").first(),
        lambda albums: next(album for album in albums if album.title == "album 0"),
    ),
    at_once(
        "filter().exists(), first row matches",
        lambda band: band.albums.filter(title="album 0").exists(),
        lambda albums: any(album.title == "album 0" for album in albums),
    ),
]
