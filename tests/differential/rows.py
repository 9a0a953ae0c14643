"""The rows that are in the database and in memory alike."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from tests.differential.app.models import Badge, Origin, Part, Seat, Specimen, Tag

UTC = datetime.UTC
FIRST_UUID = uuid.UUID("11111111-2222-4333-8444-aaaaaaaaaaaa")
SECOND_UUID = uuid.UUID("99999999-2222-4333-8444-bbbbbbbbbbbb")

ORDINARY: dict[str, Any] = {
    "char": "Alpha beta",
    "text": "The quick brown fox",
    "slug": "alpha-beta",
    "email": "a@example.com",
    "url": "https://example.com/a",
    "boolean": True,
    "small": 7,
    "integer": 42,
    "big": 5_000_000_000,
    "positive_small": 3,
    "positive": 10,
    "positive_big": 12,
    "float": 1.5,
    "decimal": Decimal("12.50"),
    "date": datetime.date(2024, 2, 29),
    "datetime": datetime.datetime(2024, 2, 29, 23, 30, 15, 250000, tzinfo=UTC),
    "time": datetime.time(13, 45, 30),
    "duration": datetime.timedelta(days=1, hours=2),
    "uuid": FIRST_UUID,
    "binary": b"\x00\x01abc",
    "ip": "192.168.0.1",
    "file": "files/a.txt",
    "json": {"a": 1, "b": {"c": [1, 2, "x"]}, "n": None, "s": "Text", "t": True},
}
CHANGED: list[dict[str, Any]] = [
    {},
    {
        "char": "alpha BETA",
        "text": "the QUICK brown fox",
        "boolean": False,
        "small": -7,
        "integer": -42,
        "float": -2.25,
        "decimal": Decimal("-0.05"),
        "datetime": datetime.datetime(2023, 12, 31, 23, 30, tzinfo=UTC),
        "date": datetime.date(2023, 12, 31),
        "time": datetime.time(0, 0),
        "duration": datetime.timedelta(hours=-3),
        "uuid": SECOND_UUID,
        "json": {"a": 2, "s": "text", "b": {"c": []}, "t": False},
    },
    {"char": "", "text": "", "slug": "", "json": {}, "integer": 0, "float": 0.0, "decimal": Decimal("0.00"), "big": 0},
    {"char": "100%_done\\x", "text": "a_b%c", "integer": 42, "json": [1, 2, {"a": 1}], "ip": "10.0.0.12"},
    {"char": "Ünïcode ß", "text": "ÉCOLE", "json": "string", "decimal": Decimal("99999.99"), "float": 1e10},
    {"char": "alpha", "integer": 2147483647, "small": 32767, "big": -9_000_000_000_000, "json": 5},
    {
        "date": datetime.date(2021, 1, 3),
        "datetime": datetime.datetime(2021, 1, 3, 1, 0, tzinfo=UTC),
        "json": [["x"], "a"],
    },
    {"date": datetime.date(2020, 12, 31), "datetime": datetime.datetime(2020, 10, 25, 0, 30, tzinfo=UTC), "json": True},
    {
        "time": datetime.time(23, 59, 59, 999999),
        "duration": datetime.timedelta(microseconds=1),
        "json": {"a": "1", "d": 1.5},
    },
    {
        "char": "Alpha beta",
        "integer": 7,
        "ip": "2001:db8::1",
        "file": "",
        "binary": b"",
        "json": {"a": [1], "1": "one"},
    },
]
NULLS: dict[str, Any] = dict.fromkeys(ORDINARY)


@contextmanager
def stored_rows() -> Iterator[None]:
    """Store the rows for as long as the block lasts."""
    origins = _origins()
    tags = [Tag.objects.create(name=name, weight=weight) for name, weight in (("red", 1), ("blue", 2), ("green", None))]
    specimens = [Specimen.objects.create(**{**ORDINARY, **changed}) for changed in CHANGED]
    specimens += [Specimen.objects.create(**NULLS), Specimen.objects.create(**{**NULLS, "char": "only text"})]
    _relate(specimens, origins, tags)
    for row, number, guest in ((1, 1, "Ann"), (1, 2, None), (2, 1, "Bob"), (2, 2, "Ann"), (3, 1, None)):
        Seat.objects.create(row=row, number=number, guest=guest)
    try:
        yield
    finally:
        for model in (Seat, Badge, Part, Specimen, Tag):
            model.objects.all().delete()
        Origin.objects.exclude(parent=None).delete()
        Origin.objects.all().delete()


def _origins() -> list[Origin]:
    mine = Origin.objects.create(name="Mine", rating=3, founded=datetime.date(1900, 1, 1))
    cave = Origin.objects.create(name="Cave", rating=None, parent=mine)
    river = Origin.objects.create(name="River", rating=5, founded=datetime.date(2000, 6, 1), parent=mine)
    return [mine, cave, river]


def _relate(specimens: list[Specimen], origins: list[Origin], tags: list[Tag]) -> None:
    for position, specimen in enumerate(specimens):
        if position % 4 != 3:
            specimen.origin = origins[position % len(origins)]
            specimen.save(update_fields=["origin"])
        specimen.tags.set(tags[: position % 4])
        for number in range(position % 3):
            price = None if number else Decimal(position) + Decimal("0.50")
            Part.objects.create(
                specimen=specimen, name=None if position == 4 else f"part {number}", size=position - number, price=price
            )
        if position % 2:
            Badge.objects.create(specimen=specimen, number=position)
