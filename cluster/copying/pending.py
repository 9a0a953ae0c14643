"""Plain many-to-many links of copies: no instance can hold them, so they are written when the cluster is saved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import ManyToManyField, Model

from cluster.copying.links import ends_of
from cluster.saving.reading import chunks
from cluster.signals import cluster_saved

PENDING = "_cluster_pending_links"
RECEIVER = "cluster.copying.pending"


@dataclass(frozen=True, slots=True, eq=False)
class PendingLinks:
    """Links that a copy is to get.

    Attributes:
        name: The name of the many-to-many field.
        copied: The copy.
        targets: What it is to be linked to, each with the values of its row of the through model.
    """

    name: str
    copied: Model
    targets: tuple[tuple[Model, dict[str, Any]], ...]


def leave_for_save(root: Model, pending: Iterable[PendingLinks]) -> None:
    """Note links to be written in the transaction of the next save of ``root``."""
    links = tuple(pending)
    if links:
        # One receiver per class that needs it, as a receiver of all classes would make every save work out its plan.
        cluster_saved.connect(write_after_save, sender=type(root), dispatch_uid=RECEIVER)
        root.__dict__[PENDING] = (*root.__dict__.get(PENDING, ()), *links)


def write_after_save(sender: Any, instance: Model, using: str, **kwargs: Any) -> None:
    """Write what is pending for a cluster that has just been saved."""
    write_pending(instance, using=using)


def write_pending(root: Model, *, using: str) -> None:
    """Write the pending links of all copies that have their rows by now; one INSERT per many-to-many field.

    After a rollback they are pending again.
    """
    pending: tuple[PendingLinks, ...] = root.__dict__.get(PENDING, ())
    ready = [each for each in pending if not each.copied._state.adding]
    by_field: dict[Any, list[PendingLinks]] = {}
    for each in ready:
        by_field.setdefault(each.copied._meta.get_field(each.name), []).append(each)
    for field, same in by_field.items():
        if isinstance(field, ManyToManyField):
            _write_rows(field, same, using)
        else:
            _write_by_manager(same, using)
    if ready:
        transaction.on_commit(Forget(root, frozenset(ready)), using=using)


@dataclass(frozen=True, slots=True)
class Forget:
    """Drops links that are written from what is pending, once their transaction is committed."""

    root: Model
    written: frozenset[PendingLinks]

    def __call__(self) -> None:
        left = tuple(each for each in self.root.__dict__.get(PENDING, ()) if each not in self.written)
        self.root.__dict__[PENDING] = left


def _write_rows(field: Any, pending: list[PendingLinks], using: str) -> None:
    """Write the rows of the through model that are not there yet; of several for the same two objects the last."""
    through: Any = field.remote_field.through
    source, target = ends_of(field)
    links = through._base_manager.using(using).values_list(source.attname, target.attname)
    there: set[Any] = set()
    for wanted in chunks(getattr(each.copied, source.target_field.attname) for each in pending):
        there.update(links.filter(**{f"{source.attname}__in": wanted}))
    rows = {
        pair: through(**extras, **dict(zip((source.attname, target.attname), pair, strict=True)))
        for pair, extras in _pairs_to_write(field, pending)
        if pair not in there
    }
    through._base_manager.using(using).bulk_create(rows.values())


def _pairs_to_write(field: Any, pending: list[PendingLinks]) -> Iterator[tuple[tuple[Any, Any], dict[str, Any]]]:
    """Give the two values of each link with what goes with it; a symmetrical one is a link in both directions."""
    source, target = ends_of(field)
    for each in pending:
        from_value = getattr(each.copied, source.target_field.attname)
        for linked, extras in each.targets:
            to_value = getattr(linked, target.target_field.attname)
            yield (from_value, to_value), extras
            if field.remote_field.symmetrical:
                yield (to_value, from_value), extras


def _write_by_manager(pending: list[PendingLinks], using: str) -> None:
    """Write links of a field that is not Django's own (tags) by its manager."""
    for each in pending:
        getattr(each.copied, each.name).set([linked for linked, _ in each.targets])
