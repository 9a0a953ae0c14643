"""The clusters whose JSON is kept; made by the generator on django-modelcluster and by the tests on this package."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from tests.upgrade.app.models import (
    Archive,
    Box,
    Coordinates,
    Document,
    Exhibit,
    Ledger,
    Loan,
    Mood,
    Museum,
    Shelf,
    Subject,
)

KEEPER = uuid.UUID("6a1f6d0a-5d0f-4c55-9d6c-1c2f5b8f0a11")
DOCUMENT = uuid.UUID("0d7c9a34-44a5-4f0e-9d0e-0a3f1c2b4d5e")


def every_value() -> dict[str, Any]:
    """A telling value for every field; milliseconds, which is what django-modelcluster keeps of a second."""
    return {
        "big": -(2**63),
        "binary": b"\x00\xff\x10binary",
        "boolean": True,
        "maybe": False,
        "char": 'quotes " and \u00fcml\u00e4uts \U0001f3b8',
        "mood": Mood.WILD,
        "day": dt.date(1969, 1, 30),
        "moment": dt.datetime(1969, 1, 30, 12, 30, 15, 123000, tzinfo=dt.timezone(dt.timedelta(hours=1))),
        "decimal": Decimal("-1234567.8900"),
        "duration": dt.timedelta(days=-3, hours=4, microseconds=5),
        "email": "paul@example.com",
        "file": "files/notes \u00e4.txt",
        "path": "/etc/hosts",
        "float": 1e-7,
        "address": "2001:db8::1",
        "integer": -42,
        "json": {"list": [1, 2.5, None, True, "text"], "nested": {"deep": {}}},
        "positive_big": 2**63 - 1,
        "positive": 7,
        "positive_small": 3,
        "slug": "let-it-be",
        "small": -5,
        "text": "two\nlines\ttab",
        "time": dt.time(23, 59, 58, 999000),
        "url": "https://example.com/?a=b&c=d",
        "uid": uuid.UUID("12345678-1234-5678-1234-567812345678"),
        "place": Coordinates(51, -1),
    }


def full_archive() -> Any:
    """Every field with a value, on every level."""
    archive = Archive(pk=7, secret="not in the data", **every_value())
    shelf = Shelf(pk=8, archive=archive, keeper_id=KEEPER, **every_value())
    shelf.documents = [Document(pk=DOCUMENT, shelf=shelf, about_id="8", added=every_value()["moment"], **every_value())]
    archive.shelves = [shelf]
    archive.subjects = [Subject(pk=1, name="songs"), Subject(pk=2, name="letters")]
    shelf.subjects = [Subject(pk=2, name="letters")]
    return archive


def empty_archive() -> Any:
    """Every field empty, without keys."""
    return Archive(shelves=[Shelf(documents=[Document(pk=DOCUMENT)])])


def museum() -> Any:
    """Two tables."""
    exhibits = [Exhibit(pk=1, title="drum"), Exhibit(pk=2, title="bass")]
    return Museum(id=9, archive_ptr_id=9, visitors=100, exhibits=exhibits, **every_value())


def boxes() -> Any:
    """A relation of a model to itself."""
    return Box(pk=1, label="outer", boxes=[Box(pk=2, label="middle", boxes=[Box(pk=3, label="inner")])])


def loans() -> Any:
    """Foreign keys of every ``on_delete``."""
    keys = (
        "cascade",
        "protect",
        "restrict",
        "set_null",
        "set_default",
        "set_value",
        "set_callable",
        "set_object",
        "nothing",
    )
    loan = Loan(pk=1, note="all", **{f"{name}_id": 1 for name in keys})
    return Archive(pk=7, loans=[loan])


def ledger() -> Any:
    """JSON with an encoder."""
    return Ledger(pk=1, entries={"day": dt.date(2024, 2, 29), "sum": Decimal("1.50")}, clerk="someone", lines=[])


CLUSTERS = {
    "full_archive": full_archive,
    "empty_archive": empty_archive,
    "museum": museum,
    "boxes": boxes,
    "loans": loans,
    "ledger": ledger,
}
