"""The order of updates in which unique values are free when they are taken; swaps go through a temporary value.

Databases check uniqueness row by row. So a row that takes a value comes after the row that gives it up, also within one
statement, which handles its rows in order. Where that is a circle, one row of it is parked: it gets a value that nobody
has, until its turn comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

from cluster.saving.unique import UniqueSet, row_image, unique_sets
from cluster.saving.work import Delete, Insert, Update

Claim = tuple[UniqueSet, tuple[Any, ...]]


@dataclass(slots=True, eq=False)
class Park:
    """A row that gives up the values of some unique sets before its turn."""

    model: type[Model]
    pk: Any
    known: dict[str, Any]
    path: str
    row: Update | Delete | None
    sets: list[UniqueSet] = field(default_factory=list)

    @property
    def update(self) -> Update | None:
        """The update by which the row is written again; nothing for a row that is deleted."""
        return self.row if isinstance(self.row, Update) else None


@dataclass(slots=True, eq=False)
class Order:
    """The order of the updates of one model.

    Attributes:
        free: Those that neither wait for another nor are waited for.
        chained: The others, in the order in which they have to be.
        parks: The rows to park before.
    """

    free: list[Update]
    chained: list[Update] = field(default_factory=list)
    parks: list[Park] = field(default_factory=list)


class Claims:
    """Which rows of one model give up which unique values, and which values rows want."""

    def __init__(self, model: type[Model]) -> None:
        self.sets = unique_sets(model)
        self.holders: dict[Claim, list[Update | Delete]] = {}

    def hold(self, row: Update | Delete) -> None:
        """Note the values that a row has and will not keep."""
        new = row_image(row.instance, row.known) if isinstance(row, Update) else None
        old = row.known if isinstance(row, Update) else row.values
        for each in self.sets:
            key = each.key(old)
            if key is not None and (new is None or each.key(new) != key):
                self.holders.setdefault((each, key), []).append(row)

    def wanted_of(self, written: Insert | Update) -> list[tuple[UniqueSet, Update | Delete]]:
        """Return the rows that have to give something up before a row is written, with what they give up."""
        if not self.holders:
            return []
        known = written.known if isinstance(written, Update) else {}
        return [found for found in self.holders_of(row_image(written.instance, known)) if found[1] is not written]

    def holders_of(self, image: dict[str, Any]) -> list[tuple[UniqueSet, Update | Delete]]:
        """Return the rows that give up values which a row is going to have, with what they give up."""
        found: list[tuple[UniqueSet, Update | Delete]] = []
        for each in self.sets:
            key = each.key(image)
            if key is not None:
                found += [(each, row) for row in self.holders.get((each, key), ())]
        return found


def in_order(model: type[Model], updates: Sequence[Update]) -> Order:
    """Return the updates of one model so that each takes only what is free."""
    touched = {each_field for each in updates for each_field in each.fields}
    if len(updates) == 1 or not any(touched.intersection(each.fields) for each in unique_sets(model)):
        return Order(list(updates))
    claims = Claims(model)
    for each in updates:
        claims.hold(each)
    waits = {id(each): _holders(claims, each) for each in updates}
    if not any(waits.values()):
        return Order(list(updates))
    return _sort(updates, waits)


Waits = dict[int, dict[int, tuple[Update, list[UniqueSet]]]]


def _holders(claims: Claims, update: Update) -> dict[int, tuple[Update, list[UniqueSet]]]:
    found: dict[int, tuple[Update, list[UniqueSet]]] = {}
    for unique_set, row in claims.wanted_of(update):
        assert isinstance(row, Update)
        found.setdefault(id(row), (row, []))[1].append(unique_set)
    return found


def _sort(updates: Sequence[Update], waits: Waits) -> Order:
    followers: dict[int, list[Update]] = {}
    for each in updates:
        for holder_id in waits[id(each)]:
            followers.setdefault(holder_id, []).append(each)
    order = Order([each for each in updates if not waits[id(each)] and id(each) not in followers])
    remaining = {id(each): each for each in updates if waits[id(each)] or id(each) in followers}
    ready = deque(each for each in remaining.values() if not waits[id(each)])
    while remaining:
        while not ready:
            parked = _in_circle(next(iter(remaining.values())), waits, followers)
            order.parks.append(park_of(parked, _sets_in_the_way(parked, waits, followers)))
            ready.extend(_release(parked, followers, waits))
        each = ready.popleft()
        del remaining[id(each)]
        order.chained.append(each)
        ready.extend(_release(each, followers, waits))
    return order


def _release(giver: Update, followers: dict[int, list[Update]], waits: Waits) -> list[Update]:
    """Note that a row's values are free; return the rows that waited for nothing else."""
    released = []
    for each in followers.pop(id(giver), ()):
        del waits[id(each)][id(giver)]
        if not waits[id(each)]:
            released.append(each)
    return released


def _in_circle(start: Update, waits: Waits, followers: dict[int, list[Update]]) -> Update:
    """Follow what a row waits for until a row comes again; return a row of the circle that can give way."""
    met: dict[int, Update] = {}
    current = start
    while id(current) not in met:
        met[id(current)] = current
        current, _ = next(iter(waits[id(current)].values()))
    circle = list(met.values())[list(met).index(id(current)) :]
    return next((each for each in circle if _can_give_way(each, waits, followers)), current)


def _can_give_way(row: Update, waits: Waits, followers: dict[int, list[Update]]) -> bool:
    return all(each.can_be_parked for each in _sets_in_the_way(row, waits, followers))


def _sets_in_the_way(row: Update, waits: Waits, followers: dict[int, list[Update]]) -> list[UniqueSet]:
    waiting = (waits[id(each)][id(row)][1] for each in followers[id(row)])
    return list(dict.fromkeys(unique_set for sets in waiting for unique_set in sets))


def parks_for_later(
    early: Iterable[Update], inserts: Iterable[Insert], late: Sequence[Update], late_deletes: Sequence[Delete]
) -> list[Park]:
    """Return the rows to park because what they give up late is wanted earlier, by other updates or by new rows."""
    by_model: dict[Any, Claims] = {}
    given_up: list[Update | Delete] = [*late, *late_deletes]
    for row in given_up:
        model = type(row.instance) if isinstance(row, Update) else row.model
        concrete = model._meta.concrete_model
        by_model.setdefault(concrete, Claims(concrete)).hold(row)  # type: ignore[arg-type]
    parks: dict[int, Park] = {}
    late_ids = {id(each) for each in late}
    everything: list[Insert | Update] = [*early, *inserts, *late]
    for written in everything:
        claims = by_model.get(written.instance._meta.concrete_model)
        for unique_set, row in claims.wanted_of(written) if claims is not None else ():
            if not isinstance(written, Update) or id(written) not in late_ids or is_later(row, written):
                park = parks.setdefault(id(row), park_of(row, []))
                park.sets += [unique_set] if unique_set not in park.sets else []
    return list(parks.values())


def is_later(holder: Update | Delete, written: Update) -> bool:
    """Whether a row comes after another one that is late too; within a level, the order of updates takes care."""
    return isinstance(holder, Delete) or holder.level > written.level


def park_of(row: Update | Delete, sets: list[UniqueSet]) -> Park:
    """Return the parking of a row."""
    if isinstance(row, Update):
        return Park(type(row.instance), row.instance.pk, row.known, row.path, row, sets)
    return Park(row.model, row.pk, row.values, row.path, row, sets)
