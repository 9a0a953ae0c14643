"""Compare the held children of one relation with the rows that it is known to have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Model

from cluster.errors import ForeignChildError, Problem, StaleClusterError
from cluster.relations import Relation
from cluster.relations.held import Key, key_of
from cluster.relations.state import is_new
from cluster.saving.compare import changed_fields, with_fields_made_on_save
from cluster.saving.given_away import relations_to
from cluster.saving.reading import KnownRows
from cluster.saving.work import Delete, Holding, Insert, Update

if TYPE_CHECKING:
    from cluster.saving.survey import Survey


@dataclass(slots=True, eq=False)
class ChildComparison:
    """The comparison of one held child relation with the rows that it is known to have."""

    survey: Survey
    holding: Holding
    elsewhere: KnownRows
    level: int

    def run(self) -> None:
        """Note what is to be inserted, updated and deleted."""
        held_keys, model = set(), self.holding.relation.related_model._meta.concrete_model
        for index, child in enumerate(self.holding.objects):
            key = key_of(child)
            held_keys.add(key)
            if key is not None and key[0] is not model:
                held_keys.add(self._key_in_relation(child))
            known = self.holding.known.get(key) if key is not None else None
            if known:
                self._compare(index, child, known)
            elif key is not None and key in self.elsewhere:
                self._take_in(index, child, key, self.elsewhere[key])
            else:
                self._insert(index, child)
        self._note_removals(held_keys)

    def _key_in_relation(self, child: Model) -> Key:
        """Return the key of a child's row in the table of the relation's model, where it may have several."""
        model: Any = self.holding.relation.related_model._meta.concrete_model
        return (model, getattr(child, model._meta.pk.attname))

    @property
    def _pointer(self) -> tuple[Any, Model]:
        """The field by which the children point at their parent, and the parent."""
        return (self.holding.relation.field, self.holding.node.instance)

    def _meet_again(self, met: Insert | Update) -> None:
        """Note that an object which another relation holds is in this one too."""
        met.pointers.append(self._pointer)
        met.level = max(met.level, self.level)

    def _compare(self, index: int, child: Model, known: dict[str, Any]) -> None:
        parent_key = self.holding.relation.field
        changed = changed_fields(child, known, parent_key)
        if known.get(parent_key.attname) != self.holding.parent_value and parent_key not in changed:
            changed.append(parent_key)
        met = self.survey.seen.get(id(child))
        if isinstance(met, Insert):
            self._take_for_row(met, changed, known)
        elif changed:
            self._update(index, child, changed, known)
        else:
            self.survey.seen.setdefault(id(child), None)

    def _take_for_row(self, met: Insert, changed: list[Any], known: dict[str, Any]) -> None:
        """Update a new object's row, of which this relation knows, that another relation took for missing.

        Whether a new object with a key from a default has a row is not looked up, as Django does not.
        """
        self.survey.work.inserts.remove(met)
        keys = (field for field, _ in met.pointers if field not in changed)
        fields = with_fields_made_on_save(type(met.instance), [*changed, *keys])
        self._meet_again(met)
        self._note_update(Update(met.instance, met.holding, met.index, met.level, fields, known, met.pointers))

    def _update(self, index: int, child: Model, changed: list[Any], known: dict[str, Any]) -> None:
        met = self.survey.seen.get(id(child))
        if isinstance(met, Update):
            self._meet_again(met)
            met.fields += [each for each in changed if each not in met.fields]
            return
        fields = with_fields_made_on_save(type(child), changed)
        self._note_update(Update(child, self.holding, index, self.level, fields, known, [self._pointer]))

    def _note_update(self, update: Update) -> None:
        self.survey.seen[id(update.instance)] = update
        self.survey.work.updates.append(update)

    def _insert(self, index: int, child: Model) -> None:
        met = self.survey.seen.get(id(child))
        if isinstance(met, Insert):
            self._meet_again(met)
            return
        if not child._state.adding and self.survey.has_baseline(self.holding):
            raise StaleClusterError(
                f"Cannot save {self.survey.root.instance!r}: the row of {self.holding.path(index)} ({child!r}, "
                f"pk {child.pk!r}) is no longer in the database under this key. Reload the cluster, or take the object "
                "out."
            )
        insert = Insert(child, self.holding, index, self.level, [self._pointer])
        self.survey.seen[id(child)] = insert
        self.survey.work.inserts.append(insert)

    def _take_in(self, index: int, child: Model, key: Key, known: dict[str, Any]) -> None:
        """Compare a child with its row, which the relation was not known to have; see that the row may be taken."""
        owner = self.holding.relation.owner_in(known, self.survey.work.using)
        if owner is not None and owner != self.holding.parent_value:
            self._refuse_foreign(index, child, owner)
            self.survey.moved |= {key, self._key_in_relation(child)}
        self._compare(index, child, known)

    def _refuse_foreign(self, index: int, child: Model, owner: Any) -> None:
        """Refuse a row of another parent that was named by its key alone; an object that was loaded may be moved."""
        if not child._state.adding and child._state.db is not None:
            return
        target = self.holding.relation.field.target_field
        if any(
            getattr(node.instance, target.attname, None) == owner
            for node in self.survey.work.nodes
            if isinstance(node.instance, target.model)
        ):
            return
        problem = (
            f"{child!r} names the {child._meta.verbose_name} with primary key {child.pk!r}, which belongs to the "
            f"{target.model._meta.verbose_name} {owner!r}. Load the row and add it to move it here, or clear the key."
        )
        raise ForeignChildError([Problem(f"$.{self.holding.path(index)}", problem)])

    def _note_removals(self, held_keys: set[Key | None]) -> None:
        if self.holding.baseline is not None and not self.survey.has_baseline(self.holding):
            return
        for key, values in self.holding.known.items():
            if key not in held_keys and key not in self.holding.on_their_way:
                self._remove(key, values or self._looked_up(key))

    def _looked_up(self, key: Key) -> dict[str, Any]:
        """Return a row that was not known any more; nothing if it is gone or another parent's."""
        values = self.elsewhere.get(key)
        if values is None:
            return {}
        owner = self.holding.relation.owner_in(values, self.survey.work.using)
        return values if owner == self.holding.parent_value else {}

    def _remove(self, key: Key, values: dict[str, Any]) -> None:
        if not values:
            return
        relation, work = self.holding.relation, self.survey.work
        removal = Delete(relation.related_model, key[1], values, self.holding)
        (work.releases if keeps_row(relation, values) else work.deletes).append(removal)


def keys_to_read(holding: Holding) -> Iterator[Key]:
    """Return the keys of rows that the relation is not known to have, or of which it is not known what they are."""
    for child in holding.objects:
        key = key_of(child)
        if key is not None and key not in holding.known and not is_new(child):
            yield key
    yield from (key for key, values in holding.known.items() if not values)


def keeps_row(relation: Relation, values: dict[str, Any]) -> bool:
    """Whether a child that is taken out keeps its row: Django's ``remove()`` would, or another parent owns it too."""
    if relation.releases:
        return True
    if not relation.field.null:
        return False
    return any(
        values.get(each.field.attname) is not None
        for each in relations_to(relation.related_model)
        if each.field is not relation.field
    )
