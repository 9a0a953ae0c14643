"""Rows are written and deleted only while they are their parents': another writer may have moved them meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, Q, QuerySet

from cluster.errors import StaleClusterError
from cluster.relations import Relation
from cluster.relations.state import concrete_attnames
from cluster.saving.reading import chunks, lock_rows
from cluster.saving.work import Delete, Update

Owners = tuple[Mapping[str, Any], ...]

# How many parents one statement names; SQLite takes expressions of at most 1,000 levels.
OWNERS = 400


def owners_of(update: Update) -> Owners:
    """Return whose a row may be when it is written: the one's that it was read from, or the one's that it is moved to.

    A key that may be null may have been nulled within the save, by the deletion of the parent. Nothing where it is not
    known whose the row was.
    """
    relation, known, values = update.holding.relation, update.known, update.instance.__dict__
    names = relation.owner_attnames
    if any(name not in known for name in names):
        return ()
    before, after = ({name: row.get(name) for name in names} for row in (known, values))
    found = [before] if before == after else [before, after]
    if relation.field.null:
        found.append({relation.field.attname: None})
    return tuple(found)


def is_owned(row: Mapping[str, Any], owners: Owners) -> bool:
    """Whether a stored row is one of the owners'."""
    return not owners or any(all(row[name] == value for name, value in owner.items()) for owner in owners)


@dataclass(frozen=True, slots=True)
class OwnedUpdate:
    """Stands in the place of an instance's ``_do_update()``: the row has to be its parent's to be found."""

    instance: Model
    owners: Owners

    def __call__(self, rows: QuerySet[Any], *args: Any, **kwargs: Any) -> Any:
        """Do as the class does, on the rows of the owners; a table of a multi-table parent may not tell whose it is."""
        names = {each.attname for each in rows.model._meta.concrete_fields}
        if names.issuperset(self.owners[0]):
            condition = Q()
            for owner in self.owners:
                condition |= Q(**owner)
            rows = rows.filter(condition)
        instance: Any = self.instance
        return type(instance)._do_update(instance, rows, *args, **kwargs)


def is_looked_at(update: Update) -> bool:
    """Whether a table is written that tells whose the row is: not all of a multi-table child do."""
    names = set(update.holding.relation.owner_attnames)
    return any(names.issubset(concrete_attnames(each.model)) for each in update.fields)


@contextmanager
def only_while_owned(update: Update) -> Iterator[None]:
    """Have the instance's ``save()`` find its row only while that is its parent's; no further statement."""
    owners, attributes = owners_of(update), update.instance.__dict__
    if not owners:
        yield
        return
    attributes["_do_update"] = OwnedUpdate(update.instance, owners)
    try:
        yield
    finally:
        attributes.pop("_do_update", None)


def refuse_stale(updates: Sequence[Update], using: str) -> None:
    """Lock the rows that are to be written, and see that all are there and their parents'.

    Raises:
        StaleClusterError: A row is gone, or another parent's.
    """
    model: Any = updates[0].instance._meta.concrete_model
    owners = [owners_of(each) for each in updates]
    names = {name: None for each in owners for owner in each for name in owner}
    there = lock_rows(model, [each.instance.pk for each in updates], using, tuple(names))
    for each, allowed in zip(updates, owners, strict=True):
        row = there.get(each.instance.pk)
        if row is None or not is_owned(row, allowed):
            raise stale(each)


def stale(update: Update) -> StaleClusterError:
    """Return the error for a row that is gone."""
    instance = update.instance
    return StaleClusterError(
        f"Cannot save {update.path}: the row of {instance!r} (pk {instance.pk!r}) is no longer in the database, or is "
        "another parent's by now. Reload the cluster, or take the object out."
    )


def owned_deletes(deletes: Iterable[Delete], using: str) -> list[Delete]:
    """Lock rows that are to be deleted; return those that are still there and their parents'.

    Rows of declared content were read within the save, and need no look.
    """
    owned: list[Delete] = []
    by_relation: dict[Relation, list[Delete]] = {}
    for each in deletes:
        if each.holding.baseline is None:
            owned.append(each)
        else:
            by_relation.setdefault(each.holding.relation, []).append(each)
    for relation, same in by_relation.items():
        there = lock_rows(relation.related_model, [each.pk for each in same], using, relation.owner_attnames)
        owned += [each for each in same if each.pk in there and is_owned(there[each.pk], (owner_of(each),))]
    return owned


def owner_of(delete: Delete) -> dict[str, Any]:
    """Return whose the row was, as far as that is known."""
    values = {**delete.values, **delete.parked}
    return {name: values[name] for name in delete.holding.relation.owner_attnames if name in values}


def among_owned(rows: QuerySet[Any], deletes: Iterable[Delete]) -> Iterator[QuerySet[Any]]:
    """Return of these rows, in batches, those to be deleted that are still the parents' which they were read from."""
    for chunk in chunks(deletes):
        by_owner: dict[tuple[Any, ...], list[Any]] = {}
        for each in chunk:
            by_owner.setdefault(tuple(owner_of(each).items()), []).append(each.pk)
        for several in chunks(by_owner.items(), OWNERS):
            conditions = (Q(pk__in=pks, **dict(owner)) for owner, pks in several)
            yield rows.filter(Q(*conditions, _connector=Q.OR))
