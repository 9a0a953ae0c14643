"""What a save keeps aside of memory, to put it back when the save or a transaction around it is rolled back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from django.db.models.fields.files import FieldFile

from cluster.relations.held import HeldList, Key
from cluster.relations.held_links import HeldLinks
from cluster.relations.replaying import Later, Replay, leave_to_other_parents
from cluster.relations.state import Baseline, ClusterState, Outcome

_ABSENT = object()

# The method by which Django's connections commit, in atomic() blocks and by hand.
COMMIT = "commit"


@dataclass(slots=True, eq=False)
class KeptInstance:
    """One instance's attributes as they were."""

    instance: Model
    attributes: dict[str, Any]
    adding: bool
    db: str | None
    cached: dict[str, Any]
    files: tuple[tuple[FieldFile, dict[str, Any]], ...]

    @classmethod
    def of(cls, instance: Model) -> KeptInstance:
        """Record an instance as it is now."""
        attributes, state = instance.__dict__.copy(), instance._state
        files = tuple((value, value.__dict__.copy()) for value in attributes.values() if isinstance(value, FieldFile))
        return cls(instance, attributes, state.adding, state.db, state.fields_cache.copy(), files)

    def restore(self) -> None:
        """Make the instance exactly what it was."""
        attributes = self.instance.__dict__
        attributes.clear()
        attributes.update(self.attributes)
        self._restore_row()
        self.instance._state.fields_cache = self.cached

    def seal(self) -> None:
        """Keep only what has changed since: pairs of the value before and the one after."""
        self.attributes = _changes(self.attributes, self.instance.__dict__)
        self.cached = _changes(self.cached, self.instance._state.fields_cache)

    def undo(self) -> None:
        """Take back what the save changed, except where something was changed again after it."""
        _take_back(self.attributes, self.instance.__dict__)
        _take_back(self.cached, self.instance._state.fields_cache)
        self._restore_row()

    def _restore_row(self) -> None:
        self.instance._state.adding, self.instance._state.db = self.adding, self.db
        for file, attributes in self.files:
            file.__dict__.clear()
            file.__dict__.update(attributes)


def _changes(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    pairs = {name: (before.get(name, _ABSENT), now.get(name, _ABSENT)) for name in before.keys() | now.keys()}
    return {name: (old, new) for name, (old, new) in pairs.items() if old is not new}


def _take_back(changes: dict[str, Any], now: dict[str, Any]) -> None:
    for name, (old, new) in changes.items():
        if now.get(name, _ABSENT) is not new:
            continue
        if old is _ABSENT:
            del now[name]
        else:
            now[name] = old


@dataclass(slots=True, eq=False)
class KeptState:
    """What one instance held."""

    instance: Model
    state: ClusterState
    held: dict[str, HeldList]
    baselines: dict[str, Baseline]
    given_away: dict[str, dict[Key, Model | None]]
    pending: Outcome | None
    is_being_saved: bool

    @classmethod
    def of(cls, instance: Model, state: ClusterState) -> KeptState:
        """Record a state as it is now; held lists are kept themselves, as a save does not change them."""
        held, baselines = dict(state.held), dict(state.baselines)
        given_away = {name: dict(keys) for name, keys in state.given_away.items()}
        return cls(instance, state, held, baselines, given_away, state.pending, state.is_being_saved)

    def restore(self) -> None:
        """Make the state what it was."""
        state = self.state
        state.held, state.baselines, state.given_away = self.held, self.baselines, self.given_away
        state.pending, state.is_being_saved = self.pending, self.is_being_saved
        for held in self.held.values():
            held.forget_index()


class Memory:
    """Everything that a save is about to change in memory, as it was before."""

    __slots__ = ("instances", "states")

    def __init__(self) -> None:
        self.instances: dict[int, KeptInstance] = {}
        self.states: dict[int, KeptState] = {}

    def keep(self, instance: Model) -> None:
        """Record an instance, unless it is recorded already."""
        if id(instance) not in self.instances:
            self.instances[id(instance)] = KeptInstance.of(instance)

    def keep_state(self, instance: Model, state: ClusterState) -> None:
        """Record what an instance holds, unless it is recorded already."""
        if id(state) not in self.states:
            self.states[id(state)] = KeptState.of(instance, state)

    def restore(self) -> None:
        """Put everything back exactly as it was."""
        for instance in self.instances.values():
            instance.restore()
        for state in self.states.values():
            state.restore()

    def seal(self) -> None:
        """Keep only what the save has changed."""
        for instance in self.instances.values():
            instance.seal()

    def undo(self) -> None:
        """Put back what the save changed, and do again what was changed after it."""
        states = self.states.values()
        written = [*(kept.instance for kept in self.instances.values()), *(kept.instance for kept in states)]
        children = [
            each for kept in states for held in kept.held.values() if not isinstance(held, HeldLinks) for each in held
        ]
        changed = [kept for kept in states if kept.state.held or kept.state.given_away]
        replay = Replay([*children, *written], [Later.of(each.instance, each.instance, each.state) for each in changed])
        for instance in self.instances.values():
            instance.undo()
        for kept in states:
            kept.restore()
            # An earlier save of the same block is not taken back before the changes after this one are brought in.
            kept.state.pending = None
        for kept in states:
            leave_to_other_parents(kept.instance, kept.state)
        replay.run()
        for kept in states:
            kept.state.pending = kept.pending


class CommitMark:
    """Told by the connection that the transaction is committed; all that a connection knows of a save."""

    __slots__ = ("is_committed",)

    def __init__(self) -> None:
        self.is_committed = False

    def __call__(self) -> None:
        self.is_committed = True


class WatchedCommit:
    """Tells the marks of a connection of a commit at once, before any callback runs.

    A callback that fails keeps Django from running those after it, so that a mark behind it would never be told; and
    where transactions are managed by hand, callbacks wait for autocommit, or are dropped by the rollback of the next
    transaction. Stands in the place of the connection's method for one commit.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection

    @classmethod
    def see_to(cls, connection: BaseDatabaseWrapper) -> None:
        """See that the marks of a connection will be told."""
        if COMMIT not in vars(connection):
            setattr(connection, COMMIT, cls(connection))

    def __call__(self) -> None:
        delattr(self._connection, COMMIT)
        self._connection.commit()
        for _, callback, *_ in self._connection.run_on_commit:
            if isinstance(callback, CommitMark):
                callback()


class PendingOutcome:
    """A save inside a transaction that is still open, with the memory to put back if it is rolled back.

    Django tells of a commit, but not of a rollback: it drops the callbacks that were to run at the commit. So a mark
    that has not been called and is no longer registered tells that its transaction or savepoint was rolled back.
    """

    __slots__ = ("_callbacks", "_connection", "_is_undone", "_mark", "_memory")

    def __init__(self, connection: BaseDatabaseWrapper, mark: CommitMark, memory: Memory) -> None:
        WatchedCommit.see_to(connection)
        self._connection = connection
        self._mark = mark
        self._memory = memory
        self._is_undone = False
        # The connection makes a new list whenever it drops callbacks: the same one means that nothing was dropped.
        self._callbacks: Any = None

    def attach(self, states: Iterable[ClusterState]) -> None:
        """Make the states ask for the outcome when they are next looked at."""
        self._callbacks = self._connection.run_on_commit
        for state in states:
            state.pending = self

    def settle(self) -> None:
        """Forget the memory after a commit, put it back after a rollback, wait while the transaction is open."""
        unfinished: list[PendingOutcome] = [self]
        met = {id(self)}
        while unfinished:
            outcome = unfinished.pop()
            if outcome._mark.is_committed:
                outcome.forget()
                continue
            if outcome._is_undone or outcome._is_open():
                continue
            # First what came after: it may have kept what was changed since.
            later = outcome._others(met)
            if later:
                unfinished += [outcome, *later]
                continue
            outcome._is_undone = True
            outcome._memory.undo()
            unfinished += outcome._others(met)

    def _others(self, met: set[int]) -> list[PendingOutcome]:
        """Return other saves that instances of this one wait for, each once."""
        found = []
        for kept in self._memory.states.values():
            pending = kept.state.pending
            if isinstance(pending, PendingOutcome) and id(pending) not in met:
                met.add(id(pending))
                found.append(pending)
        return found

    def forget(self) -> None:
        """Let go of what was kept; the save is final."""
        for kept in self._memory.states.values():
            if kept.state.pending is self:
                kept.state.pending = None

    def _is_open(self) -> bool:
        registered = self._connection.run_on_commit
        if registered is self._callbacks:
            return True
        if any(callback is self._mark for _, callback, *_ in registered):
            self._callbacks = registered
            return True
        return False
