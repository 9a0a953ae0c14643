"""Copying a cluster, and saving the copy."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db import transaction

from tests.benchmarks.measuring import Case, Job
from tests.benchmarks.schema.models import Album, Band


def saved_band(n: int) -> Any:
    """A saved band with ``n`` albums, none of them held."""
    band = Band.objects.create(name="band")
    start = date(1960, 1, 1)
    Album.objects.bulk_create(
        Album(band_id=band.pk, title=f"album {i}", position=i, released=start + timedelta(days=i)) for i in range(n)
    )
    return Band.objects.get(pk=band.pk)


def copy(band: Any) -> Any:
    copied, _ = band.copy_cluster()
    return copied


def copy_and_save(band: Any) -> None:
    copy(band).save()


# By hand: read, clear the keys, write in bulk -------------------------------------------------------------------------


def copy_by_hand(band: Any) -> tuple[Any, list[Any]]:
    copied = Band(name=band.name, city=band.city)
    albums = list(Album.objects.filter(band_id=band.pk))
    for album in albums:
        album.pk, album._state.adding, album.band = None, True, copied
    return copied, albums


def copy_and_save_by_hand(band: Any) -> None:
    copied, albums = copy_by_hand(band)
    with transaction.atomic():
        copied.save()
        for album in albums:
            album.band_id = copied.pk
        Album.objects.bulk_create(albums)


CASES = (
    Case("copy_cluster", Job(saved_band, copy), Job(saved_band, copy_by_hand), goal=0.1),
    Case("copy_cluster and save", Job(saved_band, copy_and_save), Job(saved_band, copy_and_save_by_hand), goal=0.15),
)
