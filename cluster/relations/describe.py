"""Which relations a model has: a frozen description, computed once per class."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import router
from django.db.models import ForeignKey, ForeignObjectRel, ManyToManyField, Model, QuerySet

# By name, as only later versions of Django can leave it to the database.
SETTING_NULL = ("SET_NULL", "DB_SET_NULL")


class ParentalField:
    """Marks the fields that tie rows to a cluster: ``ParentalKey`` and ``ParentalManyToManyField``."""


class DescribedField(ParentalField):
    """A field of the parent that says itself which child relation it is: a generic relation whose rows are held."""

    @abstractmethod
    def child_relation(self) -> Relation:
        """Return the relation."""


@dataclass(frozen=True, slots=True)
class Relation:
    """One child relation or parental many-to-many of a model.

    Attributes:
        name: The name under which the parent has it: a child relation's accessor, a many-to-many field's name.
        field: The child's ``ParentalKey``, or the parent's ``ParentalManyToManyField``.
        rel: The field's relation object, as ``_meta.related_objects`` and ``field.remote_field`` give it.
        related_model: The model of the objects in the relation.
        is_child: Whether the objects are owned (children) or only linked (many-to-many).
        key_attname: The child's attribute with the parent's key; empty for links.
        parent_attname: The parent's attribute with that key; empty for links.
        is_in_key: Whether the child's primary key contains the parent's, so that a row cannot change its parent.
    """

    name: str
    field: Any
    rel: Any
    related_model: type[Model]
    is_child: bool
    key_attname: str = ""
    parent_attname: str = ""
    is_in_key: bool = False

    @property
    def filled(self) -> frozenset[str]:
        """The names of the child's fields that tell whose child it is, which the relation fills."""
        return frozenset((self.field.name,))

    def keywords(self, parent: Model) -> dict[str, Any]:
        """Return what a new child is given to belong to ``parent``."""
        return {self.field.name: parent}

    def among(self, rows: QuerySet[Any], parent_values: Iterable[Any]) -> QuerySet[Any]:
        """Return of the related model's rows those of the parents that have these values."""
        return rows.filter(**{f"{self.field.attname}__in": parent_values})

    @property
    def owner_attnames(self) -> tuple[str, ...]:
        """The child's attributes that tell whose child a stored row is."""
        return (self.field.attname,)

    def owner_in(self, row: Mapping[str, Any], using: str) -> Any:
        """Return the value by which a stored row points at its parent, by its values by attname; ``None`` for none."""
        return row[self.field.attname]

    def point(self, child: Model, parent: Model | None) -> None:
        """Make ``child`` belong to ``parent``, or to none; in memory only.

        Raises:
            ValueError: The database router does not allow the two to be related.
        """
        if parent is None or router.routers or are_apart(child, parent):
            setattr(child, self.field.name, parent)
            return
        # What Django's descriptor does where there is no router to ask.
        child.__dict__[self.key_attname] = getattr(parent, self.parent_attname)
        child._state.fields_cache[self.field.name] = parent

    def parent_of(self, child: Model) -> Model | None:
        """Return the parent that ``child`` has in memory, without asking the database."""
        return child._state.fields_cache.get(self.field.name)

    @property
    def releases(self) -> bool:
        """Whether a child that is taken out keeps its row, with a null key, as Django's ``remove()`` does."""
        return bool(self.is_child and self.field.null and getattr(self.rel.on_delete, "__name__", "") in SETTING_NULL)


def are_apart(instance: Model, other: Model) -> bool:
    """Whether two instances are known to be of different databases."""
    return instance._state.db != other._state.db and instance._state.db is not None and other._state.db is not None


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
    children = [child_relation(rel) for rel in reverse if _is_parental(rel.remote_field, ForeignKey)]
    private: list[Any] = meta.private_fields
    children += [field.child_relation() for field in private if isinstance(field, DescribedField)]
    links = tuple(link_relation(field) for field in forward if _is_parental(field, ManyToManyField))
    description = Relations(model, tuple(children), links)
    _descriptions[model] = (reverse, forward, description)
    return description


def _is_parental(field: Any, kind: type) -> bool:
    return isinstance(field, ParentalField) and isinstance(field, kind)


def child_relation(rel: ForeignObjectRel) -> Relation:
    """Describe the reverse side of a ``ParentalKey``."""
    key: Any = rel.field
    return Relation(
        name=str(rel.get_accessor_name()),
        field=key,
        rel=rel,
        related_model=rel.related_model,
        is_child=True,
        key_attname=key.attname,
        parent_attname=key.target_field.attname,
        is_in_key=key in key.model._meta.pk_fields,
    )


def link_relation(field: Any) -> Relation:
    """Describe a ``ParentalManyToManyField``."""
    return Relation(
        name=field.name, field=field, rel=field.remote_field, related_model=field.related_model, is_child=False
    )


def tables_of(model: type[Model]) -> list[type[Model]]:
    """Return the concrete models in whose tables a row of a model is, its own first."""
    concrete: Any = model._meta.concrete_model
    return list(dict.fromkeys([concrete, *(parent._meta.concrete_model for parent in concrete._meta.all_parents)]))


def kinds_of_owners(model: type[Model]) -> frozenset[str]:
    """Return the names of the fields that tell of what model a child's parent is, which mean nothing elsewhere."""
    fields = [getattr(each, "field", None) for each in model._meta.get_fields(include_hidden=True)]
    relations = [field.child_relation() for field in fields if isinstance(field, DescribedField)]
    return frozenset(name for each in relations for name in each.filled if name != each.field.name)
