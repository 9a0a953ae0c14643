"""``prefetch_related`` over instances of which some hold the relation in memory and some do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Model

from cluster.queryset import held_queryset
from cluster.relations.holding import held_list, source_of
from cluster.relations.state import has_row

if TYPE_CHECKING:
    from cluster.fields.managers import HeldRelatedManager
    from cluster.relations import Relation

PrefetchPlan = tuple[Any, Callable[[Any], Any], Callable[[Any], Any], bool, str, bool]


class PrefetchedRows(list[Model]):
    """Rows for Django to sort to their instances: it calls ``owner_of`` once for each, in this order.

    One object can be held by several instances, so the owner is told by position and not by the object.
    """

    def __init__(self, pairs: Iterable[tuple[Any, Model]], lookups: Sequence[Any]) -> None:
        pairs = list(pairs)
        super().__init__(row for _, row in pairs)
        self._owners = iter([owner for owner, _ in pairs])
        self._prefetch_related_lookups = tuple(lookups)

    def owner_of(self, _row: Model) -> Any:
        """Return the key of the instance to which the next row belongs."""
        return next(self._owners)


class OwnerKeys:
    """Tells the key by which rows are sorted to an instance: what it holds by identity, the rest as Django does."""

    def __init__(self, holders: Iterable[Model], live_key: Callable[[Any], Any] | None) -> None:
        self._holders = {id(holder) for holder in holders}
        self._live_key = live_key

    def __call__(self, instance: Model) -> Any:
        if id(instance) in self._holders:
            return ("held", id(instance))
        assert self._live_key is not None
        return ("live", self._live_key(instance))


def apart(instances: Iterable[Any], is_holding: Callable[[Any], bool]) -> tuple[list[Any], list[Any]]:
    """Return the instances that hold the relation, and those for which the database answers."""
    holders: list[Any] = []
    live: list[Any] = []
    for each in instances:
        (holders if is_holding(each) else live).append(each)
    return holders, live


def plan_over(
    name: str, held: Sequence[tuple[Any, Iterable[Model]]], live: Sequence[Any] | None, lookups: Sequence[Any] = ()
) -> PrefetchPlan:
    """Return what Django's ``prefetch_one_level`` asks for, over held and live instances together.

    Args:
        name: The name of the relation.
        held: The instances that hold it, each with its rows.
        live: What Django's own manager returned for the others: the rows, then what tells the key of a row and of an
            instance; ``None`` if there are no others.
        lookups: What is to be prefetched of the rows.
    """
    pairs: list[tuple[Any, Model]] = [(("held", id(holder)), row) for holder, rows in held for row in rows]
    key_of_instance = None
    if live is not None:
        rows, key_of_row, key_of_instance, *_ = live
        pairs += [(("live", key_of_row(row)), row) for row in rows]
    found = PrefetchedRows(pairs, lookups)
    owner_keys = OwnerKeys([holder for holder, _ in held], key_of_instance)
    return found, found.owner_of, owner_keys, False, name, False


def forget_prefetched(instance: Model, relation: Relation) -> None:
    """Forget what was prefetched of a relation.

    Also on the instances of multi-table parents that are cached on the instance, where Django looks for it as well.
    """
    owner = relation.rel.model if relation.is_child else relation.field.model
    line: Model | None = instance
    while line is not None:
        line.__dict__.get("_prefetched_objects_cache", {}).pop(relation.name, None)
        link = line._meta.get_ancestor_link(owner)
        line = link.get_cached_value(line, None) if link else None


def prefetch_held_and_live(
    manager: HeldRelatedManager, instances: list[Any], querysets: Sequence[Any] | None
) -> PrefetchPlan:
    """Return what Django's ``prefetch_one_level`` asks of a manager.

    One query for all live instances, none for those that hold the relation.
    """
    relation = manager._relation
    holders, live = apart(instances, lambda each: held_list(each, relation) is not None or not has_row(each))
    if not holders:
        plan: PrefetchPlan = _live_manager(manager, live[0]).get_prefetch_querysets(live, querysets)
        return plan
    held = [(each, _held(manager, each, querysets)) for each in holders]
    read, lookups = None, querysets[0]._prefetch_related_lookups if querysets else ()
    if live:
        queryset, *keys = _live_manager(manager, live[0]).get_prefetch_querysets(live, querysets)
        lookups, queryset._prefetch_related_lookups = queryset._prefetch_related_lookups, ()
        read = (queryset, *keys)
    return plan_over(relation.name, held, read, lookups)


def _live_manager(manager: HeldRelatedManager, instance: Model) -> Any:
    return type(manager)(instance).live_manager


def _held(manager: HeldRelatedManager, instance: Model, querysets: Sequence[Any] | None) -> list[Model]:
    own = type(manager)(instance)
    if not querysets:
        return list(own.get_queryset())
    restricted = querysets[0]._chain()
    restricted._prefetch_related_lookups = ()
    return list(held_queryset(restricted, source_of(instance, manager._relation, own.get_object_list())))
