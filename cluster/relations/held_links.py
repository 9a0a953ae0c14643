"""The list of objects that an instance holds for one many-to-many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from django.db.models import Model

from cluster.relations.held import HeldList


@dataclass(frozen=True, slots=True)
class LinkNotes:
    """What is noted of one link.

    Attributes:
        through_defaults: What its row of the through model is to have besides the two keys.
        is_anew: Whether a row that links the object already is replaced, as by taking it out and adding it again.
        is_made: Whether the object was made through the relation, and so is to be saved with it.
    """

    through_defaults: Mapping[str, Any] = field(default_factory=dict)
    is_anew: bool = False
    is_made: bool = False


NOTHING = LinkNotes()


class HeldLinks(HeldList):
    """The objects of a many-to-many, each with what is noted of its link."""

    __slots__ = ("_notes",)

    def _fill(self, objects: list[Model]) -> None:
        super()._fill(objects)
        self._notes: dict[int, LinkNotes] = {}

    def notes_of(self, instance: Model) -> LinkNotes:
        """Return what is noted of the link to a held object."""
        return self._notes.get(id(instance), NOTHING)

    def _note(self, instance: Model, **changes: Any) -> None:
        self._notes[id(instance)] = replace(self.notes_of(instance), **changes)

    def note_made(self, instance: Model) -> None:
        """Note that a held object was made through the relation, and so is to be saved with it."""
        self._note(instance, is_made=True)

    def is_made(self, instance: Model) -> bool:
        """Whether a held object was made through the relation and has no row yet."""
        return self.notes_of(instance).is_made and instance._state.adding

    def give_defaults(self, instance: Model, defaults: Mapping[str, Any], *, anew: bool = False) -> None:
        """Note the ``through_defaults`` with which a held object is linked.

        Args:
            instance: The object.
            defaults: What its row of the through model is to have.
            anew: Whether this holds for an object that is linked in the database too: its row is replaced.
        """
        self._note(instance, through_defaults=defaults, is_anew=anew)

    def defaults_of(self, instance: Model) -> Mapping[str, Any]:
        """Return the ``through_defaults`` with which a held object is linked."""
        return self.notes_of(instance).through_defaults

    def take_notes(self, instance: Model, other: HeldLinks, noted: Model) -> None:
        """Note of a held object what another list notes of one that stands for the same row."""
        notes = other.notes_of(noted)
        if notes is not NOTHING:
            self._notes[id(instance)] = notes

    def _replace(self, replaced: Model, instance: Model) -> None:
        notes = self._notes.pop(id(replaced), None)
        if notes is not None:
            self._notes.setdefault(id(instance), notes)

    def discard(self, instance: Model) -> Model | None:
        """Take out an object together with what is noted of it."""
        held = super().discard(instance)
        if held is not None:
            self._notes.pop(id(held), None)
        return held

    def linked_anew(self) -> Iterator[Model]:
        """Return the objects whose rows of the through model are replaced where there are any."""
        return (each for each in self if self.notes_of(each).is_anew)

    def copy(self) -> Self:
        """Return an independent list of the same objects and notes."""
        copied = super().copy()
        copied._notes = dict(self._notes)
        return copied

    def __getstate__(self) -> Any:
        return (list(self), [self.notes_of(each) for each in self])

    def __setstate__(self, state: Any) -> None:
        objects, notes = state
        self._fill(objects)
        self._notes = {id(each): noted for each, noted in zip(objects, notes, strict=True) if noted != NOTHING}
