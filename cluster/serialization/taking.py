"""Taking snapshots: from instances, level by level, to plain data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

from cluster.errors import ClusterCycleError, SerializedDataError
from cluster.relations import Relation
from cluster.serialization.fields import Data, Pair, key_data, write_deferred, write_fields
from cluster.serialization.groups import Group, Walk
from cluster.serialization.live import live_children, live_links, row_plan_for, source_field
from cluster.serialization.options import SnapshotOptions
from cluster.serialization.plans import ModelPlan, plan_of, refuse_unknown_paths

_taken: ContextVar[dict[int, Data] | None] = ContextVar("taken", default=None)
"""The data of instances whose own ``serializable_data()`` is being asked, for its call of ``super()``."""


def take(instances: Sequence[Model], options: SnapshotOptions) -> list[Data]:
    """Return the data of instances with everything that they own.

    No query for what is held; one per relation and level for the rest.
    """
    known = _taken.get()
    if known and not options.has_paths and len(instances) == 1 and id(instances[0]) in known:
        return [known[id(instances[0])]]
    return Snapshot(options).run(instances)


def take_as_classes_do(instances: Sequence[Model], options: SnapshotOptions) -> list[Data]:
    """Do what ``take()`` does, and ask the instances whose class has a ``serializable_data()`` of its own."""
    return Snapshot(options, asks_roots=True).run(instances)


@dataclass(slots=True)
class Snapshot:
    """One walk down through clusters.

    Attributes:
        groups: What is on the level below: instances by class and path, rows by what they point with, path and
            database.
        asks_roots: Whether the roots' own ``serializable_data()`` is asked; not where that is what called.
        walked: The parents of each relation, to notice a cluster that contains itself.
        by_hand: The objects whose class has a ``serializable_data()`` of its own, and where its result goes.
    """

    options: SnapshotOptions
    asks_roots: bool = False
    groups: dict[Any, Group] = field(default_factory=dict)
    depth: int = 0
    walked: dict[Any, Walk] = field(default_factory=dict)
    by_hand: list[tuple[Model, list[Data], int]] = field(default_factory=list)

    def run(self, instances: Sequence[Model]) -> list[Data]:
        """Go down level by level."""
        if self.options.has_paths:
            for model in {type(instance) for instance in instances}:
                refuse_unknown_paths(model, {*self.options.exclude, *(self.options.relations or ())})
        roots: list[Data] = [{} for _ in instances]
        for index, (instance, data) in enumerate(zip(instances, roots, strict=True)):
            group = self._group(type(instance), "")
            group.pairs.append((instance, data))
            if self.asks_roots and group.plan.writes_itself:
                self.by_hand.append((instance, roots, index))
        while self.groups:
            level, self.groups = self.groups, {}
            self.depth += 1
            for group in level.values():
                self._write(group)
        self._ask_by_hand()
        return roots

    def _group(self, model: type[Model], path: str) -> Group:
        group = self.groups.get((model, path))
        if group is None:
            group = self.groups[model, path] = Group(self._plan(model, path), path)
        return group

    def _plan(self, model: type[Model], path: str) -> ModelPlan:
        plan, options = plan_of(model), self.options
        if options.exclude:
            plan = plan.without(_names_at(path, options.exclude))
        if options.relations is not None:
            plan = plan.with_relations(_names_at(path, options.relations))
        return plan

    def _write(self, group: Group) -> None:
        if group.rows is None:
            unread = write_fields(group.plan, group.pairs)
            if unread:
                write_deferred(group.plan, unread, self.options.using)
        for relation in group.plan.children:
            self._write_children(relation, group)
        for relation in group.plan.links:
            self._write_links(relation, group)

    # Children

    def _write_children(self, relation: Relation, group: Group) -> None:
        self._refuse_cycle(relation, group.pairs)
        path = f"{group.path}{relation.name}." if self.options.has_paths else ""
        # In the data first, so that names keep their order whatever is read when.
        for _, data in group.pairs:
            data[relation.name] = []
        known, live = group.in_memory(relation)
        for data, objects in known:
            self._add_instances(data[relation.name], objects, path)
        attname = relation.field.target_field.attname
        for using, same in group.by_database(live, attname, self.options.using).items():
            # Lists, as the same row may be there more than once.
            into: dict[Any, list[list[Data]]] = {}
            for value, data in same:
                into.setdefault(value, []).append(data[relation.name])
            for queryset in live_children(relation, into, using):
                self._add_live(relation, queryset, into, path, using)

    def _add_instances(self, into: list[Data], children: Iterable[Model], path: str) -> None:
        model: type[Model] | None = None
        for child in children:
            if child.__class__ is not model:
                model = child.__class__
                group = self._group(model, path)
            data: Data = {}
            into.append(data)
            group.pairs.append((child, data))
            if group.plan.writes_itself:
                self.by_hand.append((child, into, len(into) - 1))

    def _add_live(
        self, relation: Relation, queryset: Any, into: dict[Any, list[list[Data]]], path: str, using: str
    ) -> None:
        plan = self._plan(relation.related_model, path)
        rows = row_plan_for(plan, queryset, relation)
        if rows is None:
            for child in queryset:
                for siblings in into[getattr(child, relation.field.attname)]:
                    self._add_instances(siblings, [child], path)
            return
        pairs = []
        parent = rows.parent
        for row in queryset.values_list(*rows.attnames):
            for siblings in into[row[parent]]:
                data = rows.data_of(row)
                siblings.append(data)
                pairs.append((row, data))
        if pairs and (plan.children or plan.links):
            group = self.groups.setdefault((relation.field, path, using), Group(plan, path, rows=rows, using=using))
            group.pairs += pairs

    def _refuse_cycle(self, relation: Relation, pairs: list[Pair]) -> None:
        """Refuse to go down a relation again from an object from which it was gone down on an upper level."""
        walk = self.walked.setdefault(relation.field, Walk())
        if relation.is_child and walk.meets(pairs, self.depth):
            raise ClusterCycleError(
                f"Cannot serialize the cluster: an object of {relation.field.related_model._meta.object_name}."
                f"{relation.name} is below itself. Take it out of one of the two places."
            )

    # Links

    def _write_links(self, relation: Relation, group: Group) -> None:
        plan = plan_of(relation.related_model)
        for _, data in group.pairs:
            data[relation.name] = []
        known, live = group.in_memory(relation)
        for data, targets in known:
            data[relation.name] = [self._key_of_target(plan, relation, target) for target in targets]
        for using, same in group.by_database(live, source_field(relation).attname, self.options.using).items():
            found = live_links(relation, [value for value, _ in same], using)
            for value, data in same:
                data[relation.name] = list(found.get(value, ()))

    def _key_of_target(self, plan: ModelPlan, relation: Relation, target: Model) -> Any:
        key = key_data(plan, target)
        if key is None:
            raise SerializedDataError(
                f"Cannot serialize {relation.field.model._meta.object_name}.{relation.name}: {target!r} is not saved, "
                "so it has no key to be written. Save it first."
            )
        return key

    # Classes with a method of their own

    def _ask_by_hand(self) -> None:
        """Let each class with a ``serializable_data()`` of its own say what its data is, the deepest first."""
        if not self.by_hand:
            return
        with data_known({id(child): into[index] for child, into, index in self.by_hand}):
            for child, into, index in reversed(self.by_hand):
                own: Any = child
                into[index] = own.serializable_data()


@contextmanager
def data_known(data: dict[int, Data]) -> Any:
    """Answer ``serializable_data()`` of the package with data that is there already."""
    token = _taken.set(data)
    try:
        yield
    finally:
        _taken.reset(token)


def _names_at(path: str, names: Iterable[str]) -> set[str]:
    """Return the names that dotted paths give for the objects at a path, those on the way further down included."""
    below = [name.removeprefix(path) for name in names if name.startswith(path)]
    return {name for name in below if "." not in name}
