"""What can be done to a held list: the rules of adding, removing and replacing, without any query."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Model

from cluster.errors import ForeignChildError, HeldRelationsError, NotInMemoryError, Problem
from cluster.queryset import Source
from cluster.relations.describe import Relation
from cluster.relations.held import HeldList
from cluster.relations.held_links import HeldLinks
from cluster.relations.state import STATE, Baseline, ensure_state, has_row, state_of


def new_list(relation: Relation, objects: Iterable[Model] = ()) -> HeldList:
    """Return a held list of the kind that the relation needs."""
    return HeldList(objects) if relation.is_child else HeldLinks(objects)


def held_list(instance: Model, relation: Relation) -> HeldList | None:
    """Return what the instance holds for a relation, or ``None`` while the relation is live."""
    # Every use of a relation asks this: most instances have a state, with nothing to settle.
    state = instance.__dict__.get(STATE)
    if state is not None and state.pending is not None:
        state = state_of(instance)
    if state is None:
        return None
    held: HeldList | None = state.held.get(relation.name)
    if held is not None and held.is_empty and has_row(instance) and state.knew_no_row(relation.name):
        # It was read while there was no row, as in __init__() of an instance that is being loaded: the database knows.
        state.drop(relation.name)
        return None
    return held


def begin_holding(instance: Model, relation: Relation, rows: Sequence[Model]) -> HeldList:
    """Hold rows as they were just loaded (none for an unsaved instance), and record them as the baseline."""
    state = ensure_state(instance)
    held = new_list(relation, rows)
    state.drop(relation.name)
    state.held[relation.name] = held
    state.baselines[relation.name] = Baseline.of(rows, instance, are_children=relation.is_child)
    if relation.is_child:
        for child in rows:
            if relation.parent_of(child) is not instance:
                relation.point(child, instance)
    return held


def add_children(parent: Model, relation: Relation, held: HeldList, children: Iterable[Model]) -> None:
    """Add children to a held list; each leaves the other parent in memory that held it."""
    state = ensure_state(parent)
    for child in children:
        other = relation.parent_of(child)
        if other is not None and other is not parent:
            _leave(other, child, relation)
        state.take_back(relation.name, child)
        relation.point(child, parent)
        held.add(child)


def _leave(parent: Model, child: Model, relation: Relation) -> None:
    state = state_of(parent)
    if state is not None and relation.name in state.held:
        state.give_away(relation.name, child)


def replace_children(parent: Model, relation: Relation, children: Iterable[Model]) -> HeldList:
    """Hold ``children`` as the whole content of the relation."""
    held = new_list(relation)
    add_children(parent, relation, held, list(children))
    ensure_state(parent).declare(relation.name, held)
    return held


def replace_links(
    instance: Model,
    relation: Relation,
    targets: Iterable[Model],
    defaults: Mapping[str, Any] | None = None,
    *,
    clear: bool = False,
) -> HeldLinks:
    """Hold ``targets`` as the whole content of a many-to-many; those that are held stay linked as they are.

    Args:
        instance: The instance that holds the relation.
        relation: The many-to-many.
        targets: The objects.
        defaults: What the rows of the through model are to have for objects that are linked by this.
        clear: Whether all of them are, as if the relation was cleared before.
    """
    held, before = HeldLinks(targets), held_list(instance, relation)
    for target in held:
        kept = None if before is None else before.find(target)
        if kept is not None and isinstance(before, HeldLinks):
            held.take_notes(target, before, kept)
        if defaults and (kept is None or clear):
            # A live relation may link the object already: its row stays, unless all are to be linked anew.
            held.give_defaults(target, defaults, anew=clear or before is not None)
    ensure_state(instance).declare(relation.name, held)
    return held


def refuse_other_keys(parent: Model, relation: Relation, children: Iterable[Model]) -> None:
    """Refuse rows of other parents whose primary key contains that parent's, as a row keeps its key.

    Raises:
        ForeignChildError: There is one.
    """
    own = getattr(parent, relation.parent_attname)
    problems = [
        Problem(
            relation.name,
            f"{child!r} cannot be moved to {parent!r}, because the key of its parent is a part of its primary key. Add "
            f"a new {relation.related_model._meta.object_name} with the same values, and remove this one.",
        )
        for child in children
        if has_row(child) and getattr(child, relation.key_attname) != own
    ]
    if problems:
        raise ForeignChildError(problems)


def refuse_to_drop(instance: Model, operation: str) -> None:
    """Refuse an operation of Django that writes the instance's own row alone, if it holds anything to write.

    Raises:
        HeldRelationsError: A relation holds objects or changes.
    """
    state = state_of(instance)
    if state is None or state.is_being_saved:
        return
    names = [name for name, held in state.held.items() if held or name not in state.baselines]
    if names:
        raise HeldRelationsError(
            f"{operation}() would not write what {instance!r} holds in memory: {', '.join(sorted(names))}. "
            "Save it with save(), or write the relations after the rows are there."
        )


def source_of(parent: Model, relation: Relation, held: HeldList) -> Source:
    """Return what querysets see of a held list: made once for each list, which stays with its parent."""
    if held.source is None:
        held.source = RelationSource(parent, relation, held)
    return held.source


class RelationSource:
    """The rows of a held relation as a queryset sees them; changes go to the held list (`cluster.queryset.Source`)."""

    __slots__ = ("held", "parent", "relation")

    def __init__(self, parent: Model, relation: Relation, held: HeldList) -> None:
        self.parent = parent
        self.relation = relation
        self.held = held

    @property
    def hints(self) -> dict[str, Any]:
        """The parent, as Django's related managers give it to the database router."""
        return {"instance": self.parent}

    @property
    def linked_by(self) -> Collection[Any]:
        """The relation of linked objects to the rows of the through model; none for children."""
        if self.relation.is_child:
            return ()
        through: Any = self.relation.rel.through
        return (through._meta.get_field(self.relation.field.m2m_reverse_field_name()).remote_field,)

    def instances(self) -> list[Model]:
        """Return the held objects in the order in which they came."""
        return self.held.objects()

    def in_key_order(self) -> bool:
        """Return whether the held objects are in the order of their keys, so that the first one is the first."""
        key: Any = self.relation.related_model._meta.pk
        return self.held.is_in_key_order(key.attname)

    def by_key(self, key: Any) -> Model | None:
        """Return the held object with this primary key."""
        concrete: Any = self.relation.related_model._meta.concrete_model
        return self.held.by_key((concrete, key))

    def build(self, **kwargs: Any) -> Model:
        """Return a new object of the relation, pointing at the parent if it is a child; it is not added."""
        if self.relation.is_child:
            kwargs |= self.relation.keywords(self.parent)
        return self.relation.related_model(**kwargs)

    def refuse_moves(self, changes: Sequence[tuple[Model, str, Any]]) -> None:
        """Refuse to give held children another parent, for this list would take them back when it is saved."""
        names = (self.relation.field.name, self.relation.field.attname) if self.relation.is_child else ()
        for child, name, value in changes:
            if name in names and getattr(child, name) != value and self.held.find(child) is child:
                raise NotInMemoryError(
                    f"Cannot set {name!r} of {child!r} to {value!r}: {self.parent!r} holds it in "
                    f"{self.relation.name!r}. Add it to the other one, or remove it from this one."
                )

    def add(self, instances: Iterable[Model]) -> None:
        """Add objects to the held list; new ones of a many-to-many are saved with it."""
        if isinstance(self.held, HeldLinks):
            for instance in instances:
                self.held.add(instance)
                self.held.note_made(instance)
        else:
            add_children(self.parent, self.relation, self.held, instances)

    def remove(self, instances: Iterable[Model]) -> None:
        """Take objects out of the held list."""
        for instance in instances:
            self.held.discard(instance)
