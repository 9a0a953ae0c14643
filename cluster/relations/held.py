"""The list of objects that an instance holds for one relation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Self, overload

from django.db.models import Model

from cluster._compat import is_pk_set
from cluster.queryset import Source
from cluster.relations.describe import tables_of

Key = tuple[type[Model], Any]


def key_of(instance: Model) -> Key | None:
    """Return what equality goes by in Django (concrete model and primary key), or ``None`` while there is no key."""
    pk = instance.pk
    # Most keys are integers, which need no closer look: a key can be of several parts or left to the database.
    if pk is None or (type(pk) is not int and not is_pk_set(instance)):
        return None
    return (instance._meta.concrete_model, pk)  # type: ignore[return-value]


def keys_in_tables(instance: Model) -> Iterator[Key]:
    """Return the key of each table in which an instance has a row, its own first; nothing while it has no key."""
    key = key_of(instance)
    if key is not None:
        yield key
        tables: list[Any] = tables_of(type(instance))[1:]
        yield from ((each, getattr(instance, each._meta.pk.attname)) for each in tables)


class HeldList(Sequence[Model]):
    """Distinct objects in the order in which they came, found by key or identity without a scan.

    Every object has a slot; one that equals a held object takes its slot. The index is made on first use, so that a
    list can be unpickled before its objects are whole.

    Attributes:
        source: What querysets see of the list; ``None`` until the first is made.
    """

    __slots__ = ("_in_order", "_index", "_is_settled", "_next", "_slots", "source")

    def __init__(self, objects: Iterable[Model] = ()) -> None:
        self._fill(list(objects))

    def _fill(self, objects: list[Model]) -> None:
        self._slots: dict[int, Model] = dict(enumerate(objects))
        # What the slots have, made when it is asked for. Only _put() and _take_out() change slots.
        self._in_order: list[Model] | None = None
        self._next = len(objects)
        self._index: SlotIndex | None = None
        # Whether no object can equal one that came before it and was given its key meanwhile.
        self._is_settled = False
        self.source: Source | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is no object, which can be told without the index."""
        return not self._slots

    def __len__(self) -> int:
        if not self._is_settled:
            self._indexed()
        return len(self._slots)

    def __iter__(self) -> Iterator[Model]:
        return iter(self.objects())

    def objects(self) -> list[Model]:
        """Return the objects in a list that nobody changes: what changes this one has another made."""
        if not self._is_settled:
            self._indexed()
        if self._in_order is None:
            self._in_order = list(self._slots.values())
        return self._in_order

    @overload
    def __getitem__(self, index: int) -> Model: ...
    @overload
    def __getitem__(self, index: slice) -> list[Model]: ...
    def __getitem__(self, index: int | slice) -> Model | list[Model]:
        return self.objects()[index]

    def __contains__(self, candidate: object) -> bool:
        return isinstance(candidate, Model) and self.find(candidate) is not None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, list | HeldList):
            return list(self) == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))

    def find(self, candidate: Model) -> Model | None:
        """Return the held object that is, or equals, ``candidate``."""
        slot = self._indexed().slot_of(candidate, key_of(candidate))
        return None if slot is None else self._slots[slot]

    def by_key(self, key: Key) -> Model | None:
        """Return the held object with this concrete model and primary key."""
        slot = self._indexed().slot_of_key(key)
        return None if slot is None else self._slots[slot]

    def add(self, instance: Model) -> Model | None:
        """Append ``instance``, or put it in the slot of its equal; return the object that it replaced.

        Whether it equals an object that was given its key meanwhile is seen to when the list is next used otherwise, so
        that adding many takes linear time.
        """
        index, key = self._index or self._indexed(), key_of(instance)
        slot = index.slot_at_once(instance, key)
        if slot is None and key is not None and index.keyless and not instance._state.adding:
            self._is_settled = False
        return self._put(index, slot, instance, key)

    def _put(self, index: SlotIndex, slot: int | None, instance: Model, key: Key | None) -> Model | None:
        replaced = None
        if slot is None:
            slot = self._next
            self._next += 1
        else:
            replaced = self._slots[slot]
            if replaced is instance:
                return None
            index.forget(slot, replaced)
            self._replace(replaced, instance)
        self._slots[slot] = instance
        self._in_order = None
        index.remember(slot, instance, key)
        return replaced

    def _replace(self, replaced: Model, instance: Model) -> None:
        """Note that an object takes the slot of its equal."""

    def discard(self, instance: Model) -> Model | None:
        """Take out the object that is, or equals, ``instance`` and return it."""
        index = self._indexed()
        slot = index.slot_of(instance, key_of(instance))
        return None if slot is None else self._take_out(index, slot)

    def _take_out(self, index: SlotIndex, slot: int) -> Model:
        instance = self._slots.pop(slot)
        self._in_order = None
        index.forget(slot, instance)
        return instance

    def is_in_key_order(self, attname: str) -> bool:
        """Whether the order is that of the primary keys, objects without one last, as their rows will be.

        Known without a look at the objects that had a key when they came. The others may have been given one since, by
        anyone who sets the attribute, so it is read of each.

        Args:
            attname: The attribute with the primary key.
        """
        index = self._indexed()
        if not index.is_ascending or not index.keyless:
            return index.is_ascending
        keys = list(map(attrgetter(attname), index.keyless.values()))
        return keys.count(None) == len(keys)

    def put_in_order(self, ordered: Iterable[Model]) -> None:
        """Take the order of ``ordered``, which has the same objects."""
        HeldList._fill(self, list(ordered))

    def forget_index(self) -> None:
        """Have the objects indexed anew on the next use, as their keys may have been taken back."""
        self._index = None
        self._is_settled = False

    def copy(self) -> Self:
        """Return an independent list of the same objects."""
        return type(self)(self)

    def _indexed(self) -> SlotIndex:
        """Return the index; the first time, drop all but the last of equal objects."""
        index = self._index
        if index is None:
            came, self._slots, self._in_order = self._slots.values(), {}, None
            index = self._index = SlotIndex()
            for instance in came:
                # No object can have been given a key since it came.
                key = key_of(instance)
                self._put(index, index.slot_at_once(instance, key), instance, key)
        elif not self._is_settled:
            self._settle(index)
        self._is_settled = True
        return index

    def _settle(self, index: SlotIndex) -> None:
        """Put objects that came later in the slots of equal ones that were given their keys meanwhile."""
        for slot, key in index.keyed_meanwhile():
            later = index.by_key.get(key)
            if later is None or later < slot or self._slots[later]._state.adding:
                index.give_key(slot, key)
            else:
                self._put(index, slot, self._take_out(index, later), key)

    def __getstate__(self) -> list[Model]:
        return list(self)

    def __setstate__(self, objects: list[Model]) -> None:
        self._fill(objects)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # Two steps, so that a cycle (child -> parent -> this list -> child) finds the list while it is being filled.
        return (type(self), (), self.__getstate__())


class SlotIndex:
    """Slots by identity and by key, the key being the one an object had when it was last looked at."""

    __slots__ = ("_last", "by_identity", "by_key", "is_ascending", "keyless", "keys")

    def __init__(self) -> None:
        # Whether each key was greater than the one before, with the objects that had none at the end.
        self.is_ascending = True
        self._last: Any = None
        self.by_identity: dict[int, int] = {}
        self.by_key: dict[Key, int] = {}
        self.keys: dict[int, Key] = {}
        self.keyless: dict[int, Model] = {}

    def remember(self, slot: int, instance: Model, key: Key | None) -> None:
        """Index an object with the key that it has now."""
        self.by_identity[id(instance)] = slot
        if key is None:
            self.keyless[slot] = instance
            return
        if self.is_ascending and slot not in self.keys:
            self._note_order(key[1])
        self.by_key[key] = slot
        self.keys[slot] = key

    def _note_order(self, pk: Any) -> None:
        try:
            self.is_ascending = not self.keyless and (self._last is None or bool(self._last < pk))
        except TypeError:
            self.is_ascending = False
        self._last = pk

    def forget(self, slot: int, instance: Model) -> None:
        """Drop an object from the index, whatever became of its key."""
        del self.by_identity[id(instance)]
        self.keyless.pop(slot, None)
        key = self.keys.pop(slot, None)
        if key is not None:
            self.by_key.pop(key, None)

    def slot_at_once(self, candidate: Model, key: Key | None) -> int | None:
        """Return the slot of an object by identity, else by key, leaving out keys that were given meanwhile."""
        slot = self.by_identity.get(id(candidate))
        return self.by_key.get(key) if slot is None and key is not None else slot

    def slot_of(self, candidate: Model, key: Key | None) -> int | None:
        """Return the slot of an object by identity, else by key.

        One that was never saved cannot equal an object that was given its key by the database meanwhile, so that adding
        many of them stays linear.
        """
        slot = self.by_identity.get(id(candidate))
        if slot is None and key is not None:
            slot = self.by_key.get(key) if candidate._state.adding else self.slot_of_key(key)
        return slot

    def slot_of_key(self, key: Key) -> int | None:
        """Return the slot of a key, also of one that an object was given after it was added."""
        slot = self.by_key.get(key)
        if slot is None and self.keyless:
            for found, given in self.keyed_meanwhile():
                self.give_key(found, given)
            slot = self.by_key.get(key)
        return slot

    def keyed_meanwhile(self) -> list[tuple[int, Key]]:
        """Return the slots of objects that were given a key after they came, with the keys."""
        return [(slot, key) for slot, each in self.keyless.items() if (key := key_of(each)) is not None]

    def give_key(self, slot: int, key: Key) -> None:
        """Index an object with the key that it was given after it came."""
        del self.keyless[slot]
        self.by_key[key] = slot
        self.keys[slot] = key
