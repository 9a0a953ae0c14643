"""What one instance holds in memory, and what the database had when it began to."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from django.db.models import Model
from django.db.models.fields.files import FieldFile

from cluster._compat import is_pk_set
from cluster.relations.held import HeldList, Key, key_of

STATE = "_cluster_state"


def has_row(instance: Model) -> bool:
    """Whether the database knows the instance, as far as memory can tell: it was loaded or saved and has its key."""
    return not instance._state.adding and is_pk_set(instance)


def is_new(instance: Model) -> bool:
    """Whether the database cannot have rows that belong to an instance: it was never saved and names no row.

    Whether a new object with a key from a default has a row is not looked up, as Django does not.
    """
    if not is_pk_set(instance):
        return True
    return instance._state.adding and all(
        each.has_default() or each.has_db_default() for each in instance._meta.pk_fields
    )


@dataclass(frozen=True, slots=True)
class Baseline:
    """The rows that a live relation had when it became held.

    Attributes:
        rows: By key, the values of the loaded concrete fields by attname; for links, the ``through_defaults`` with
            which this save has written them, or an empty dict, and for children too whose rows have to be looked at
            before they are written or removed.
        owner: The primary key of the row whose relation it is; ``None`` while there was none.
    """

    rows: dict[Key, dict[str, Any]]
    owner: Any = None

    @classmethod
    def of(cls, instances: Iterable[Model], owner: Model, *, are_children: bool = True) -> Baseline:
        """Record the rows of a relation of ``owner`` as they were just loaded."""
        keyed = [(key, instance) for instance in instances if (key := key_of(instance)) is not None]
        rows = {key: kept_values(instance) if are_children else {} for key, instance in keyed}
        return cls(rows, owner.pk if has_row(owner) else None)

    def copy(self) -> Baseline:
        """Return an independent baseline."""
        return Baseline(dict(self.rows), self.owner)


def loaded_values(instance: Model) -> dict[str, Any]:
    """Return the values of the concrete fields that are loaded, by attname, without fetching deferred ones."""
    values = instance.__dict__
    return {attname: values[attname] for attname in concrete_attnames(type(instance)) if attname in values}


def kept_values(instance: Model) -> dict[str, Any]:
    """Return the loaded values so that a change made within one of them (a JSON dict, a file) does not reach them."""
    values = loaded_values(instance)
    for attname, value in values.items():
        if not isinstance(value, _IMMUTABLE):
            values[attname] = _kept(value)
    return values


_IMMUTABLE = (str, int, float, bool, bytes, date, time, timedelta, Decimal, UUID, type(None))


def _kept(value: Any) -> Any:
    if isinstance(value, FieldFile):
        return value.name
    return bytes(value) if isinstance(value, memoryview) else copy.deepcopy(value)


def concrete_attnames(model: type[Model]) -> tuple[str, ...]:
    """Return the attnames of the concrete fields of a model, those of its multi-table parents included."""
    return tuple(concrete.attname for concrete in model._meta.concrete_fields)


def is_named(concrete: Any, update_fields: Collection[str] | None) -> bool:
    """Whether a field is to be written, which ``update_fields`` may call by its name or by its attribute."""
    return update_fields is None or concrete.name in update_fields or concrete.attname in update_fields


@dataclass(frozen=True, slots=True)
class RowWrite:
    """The update of one child's row by the ``save()`` of its own class, which may ask for more than has changed.

    Attributes:
        fields: The fields that are to be written.
        before: The values by attname when it began, or as they were written since.
    """

    fields: tuple[Any, ...]
    before: dict[str, Any]

    def take_names(self, instance: Model, asked_for: frozenset[str] | None) -> frozenset[str]:
        """Return the names of the fields to write now: of those asked for, the ones that have changed."""
        values = instance.__dict__
        written = [
            each
            for each in instance._meta.concrete_fields
            if (each in self.fields or self._came_up(each, values)) and is_named(each, asked_for)
        ]
        self.before.update({each.attname: values[each.attname] for each in written})
        return frozenset(each.name for each in written)

    def _came_up(self, field: Any, values: dict[str, Any]) -> bool:
        if field.primary_key or field.generated:
            return False
        return bool(values.get(field.attname) != self.before.get(field.attname))


class Outcome(Protocol):
    """What is kept aside of a save until it is known whether its transaction was committed."""

    def settle(self) -> None:
        """Put memory back as it was before the save if its transaction was rolled back, and forget it when known."""
        ...


@dataclass(slots=True)
class ClusterState:
    """Everything that one instance holds in memory.

    Attributes:
        held: The held lists by relation name.
        baselines: By relation name what the database had; a held relation without one declares its whole content.
        given_away: By relation name and key the children that were taken out by giving them to another parent; a save
            of this parent leaves their rows alone while that one holds them. ``None`` where nobody knows whether it
            does, as in a copy.
        pending: What the last save put aside, while its outcome is open.
        is_being_saved: Whether a save of the cluster is writing this instance right now.
        row_write: What that save writes of the instance's row, if its class's own ``save()`` does it.
    """

    held: dict[str, HeldList] = field(default_factory=dict)
    baselines: dict[str, Baseline] = field(default_factory=dict)
    given_away: dict[str, dict[Key, Model | None]] = field(default_factory=dict)
    pending: Outcome | None = None
    is_being_saved: bool = False
    row_write: RowWrite | None = None

    def drop(self, name: str) -> None:
        """Forget what is held for a relation: the database answers again."""
        self.held.pop(name, None)
        self.baselines.pop(name, None)
        self.given_away.pop(name, None)

    def knew_no_row(self, name: str) -> bool:
        """Whether a relation became held while the instance had no row, and no save has begun to write it since."""
        baseline = self.baselines.get(name)
        return baseline is not None and baseline.owner is None and not self.is_being_saved

    def declare(self, name: str, held: HeldList) -> None:
        """Hold a list as the whole content of a relation, apart from the rows that went to another parent."""
        self.baselines.pop(name, None)
        self.held[name] = held

    def give_away(self, name: str, child: Model) -> None:
        """Take out a child that another parent gets; a save of this parent leaves its row to that one."""
        self.held[name].discard(child)
        key = key_of(child)
        if key is None:
            return
        self.given_away.setdefault(name, {})[key] = child
        if name in self.baselines:
            # Should it come back, its row may have changed with the other parent: it counts as unknown.
            self.baselines[name].rows.pop(key, None)

    def take_back(self, name: str, child: Model) -> None:
        """Answer for a child's row again, whatever its values are by now."""
        if self.given_away and name in self.given_away and (key := key_of(child)) in self.given_away[name]:
            del self.given_away[name][key]
            if name in self.baselines:
                self.baselines[name].rows[key] = {}

    def __getstate__(self) -> tuple[Any, ...]:
        # What is pending belongs to this process and connection: a copy starts from what is held now. What other
        # clusters hold is not taken along.
        given_away: dict[str, dict[Key, None]] = {name: dict.fromkeys(keys) for name, keys in self.given_away.items()}
        return (self.held, self.baselines, given_away)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.held, self.baselines, self.given_away = state
        self.pending, self.is_being_saved, self.row_write = None, False, None


def state_of(instance: Model) -> ClusterState | None:
    """Return what an instance holds, or ``None`` when it never held anything.

    Settles an open outcome first: after a rollback the state is the one before the save.
    """
    state: ClusterState | None = instance.__dict__.get(STATE)
    if state is not None and state.pending is not None:
        state.pending.settle()
        state = instance.__dict__.get(STATE)
    return state


def ensure_state(instance: Model) -> ClusterState:
    """Return what an instance holds, beginning an empty state for one that never held anything."""
    state = state_of(instance)
    if state is None:
        state = instance.__dict__[STATE] = ClusterState()
    return state
