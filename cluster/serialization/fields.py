"""Writing key and fields of instances into their data, without touching the instances."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from django.db import router
from django.db.models import Model

from cluster.serialization.live import live_fields
from cluster.serialization.outgoing import OMIT
from cluster.serialization.plans import KeyPart, ModelPlan

Data = dict[str, Any]
Pair = tuple[Any, Data]
"""An instance, or a row, with its data."""

MISSING = object()


def write_fields(plan: ModelPlan, pairs: Iterable[Pair]) -> list[Pair]:
    """Write key and fields of each instance; return those with fields that are not loaded."""
    unread = []
    written = plan.written
    key = plan.key[0]
    key_attname, key_passed = key.attnames[0], key.outgoing.passed if len(plan.key) == len(key.attnames) == 1 else ()
    for instance, data in pairs:
        values = instance.__dict__
        value = values.get(key_attname)
        data["pk"] = value if value.__class__ in key_passed else key_data(plan, instance)
        is_whole = True
        for name, attname, passed, convert, column in written:
            value = values.get(attname, MISSING)
            if value.__class__ in passed:
                data[name] = value
            elif value is MISSING:
                data[name] = None
                is_whole = False
            else:
                value = convert(column, instance, value)
                if value is not OMIT:
                    data[name] = value
        if not is_whole:
            unread.append((instance, data))
    return unread


def write_deferred(plan: ModelPlan, pairs: Iterable[Pair], using: str | None) -> None:
    """Write the fields that are not loaded, read in one query; the instances stay as they are."""
    for alias, same in by_database(pairs, using).items():
        stored = live_fields(plan.model, [instance for instance, _ in same], alias)
        for instance, data in same:
            _write_stored(plan, instance, data, stored.get(instance.pk))


def _write_stored(plan: ModelPlan, instance: Model, data: Data, row: dict[str, Any] | None) -> None:
    """Write the fields that an instance has not loaded from its row; without a row they are left out."""
    for name, attname, passed, convert, column in plan.written:
        if attname in instance.__dict__:
            continue
        if row is None:
            del data[name]
            continue
        value = row[attname]
        holder: Any = SimpleNamespace(_state=instance._state, **{attname: value})
        data[name] = value if value.__class__ in passed else convert(column, holder, value)


def key_data(plan: ModelPlan, instance: Model) -> Any:
    """Return the data for the primary key: the topmost parent's, a list for a composite one, ``None`` without."""
    key = plan.key
    if len(key) > 1:
        return [_key_part_data(part, instance) for part in key]
    return _key_part_data(key[0], instance)


def _key_part_data(part: KeyPart, instance: Model) -> Any:
    values = instance.__dict__
    for attname in part.attnames:
        value = values.get(attname)
        if value is not None:
            if value.__class__ in part.outgoing.passed:
                return value
            converted = part.outgoing.convert(part.field, instance, value)
            return None if converted is OMIT else converted
    return None


def by_database(pairs: Iterable[Pair], using: str | None) -> dict[str, list[Pair]]:
    """Sort instances by the database that knows what they own."""
    sorted_pairs: dict[str, list[Pair]] = {}
    for instance, data in pairs:
        alias = using or instance._state.db or router.db_for_read(type(instance), instance=instance)
        sorted_pairs.setdefault(alias, []).append((instance, data))
    return sorted_pairs
