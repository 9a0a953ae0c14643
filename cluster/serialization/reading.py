"""Reading plain data into nodes: every key, value and list is looked at, and every problem is noted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Model

from cluster.errors import Problem, SerializedDataError
from cluster.relations import Relation
from cluster.serialization.encoding import first_infinity, step_to
from cluster.serialization.incoming import CONVERSION_ERRORS
from cluster.serialization.json_data import copy_of_json
from cluster.serialization.nodes import ABSENT, Node
from cluster.serialization.options import LoadOptions, LoadReport
from cluster.serialization.plans import plan_of
from cluster.serialization.stamping import STAMP
from cluster.serialization.wording import said, shown

MAY_BE_INFINITE = frozenset({float, Decimal, dict, list})
MOST_PROBLEMS = 1_000
"""How many problems are collected before reading ends: data that is wrong throughout tells nothing new after these."""


def read(model: type[Model], items: Sequence[Any], options: LoadOptions, *, is_many: bool = False) -> Reading:
    """Read the data of one or many objects of a model; no query.

    Raises:
        SerializedDataError: With all problems found.
    """
    reading = Reading(options)
    reading.run(model, items, is_many=is_many)
    if reading.problems:
        raise SerializedDataError(reading.problems)
    return reading


@dataclass(slots=True)
class Reading:
    """One pass over the data, level by level, parents before their children.

    Attributes:
        nodes: All objects, those of a level after those above it.
        identities: The objects with a key by concrete model and key.
    """

    options: LoadOptions
    nodes: list[Node] = field(default_factory=list)
    roots: list[Node] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    identities: dict[Any, Node] = field(default_factory=dict)

    def run(self, model: type[Model], items: Sequence[Any], *, is_many: bool) -> None:
        """Read everything, or as much as the limits allow."""
        plan = plan_of(model)
        self.roots = [Node(plan, data, None, None, index if is_many else -1) for index, data in enumerate(items)]
        self._go_down(self.roots)

    def run_again(self, node: Node, data: Any, known: dict[tuple[str, int], Node]) -> None:
        """Read one object anew from other data, and below it what is not in ``known``: children that are as they were.

        Raises:
            SerializedDataError: With all problems found.
        """
        old = [child for children in node.children.values() for child in children]
        node.begin_again(data)
        below: list[Node] = []
        self._read_node(node, below)
        self.nodes.append(node)
        for name, children in node.children.items():
            node.children[name] = [known.pop((name, id(child.data)), child) for child in children]
            for index, child in enumerate(node.children[name]):
                child.index = index
        present = {id(child) for children in node.children.values() for child in children}
        for child in old:
            if id(child) not in present:
                child.forget()
        self._go_down([child for child in below if id(child) in present])
        if self.problems:
            raise SerializedDataError(self.problems)

    def _go_down(self, level: list[Node]) -> None:
        depth = 1
        while level and not self._is_over_limits(level, depth):
            below: list[Node] = []
            for node in level:
                self._read_node(node, below)
            self.nodes += level
            level, depth = below, depth + 1

    def _is_over_limits(self, level: list[Node], depth: int) -> bool:
        options = self.options
        if depth > options.max_depth:
            self._note(level[0].path, f"The data is nested deeper than max_depth={options.max_depth} objects.")
        elif len(self.nodes) + len(level) > options.max_objects:
            self._note(level[0].path, f"The data has more than max_objects={options.max_objects} objects.")
        elif len(self.problems) < MOST_PROBLEMS:
            return False
        return True

    def _report_of(self, node: Node) -> LoadReport:
        return self.options.report if node.report is None else node.report

    def _problems_of(self, node: Node) -> list[Problem]:
        return self.problems if node.report is None else node.report.problems

    def _note(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message))

    # One object

    def _read_node(self, node: Node, below: list[Node]) -> None:
        data = node.data
        if isinstance(data, dict) and node.plan.upgrade is not None:
            data = self._upgraded(node, node.plan.upgrade)
        if not isinstance(data, dict):
            if data is not REFUSED:
                self._note(node.path, f"{_name(node)} must be an object, and is {shown(data)}.")
            return
        self._read_fields(node, data)
        self._read_key(node, data)
        if node.twin is not None:
            return
        self._read_children(node, data, below)
        self._read_links(node, data)
        if not data.keys() <= node.plan.known_names:
            self._note_unknown(node, data)

    def _upgraded(self, node: Node, upgrade: Any) -> Any:
        try:
            # The hook may change what it is given; the caller's data stays as it is.
            is_copied = node.above is not None and node.above.plan.upgrade is not None
            return upgrade(node.data if is_copied else copy_of_json(node.data))
        except CONVERSION_ERRORS as error:
            self._note(node.path, f"{_name(node)}.upgrade_serializable_data() cannot read the data: {said(error)}")
            return REFUSED

    def _note_unknown(self, node: Node, data: dict[str, Any]) -> None:
        for name in data:
            if name in node.plan.known_names or (name == STAMP and node.above is None):
                continue
            problem = Problem(node.path_to(step_to(name)), f"{_name(node)} has no {name!r}.")
            if self.options.strict:
                self._problems_of(node).append(problem)
            else:
                self._report_of(node).unknown.append(problem)

    def _read_fields(self, node: Node, data: dict[str, Any]) -> None:
        node.values = values = [ABSENT] * node.plan.width
        for position, name, accepted, convert, reader in node.plan.read:
            value = data.get(name, ABSENT)
            if value.__class__ in accepted:
                values[position] = value
            elif value is not ABSENT:
                values[position] = self._converted(node, name, convert, reader, value)
        for link, target in node.plan.pointers:
            values[target] = values[link]

    def _converted(self, node: Node, name: str, convert: Any, reader: Any, value: Any) -> Any:
        try:
            converted = convert(reader, value)
        except CONVERSION_ERRORS as error:
            self._note_unconverted(node, name, value, error)
            return ABSENT
        if converted.__class__ in MAY_BE_INFINITE and not self.options.allow_nan:
            self._check_nan(node, name, converted)
        return converted

    def _check_nan(self, node: Node, name: str, value: Any) -> None:
        found = first_infinity(value)
        if found is not None:
            path, number = found
            verb = "is" if number is value else "has"
            message = f"{_name(node)}.{name} {verb} {number!r}, which only allow_nan=True lets in."
            self._note(node.path_to(step_to(name), path[1:]), message)

    def _note_unconverted(self, node: Node, name: str, value: Any, error: Exception) -> None:
        message = f"{_name(node)}.{name} cannot be read from {shown(value)}: {said(error)}"
        problem = Problem(node.path_to(step_to(name)), message)
        if self.options.skip_unconvertible:
            self._report_of(node).unconverted.append(problem)
        else:
            self._problems_of(node).append(problem)

    # Keys

    def _read_key(self, node: Node, data: dict[str, Any]) -> None:
        plan = node.plan
        if plan.has_composite_key:
            self._read_composite_key(node, data.get("pk"))
            return
        value = data.get("pk")
        if value is None:
            return
        part = plan.key[0]
        try:
            key = part.to_python(value)
            hash(key)
        except CONVERSION_ERRORS as error:
            self._note(
                node.path_to(".pk"), f"The key of a {_name(node)} cannot be read from {shown(value)}: {said(error)}"
            )
            return
        if key is not None and key != "":
            for position in part.positions:
                node.values[position] = key
            self._identify(node, key)

    def _read_composite_key(self, node: Node, value: Any) -> None:
        """Read a key of several fields; they may be in the data under their own names as well, which then count."""
        parts = node.plan.key
        if value is not None and not (isinstance(value, list | tuple) and len(value) == len(parts)):
            self._note(
                node.path_to(".pk"),
                f"The key of a {_name(node)} must be a list of {len(parts)}, and is {shown(value)}.",
            )
            return
        for index, part in enumerate(parts):
            position = part.positions[0]
            if value is not None and node.values[position] is ABSENT and value[index] is not None:
                try:
                    node.values[position] = part.to_python(value[index])
                except CONVERSION_ERRORS as error:
                    self._note(
                        node.path_to(f".pk[{index}]"), f"It cannot be read from {shown(value[index])}: {said(error)}"
                    )
        key = tuple(node.values[part.positions[0]] for part in parts)
        if value is not None and not any(each is ABSENT or each is None for each in key):
            self._identify(node, key)

    def _identify(self, node: Node, key: Any) -> None:
        node.key = key
        first = self.identities.setdefault((node.model._meta.concrete_model, key), node)
        if first is node:
            return
        if first.parent_field is node.parent_field or first.data != node.data or first.plan is not node.plan:
            self._note(node.path_to(".pk"), f"The key {shown(key)} is that of {first.path} already.")
        else:
            # A row with two parents is in a relation of each; where it is tells both keys.
            node.twin = first
            first.values[first.plan.positions[node.parent_field]] = ABSENT
            node.values[node.plan.positions[first.parent_field]] = ABSENT

    # Relations

    def _read_children(self, node: Node, data: dict[str, Any], below: list[Node]) -> None:
        for relation in node.plan.children:
            items = data.get(relation.name, ABSENT)
            if items is ABSENT:
                continue
            if not isinstance(items, list | tuple):
                self._note_no_list(node, relation, items)
                continue
            plan = plan_of(relation.related_model)
            node.children[relation.name] = nodes = [
                Node(plan, item, node, relation, index) for index, item in enumerate(items)
            ]
            below += nodes

    def _note_no_list(self, node: Node, relation: Relation, items: Any) -> None:
        self._note(
            node.path_to(f".{relation.name}"), f"{_name(node)}.{relation.name} must be a list, and is {shown(items)}."
        )

    def _read_links(self, node: Node, data: dict[str, Any]) -> None:
        for relation in node.plan.links:
            items = data.get(relation.name, ABSENT)
            if items is ABSENT:
                continue
            if isinstance(items, list | tuple):
                node.links[relation.name] = self._read_keys(node, relation, items)
            else:
                self._note_no_list(node, relation, items)

    def _read_keys(self, node: Node, relation: Relation, items: Sequence[Any]) -> list[Any]:
        part = plan_of(relation.related_model).key[0]
        keys = []
        for index, item in enumerate(items):
            try:
                if item is None:
                    raise TypeError("a key cannot be null")
                key = part.to_python(item)
                hash(key)
                keys.append(key)
            except CONVERSION_ERRORS as error:
                path = node.path_to(f".{relation.name}[{index}]")
                self._note(
                    path, f"A key of {_name(node)}.{relation.name} cannot be read from {shown(item)}: {said(error)}"
                )
        return keys


REFUSED = object()
"""Stands for data that an upgrade hook could not read."""


def _name(node: Node) -> str:
    return str(node.model._meta.object_name)
