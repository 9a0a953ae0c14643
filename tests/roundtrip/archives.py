"""Strategies for archives: clusters of three levels with every kind of field."""

from __future__ import annotations

import datetime as dt
import string
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.upgrade.app.models import Archive, Coordinates, Document, Mood, Shelf

ZONES = [dt.UTC, dt.timezone(dt.timedelta(hours=5, minutes=30)), dt.timezone(-dt.timedelta(hours=8))]
# What every database can store: no NUL, no lone surrogates, years that all calendars have.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
MOMENTS = st.datetimes(
    dt.datetime(1900, 1, 1),  # noqa: DTZ001 - the time zone is drawn
    dt.datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from(ZONES),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "big": st.integers(-(2**63), 2**63 - 1),
    "binary": st.binary(max_size=20),
    "boolean": st.booleans(),
    "maybe": st.booleans(),
    "char": TEXT,
    "mood": st.sampled_from([*Mood, "calm"]),
    "day": st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31)),
    "moment": MOMENTS,
    "decimal": st.decimals(Decimal(-(10**9)), Decimal(10**9), places=4),
    "duration": st.timedeltas(dt.timedelta(days=-10_000), dt.timedelta(days=10_000)),
    "email": st.sampled_from(["", "ringo@example.com"]),
    "file": st.sampled_from(["", "files/a b.txt", "files/ü.png"]),
    "path": st.sampled_from(["", "/etc/hosts"]),
    "float": st.floats(allow_nan=False, allow_infinity=False, width=32),
    "address": st.ip_addresses().map(str),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "json": JSON,
    "positive_big": st.integers(0, 2**63 - 1),
    "positive": st.integers(0, 2**31 - 1),
    "positive_small": st.integers(0, 2**15 - 1),
    "slug": st.text(string.ascii_lowercase + "-", max_size=8),
    "small": st.integers(-(2**15), 2**15 - 1),
    "text": TEXT,
    "time": st.times(),
    "url": st.sampled_from(["", "https://example.com/?a=b"]),
    # MariaDB takes no UUIDs of unknown variants.
    "uid": st.uuids(version=4),
    "place": st.builds(Coordinates, st.integers(-99, 99), st.integers(-99, 99)),
}
NOT_NULL = {"boolean", "char", "mood", "email", "file", "path", "slug", "text", "url"}


def every_field() -> st.SearchStrategy[dict[str, Any]]:
    """Values for some of the fields; the others keep their defaults."""
    allowed = {name: each if name in NOT_NULL else each | st.none() for name, each in VALUES.items()}
    return st.fixed_dictionaries({}, optional=allowed)


@st.composite
def documents(draw: Any) -> Document:
    return Document(**draw(every_field()), added=draw(MOMENTS), about_id=draw(TEXT))


@st.composite
def shelves(draw: Any) -> Shelf:
    return Shelf(**draw(every_field()), documents=draw(st.lists(documents(), max_size=2)))


@st.composite
def archives(draw: Any) -> Archive:
    """An unsaved archive with up to two shelves of up to two documents."""
    return Archive(**draw(every_field()), shelves=draw(st.lists(shelves(), max_size=2)))
