"""Making copies of what was read: new rows that point at one another as their sources do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Model

from cluster.copying.links import SourceLinks, keys_of_link
from cluster.copying.map import CopyMap
from cluster.copying.pending import PendingLinks, leave_for_save
from cluster.copying.plans import CopyPlan, copy_plan
from cluster.copying.source import SourceChildren, SourceTree
from cluster.copying.unique import UniqueValues
from cluster.relations import HeldLinks, ensure_state
from cluster.relations.held import key_of
from cluster.relations.holding import replace_children


class Copier:
    """Makes one copy of a tree.

    Attributes:
        map: The copies made so far.
    """

    def __init__(self, tree: SourceTree, unique: UniqueValues) -> None:
        self.tree = tree
        self.choices = tree.choices
        self.unique = unique
        self.map = CopyMap()
        self._by_value: dict[tuple[type[Model], str], dict[Any, Model]] = {}
        self._copies: set[int] = set()
        self._overridden: dict[int, frozenset[str]] = {}

    def copy(self, target: Model | None = None, *, append: bool = False) -> None:
        """Copy every row, and tie the copies together: children, keys, links.

        Args:
            target: Where the children go, if not to a copy of their parent.
            append: Whether they join the children that ``target`` has.
        """
        for row, path in self.tree.rows:
            self.map.note(row, self._copy_row(row, path))
        self._copies = {id(copied) for source, copied in self.map.pairs() if not _is_same_row(source, copied)}
        for each in self.tree.children:
            self._give_children(each, target)
        for row, path in self.tree.rows:
            self._point_keys(row, self.map.copy_of(row), path)
            self._override(row, self.map.copy_of(row), path)
        self.unique.settle(self)
        self._take_new_values()
        if target is not None:
            self._hand_over(target, append=append)
        self._give_links(target)

    # Rows

    def _copy_row(self, row: Model, path: str) -> Model:
        plan = copy_plan(type(row))
        values = plan.new_values(self.tree.values[id(row)], self.choices.files)
        overridden = frozenset(self.choices.overrides_for(row, path))
        self._overridden[id(row)] = overridden
        for name in self._left_out(plan, path):
            values[plan.places[name]] = row._meta.get_field(name).get_default()  # type: ignore[union-attr]
        copied = type(row)(*values)
        copied._state.db = row._state.db
        return copied

    def _left_out(self, plan: CopyPlan, path: str) -> set[str]:
        """Return the fields that rows at a path do not hand on; a generic key stands for both of its own."""
        if not self.choices.exclude:
            return set()
        names = {name for name in plan.places if self.choices.excludes(path, name)}
        for key in plan.generic_keys:
            if self.choices.excludes(path, key.name):
                names.update((key.ct_field, key.fk_field))
        return names

    def is_overridden(self, row: Model, name: str) -> bool:
        """Whether the caller gave the value of a field of a row's copy."""
        return name in self._overridden[id(row)]

    def _override(self, row: Model, copied: Model, path: str) -> None:
        for name, value in self.choices.overrides_for(row, path).items():
            if not hasattr(type(copied), name):
                raise AttributeError(f"Cannot override {name!r}: {type(copied)._meta.label} has no such attribute.")
            setattr(copied, name, value(row) if callable(value) else value)

    # Children and links

    def _give_children(self, source: SourceChildren, target: Model | None) -> None:
        parent, copies = self.map.copy_of(source.parent), self._copies_of(source)
        for child, copied in zip(source.children, copies, strict=True):
            self.map.enter(source.relation.rel, child, copied)
        if parent is target:
            for copied in copies:
                source.relation.point(copied, parent)
        else:
            replace_children(parent, source.relation, copies)

    def _copies_of(self, source: SourceChildren) -> list[Model]:
        return [self.map.copy_of(child) for child in source.children]

    def _hand_over(self, target: Any, *, append: bool) -> None:
        """Give the target its children, when nothing can fail any more."""
        for each in self.tree.children:
            if self.map.copy_of(each.parent) is target:
                if append:
                    getattr(target, each.relation.name).add(*self._copies_of(each))
                else:
                    replace_children(target, each.relation, self._copies_of(each))

    def _give_links(self, target: Model | None) -> None:
        pending = []
        for links in self.tree.links:
            copied = self.map.copy_of(links.row)
            targets = [self._link(links, each) for each in links.targets]
            if links.relation is None:
                pending.append(PendingLinks(links.name, copied, tuple(targets)))
            else:
                ensure_state(copied).declare(links.name, _held_links(targets))
        root = target if target is not None else self.map.copy_of(self.tree.rows[0][0])
        leave_for_save(root, pending)

    def _link(self, links: SourceLinks, target: Model) -> tuple[Model, dict[str, Any]]:
        copied, extras = self.map.find(target), links.extras.get(id(target), {})
        return (target if copied is None else copied), self._pointed_extras(links, extras)

    def _pointed_extras(self, links: SourceLinks, extras: dict[str, Any]) -> dict[str, Any]:
        """Make keys in what goes with a link point at copies too."""
        pointed = dict(extras)
        for key in keys_of_link(links) if extras else ():
            given = key.name if key.name in extras else key.attname
            value = extras.get(given)
            if isinstance(value, Model):
                target = self.map.find(value)
            else:
                target = self._copies_by(key.related_model, key.target_field.attname).get(value)
            if target is not None:
                del pointed[given]
                pointed[key.name] = target
        return pointed

    # Keys

    def _point_keys(self, row: Model, copied: Any, path: str) -> None:
        """Make keys point at copies where their targets were copied, and at the same objects elsewhere."""
        plan = copy_plan(type(row))
        left_out = self._left_out(plan, path)
        for field in plan.keys:
            is_parent_key = field.cache_name in copied._state.fields_cache
            if not is_parent_key and field.name not in left_out:
                self._point_key(field, row, copied)
        for field in plan.generic_keys:
            is_whole = left_out.isdisjoint((field.ct_field, field.fk_field))
            if is_whole and field.cache_name not in copied._state.fields_cache:
                self._point_generic_key(field, row, copied)

    def _point_key(self, field: Any, row: Model, copied: Any) -> None:
        value = copied.__dict__[field.attname]
        cached = row._state.fields_cache.get(field.cache_name)
        if value is None:
            # The target had no key when it was assigned: the object itself is what is meant.
            target = None if cached is None else self.map.find(cached) or cached
        else:
            target = self._copies_by(field.related_model, field.target_field.attname).get(value)
        if target is not None:
            setattr(copied, field.name, target)
        elif cached is not None and getattr(cached, field.target_field.attname) == value:
            copied._state.fields_cache[field.cache_name] = cached

    def _point_generic_key(self, field: Any, row: Any, copied: Any) -> None:
        cached = field.get_cached_value(row, default=None)
        target = None if cached is None else self.map.find(cached)
        if target is None:
            target = self._generic_target(field, row, copied)
        if target is not None:
            setattr(copied, field.name, target)

    def _generic_target(self, field: Any, row: Model, copied: Any) -> Model | None:
        type_id = getattr(copied, row._meta.get_field(field.ct_field).attname)  # type: ignore[union-attr]
        key = getattr(copied, field.fk_field)
        if type_id is None or key is None:
            return None
        model = field.get_content_type(id=type_id, using=row._state.db).model_class()
        if model is None:
            return None
        return self._copies_by(model, model._meta.pk.attname).get(model._meta.pk.to_python(key))

    def _take_new_values(self) -> None:
        """Let keys between copies follow values that were overridden or made unique after they were pointed."""
        if not self.choices.overrides and self.choices.unique == "keep":
            return
        for _, copied in self.map.pairs():
            for field in copy_plan(type(copied)).keys:
                if self.points_at_copy(copied, field):
                    setattr(copied, field.name, field.get_cached_value(copied))

    def points_at_copy(self, copied: Model, field: Any) -> bool:
        """Whether a foreign key of a copy points at another copy."""
        target = field.get_cached_value(copied, default=None) if field.is_relation else None
        return target is not None and id(target) in self._copies

    def _copies_by(self, model: type[Model], attname: str) -> dict[Any, Model]:
        """Return the copies of rows of a model, its subclasses included, by a value of the source."""
        concrete: Any = model._meta.concrete_model
        found = self._by_value.get((concrete, attname))
        if found is None:
            found = self._by_value[(concrete, attname)] = {
                getattr(source, attname): copied
                for source, copied in self.map.pairs()
                if issubclass(source._meta.concrete_model, concrete)  # type: ignore[arg-type]
            }
        return found


def _held_links(targets: Sequence[tuple[Model, dict[str, Any]]]) -> HeldLinks:
    held = HeldLinks([target for target, _ in targets])
    for target, extras in targets:
        if extras:
            held.give_defaults(target, extras)
    return held


def _is_same_row(source: Model, copied: Model) -> bool:
    """Whether children are copied to the parent that they have."""
    return copied is source or (key_of(copied) is not None and key_of(copied) == key_of(source))
