"""Write the rows of held children: in bulk where nobody would notice, one by one otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from django.db import DatabaseError, connections
from django.db.models import Max, Model, QuerySet

from cluster.relations import Clusterable, ClusterState, ensure_state
from cluster.relations.state import STATE, RowWrite
from cluster.saving.compare import columns_of, has_own_pre_save
from cluster.saving.free_values import FreeValues
from cluster.saving.late_keys import take_generic_keys
from cluster.saving.order import in_order
from cluster.saving.owners import is_looked_at, only_while_owned, refuse_stale, stale
from cluster.saving.parking import park_rows
from cluster.saving.rows_in_bulk import FEW, upsert_images
from cluster.saving.ways import can_insert_in_bulk, is_saved_row_by_row, overrides_save
from cluster.saving.work import Insert, Update


def point(written: Insert | Update) -> None:
    """Make a child point at its parents, which have their keys by now.

    Raises:
        ValueError: A parent that has a row lacks the value by which children point at it.
    """
    values, state = written.instance.__dict__, written.instance._state
    for field, parent in written.pointers:
        values[field.attname] = value = getattr(parent, field.target_field.attname)
        if value is None and not parent._state.adding:
            # Django's own words, of its related managers.
            raise ValueError(
                f'"{parent!r}" needs to have a value for field "{field.target_field.attname}" before this relationship '
                "can be used."
            )
        state.fields_cache[field.cache_name] = parent
    take_generic_keys(written.instance)


def take_keys(instance: Model) -> None:
    """Take over the keys of objects that were saved after they were assigned to a foreign key."""
    for field in columns_of(type(instance)).keys:
        if field.is_cached(instance) and getattr(instance, field.attname) is None:
            target = field.get_cached_value(instance)
            if target is not None:
                instance.__dict__[field.attname] = getattr(target, field.target_field.attname)


# Inserting


def insert_rows(inserts: Sequence[Insert], using: str) -> None:
    """Insert rows none of which depends on another: one INSERT per model."""
    for model, same in by_model(inserts).items():
        left = [each for each in same if not each.is_done]
        for each in left:
            point(each)
        try:
            _insert(model, left, using)
        except ValueError:
            _refuse_unsaved_targets(left)
            raise


def _insert(model: type[Model], inserts: list[Insert], using: str) -> None:
    if is_saved_row_by_row(model) or not can_insert_in_bulk(model, using):
        for each in inserts:
            if not each.is_done:
                save_row(each.instance, using=using, force_insert=True)
    else:
        _insert_in_bulk(model, [each.instance for each in inserts], using)


def _refuse_unsaved_targets(inserts: list[Insert]) -> None:
    """Say which of the objects points at one that nobody saves, which Django's error does not tell.

    Raises:
        ValueError: One does.
    """
    for each in inserts:
        instance: Any = each.instance
        try:
            instance._prepare_related_fields_for_save(operation_name="save")
        except ValueError as error:
            raise ValueError(f"Cannot save {each.holding.path(each.index)}: {error}") from error


def _insert_in_bulk(model: type[Model], instances: list[Model], using: str) -> None:
    concrete: Any = model._meta.concrete_model
    if model._meta.order_with_respect_to:
        number_in_order(concrete, instances, using)
    states = [state for each in instances if (state := each.__dict__.get(STATE)) is not None]
    with being_saved(states):
        # The method of Django's own queryset, as a manager's may have another meaning.
        QuerySet.bulk_create(concrete._base_manager.using(using), instances)


def number_in_order(model: Any, instances: Iterable[Model], using: str) -> None:
    """Give new rows of an ``order_with_respect_to`` model the numbers after those of their parent's rows."""
    attname = model._meta.order_with_respect_to.attname
    new = [each for each in instances if getattr(each, "_order", None) is None]
    parents = {getattr(each, attname) for each in new}
    rows = model._base_manager.using(using).filter(**{f"{attname}__in": parents}).order_by()
    following = {parent: last + 1 for parent, last in rows.values_list(attname).annotate(Max("_order"))}
    for each in new:
        parent = getattr(each, attname)
        each._order = following.get(parent, 0)  # type: ignore[attr-defined]
        following[parent] = each._order + 1  # type: ignore[attr-defined]


@contextmanager
def being_saved(states: Iterable[ClusterState]) -> Iterator[None]:
    """Have the instances of these states write their own rows alone within the block."""
    before = [(state, state.is_being_saved) for state in states]
    for state, _ in before:
        state.is_being_saved = True
    try:
        yield
    finally:
        for state, was_being_saved in before:
            state.is_being_saved = was_being_saved


def save_row(instance: Model, **options: Any) -> None:
    """Write the instance's own row by its own ``save()``, or by Django's where the class has none of its own."""
    if not overrides_save(type(instance)):
        Model.save(instance, **options)
        return
    if not isinstance(instance, Clusterable):
        instance.save(**options)
        return
    with being_saved([ensure_state(instance)]):
        instance.save(**options)


def update_row(update: Update, before: dict[str, Any], using: str) -> None:
    """Write the changed columns of a child.

    A clusterable class's own ``save()`` is called as for any save, as it may do something of its own with
    ``update_fields``; what it then asks for is narrowed to what has changed.
    """
    instance = update.instance
    if not (isinstance(instance, Clusterable) and overrides_save(type(instance))):
        names = [field.name for field in update.fields]
        # Django inserts a new object that has a key from a default, even if it is told what to update.
        options = {"force_update": True} if instance._state.adding else {}
        save_row(instance, using=using, update_fields=names, **options)
        return
    state = ensure_state(instance)
    state.row_write = RowWrite(tuple(update.fields), before)
    try:
        save_row(instance, using=using)
    finally:
        state.row_write = None


# Updating


def update_rows(updates: Sequence[Update], using: str) -> None:
    """Write changed columns; unique values are free when a row takes them, by order or by a temporary value.

    Raises:
        StaleClusterError: A row is gone.
    """
    for model, same in by_model(updates).items():
        for each in same:
            point(each)
            take_keys(each.instance)
        order = in_order(model, same)
        if order.parks:
            park_rows(order.parks, FreeValues.for_rows(same, using))
        for run in [*runs_of_same_fields(order.free), *following_runs(order.chained)]:
            if len(run) > FEW and can_upsert(model, run, using):
                refuse_stale(run, using)
                upsert(run, using)
            else:
                _update_one_by_one(model, run, using)


def runs_of_same_fields(updates: Iterable[Update]) -> list[list[Update]]:
    """Group updates that write the same columns, in whatever order."""
    runs: dict[frozenset[str], list[Update]] = {}
    for each in updates:
        runs.setdefault(_written_columns(each), []).append(each)
    return list(runs.values())


def following_runs(updates: Iterable[Update]) -> list[list[Update]]:
    """Group updates that write the same columns and follow one another."""
    return [list(run) for _, run in groupby(updates, key=_written_columns)]


def _written_columns(update: Update) -> frozenset[str]:
    return frozenset(field.attname for field in update.fields)


def can_upsert(model: type[Model], updates: list[Update], using: str) -> bool:
    """Whether these updates can be one statement.

    An upsert sends whole rows, of which it writes the changed columns, and reads nothing back.
    """
    return (
        connections[using].features.supports_update_conflicts
        and not is_saved_row_by_row(model)
        and not any(has_own_pre_save(field) for field in updates[0].fields)
        and all(_is_whole(each.instance) for each in updates)
    )


def _is_whole(instance: Model) -> bool:
    values = instance.__dict__
    return all(
        field.attname in values and not hasattr(values[field.attname], "resolve_expression")
        for field in columns_of(type(instance)).fields
    )


def upsert(updates: Sequence[Update], using: str) -> None:
    """Update rows that are locked by one INSERT ... ON CONFLICT per batch, which writes the changed columns alone."""
    concrete: Any = updates[0].instance._meta.concrete_model
    changed = updates[0].fields
    for each in updates:
        for field in changed:
            field.pre_save(each.instance, False)
    upsert_images(concrete, [each.instance for each in updates], changed, using)
    for each in updates:
        _forget_generated(each.instance)
        each.instance._state.adding, each.instance._state.db = False, using


def _forget_generated(instance: Model) -> None:
    for field in instance._meta.concrete_fields:
        if field.generated:
            # Read again on the next access, as Django does where an UPDATE cannot return it.
            instance.__dict__.pop(field.attname, None)


def _update_one_by_one(model: type[Model], updates: list[Update], using: str) -> None:
    unseen = updates if overrides_save(model) else [each for each in updates if not is_looked_at(each)]
    if unseen:
        refuse_stale(unseen, using)
    for each in updates:
        before = each.instance.__dict__.copy()
        try:
            with only_while_owned(each):
                update_row(each, before, using)
        except DatabaseError as error:
            if "did not affect any rows" in str(error):
                raise stale(each) from error
            raise
        if is_saved_row_by_row(model):
            _write_what_came_up(each, before, using)


def _write_what_came_up(update: Update, before: dict[str, Any], using: str) -> None:
    """Write columns that the class's ``save()`` or a receiver changed besides those that it was told to write."""
    instance, concrete = update.instance, update.instance._meta.concrete_model
    changed = [
        each
        for each in columns_of(type(instance)).fields
        if each not in update.fields and before.get(each.attname) != instance.__dict__.get(each.attname)
    ]
    if changed:
        values = {each.attname: each.pre_save(instance, False) for each in changed}
        concrete._base_manager.using(using).filter(pk=instance.pk).update(**values)  # type: ignore[union-attr]


def by_model(written: Iterable[Any]) -> dict[type[Model], list[Any]]:
    """Group by class, in order of first appearance; classes of one table that are written alike go together."""
    groups: dict[type[Model], list[Any]] = {}
    for each in written:
        model = type(each.instance)
        if model._meta.proxy and not is_saved_row_by_row(model):
            model = model._meta.concrete_model
        groups.setdefault(model, []).append(each)
    return groups
