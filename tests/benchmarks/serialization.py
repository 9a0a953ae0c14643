"""Snapshots taken and loaded."""

from __future__ import annotations

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model

from tests.benchmarks.foundation import make_owned, new_albums, new_band
from tests.benchmarks.measuring import Case, Job
from tests.benchmarks.schema.models import Album, Band, Label, Song

# What jobs work on ---------------------------------------------------------------------------------------------------


def held_albums(n: int) -> Any:
    """A saved band whose albums are in memory, with keys, each on a label of its own."""
    band = stored_band(n)
    band.albums.get_object_list()
    band.genres = []
    for album in band.albums.get_object_list():
        album.songs = []
    return band


def stored_band(n: int) -> Any:
    """A band in the database, with an album on each of ``n`` labels."""
    band = Band.objects.create(name="band")
    albums = make_owned(new_albums(n), band)
    labels = Label.objects.bulk_create([Label(name=f"label {i}") for i in range(n)])
    for album, label in zip(albums, labels, strict=True):
        album.label_id = label.pk
    Album.objects.bulk_create(albums)
    return Band.objects.get(pk=band.pk)


def stored_band_with_songs(n: int) -> Any:
    """A band in the database, with ``n`` albums of ten songs."""
    band = stored_band(n)
    albums = Album.objects.filter(band_id=band.pk)
    Song.objects.bulk_create(
        [Song(title=f"song {i}", track=i, album_id=album.pk) for album in albums for i in range(10)]
    )
    return Band.objects.get(pk=band.pk)


def written_json(n: int) -> str:
    """A band's JSON, as either package writes it."""
    albums = list(stored_band(n).albums.all())
    band = Band.objects.latest("pk")
    data = {**fields_of(band), "albums": [{**fields_of(album), "songs": []} for album in albums], "genres": []}
    return json.dumps(data, cls=DjangoJSONEncoder)


# The floor: the same by hand on plain Django --------------------------------------------------------------------------


def fields_of(instance: Model) -> dict[str, Any]:
    values: dict[str, Any] = {"pk": instance.pk}
    for field in instance._meta.concrete_fields[1:]:
        values[field.name] = instance.__dict__[field.attname]
    return values


def band_and_held_albums(n: int) -> tuple[Any, list[Any]]:
    band = stored_band(n)
    return band, list(Album.objects.filter(band_id=band.pk))


def data_by_hand(prepared: tuple[Any, list[Any]]) -> dict[str, Any]:
    band, albums = prepared
    return {
        "pk": band.pk,
        "name": band.name,
        "city": band.city,
        "albums": [
            {
                "pk": album.id,
                "band": album.band_id,
                "label": album.label_id,
                "title": album.title,
                "position": album.position,
                "released": album.released,
                "songs": [],
            }
            for album in albums
        ],
        "genres": [],
    }


def json_by_hand(prepared: tuple[Any, list[Any]]) -> str:
    return json.dumps(data_by_hand(prepared), cls=DjangoJSONEncoder)


def json_of_rows(band: Any) -> str:
    albums = {row["id"]: {**row, "songs": []} for row in Album.objects.filter(band_id=band.pk).values()}
    for row in Song.objects.filter(album__band_id=band.pk).values():
        albums[row["album_id"]]["songs"].append(row)
    return json.dumps({"pk": band.pk, "name": band.name, "albums": list(albums.values())}, cls=DjangoJSONEncoder)


def load_by_hand(text: str) -> Any:
    data = json.loads(text)
    albums = data.pop("albums")
    band = Band(id=data["pk"], name=data["name"], city=data["city"])
    to_python = Album._meta.get_field("released").to_python
    return band, [
        Album(
            id=album["pk"],
            band=band,
            label_id=album["label"],
            title=album["title"],
            position=album["position"],
            released=to_python(album["released"]),
        )
        for album in albums
    ]


def load_and_check_by_hand(text: str) -> Any:
    band, albums = load_by_hand(text)
    found = set(Label.objects.filter(pk__in={album.label_id for album in albums}).values_list("pk", flat=True))
    return band, [album for album in albums if album.label_id in found]


CASES = [
    Case(
        "serializable_data()",
        Job(held_albums, lambda band: band.serializable_data()),
        Job(band_and_held_albums, data_by_hand),
        goal=0.25,
        sizes=(3,),
    ),
    Case(
        "to_json()",
        Job(held_albums, lambda band: band.to_json()),
        Job(band_and_held_albums, json_by_hand),
        goal=0.45,
        sizes=(3,),
    ),
    Case("to_json() of an unsaved cluster", Job(new_band, lambda band: band.to_json()), goal=0.45),
    Case(
        "to_json() from the database, n x 10",
        Job(stored_band_with_songs, lambda band: band.to_json()),
        Job(stored_band_with_songs, json_of_rows),
        goal=0.15,
    ),
    Case(
        "from_json(check_fks=False)",
        Job(written_json, lambda text: Band.from_json(text, check_fks=False)),
        Job(written_json, load_by_hand),
        goal=0.5,
        sizes=(3,),
    ),
    Case(
        "from_json()",
        Job(written_json, lambda text: Band.from_json(text)),
        Job(written_json, load_and_check_by_hand),
        goal=0.08,
        sizes=(3,),
    ),
]
