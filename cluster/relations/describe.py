"""Which relations a model has: a frozen description, computed once per class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import SET_NULL, ForeignKey, ForeignObjectRel, ManyToManyField, Model


class ParentalField:
    """Marks the fields that tie rows to a cluster: ``ParentalKey`` and ``ParentalManyToManyField``."""


@dataclass(frozen=True, slots=True)
class Relation:
    """One child relation or parental many-to-many of a model.

    Attributes:
        name: The name under which the parent has it: a child relation's accessor, a many-to-many field's name.
        field: The child's ``ParentalKey``, or the parent's ``ParentalManyToManyField``.
        rel: The field's relation object, as ``_meta.related_objects`` and ``field.remote_field`` give it.
        related_model: The model of the objects in the relation.
        is_child: Whether the objects are owned (children) or only linked (many-to-many).
    """

    name: str
    field: Any
    rel: Any
    related_model: type[Model]
    is_child: bool

    def point(self, child: Model, parent: Model | None) -> None:
        """Make ``child`` belong to ``parent``, or to none; in memory only."""
        setattr(child, self.field.name, parent)

    def parent_of(self, child: Model) -> Model | None:
        """Return the parent that ``child`` has in memory, without asking the database."""
        parent: Model | None = self.field.get_cached_value(child, default=None)
        return parent

    @property
    def releases(self) -> bool:
        """Whether a child that is taken out keeps its row, with a null key, as Django's ``remove()`` does."""
        return bool(self.is_child and self.field.null and self.rel.on_delete is SET_NULL)


class Relations(Mapping[str, Relation]):
    """The relations of one model by name; ``children`` and ``links`` are the two kinds, in order of definition."""

    __slots__ = ("_by_name", "children", "links", "model")

    def __init__(self, model: type[Model], children: tuple[Relation, ...], links: tuple[Relation, ...]) -> None:
        self.model = model
        self.children = children
        self.links = links
        self._by_name = {relation.name: relation for relation in (*children, *links)}

    def __getitem__(self, name: str) -> Relation:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


_descriptions: dict[type[Model], tuple[Any, Any, Relations]] = {}


def relations_of(model: type[Model]) -> Relations:
    """Return the relations that make ``model`` a cluster, those of its superclasses included.

    Computed once per class; Django's own lists of related objects, which it makes anew when a model is added, tell when
    the description is out of date.
    """
    meta = model._meta
    reverse, forward = meta.related_objects, meta.many_to_many
    known = _descriptions.get(model)
    if known is not None and known[0] is reverse and known[1] is forward:
        return known[2]
    children = tuple(child_relation(rel) for rel in reverse if _is_parental(rel.remote_field, ForeignKey))
    links = tuple(link_relation(field) for field in forward if _is_parental(field, ManyToManyField))
    description = Relations(model, children, links)
    _descriptions[model] = (reverse, forward, description)
    return description


def _is_parental(field: Any, kind: type) -> bool:
    return isinstance(field, ParentalField) and isinstance(field, kind)


def child_relation(rel: ForeignObjectRel) -> Relation:
    """Describe the reverse side of a ``ParentalKey``."""
    return Relation(
        name=str(rel.get_accessor_name()), field=rel.field, rel=rel, related_model=rel.related_model, is_child=True
    )


def link_relation(field: Any) -> Relation:
    """Describe a ``ParentalManyToManyField``."""
    return Relation(
        name=field.name, field=field, rel=field.remote_field, related_model=field.related_model, is_child=False
    )
