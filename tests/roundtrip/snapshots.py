"""Strategies for snapshots of a band to any depth, and for the edits that people make in one."""

from __future__ import annotations

import datetime as dt
from copy import deepcopy
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

names = st.text("abc", max_size=3)
keys = st.none() | st.integers(1, 6)
dates = st.none() | st.dates(dt.date(1960, 1, 1), dt.date(1960, 1, 5))
prices = st.none() | st.sampled_from([Decimal("1.50"), Decimal("1.5"), Decimal(2)])
facts = st.recursive(st.none() | st.booleans() | names, lambda inner: st.lists(inner, max_size=2), max_leaves=3)
links = st.lists(st.integers(1, 5), unique=True, max_size=4)


def rows(row: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Lists of siblings, whose keys are distinct where they have any."""
    return st.lists(row, max_size=4).filter(_have_distinct_keys)


def _have_distinct_keys(siblings: list[dict[str, Any]]) -> bool:
    found = [row["pk"] for row in siblings if row["pk"] is not None]
    return len(set(found)) == len(found)


verses = st.fixed_dictionaries({"pk": keys, "song": keys, "position": st.integers(1, 3), "text": names})
songs = st.fixed_dictionaries({"pk": keys, "title": names, "track": st.integers(1, 3), "verses": rows(verses)})
albums = st.fixed_dictionaries(
    {"pk": keys, "title": names, "price": prices, "released": dates, "genres": links, "songs": rows(songs)}
)
members = st.fixed_dictionaries({"pk": keys, "band": st.none() | st.just(1), "name": names, "wage": prices})
bands = st.fixed_dictionaries(
    {"pk": st.just(1), "name": names, "facts": facts, "genres": links, "members": rows(members), "albums": rows(albums)}
)


@st.composite
def edited(draw: st.DrawFn, snapshot: dict[str, Any]) -> dict[str, Any]:
    """Draw a snapshot that differs from another in a few places, as an edited one does."""
    result = deepcopy(snapshot)
    for _ in range(draw(st.integers(0, 4))):
        draw(st.sampled_from(EDITS))(draw, result)
    return result


def _rename(draw: Any, band: dict[str, Any]) -> None:
    band["name"] = draw(names)


def _relink(draw: Any, band: dict[str, Any]) -> None:
    band["genres"] = draw(links)


def _shuffle_albums(draw: Any, band: dict[str, Any]) -> None:
    band["albums"] = draw(st.permutations(band["albums"]))


def _drop_member(draw: Any, band: dict[str, Any]) -> None:
    if band["members"]:
        band["members"].pop(draw(st.integers(0, len(band["members"]) - 1)))


def _add_member(draw: Any, band: dict[str, Any]) -> None:
    new = {"pk": None, "band": 1, "name": draw(names), "wage": None}
    band["members"].insert(draw(st.integers(0, len(band["members"]))), new)


def _edit_album(draw: Any, band: dict[str, Any]) -> None:
    if band["albums"]:
        album = draw(st.sampled_from(band["albums"]))
        album.update(draw(st.fixed_dictionaries({}, optional={"title": names, "price": prices, "songs": rows(songs)})))


EDITS = (_rename, _relink, _shuffle_albums, _drop_member, _add_member, _edit_album)
