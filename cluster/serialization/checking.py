"""Checking parsed data against the database: keys whose target is gone, and rows that belong to others."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import router
from django.db.models import Model

from cluster.errors import ForeignChildError, Problem, SerializedDataError
from cluster.saving.reading import chunks
from cluster.serialization.encoding import step_to
from cluster.serialization.incoming import NaturalKey
from cluster.serialization.matching import match_children
from cluster.serialization.nodes import ABSENT, Node
from cluster.serialization.options import LoadOptions, LoadReport
from cluster.serialization.policy import Effect, effect_of, replacement_for
from cluster.serialization.reading import Reading
from cluster.serialization.targets import Targets, Tree, can_be_asked


def check(reading: Reading, options: LoadOptions, around: Tree | None = None) -> Targets:
    """Check what was read against the database; return the objects that many-to-many keys name.

    What the data around it brings may be pointed at too.

    One query per model that is pointed at; one per child model that has keys; one per relation and level that has
    children without keys which could be matched.

    Raises:
        ForeignChildError: A child's key is that of another parent's row.
        SerializedDataError: With ``strict_fks="error"``, a root points at something that is gone.
    """
    read_what_children_point_at(reading.nodes, options.using)
    matched = match_children(reading, options)
    tree = Tree(reading.nodes, around)
    Ownership(options, reading.nodes, matched, tree).run()
    targets = Targets(options.using)
    targets.want(reading.nodes)
    targets.look_up()
    KeyCheck(options, reading.nodes, targets, tree).run()
    return targets


def read_what_children_point_at(nodes: Iterable[Node], using: str | None) -> None:
    """Read the unique fields that children point at, in place of the key, of parents whose data does not have them."""
    wanted: dict[Any, dict[Any, Node]] = {}
    for node in nodes:
        if node.above is not None and node.above.key is not None:
            target = node.parent_field.target_field
            if node.above.values[node.above.plan.positions[target]] is ABSENT:
                wanted.setdefault((node.above.model, target), {})[node.above.key] = node.above
    for (model, target), parents in wanted.items():
        alias = using or router.db_for_read(model)
        for keys in chunks(key for key in parents if can_be_asked(key)):
            rows = model._base_manager.using(alias).filter(pk__in=keys).order_by()
            for key, value in rows.values_list("pk", target.attname):
                parents[key].values[parents[key].plan.positions[target]] = value


@dataclass(slots=True)
class Ownership:
    """Whether the rows that children name by key are theirs."""

    options: LoadOptions
    nodes: list[Node]
    matched: set[int]
    tree: Tree
    problems: list[Problem] = field(default_factory=list)

    def run(self) -> None:
        """Read the owners of the rows and refuse, or adopt, those of others."""
        by_model: dict[Any, list[Node]] = {}
        for node in self.nodes:
            if node.key is not None and id(node) not in self.matched and self._matters(node):
                by_model.setdefault(node.model._meta.concrete_model, []).append(node)
        for model, nodes in by_model.items():
            alias = self.options.using or router.db_for_read(model)
            rows = stored_rows(model, nodes, alias)
            for node in nodes:
                self._compare(node, rows.get(node.key), alias)
        if self.problems:
            raise ForeignChildError(self.problems)

    def _matters(self, node: Node) -> bool:
        """Whether the row has to be looked at: it could be another's, or fill what the data does not have."""
        return node.above is not None or has_absent_fields(node)

    def _compare(self, node: Node, row: dict[str, Any] | None, alias: str) -> None:
        if row is None:
            node.row_is_gone = True
        elif node.above is not None:
            assert node.relation is not None
            owner = node.relation.owner_in(row, alias)
            own = node.above.values[node.above.plan.positions[node.parent_field.target_field]]
            if owner is not None and owner != own and not self.tree.has(node.parent_field.target_field, owner):
                self._take_from(node, owner, alias)

    def _take_from(self, node: Node, owner: Any, alias: str) -> None:
        parent = node.parent_field.target_field.model._meta.object_name
        message = f"The {node.model._meta.object_name} with key {node.key!r} belongs to the {parent} {owner!r}."
        if self.options.adopt:
            node.database = alias
            self.options.report.adopted.append(Problem(node.path, message))
        else:
            message += " Clear its key to make a new one, or pass adopt=True to move it here."
            self.problems.append(Problem(node.path_to(".pk"), message))


def has_absent_fields(node: Node) -> bool:
    """Whether the data lacks a field that an insert would have to fill."""
    return any(node.values[position] is ABSENT for position, _ in node.plan.defaults)


def stored_rows(model: Any, nodes: Iterable[Node], using: str) -> dict[Any, dict[str, Any]]:
    """Return of the rows that the nodes name by key the values by which they belong to parents; one query."""
    nodes = list(nodes)
    attnames = sorted({name for node in nodes if node.relation is not None for name in node.relation.owner_attnames})
    found: dict[Any, dict[str, Any]] = {}
    for keys in chunks({node.key for node in nodes if can_be_asked(node.key)}):
        rows = model._base_manager.using(using).filter(pk__in=keys).order_by()
        for key, *values in rows.values_list("pk", *attnames):
            found[key] = dict(zip(attnames, values, strict=True))
    return found


@dataclass(frozen=True, slots=True)
class Pointer:
    """A foreign key of an object of the data, with the place of its value."""

    node: Node
    position: int
    field: Any

    @property
    def value(self) -> Any:
        """What the key points with."""
        return self.node.values[self.position]


@dataclass(slots=True)
class KeyCheck:
    """What becomes of the objects whose keys point at nothing.

    Attributes:
        tree: What the data itself brings.
        resting: By field and value, the keys whose target is in the data alone.
        dangling: The keys that point at nothing and are not settled yet.
    """

    options: LoadOptions
    nodes: list[Node]
    targets: Targets
    tree: Tree
    problems: list[Problem] = field(default_factory=list)
    resting: dict[tuple[Any, Any], list[Pointer]] = field(default_factory=dict)
    dangling: deque[Pointer] = field(default_factory=deque)

    @property
    def report(self) -> LoadReport:
        """Where what happens is noted."""
        return self.options.report

    def run(self) -> None:
        """Apply ``on_delete``, also where a dropped object was itself pointed at."""
        for pointer in self._pointers():
            target, value = pointer.field.target_field, pointer.value
            if not self.targets.has(target, value):
                has_target = self.tree.has(target, value)
                (self.resting.setdefault((target, value), []) if has_target else self.dangling).append(pointer)
        while self.dangling:
            pointer = self.dangling.popleft()
            if not pointer.node.is_dropped:
                self._settle(pointer)
        self._unlink()
        if self.problems:
            raise SerializedDataError(self.problems)

    def _pointers(self) -> Iterator[Pointer]:
        """Give the keys that are to be checked: where an object is tells its parent, and a name may be of a new one."""
        for node in self.nodes:
            for position, key in node.plan.foreign_keys:
                value = node.values[position]
                if not (value is None or value is ABSENT or key is node.parent_field or value.__class__ is NaturalKey):
                    yield Pointer(node, position, key)

    def _settle(self, pointer: Pointer) -> None:
        """Do to a node what its dangling key asks for."""
        node, key, value = pointer.node, pointer.field, pointer.value
        path = node.path_to(step_to(key.name))
        message = f"There is no {key.related_model._meta.object_name} with {key.target_field.attname} {value!r}"
        effect = effect_of(key)
        if effect is Effect.DROP and node.above is None:
            effect = self._effect_on_root(path, message)
        if effect is Effect.DROP:
            self.report.dropped.append(Problem(node.path, f"{message}, which {key.name!r} points at."))
            self._drop(node)
        elif effect is Effect.NULL:
            node.values[pointer.position] = None
            self.report.nulled.append(Problem(path, f"{message}."))
        elif effect is Effect.KEEP:
            self.report.kept.append(Problem(path, f"{message}."))
        else:
            node.values[pointer.position] = new = replacement_for(key, effect)
            self.report.defaulted.append(Problem(path, f"{message}; it points at {new!r} now."))

    def _drop(self, node: Node) -> None:
        """Drop an object; what pointed at it, or at what is below it, points at nothing now."""
        for dropped in node.drop():
            for target in self.tree.leave_out(dropped):
                self.dangling += self.resting.pop(target, ())

    def _effect_on_root(self, path: str, message: str) -> Effect:
        """A root is asked for by name: whether it is dropped is the caller's choice."""
        strict = self.options.strict_fks
        if strict == "error":
            self.problems.append(Problem(path, f"{message}."))
            return Effect.KEEP
        return Effect.DROP if strict else Effect.NULL

    def _unlink(self) -> None:
        for node in self.nodes:
            for relation in node.plan.links:
                keys = node.links.get(relation.name)
                if keys and not node.is_dropped:
                    node.links[relation.name] = self._present(node, relation, keys)

    def _present(self, node: Node, relation: Any, keys: list[Any]) -> list[Any]:
        model: type[Model] = relation.related_model
        target: Any = model._meta.pk
        present = []
        for index, key in enumerate(keys):
            if self.targets.has(target, key) or self.tree.has(target, key):
                present.append(key)
            else:
                message = f"There is no {model._meta.object_name} with key {key!r}."
                self.report.dropped.append(Problem(node.path_to(f".{relation.name}[{index}]"), message))
        return present
