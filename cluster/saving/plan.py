"""What a save would write, as plain data: readable, comparable, printable."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from cluster._compat import is_pk_set
from cluster.relations.state import is_named
from cluster.saving.compare import columns_of
from cluster.saving.reading import link_fields
from cluster.saving.work import Delete, Insert, LinkChange, Update, Work, path_of


@dataclass(frozen=True, slots=True)
class PlannedInsert:
    """A row to be inserted.

    Attributes:
        path: Where the object is, such as ``albums[2].songs[0]``; empty for the root.
        model: The label of the model.
        pk: The primary key, if it has one yet.
    """

    path: str
    model: str
    pk: Any = None

    def __str__(self) -> str:
        return f"insert {self.model} {_at(self.path)}"


@dataclass(frozen=True, slots=True)
class PlannedUpdate:
    """A row of which some columns are to be written.

    Attributes:
        path: Where the object is; empty for the root.
        model: The label of the model.
        pk: The primary key.
        fields: The names of the fields that are written.
    """

    path: str
    model: str
    pk: Any
    fields: tuple[str, ...]

    def __str__(self) -> str:
        return f"update {self.model} {self.pk} {_at(self.path)}: {', '.join(self.fields)}"


@dataclass(frozen=True, slots=True)
class PlannedDelete:
    """A row that is taken out of its relation.

    Attributes:
        path: The relation, such as ``albums[2].songs``.
        model: The label of the model.
        pk: The primary key.
        keeps_row: Whether only its key to the parent is set to null.
    """

    path: str
    model: str
    pk: Any
    keeps_row: bool = False

    def __str__(self) -> str:
        return f"{'release' if self.keeps_row else 'delete'} {self.model} {self.pk} {_at(self.path)}"


@dataclass(frozen=True, slots=True)
class PlannedLink:
    """A many-to-many link to be made.

    Attributes:
        path: Where the linked object is, such as ``genres[1]``.
        model: The label of the linked object's model.
        pk: Its primary key.
    """

    path: str
    model: str
    pk: Any

    def __str__(self) -> str:
        return f"link {self.model} {self.pk} {_at(self.path)}"


@dataclass(frozen=True, slots=True)
class PlannedUnlink:
    """A many-to-many link to be taken away; attributes as in ``PlannedLink``, the path being the relation's."""

    path: str
    model: str
    pk: Any

    def __str__(self) -> str:
        return f"unlink {self.model} {self.pk} {_at(self.path)}"


@dataclass(frozen=True, slots=True)
class SavePlan:
    """What a save would write.

    Attributes:
        inserts: Rows to be inserted, parents before children.
        updates: Rows to be updated.
        deletes: Rows to be deleted or released.
        links: Many-to-many links to be made.
        unlinks: Many-to-many links to be taken away.
    """

    inserts: tuple[PlannedInsert, ...] = ()
    updates: tuple[PlannedUpdate, ...] = ()
    deletes: tuple[PlannedDelete, ...] = ()
    links: tuple[PlannedLink, ...] = ()
    unlinks: tuple[PlannedUnlink, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.inserts or self.updates or self.deletes or self.links or self.unlinks)

    def __str__(self) -> str:
        """Return one line per action, in the order in which they run."""
        actions = (*self.deletes, *self.updates, *self.inserts, *self.unlinks, *self.links)
        return "\n".join(str(action) for action in actions) or "nothing to write"


def plan_of(work: Work, root: PlannedInsert | PlannedUpdate | None) -> SavePlan:
    """Return the plan for a survey's findings, with the root's own row where it is written."""
    inserts = tuple(_insert(each) for each in work.inserts)
    updates = tuple(_update(each) for each in work.updates)
    deletes = (*(_delete(each, keeps_row=True) for each in work.releases), *(_delete(each) for each in work.deletes))
    return SavePlan(
        inserts=(root, *inserts) if isinstance(root, PlannedInsert) else inserts,
        updates=(root, *updates) if isinstance(root, PlannedUpdate) else updates,
        deletes=deletes,
        links=tuple(link for each in work.links for link in _links(each)),
        unlinks=tuple(link for each in work.links for link in _unlinks(each)),
    )


def planned_root(instance: Model, fields: Collection[str] | None, *, created: bool) -> PlannedInsert | PlannedUpdate:
    """Return the plan's entry for the root's own row."""
    label, pk = instance._meta.label, _pk(instance)
    if created:
        return PlannedInsert("", label, pk)
    names = tuple(field.name for field in columns_of(type(instance)).fields if is_named(field, fields))
    return PlannedUpdate("", label, pk, names)


def _at(path: str) -> str:
    return f"at {path}" if path else "(root)"


def _insert(insert: Insert) -> PlannedInsert:
    return PlannedInsert(insert.holding.path(insert.index), insert.instance._meta.label, _pk(insert.instance))


def _pk(instance: Model) -> Any:
    return instance.pk if is_pk_set(instance) else None


def _update(update: Update) -> PlannedUpdate:
    names = tuple(field.name for field in update.fields)
    return PlannedUpdate(update.path, update.instance._meta.label, update.instance.pk, names)


def _delete(delete: Delete, *, keeps_row: bool = False) -> PlannedDelete:
    return PlannedDelete(delete.path, delete.model._meta.label, delete.pk, keeps_row=keeps_row)


def _links(change: LinkChange) -> list[PlannedLink]:
    attname = link_fields(change.holding.relation)[1].target_field.attname
    label = change.holding.relation.related_model._meta.label
    return [PlannedLink(change.holding.path(index), label, getattr(each, attname)) for index, each in change.added]


def _unlinks(change: LinkChange) -> list[PlannedUnlink]:
    path = path_of(change.holding.node, change.holding.relation.name)
    label = change.holding.relation.related_model._meta.label
    return [PlannedUnlink(path, label, value) for value in change.removed]
