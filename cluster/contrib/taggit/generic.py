"""Tagged items of a generic through model, as a child relation of what is tagged."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.contenttypes.fields import GenericRelation, ReverseGenericManyToOneDescriptor
from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, IntegerField, Model, QuerySet, UUIDField

from cluster.fields.child_manager import ChildRelatedManager
from cluster.fields.descriptors import HeldRelationDescriptor
from cluster.fields.managers import build_manager_class
from cluster.relations import Relation
from cluster.relations.describe import DescribedField


class GenericKey:
    """Makes of a field with the key of an object of any model one that points at a parent of one model.

    Mixed into the class of a copy of the field, which is equal to the field itself, but not to the copy that points at
    another parent.

    Attributes:
        remote_field: The relation object of the parent's generic relation.
        related_model: The parent's model.
        target_field: The parent's primary key.
        cache_name: The name under which the child has its parent in memory: that of the generic foreign key.
    """

    remote_field: Any
    related_model: Any
    target_field: Any
    cache_name: str

    def __eq__(self, other: object) -> bool:
        if isinstance(other, GenericKey):
            return other.remote_field is self.remote_field
        return super().__eq__(other)

    def __hash__(self) -> int:
        return super().__hash__()


def generic_key(relation: GenericRelation) -> Any:
    """Return the key by which the rows of a generic relation point at their parents."""
    through: Any = relation.remote_field.model
    key: Any = copy.copy(through._meta.get_field(relation.object_id_field_name))
    key.__class__ = type("GenericKey", (GenericKey, type(key)), {"__module__": __name__})
    key.remote_field, key.related_model = relation.remote_field, relation.model
    key.target_field = relation.model._meta.pk
    key.cache_name = parent_key_of(through).cache_name
    return key


def parent_key_of(through: Any) -> Any:
    """Return the generic foreign key of a through model of taggit's."""
    return through._meta.get_field("content_object")


# What an object_id can hold the keys of.
KINDS_OF_KEYS = (IntegerField, UUIDField, CharField)


def can_hold_key(through: Any, model: Any) -> bool:
    """Say whether the rows of a through model can have the primary keys of a model."""
    key, holder = model._meta.pk, through._meta.get_field(parent_key_of(through).fk_field)
    while key.remote_field is not None:
        key = key.target_field
    return any(isinstance(key, kind) and isinstance(holder, kind) for kind in KINDS_OF_KEYS)


def content_type_of(model: Any, using: str | None) -> Any:
    """Return the key of the content type of a model; one query until Django knows it."""
    return ContentType.objects.db_manager(using).get_for_model(model).pk


def fill_content_types(items: Iterable[Any], using: str) -> None:
    """Give tagged items that are about to be written the content type of what they are held by."""
    for item in items:
        key = parent_key_of(type(item))
        parent = item._state.fields_cache.get(key.cache_name)
        if parent is not None:
            setattr(item, item._meta.get_field(key.ct_field).attname, content_type_of(parent, using))


@dataclass(frozen=True, slots=True)
class GenericChildRelation(Relation):
    """A child relation whose rows tell by a content type of what model their parent is.

    The content type of a new child is left to the save, so that nothing is read before.
    """

    @property
    def _content_type_attname(self) -> str:
        content_type: Any = self.related_model._meta.get_field(self.rel.field.content_type_field_name)
        return str(content_type.attname)

    @property
    def filled(self) -> frozenset[str]:
        return frozenset((self.field.name, self.rel.field.content_type_field_name))

    @property
    def owner_attnames(self) -> tuple[str, ...]:
        return (self.field.attname, self._content_type_attname)

    @property
    def releases(self) -> bool:
        return False

    def keywords(self, parent: Model) -> dict[str, Any]:
        """Return nothing: a generic key cannot be given before the content type is known."""
        return {}

    def among(self, rows: QuerySet[Any], parent_values: Iterable[Any]) -> QuerySet[Any]:
        content_type = {self._content_type_attname: content_type_of(self.rel.field.model, rows.db)}
        return rows.filter(**{f"{self.field.attname}__in": parent_values}, **content_type)

    def owner_in(self, row: Mapping[str, Any], using: str) -> Any:
        content_type, key = row[self._content_type_attname], row[self.field.attname]
        # Another model's row with this key is another owner.
        return key if content_type == content_type_of(self.rel.field.model, using) else (content_type, key)

    def point(self, child: Model, parent: Model | None) -> None:
        child.__dict__[self.key_attname] = None if parent is None else getattr(parent, self.parent_attname)
        child._state.fields_cache[self.field.cache_name] = parent
        if child.__dict__.get(self._content_type_attname) is not None:
            # It may have been another model's.
            setattr(child, self._content_type_attname, content_type_of(self.rel.field.model, child._state.db))

    def parent_of(self, child: Model) -> Model | None:
        return child._state.fields_cache.get(self.field.cache_name)


class TaggedItemsRelation(DescribedField, GenericRelation):
    """The generic relation from an object to its tagged items; they are held in memory where the object is."""

    def contribute_to_class(self, cls: type[Model], name: str, private_only: bool = True, **kwargs: Any) -> None:  # noqa: FBT001, FBT002 - Django's
        """Add the relation with a descriptor whose manager can hold."""
        super().contribute_to_class(cls, name, **kwargs)
        rel: Any = self.remote_field
        setattr(cls, self.name, TaggedItemsDescriptor(rel))

    def child_relation(self) -> GenericChildRelation:
        """Return the relation."""
        key = generic_key(self)
        return GenericChildRelation(
            name=self.name,
            field=key,
            rel=self.remote_field,
            related_model=self.remote_field.model,
            is_child=True,
            key_attname=key.attname,
            parent_attname=key.target_field.attname,
        )


class TaggedItemsDescriptor(HeldRelationDescriptor, ReverseGenericManyToOneDescriptor):  # type: ignore[misc]
    """What the class of a tagged object has under the name of the relation."""

    @property
    def parent_model(self) -> Any:
        """The model that has the relation."""
        return self.rel.field.model

    def held_manager_class(self, live: type[Any]) -> type[Any]:
        """Return the manager class that can hold, which stands beside Django's own."""
        relation: Any = self.rel.field
        superclass = self.rel.model._default_manager.__class__
        return build_manager_class(ChildRelatedManager, superclass, relation.child_relation(), live)
