"""Building instances from checked nodes: nothing of the database is read or written, nothing can fail half-way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import router
from django.db.models import DEFERRED, Model

from cluster.errors import Problem
from cluster.relations import HeldLinks, HeldList, Relation, ensure_state
from cluster.relations.natural import natural_fields
from cluster.serialization.asking import asking
from cluster.serialization.incoming import NaturalKey
from cluster.serialization.nodes import ABSENT, Node
from cluster.serialization.options import LoadOptions
from cluster.serialization.targets import Tree


@dataclass(slots=True)
class Builder:
    """Builds the instances of one load, children before their parents.

    Attributes:
        nodes: The nodes of the load.
        objects: What many-to-many keys name, by concrete model and key; what is missing is made without being read.
            What natural keys name, by concrete model, field and value, and new objects by natural key.
        tree: What the nodes bring, for those that are read again.
    """

    options: LoadOptions
    nodes: list[Node] = field(default_factory=list)
    objects: dict[Any, Model] = field(default_factory=dict)
    tree: Tree = field(init=False)

    def __post_init__(self) -> None:
        self.tree = Tree(self.nodes)

    def build_all(self) -> None:
        """Build every node that was not dropped."""
        self.build_each(self.nodes)
        self._share()
        linked = [node for node in self.nodes if node.links and node.instance is not None and node.twin is None]
        if any(any(node.links.values()) for node in linked):
            self._remember()
        for node in linked:
            self._link(node, node.instance)

    def build_each(self, nodes: Sequence[Node]) -> None:
        """Build the instances of nodes, the last first."""
        for node in reversed(nodes):
            if not node.is_dropped and node.twin is None:
                node.instance = self._ask_class(node) if node.is_asked_for else self.build(node)

    def _ask_class(self, node: Node) -> Model | None:
        """Let a class with a ``from_serializable_data()`` of its own build the instance."""
        model: Any = node.model
        strict_fks = self.options.strict_fks if node.above is None else True
        with asking(self, node):
            instance: Model | None = model.from_serializable_data(node.data, self.options.check_fks, strict_fks)
        if instance is None and not node.is_dropped:
            message = f"{model.__name__}.from_serializable_data() gave nothing."
            self.options.report.dropped.append(Problem(node.path, message))
        return instance

    def build(self, node: Node) -> Model:
        """Build the instance of one node; its children are built already."""
        values = self._values(node)
        named = self._take_named(node, values) if node.plan.named_keys else {}
        instance = node.model(*values)
        for name, target in named.items():
            setattr(instance, name, target)
        if node.key is not None:
            instance._state.adding = False
            instance._state.db = self._database(node)
        for name in node.children:
            _attach_children(node, instance, name)
        return instance

    def _share(self) -> None:
        """Put instances that are in two relations into the second one too."""
        for node in self.nodes:
            if node.twin is not None and not node.is_dropped:
                node.instance = node.twin.instance
                if node.instance is None:
                    message = f"It is the object of {node.twin.path}, which was dropped."
                    self.options.report.dropped.append(Problem(node.path, message))
        for node in self.nodes:
            if node.instance is not None and node.twin is not None:
                assert node.above is not None
                assert node.relation is not None
                _attach_children(node.above, node.above.instance, node.relation.name)

    def _values(self, node: Node) -> list[Any]:
        """Return the values for the constructor.

        What the data does not have is left to the row, if there is one: Django reads it when it is asked for, and does
        not write it. A new object gets its defaults.
        """
        values = node.values
        if node.key is None or node.row_is_gone:
            for position, column in node.plan.defaults:
                if values[position] is ABSENT:
                    values[position] = column.get_default()
        return values

    def _take_named(self, node: Node, values: list[Any]) -> dict[str, Model]:
        """Take natural keys out of the values; return their targets by field, the stored ones or new ones."""
        named = {}
        for position, column in node.plan.named_keys:
            key = values[position]
            if isinstance(key, NaturalKey):
                values[position] = None
                named[column.name] = self._named_target(key)
        return named

    def _named_target(self, key: NaturalKey) -> Model:
        """Return the stored object that was found, else one new object for all that name it."""
        fields = natural_fields(key.model)
        stored = (key.model._meta.concrete_model, fields[0], key.values[0])
        if len(fields) == 1 and stored in self.objects:
            return self.objects[stored]
        if key not in self.objects:
            self.objects[key] = key.make()
        return self.objects[key]

    def _database(self, node: Node) -> str | None:
        """Return the database whose row the instance is.

        A child's stays open: by that the save knows that its row was only named and not read, and does not take one of
        another parent.
        """
        if node.above is not None:
            return node.database
        return self.options.using or router.db_for_write(node.model)

    # Links

    def _remember(self) -> None:
        for node in self.nodes:
            if node.instance is not None and node.key is not None:
                self.objects.update(dict.fromkeys(node.identities(), node.instance))

    def _link(self, node: Node, instance: Any) -> None:
        held = ensure_state(instance).held
        for name, keys in node.links.items():
            model = node.plan.relations[name].related_model
            held[name] = HeldLinks([self._target(model, key) for key in dict.fromkeys(keys)] if keys else ())

    def _target(self, model: Any, key: Any) -> Model:
        identity = (model._meta.concrete_model, key)
        target = self.objects.get(identity)
        if target is None:
            target = self.objects[identity] = unread_object(model, key, self.options.using)
        return target


def _attach_children(node: Node, instance: Any, name: str) -> None:
    built = [child.instance for child in node.children[name] if child.instance is not None]
    attach(instance, node.plan.relations[name], built)


def attach(parent: Model, relation: Relation, children: list[Model]) -> None:
    """Hold children as the whole content of a relation, each pointing at the parent."""
    key = relation.field
    if children:
        # What is not loaded is not read: the save does, by the parent.
        value, attname, name = parent.__dict__.get(key.target_field.attname), key.attname, key.cache_name
        for child in children:
            child.__dict__[attname] = value
            child._state.fields_cache[name] = parent
    # Without a baseline, which declares the whole content.
    ensure_state(parent).held[relation.name] = HeldList(children)


def unread_object(model: type[Model], key: Any, using: str | None) -> Model:
    """Return an object that is known by its key alone: every other field is read when it is asked for."""
    attnames = {each.attname for each in model._meta.pk_fields}
    values = [key if each.attname in attnames else DEFERRED for each in model._meta.concrete_fields]
    instance = model(*values)
    instance._state.adding = False
    instance._state.db = using or router.db_for_read(model)
    return instance
