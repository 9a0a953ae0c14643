"""Give rows temporary values, so that others can take theirs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.db import connections

from cluster.saving.free_values import FreeValues
from cluster.saving.order import Park
from cluster.saving.owners import owned_deletes, refuse_stale
from cluster.saving.rows_in_bulk import FEW, upsert_images
from cluster.saving.work import Delete, Update


def park_rows(parks: Sequence[Park], values: FreeValues) -> None:
    """Write temporary values; each row is written again when its turn comes, or deleted.

    Raises:
        StaleClusterError: A row that is to be written again is gone, or another parent's.
    """
    changes: dict[tuple[Any, ...], list[tuple[Park, dict[Any, Any]]]] = {}
    for park in _owned(parks, values.using):
        temporary = _temporary(park, values)
        changes.setdefault((park.model, *temporary), []).append((park, temporary))
    for same in changes.values():
        with _keys_may_dangle(same[0][1], values.using):
            _write(same, values.using)


def _owned(parks: Sequence[Park], using: str) -> list[Park]:
    """Leave out rows that were to be deleted and are another parent's by now: they stay as they are."""
    by_model: dict[Any, list[Update]] = {}
    for update in (park.update for park in parks):
        if update is not None:
            by_model.setdefault(update.instance._meta.concrete_model, []).append(update)
    for same in by_model.values():
        refuse_stale(same, using)
    owned = {id(each) for each in owned_deletes((park.row for park in parks if isinstance(park.row, Delete)), using)}
    return [park for park in parks if not isinstance(park.row, Delete) or id(park.row) in owned]


def _temporary(park: Park, values: FreeValues) -> dict[Any, Any]:
    temporary: dict[Any, Any] = {}
    for unique_set in park.sets:
        if temporary.keys().isdisjoint(unique_set.fields):
            field, value = values.choose(unique_set, park)
            temporary[field] = value
    _note(park, temporary)
    return temporary


def _note(park: Park, temporary: dict[Any, Any]) -> None:
    """Have the row written back, and known by what it has for the time being: that may be whose it is."""
    values = {field.attname: value for field, value in temporary.items()}
    if isinstance(park.row, Update):
        park.row.fields += [field for field in temporary if field not in park.row.fields]
        park.row.known = {**park.row.known, **values}
    elif park.row is not None:
        park.row.parked = values


def _keys_may_dangle(temporary: dict[Any, Any], using: str) -> AbstractContextManager[None]:
    """Have a backend that checks keys at once, and not at the end of the transaction, look away from temporary ones."""
    connection: Any = connections[using]
    is_dangling = any(field.is_relation and value is not None for field, value in temporary.items())
    if is_dangling and not connection.features.can_defer_constraint_checks:
        return connection.constraint_checks_disabled()  # type: ignore[no-any-return]
    return nullcontext()


def _write(same: list[tuple[Park, dict[Any, Any]]], using: str) -> None:
    model: Any = same[0][0].model
    names = [each.attname for each in model._meta.concrete_fields]
    is_whole = all(name in park.known for park, _ in same for name in names)
    if len(same) > FEW and is_whole and connections[using].features.supports_update_conflicts:
        images = [model.from_db(using, names, [park.known[name] for name in names]) for park, _ in same]
        for image, (_, temporary) in zip(images, same, strict=True):
            _set(image, temporary.items())
        upsert_images(model._meta.concrete_model, images, list(same[0][1]), using)
        return
    for park, temporary in same:
        rows = model._base_manager.using(using).filter(pk=park.pk)
        rows.update(**{field.attname: value for field, value in temporary.items()})


def _set(image: Any, values: Iterable[tuple[Any, Any]]) -> None:
    for field, value in values:
        setattr(image, field.attname, value)
