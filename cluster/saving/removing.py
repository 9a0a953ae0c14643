"""Delete or release the rows that are no longer in a relation."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from django.db.models import Model
from django.db.models.deletion import CASCADE, PROTECT, Collector

from cluster.relations.held import key_of
from cluster.saving.owners import among_owned, owned_deletes
from cluster.saving.reading import chunks
from cluster.saving.ways import overrides_delete
from cluster.saving.work import Delete, Work


def release_rows(releases: Iterable[Delete], using: str) -> None:
    """Null the key of rows that outlive their relation: one UPDATE per relation (in batches)."""
    by_field: dict[Any, list[Delete]] = {}
    for each in releases:
        by_field.setdefault(each.holding.relation.field, []).append(each)
    for field, same in by_field.items():
        for rows in among_owned(field.model._base_manager.using(using), same):
            rows.update(**{field.name: None})


def delete_rows(deletes: Iterable[Delete], using: str, origin: Model) -> None:
    """Delete rows with everything that Django's ``on_delete`` asks for.

    Rows that are gone already are no error, nor are those that another writer has moved to another parent: they stay.

    One DELETE per table (in batches) by Django's own collector, or one by one where the class overrides ``delete()``.
    """
    by_model: dict[type[Model], list[Delete]] = {}
    for each in deletes:
        by_model.setdefault(each.model, []).append(each)
    collected = {model: same for model, same in by_model.items() if not overrides_delete(model)}
    for model, same in by_model.items():
        if model not in collected:
            for each in owned_deletes(same, using):
                instance_of(each, using).delete(using=using)
    for together in in_order_of_protection(collected):
        _collect_and_delete({model: collected[model] for model in together}, using, origin)


def in_order_of_protection(models: Iterable[type[Model]]) -> list[list[type[Model]]]:
    """Return the models in groups, those first whose rows may protect rows of the others from deletion."""
    groups, left = [], list(models)
    while left:
        ready = [model for model in left if not any(_may_protect(other, model) for other in left)] or left
        groups.append(ready)
        left = [model for model in left if model not in ready]
    return groups


def _may_protect(model: type[Model], other: type[Model]) -> bool:
    keys: list[Any] = [field for field in model._meta.concrete_fields if field.is_relation]
    return model is not other and any(
        key.remote_field.on_delete is PROTECT and issubclass(other, key.remote_field.model) for key in keys
    )


def _collect_and_delete(by_model: dict[type[Model], list[Delete]], using: str, origin: Model) -> None:
    try:
        collector = _collected(by_model, using, origin)
    except RecursionError:
        # Django follows its cascades by recursion, which ends where the rows below are collected already.
        collector = _collected(by_model, using, origin, from_below=True)
    collector.delete()


def _collected(
    by_model: dict[type[Model], list[Delete]], using: str, origin: Model, *, from_below: bool = False
) -> Collector:
    collector = Collector(using=using, origin=origin)
    slow: list[list[Model]] = []
    for model, same in by_model.items():
        querysets = list(among_owned(model._base_manager.using(using), same))
        if collector.can_fast_delete(querysets[0]):
            collector.fast_deletes += querysets
        else:
            instances = [instance_of(each, using) for each in owned_deletes(same, using)]
            slow += [*reversed(levels_below(instances, using))] if from_below else [instances]
    for position, instances in enumerate(slow, start=1):
        # What restricts one deletion may be deleted by a later one.
        collector.collect(instances, fail_on_restricted=position == len(slow))
    return collector


def levels_below(instances: list[Model], using: str) -> list[list[Model]]:
    """Return the instances, and after them what is deleted with them; one query per key and level."""
    levels, unfinished = [instances], deque([instances])
    met = {key_of(each) for each in instances}
    while unfinished:
        level = unfinished.popleft()
        for rows in _rows_pointing_at(level, using):
            new = [each for each in rows if key_of(each) not in met]
            if new:
                met.update(map(key_of, new))
                levels.append(new)
                unfinished.append(new)
    return levels


def _rows_pointing_at(instances: list[Model], using: str) -> Iterator[list[Model]]:
    related: list[Any] = [*instances[0]._meta.get_fields(include_hidden=True)]
    for rel in related:
        if getattr(rel, "on_delete", None) is CASCADE and (rel.one_to_many or rel.one_to_one):
            rows = rel.related_model._base_manager.using(using)
            yield [each for chunk in chunks(instances) for each in rows.filter(**{f"{rel.field.name}__in": chunk})]


def instance_of(delete: Delete, using: str) -> Model:
    """Return the row as an instance, made from the values that are known."""
    names = [field.attname for field in delete.model._meta.concrete_fields if field.attname in delete.values]
    return delete.model.from_db(using, names, [delete.values[name] for name in names])


def late_deletes(work: Work) -> list[Delete]:
    """Return the deletions that have to wait until rows which they would take along point elsewhere."""
    if not work.deletes:
        return []
    endangering = Endangering(work)
    for each in work.updates:
        for field in each.fields:
            old = each.known.get(field.attname) if field.is_relation else None
            if old is not None:
                endangering.look_at(field.target_field, old)
    return list(endangering.found.values())


class Endangering:
    """Finds the deletions that would reach rows by their keys, as they are in the database.

    Attributes:
        found: The deletions by identity.
    """

    def __init__(self, work: Work) -> None:
        self.deletes = work.deletes
        self.surviving = {key_of(node.instance) for node in work.nodes}
        self.found: dict[int, Delete] = {}
        self._by_target: dict[Any, dict[Any, list[Delete]]] = {}
        self._models: set[type[Model]] = set()

    def look_at(self, target: Any, value: Any) -> None:
        """Note the deletions that reach a row which points at this value of a field."""
        direct = self._by_value(target).get(value)
        if direct is not None:
            self.found |= {id(each): each for each in direct}
        elif (target.model._meta.concrete_model, value) not in self.surviving:
            self._note_all_above(target.model)

    def _by_value(self, target: Any) -> dict[Any, list[Delete]]:
        if target not in self._by_target:
            by_value = self._by_target[target] = {}
            for each in self.deletes:
                if issubclass(each.model, target.model):
                    by_value.setdefault(each.values.get(target.attname), []).append(each)
        return self._by_target[target]

    def _note_all_above(self, model: type[Model]) -> None:
        """Note every deletion that may take a row of a model along, as nobody knows what that row points at."""
        if model not in self._models:
            self._models.add(model)
            above = models_above(model)
            self.found |= {id(each): each for each in self.deletes if each.model._meta.concrete_model in above}


@cache
def models_above(model: type[Model]) -> frozenset[Any]:
    """Return the models whose deletion may reach rows of a model by Django's cascades."""
    found: set[Any] = set()
    unfinished: list[Any] = [model]
    while unfinished:
        for field in unfinished.pop()._meta.concrete_fields:
            above = field.related_model._meta.concrete_model if field.is_relation else None
            if above is not None and above not in found:
                found.add(above)
                unfinished.append(above)
    return frozenset(found)
