"""Write what a survey found, in an order in which every legal end state can be reached."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from cluster.saving.free_values import FreeValues
from cluster.saving.late_keys import generic_keys_of
from cluster.saving.linking import write_links
from cluster.saving.order import parks_for_later
from cluster.saving.parking import park_rows
from cluster.saving.removing import delete_rows, late_deletes, release_rows
from cluster.saving.rows import insert_rows, update_rows
from cluster.saving.work import Insert, Update, Work


def apply(work: Work, root: Model) -> None:
    """Write the rows: deletions, updates of rows that need nothing new, then level by level; links come last.

    A deletion that would take rows along which are moved away is the exception: it comes after them.
    """
    if not work.is_empty:
        Application(work, root).run()


class Application:
    """One run over the work of a save.

    Attributes:
        unsaved: The identities of the instances that are still to be inserted.
        waiting: The updates that point at one of these.
        detached: Updates that set keys which had to be left null when their rows were inserted.
    """

    def __init__(self, work: Work, root: Model) -> None:
        self.work = work
        self.root = root
        self.using = work.using
        self.unsaved = {id(each.instance) for each in work.inserts}
        self.waiting = [each for each in work.updates if self._is_blocked(each)]
        self.detached: list[Update] = []

    def run(self) -> None:
        """Write everything in order."""
        work, waiting = self.work, {id(each) for each in self.waiting}
        ready = [each for each in work.updates if id(each) not in waiting]
        late = late_deletes(work)
        late_ids = {id(each) for each in late}
        if self.waiting or late:
            parks = parks_for_later(ready, work.inserts, self.waiting, late)
            park_rows(parks, FreeValues.for_rows(work.written(), self.using))
        release_rows(work.releases, self.using)
        delete_rows([each for each in work.deletes if id(each) not in late_ids], self.using, self.root)
        update_rows(ready, self.using)
        self._write_levels()
        delete_rows(late, self.using, self.root)
        write_links(work.links, self.using)

    def _write_levels(self) -> None:
        levels: dict[int, list[Insert]] = {}
        for each in self.work.inserts:
            levels.setdefault(each.level, []).append(each)
        carried: list[Insert] = []
        for level in sorted(levels):
            self._update_ready()
            carried = self._insert_ready([*carried, *levels[level]])
        if carried:
            self._insert_detached(carried)
        self._update_ready()
        update_rows(self.detached, self.using)

    def _update_ready(self) -> None:
        """Write the waiting updates for which everything is there now."""
        if self.waiting:
            ready = [each for each in self.waiting if not self._is_blocked(each)]
            self.waiting = [each for each in self.waiting if self._is_blocked(each)]
            update_rows(ready, self.using)

    def _insert_ready(self, inserts: list[Insert]) -> list[Insert]:
        """Insert in waves what points at nothing unsaved; return what is left."""
        while inserts:
            ready = [each for each in inserts if not self._is_blocked(each)]
            if not ready:
                break
            inserts = [each for each in inserts if self._is_blocked(each)] if len(ready) < len(inserts) else []
            insert_rows(ready, self.using)
            self.unsaved.difference_update(id(each.instance) for each in ready)
        return inserts

    def _insert_detached(self, inserts: list[Insert]) -> None:
        """Insert rows that point at one another in a circle: keys that may be null are set afterwards."""
        for each in inserts:
            for field, target in self._blocking_keys(each.instance):
                if field.null and all(field is not key for key, _ in each.pointers):
                    self.detached.append(
                        Update(each.instance, each.holding, each.index, each.level, [field], {}, [(field, target)])
                    )
                    field.delete_cached_value(each.instance)
        left = self._insert_ready(inserts)
        # What is left points at unsaved objects by keys that may not be null: Django has the words for that.
        insert_rows(left, self.using)

    def _blocking_keys(self, instance: Model) -> list[tuple[Any, Model]]:
        return [
            (field, target)
            for field in keys_of(type(instance))
            if field.is_relation
            and (target := field.get_cached_value(instance, default=None)) is not None
            and id(target) in self.unsaved
        ]

    def _is_blocked(self, written: Insert | Update) -> bool:
        """Whether a row points at one that is still to be inserted."""
        unsaved = self.unsaved
        if any(id(parent) in unsaved for _, parent in written.pointers):
            return True
        cached: dict[str, Any] = written.instance._state.fields_cache
        return len(cached) > len(written.pointers) and any(
            field.is_relation and id(field.get_cached_value(written.instance, default=None)) in unsaved
            for field in keys_of(type(written.instance))
        )


def keys_of(model: type[Model]) -> tuple[Any, ...]:
    """Return everything by which a row may point at another: its columns and its generic keys."""
    return (*model._meta.concrete_fields, *generic_keys_of(model))
