"""The edges of a model: every way in which one of its rows hangs together with rows of other tables.

Rows are taken table by table, as Django's serializers take them: of multi-table inheritance each level is a row of its
own, a proxy is its concrete model. Edges *down* lead to rows that may belong to a row, edges *up* to rows that it
needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from django.apps import apps
from django.db.models import CASCADE, ForeignKey, Model

from cluster.collector.rules import LINK, OWN, REF, SKIP, Rule
from cluster.relations import ParentalField


class Kind(Enum):
    """The kinds of edges."""

    CHILD = "row that points here"
    INHERITOR = "row of a multi-table child"
    GENERIC_CHILD = "row of a generic relation"
    GENERIC_POINTER = "row that points here by a generic foreign key without a generic relation"
    FAR_LINK = "link that another row declares"
    FORWARD = "target of a key"
    PARENT = "row of a multi-table parent"
    GENERIC_TARGET = "target of a generic foreign key"
    MANY = "target of a many-to-many"


@dataclass(frozen=True, eq=False)
class Edge:
    """One edge of a model.

    Attributes:
        kind: The kind of the edge.
        source: The concrete model whose rows have it.
        name: Its name in reports and in paths.
        names: Every name by which a rule may call it.
        target: The concrete model at its end; ``None`` where each row tells (a generic foreign key).
        field: The foreign key, many-to-many field, generic relation or generic foreign key that makes it.
        default: The rule that holds where none is given.
        reason: Why rows at its end are out of reach, if they are.
    """

    kind: Kind
    source: type[Model]
    name: str
    names: frozenset[str]
    target: type[Model] | None
    field: Any
    default: Rule
    reason: str = ""

    @property
    def label(self) -> str:
        """The edge as rules and reports name it."""
        return f"{self.source._meta.label}.{self.name}"

    @cached_property
    def is_down(self) -> bool:
        """Whether the rows at the end may belong to the source."""
        return self.kind in DOWN


DOWN = frozenset({Kind.CHILD, Kind.INHERITOR, Kind.GENERIC_CHILD, Kind.GENERIC_POINTER, Kind.FAR_LINK})


@dataclass(frozen=True)
class Edges:
    """The edges of one concrete model.

    Attributes:
        down: Edges to rows that may belong to a row of the model.
        up: Edges to rows that a row of the model needs.
    """

    down: tuple[Edge, ...]
    up: tuple[Edge, ...]

    def __iter__(self) -> Iterator[Edge]:
        return iter((*self.down, *self.up))

    @cached_property
    def keys(self) -> tuple[Edge, ...]:
        """The edges up whose value stands in a column of the row: foreign keys, to parents too."""
        return tuple(edge for edge in self.up if edge.kind in (Kind.FORWARD, Kind.PARENT))

    @cached_property
    def generic(self) -> tuple[Edge, ...]:
        """The generic foreign keys."""
        return tuple(edge for edge in self.up if edge.kind is Kind.GENERIC_TARGET)

    @cached_property
    def many(self) -> tuple[Edge, ...]:
        """The many-to-many fields whose links have no model of their own."""
        return tuple(edge for edge in self.up if edge.kind is Kind.MANY)


_descriptions: dict[type[Model], tuple[Any, Edges]] = {}


def edges_of(model: type[Model]) -> Edges:
    """Describe the edges of a concrete model; reads nothing but the model classes.

    Computed once per class; Django's own list of models, which it makes anew when one is added, tells when the
    description is out of date.
    """
    models = apps.get_models()
    known = _descriptions.get(model)
    if known is None or known[0] is not models:
        known = _descriptions[model] = models, _described(model)
    return known[1]


def _described(model: type[Model]) -> Edges:
    down = (*_children(model), *_generic_children(model), *_generic_pointers(model), *_far_links(model))
    return Edges(down, (*_forward_keys(model), *_generic_targets(model), *_many_to_many(model)))


def has_natural_key(model: type[Model]) -> bool:
    """Whether rows of a model can be named by a natural key and found by it."""
    return hasattr(model, "natural_key") and hasattr(model._default_manager, "get_by_natural_key")


def concrete(model: Any) -> type[Model]:
    """Return the model whose table holds the rows of a model."""
    table: type[Model] = model._meta.concrete_model
    return table


def _children(model: type[Model]) -> Iterator[Edge]:
    for rel in model._meta.get_fields(include_parents=False, include_hidden=True):
        field = getattr(rel, "field", None)
        if not rel.auto_created or rel.concrete or not (rel.one_to_many or rel.one_to_one):
            continue
        if isinstance(field, ForeignKey) and not field.model._meta.auto_created:
            yield _child(model, rel, field)


def _child(model: type[Model], rel: Any, field: Any) -> Edge:
    target = concrete(field.model)
    is_inheritor = bool(rel.parent_link) and issubclass(target, model)
    kind = Kind.INHERITOR if is_inheritor else Kind.CHILD
    hidden = f"{field.model._meta.model_name}_{field.name}"
    accessor = hidden if rel.hidden else rel.get_accessor_name()
    names = frozenset({accessor, hidden if rel.hidden else field.related_query_name()})
    if not target._meta.managed:
        return Edge(kind, model, accessor, names, target, field, SKIP, f"{target._meta.label} is unmanaged")
    return Edge(kind, model, accessor, names, target, field, OWN if _belongs(field) else SKIP)


def _belongs(field: Any) -> bool:
    if isinstance(field, ParentalField) or not field.null:
        return True
    return cascades(field)


def cascades(field: Any) -> bool:
    """Whether rows go with the row that a foreign key of theirs points at, by Django or by the database."""
    on_delete = field.remote_field.on_delete
    # DB_CASCADE, of Django 6.1, names the function that would do the same in Python.
    return on_delete is CASCADE or getattr(on_delete, "forced_collector", None) is CASCADE


def falls_in_database(on_delete: Any) -> bool:
    """Whether the database does what a foreign key asks for when its target goes, as from Django 6.1 it may."""
    return hasattr(on_delete, "on_delete_sql")


def pointed_fields(model: type[Model]) -> list[Any]:
    """Return the fields of a model, other than its key, whose values foreign keys hold."""
    fields = {edge.field.target_field for edge in _children(model)}
    return sorted((field for field in fields if not field.primary_key), key=lambda field: field.name)


def _generic_children(model: type[Model]) -> Iterator[Edge]:
    for field in generic_relations(model):
        target = concrete(field.related_model)
        yield Edge(Kind.GENERIC_CHILD, model, field.name, frozenset({field.name}), target, field, OWN)


def generic_relations(model: type[Model]) -> list[Any]:
    """Return the generic relations of a concrete model and of its proxies, whose rows are the same."""
    proxies = [other for other in apps.get_models() if other._meta.proxy and concrete(other) is model]
    fields: list[Any] = [field for each in (model, *proxies) for field in each._meta.private_fields]
    # A proxy has a copy of each relation of its model.
    named = {field.name: field for field in reversed(fields) if hasattr(field, "bulk_related_objects")}
    return list(reversed(named.values()))


def _generic_pointers(model: type[Model]) -> Iterator[Edge]:
    related = {(concrete(field.related_model), field.object_id_field_name) for field in generic_relations(model)}
    for holder in apps.get_models():
        for field in own_generic_keys(holder):
            if (holder, field.fk_field) not in related and holder._meta.managed:
                name = f"{holder._meta.model_name}_{field.name}"
                yield Edge(Kind.GENERIC_POINTER, model, name, frozenset({name}), holder, field, SKIP)


def own_generic_keys(model: type[Model]) -> list[Any]:
    """Return the generic foreign keys whose columns are in the model's own table."""
    if model._meta.proxy:
        return []
    own = {field.name for field in model._meta.local_fields}
    return [field for field in model._meta.private_fields if getattr(field, "ct_field", None) in own]


def _far_links(model: type[Model]) -> Iterator[Edge]:
    relations: list[Any] = model._meta.get_fields(include_parents=False, include_hidden=True)
    for rel in relations:
        if rel.many_to_many and rel.auto_created and rel.through._meta.auto_created:
            field = rel.field
            name = f"{field.model._meta.model_name}_{field.name}" if rel.hidden else rel.get_accessor_name()
            yield Edge(Kind.FAR_LINK, model, name, frozenset({name}), concrete(field.model), field, SKIP)


def _forward_keys(model: type[Model]) -> Iterator[Edge]:
    parents = set(model._meta.parents.values())
    for field in model._meta.local_fields:
        if isinstance(field, ForeignKey):
            target = concrete(field.related_model)
            kind = Kind.PARENT if field in parents else Kind.FORWARD
            default = OWN if kind is Kind.PARENT else default_of_target(target)
            yield Edge(kind, model, field.name, frozenset({field.name}), target, field, default)


def default_of_target(target: type[Model]) -> Rule:
    """Return what is done with rows that others point at where no rule tells."""
    return LINK if has_natural_key(target) or not target._meta.managed else REF


def _generic_targets(model: type[Model]) -> Iterator[Edge]:
    for field in own_generic_keys(model):
        yield Edge(Kind.GENERIC_TARGET, model, field.name, frozenset({field.name}), None, field, REF)


def _many_to_many(model: type[Model]) -> Iterator[Edge]:
    fields: list[Any] = model._meta.local_many_to_many
    for field in fields:
        if field.remote_field.through._meta.auto_created:
            target = concrete(field.related_model)
            names = frozenset({field.name})
            yield Edge(Kind.MANY, model, field.name, names, target, field, default_of_target(target))


def link_columns(edge: Edge) -> tuple[str, str]:
    """Return the attnames of the row that declares a link and of the row that it leads to, whichever edge is asked."""
    return f"{edge.field.m2m_field_name()}_id", f"{edge.field.m2m_reverse_field_name()}_id"


def generic_columns(field: Any) -> tuple[str, str]:
    """Return the attnames of content type and object id of a generic foreign key."""
    return f"{field.ct_field}_id", field.fk_field
