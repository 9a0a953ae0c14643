"""The save of a cluster: survey and write in one transaction, memory restored when it fails."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from django.db import DatabaseError, connections, router, transaction
from django.db.models import Model
from django.db.models.signals import ModelSignal

from cluster._compat import is_pk_set
from cluster.errors import UnsavedParentError
from cluster.relations import Clusterable, ClusterState, Relation, ensure_state, state_of
from cluster.relations.outcome import CommitMark, Memory, PendingOutcome
from cluster.relations.state import is_new
from cluster.saving.apply import apply
from cluster.saving.databases import is_other_database
from cluster.saving.late_keys import RootKeys
from cluster.saving.making_way import make_way, takes_from_below, write_again
from cluster.saving.names import split_names
from cluster.saving.order import Park
from cluster.saving.plan import SavePlan, plan_of, planned_root
from cluster.saving.rebase import calls_user_code, rebase
from cluster.saving.rows import being_saved
from cluster.saving.survey import refuse_cycles, survey
from cluster.saving.work import Holding, Node, Work
from cluster.signals import cluster_saved, cluster_saving, cluster_writing


def save_cluster(
    instance: Model,
    write_root: Callable[..., None],
    *,
    using: str | None = None,
    update_fields: Iterable[str] | None = None,
    force_insert: bool | tuple[type[Model], ...] = False,
    force_update: bool = False,
) -> None:
    """Write an instance and everything it holds in one transaction.

    Within the save of a cluster that the instance is part of, only its own row is written.

    Args:
        instance: The root of the cluster.
        write_root: Django's own ``save()`` of the instance.
        using: The database alias; the router's choice for writing by default.
        update_fields: Names of fields and relations to write; all by default.
        force_insert: For the instance's own row.
        force_update: For the instance's own row.

    Raises:
        StaleClusterError: A row that was to be written is gone.
        ForeignChildError: A child names the row of another parent.
        ClusterCycleError: An instance is held below itself.
    """
    state = ensure_state(instance)
    fields, names = split_names(instance, update_fields)
    options: dict[str, Any] = {"force_insert": force_insert, "force_update": force_update, "update_fields": fields}
    if state.is_being_saved:
        if state.row_write is not None:
            options["update_fields"] = state.row_write.take_names(instance, fields)
            options["force_update"] = force_update or (instance._state.adding and not force_insert)
        write_root(using=using, **options)
        return
    if update_fields is not None and not fields and not names:
        return
    using = using or router.db_for_write(type(instance), instance=instance)
    save = ClusterSave(instance, state, using, names)
    if fields is None or fields:
        save.root_options = options
        save.write_root = write_root
    elif instance._state.adding:
        raise _unsaved(instance, ", ".join(sorted(names or ())))
    save.run()


def commit_relation(instance: Model, relation: Relation, *, using: str | None = None) -> None:
    """Write one held relation, in one transaction; afterwards it is live. Nothing happens while it is live.

    Raises:
        UnsavedParentError: The instance has no row.
    """
    if instance._state.adding or not is_pk_set(instance):
        raise _unsaved(instance, relation.name)
    state = state_of(instance)
    if state is None or state.is_being_saved or relation.name not in state.held:
        return
    using = using or router.db_for_write(type(instance), instance=instance)
    save = ClusterSave(instance, state, using, {relation.name})
    save.sends_signal = False
    save.run()


def plan_save(instance: Model, *, using: str | None = None) -> SavePlan:
    """Work out what saving ``instance`` would write, without writing.

    Reads one query per relation and level whose baseline is unknown.

    Args:
        instance: The root of the cluster.
        using: The database alias; the router's choice for writing by default.

    Returns:
        The inserts, updates, deletes, links and unlinks.

    Raises:
        StaleClusterError: A row that is to be written is known to be gone.
        ForeignChildError: A child names the row of another parent.
        ClusterCycleError: An instance is held below itself.
    """
    using = using or router.db_for_write(type(instance), instance=instance)
    root = Node(instance, ensure_state(instance), is_new=is_new(instance))
    work = survey(root, using=using, is_other_database=is_other_database(instance, using))
    return plan_of(work, planned_root(instance, None, created=is_created(instance)))


def is_created(instance: Model) -> bool:
    """Whether a save inserts the row: it was never saved, or deleted."""
    return instance._state.adding or not is_pk_set(instance)


def _unsaved(instance: Model, names: str) -> UnsavedParentError:
    return UnsavedParentError(
        f"Cannot commit relation {names!r} on an unsaved model: save the {instance._meta.object_name} first."
    )


class ClusterSave:
    """One save: what it is asked for, and what it must put back if it fails."""

    def __init__(self, instance: Model, state: ClusterState, using: str, names: Collection[str] | None) -> None:
        self.instance = instance
        self.state = state
        self.using = using
        self.names = names
        self.write_root: Callable[..., None] | None = None
        self.root_options: dict[str, Any] = {}
        self.sends_signal = True
        self.memory = Memory()
        self.mark = CommitMark()
        self.is_written = False
        self.root_keys: RootKeys | None = None

    def run(self) -> None:
        """Save in one transaction; on failure memory is as before."""
        self.memory.keep(self.instance)
        self.memory.keep_state(self.instance, self.state)
        outcome = PendingOutcome(connections[self.using], self.mark, self.memory)
        try:
            with transaction.atomic(using=self.using):
                transaction.on_commit(self.mark, using=self.using)
                self._write(outcome)
                self.is_written = True
        except BaseException as error:
            # After the commit it is a callback of somebody else that failed.
            if not self.mark.is_committed:
                self._give_up(error)
            raise
        finally:
            if self.mark.is_committed:
                outcome.forget()
        if not self.mark.is_committed:
            self.memory.seal()

    def _give_up(self, error: BaseException) -> None:
        self.memory.restore()
        connection = connections[self.using]
        if self.is_written and connection.in_atomic_block and not isinstance(error, DatabaseError):
            # Django rolls a savepoint back that it cannot release for errors of the database alone.
            connection.needs_rollback = True

    def _write(self, outcome: PendingOutcome) -> None:
        created, was_new = is_created(self.instance), is_new(self.instance)
        is_other = is_other_database(self.instance, self.using)
        parks: list[Park] = []
        if self.write_root is not None and takes_from_below(type(self.instance)):
            parks = make_way(self.instance, self._survey(is_new=was_new, is_other_database=is_other))
        self._write_root()
        how = {"is_new": was_new, "is_other_database": is_other}
        work = self._told(self._survey(**how), **how)
        write_again(parks, work)
        plan = self._plan(work, created=created)
        self._apply(work)
        if self.root_keys is not None:
            self.root_keys.write(self.using)
        while calls_user_code(work):
            # What was called may have changed what is held: look again, with what is written now as the baseline.
            rebase(work)
            work = self._survey()
            if work.is_empty:
                break
            work = self._told(work)
            self._apply(work)
        self._finish(work, outcome)
        if is_other:
            self._move_to_database(work)
        if plan is not None:
            self._announce(plan, created=created)

    def _survey(self, *, is_new: bool = False, is_other_database: bool = False) -> Work:
        root = Node(self.instance, self.state, is_new=is_new)
        return survey(root, using=self.using, names=self.names, is_other_database=is_other_database)

    def _told(self, work: Work, *, is_new: bool = False, is_other_database: bool = False) -> Work:
        """Tell receivers what will be written, and return what is to be written by what they did."""
        if not cluster_saving.has_listeners(type(self.instance)):
            return work
        self._keep(work)
        self._send(cluster_saving, work)
        return self._survey(is_new=is_new, is_other_database=is_other_database)

    def _send(self, signal: ModelSignal, work: Work) -> None:
        rows = [each.instance for each in work.written()]
        # What receivers save meanwhile is a row alone: the relations are on their way.
        with being_saved([node.state for node in work.nodes]):
            signal.send(sender=type(self.instance), instance=self.instance, rows=rows, using=self.using)

    def _keep(self, work: Work) -> None:
        for node in work.nodes:
            self.memory.keep_state(node.instance, node.state)
        for each in work.written():
            self.memory.keep(each.instance)
            if isinstance(each.instance, Clusterable) and (state := state_of(each.instance)) is not None:
                # Its own save() may come to hold something.
                self.memory.keep_state(each.instance, state)

    def _apply(self, work: Work) -> None:
        self._keep(work)
        self._send(cluster_writing, work)
        with being_saved([node.state for node in work.nodes]):
            apply(work, self.instance)
        if connections[self.using].savepoint_ids:
            self._have_children_ask(work)

    def _have_children_ask(self, work: Work) -> None:
        """Within another transaction, let new children ask for the outcome when they are looked at before the root."""
        for each in work.inserts:
            if isinstance(each.instance, Clusterable):
                self.memory.keep_state(each.instance, ensure_state(each.instance))

    def _move_to_database(self, work: Work) -> None:
        for holding in work.holdings:
            for child in holding.objects if holding.relation.is_child else ():
                self.memory.keep(child)
                child._state.db = self.using

    def _write_root(self) -> None:
        if self.write_root is not None:
            self.root_keys = RootKeys(self.instance, self.root_options.get("update_fields"))
            self.root_keys.detach()
            self.state.is_being_saved = True
            try:
                self.write_root(using=self.using, **self.root_options)
            except ValueError:
                # Django's words for an unsaved parent do not tell that it is the instance itself, further down.
                refuse_cycles(Node(self.instance, self.state))
                raise
            self.state.is_being_saved = False

    def _plan(self, work: Work, *, created: bool) -> SavePlan | None:
        if not self.sends_signal or not cluster_saved.has_listeners(type(self.instance)):
            return None
        fields = self.root_options.get("update_fields")
        root = planned_root(self.instance, fields, created=created) if self.write_root is not None else None
        return plan_of(work, root)

    def _finish(self, work: Work, outcome: PendingOutcome) -> None:
        """Make what was written live again, and let every instance that holds anything wait for the outcome."""
        for holding in work.holdings:
            holding.node.state.drop(holding.relation.name)
            self._forget_prefetched(holding)
        outcome.attach(kept.state for kept in self.memory.states.values())

    def _forget_prefetched(self, holding: Holding) -> None:
        instance = holding.node.instance
        prefetched = instance.__dict__.get("_prefetched_objects_cache", {})
        if holding.relation.name in prefetched:
            self.memory.keep(instance)
            kept = {name: rows for name, rows in prefetched.items() if name != holding.relation.name}
            instance.__dict__["_prefetched_objects_cache"] = kept

    def _announce(self, plan: SavePlan, *, created: bool) -> None:
        names = self.root_options.get("update_fields")
        asked_for = (
            None if names is None and self.names is None else frozenset(names or ()) | frozenset(self.names or ())
        )
        cluster_saved.send(
            sender=type(self.instance),
            instance=self.instance,
            created=created,
            plan=plan,
            using=self.using,
            update_fields=asked_for,
        )
