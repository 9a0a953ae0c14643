"""Delete or release the rows that are no longer in a relation."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from django.db.models import Model
from django.db.models.deletion import PROTECT, Collector

from cluster.relations.held import key_of
from cluster.saving.reading import chunks
from cluster.saving.ways import overrides_delete
from cluster.saving.work import Delete, Work


def release_rows(releases: Iterable[Delete], using: str) -> None:
    """Null the key of rows that outlive their relation: one UPDATE per relation."""
    by_field: dict[Any, list[Any]] = {}
    for each in releases:
        by_field.setdefault(each.holding.relation.field, []).append(each.pk)
    for field, pks in by_field.items():
        for chunk in chunks(pks):
            field.model._base_manager.using(using).filter(pk__in=chunk).update(**{field.name: None})


def delete_rows(deletes: Iterable[Delete], using: str, origin: Model) -> None:
    """Delete rows with everything that Django's ``on_delete`` asks for; rows that are gone already are no error.

    One DELETE per table (in batches) by Django's own collector, or one by one where the class overrides ``delete()``.
    """
    by_model: dict[type[Model], list[Delete]] = {}
    for each in deletes:
        by_model.setdefault(each.model, []).append(each)
    collected = {model: same for model, same in by_model.items() if not overrides_delete(model)}
    for model, same in by_model.items():
        if model not in collected:
            for each in same:
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
    collector = Collector(using=using, origin=origin)
    slow = []
    for model, same in by_model.items():
        querysets = [model._base_manager.using(using).filter(pk__in=pks) for pks in chunks(each.pk for each in same)]
        if collector.can_fast_delete(querysets[0]):
            collector.fast_deletes += querysets
        else:
            slow.append([instance_of(each, using) for each in same])
    for position, instances in enumerate(slow, start=1):
        # What restricts one deletion may be deleted by a later one.
        collector.collect(instances, fail_on_restricted=position == len(slow))
    collector.delete()


def instance_of(delete: Delete, using: str) -> Model:
    """Return the row as an instance, made from the values that are known."""
    names = [field.attname for field in delete.model._meta.concrete_fields if field.attname in delete.values]
    return delete.model.from_db(using, names, [delete.values[name] for name in names])


def late_deletes(work: Work) -> list[Delete]:
    """Return the deletions that have to wait until rows which they would take along point elsewhere."""
    if not work.deletes:
        return []
    leaving = [
        (field, each.known.get(field.attname))
        for each in work.updates
        for field in each.fields
        if field.is_relation and each.known.get(field.attname) is not None
    ]
    surviving = {key_of(node.instance) for node in work.nodes}
    late: dict[int, Delete] = {}
    for field, old in leaving:
        for each in _endangering(work.deletes, field, old, surviving):
            late[id(each)] = each
    return list(late.values())


def _endangering(deletes: list[Delete], field: Any, old: Any, surviving: set[Any]) -> list[Delete]:
    """Return the deletions that would reach a row by one of its keys, as it is in the database."""
    target = field.target_field
    direct = [
        each for each in deletes if each.values.get(target.attname) == old and issubclass(each.model, target.model)
    ]
    if direct or (target.model._meta.concrete_model, old) in surviving:
        return direct
    above = models_above(target.model)
    return [each for each in deletes if each.model._meta.concrete_model in above]


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
