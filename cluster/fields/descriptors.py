"""What a parent's class has under the name of a relation."""

from __future__ import annotations

from typing import Any

from django.db.models.fields.related_descriptors import ManyToManyDescriptor, ReverseManyToOneDescriptor
from django.utils.functional import cached_property

from cluster.fields.child_manager import ChildRelatedManager
from cluster.fields.link_manager import LinkRelatedManager
from cluster.fields.managers import build_manager_class
from cluster.relations import Clusterable
from cluster.relations.describe import child_relation, link_relation


class HeldRelationDescriptor:
    """Gives the relation's manager, and takes assignments; on a plain model it does what Django does.

    Historical models in migrations are plain: they derive from ``models.Model`` alone.
    """

    related_manager_cls: Any

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None or not isinstance(instance, Clusterable):
            return super().__get__(instance, owner)  # type: ignore[misc]
        return self.related_manager_cls.of(instance)

    def __set__(self, instance: Any, value: Any) -> None:
        if isinstance(instance, Clusterable):
            self.related_manager_cls.of(instance).set(value)
        else:
            super().__set__(instance, value)  # type: ignore[misc]


class ChildRelationDescriptor(HeldRelationDescriptor, ReverseManyToOneDescriptor, property):  # type: ignore[misc, type-arg]
    """The reverse side of a ``ParentalKey``.

    A property, because the constructor of Django's models, ``get_or_create()`` and ``update_or_create()`` take the names
    of fields and of properties that can be set, and a reverse relation goes by its name in queries among the fields.
    """

    fset = HeldRelationDescriptor.__set__

    @cached_property
    def related_manager_cls(self) -> Any:
        """The manager class: Django's own, or the one that can hold."""
        live = super().related_manager_cls
        if not issubclass(self.rel.model, Clusterable):
            return live
        superclass = self.rel.related_model._default_manager.__class__
        return build_manager_class(ChildRelatedManager, superclass, child_relation(self.rel), live)


class ParentalManyToManyDescriptor(HeldRelationDescriptor, ManyToManyDescriptor):  # type: ignore[misc, type-arg]
    """The forward side of a ``ParentalManyToManyField``."""

    @cached_property
    def related_manager_cls(self) -> Any:
        """The manager class: Django's own, or the one that can hold."""
        live = super().related_manager_cls
        if not issubclass(self.field.model, Clusterable):
            return live
        superclass = self.rel.model._default_manager.__class__
        return build_manager_class(LinkRelatedManager, superclass, link_relation(self.field), live)
