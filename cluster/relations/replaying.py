"""What was changed in memory after a save that is taken back, done again on what the save had kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from cluster.relations.clusterable import Clusterable
from cluster.relations.describe import relations_of
from cluster.relations.held import HeldList, Key, key_of, keys_in_tables
from cluster.relations.held_links import HeldLinks
from cluster.relations.holding import add_children, held_list
from cluster.relations.state import Baseline, ClusterState, ensure_state, has_row, kept_values, state_of


@dataclass(frozen=True, slots=True)
class Later:
    """What an instance came to hold after the save.

    Attributes:
        instance: The instance that held something at the save.
        source: The instance that was changed: itself, or one that was loaded for the same row after the save.
    """

    instance: Model
    source: Model
    held: dict[str, HeldList]
    baselines: dict[str, Baseline]
    given_away: dict[str, dict[Key, Model | None]]

    @classmethod
    def of(cls, instance: Model, source: Model, state: ClusterState) -> Later:
        """Record what a state holds now."""
        return cls(instance, source, state.held, state.baselines, state.given_away)


class Replay:
    """Brings what was held after a save together with what it had kept.

    Objects that were loaded for rows which the save wrote stand for the objects that it wrote: what was changed in them
    is changed in these, and they are what is held. To be made while the instances still have what the save gave them.

    Attributes:
        keys: By identity the keys that the written instances have.
        originals: The written instances by key.
        unfinished: What is still to be brought together.
    """

    def __init__(self, written: Iterable[Model], changes: Iterable[Later]) -> None:
        self.keys = {id(each): key for each in written if (key := key_of(each)) is not None}
        known = [each for each in written if id(each) in self.keys]
        self.originals = {key: each for each in known for key in keys_in_tables(each)}
        self.originals |= {self.keys[id(each)]: each for each in known}
        self.unfinished = list(changes)

    def run(self) -> None:
        """Do everything again; no query."""
        while self.unfinished:
            later = self.unfinished.pop()
            state = ensure_state(later.instance)
            for name, held in later.held.items():
                if state.held.get(name) is not held:
                    Content(self, later, name).bring_together()
                elif name in later.given_away:
                    state.given_away[name] = later.given_away[name]
            self._give_away(later, state)

    def _give_away(self, later: Later, state: ClusterState) -> None:
        for name, keys in later.given_away.items():
            for key, given in list(keys.items()):
                child = self.original_of(key, state.held.get(name))
                if child is None:
                    state.given_away.setdefault(name, {})[key] = given
                elif has_row(child):
                    state.give_away(name, child)
                    # It may be the object that was loaded since which the other parent holds.
                    state.given_away[name][key] = given

    def key(self, instance: Model) -> Key | None:
        """Return the key that an instance had before the save was taken back."""
        return self.keys.get(id(instance)) or key_of(instance)

    def original_of(self, key: Key, held: HeldList | None) -> Model | None:
        """Return the object that stands for a row: the one that was written, or the one that is held."""
        return self.originals.get(key) or (None if held is None else held.by_key(key))

    def stand_in(self, instance: Model, skipped: frozenset[str]) -> Model:
        """Return the object that is to be held in place of one that was added or declared later."""
        key = self.key(instance)
        original = instance if key is None else self.originals.get(key, instance)
        self.take_over(instance, original, None, skipped)
        return original

    def take_over(self, source: Model, original: Model, known: dict[str, Any] | None, skipped: frozenset[str]) -> None:
        """Change ``original`` as ``source`` was changed; what is held below it comes later.

        Args:
            source: What was held later.
            original: What is held for the same row, or the same object.
            known: The row's values when it was loaded; unknown for an object that was added or declared.
            skipped: The names of fields that tell the parent that holds it, which are not taken over.
        """
        now, before = kept_values(source), kept_values(original) if known is None else known
        for field in source._meta.concrete_fields:
            if not (field.primary_key or field.generated or field.name in skipped):
                name = field.attname
                has_changed = name in now and now[name] != before.get(name, now[name])
                self._take_over_field(source, original, field, has_changed=has_changed)
        state = state_of(source) if source is not original and isinstance(source, Clusterable) else None
        if state is not None:
            self.unfinished.append(Later.of(original, source, state))

    def _take_over_field(self, source: Model, original: Model, field: Any, *, has_changed: bool) -> None:
        target = self._target_of(source, field) if field.is_relation else None
        if target is None:
            if has_changed:
                setattr(original, field.attname, source.__dict__[field.attname])
        elif target is not field.get_cached_value(original, default=None) and (has_changed or not has_row(target)):
            setattr(original, field.name, target)

    def _target_of(self, source: Model, field: Any) -> Model | None:
        target = field.get_cached_value(source, default=None)
        if target is not None:
            key = self.key(target)
            stands: Model = target if key is None else self.originals.get(key, target)
            return stands
        concrete, value = field.related_model._meta.concrete_model, source.__dict__.get(field.attname)
        return self.originals.get((concrete, value)) if field.target_field.primary_key else None


class Content:
    """What one relation held at the save and later, to be brought together."""

    def __init__(self, replay: Replay, later: Later, name: str) -> None:
        self.replay = replay
        self.parent, self.source = later.instance, later.source
        self.relation = relations_of(type(self.parent))[name]
        self.skipped = self.relation.filled if self.relation.is_child else frozenset()
        self.state = ensure_state(self.parent)
        self.later, self.baseline = later.held[name], later.baselines.get(name)
        self.kept = self.state.held.get(name)

    def bring_together(self) -> None:
        """Hold what was declared later, or what was held with the later changes in it."""
        name = self.relation.name
        if self.baseline is None:
            self.state.declare(name, self._stand_ins())
        elif self.kept is None and has_row(self.parent):
            # The save did not write the relation: it was read from the database since.
            self.state.held[name], self.state.baselines[name] = self._stand_ins(), self.baseline
        else:
            if self.kept is None:
                self.state.held[name], self.state.baselines[name] = type(self.later)(), Baseline({})
            self._change(self.state.held[name], self.baseline.rows)

    def _stand_ins(self) -> HeldList:
        held = type(self.later)()
        for each in list(self.later):
            self._add(held, each)
        return held

    def _change(self, held: HeldList, rows: dict[Key, dict[str, Any]]) -> None:
        """Remove from the kept list what was removed, add what was added, and change what was changed."""
        left = dict(rows)
        for each in list(self.later):
            key = self.replay.key(each)
            if key is None or key not in left:
                self._add(held, each)
            else:
                self._change_one(held, each, key, left.pop(key))
        for key, known in left.items():
            self._remove(held, key, known)

    def _change_one(self, held: HeldList, each: Model, key: Key, known: dict[str, Any]) -> None:
        original = self.replay.original_of(key, held)
        if original is not None:
            if self.relation.is_child:
                self.replay.take_over(each, original, known or None, self.skipped)
            self._take_notes(held, original, self.later, each)
        elif _has_changed(each, known):
            self._know(key, known)
            self._add(held, each)

    def _remove(self, held: HeldList, key: Key, known: dict[str, Any]) -> None:
        original = self.replay.original_of(key, held)
        if original is None:
            self._know(key, known)
        elif held.discard(original) is not None and self.relation.releases:
            self.relation.point(original, None)

    def _know(self, key: Key, known: dict[str, Any]) -> None:
        """Note a row that came to the relation since the save, unless the kept content was declared."""
        baseline = self.state.baselines.get(self.relation.name)
        if baseline is not None:
            baseline.rows.setdefault(key, known)

    def _add(self, held: HeldList, each: Model) -> None:
        child = self.replay.stand_in(each, self.skipped)
        if self.relation.is_child:
            if self.relation.parent_of(child) is self.source:
                self.relation.point(child, self.parent)
            add_children(self.parent, self.relation, held, [child])
            return
        held.add(child)
        self._take_notes(held, child, self.kept, child)
        self._take_notes(held, child, self.later, each)

    def _take_notes(self, held: HeldList, target: Model, links: HeldList | None, noted: Model) -> None:
        if isinstance(held, HeldLinks) and isinstance(links, HeldLinks):
            held.take_notes(target, links, noted)


def _has_changed(instance: Model, known: dict[str, Any]) -> bool:
    state = state_of(instance) if isinstance(instance, Clusterable) else None
    now = kept_values(instance)
    return bool(state is not None and state.held) or any(now.get(name, value) != value for name, value in known.items())


def leave_to_other_parents(instance: Model, state: ClusterState) -> None:
    """Give those children away that another parent holds since the save."""
    for relation in relations_of(type(instance)).children:
        for child in list(state.held.get(relation.name, ())):
            other = relation.parent_of(child)
            held = None if other is None or other is instance else held_list(other, relation)
            if held is not None and child in held:
                held.forget_index()
                state.give_away(relation.name, child)
