"""What a parent's class has under the name of a relation."""

from __future__ import annotations

from collections.abc import Callable
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

    Attributes:
        parent_model: The model that has the relation.
        held_manager_class: Returns the manager class that can hold, which stands beside Django's own.
    """

    parent_model: Any
    held_manager_class: Callable[[type[Any]], type[Any]]

    @property
    def is_holding(self) -> bool:
        """Whether the instances of the parent's class can hold relations."""
        return issubclass(self.parent_model, Clusterable)

    @cached_property
    def related_manager_cls(self) -> Any:
        """The manager class: Django's own, or the one that can hold."""
        live = super().related_manager_cls  # type: ignore[misc]
        return self.held_manager_class(live) if self.is_holding else live

    @cached_property
    def manager_of(self) -> Callable[[Any], Any] | None:
        """What gives the manager of an instance that can hold; ``None`` where none can."""
        return self.related_manager_cls._of if self.is_holding else None

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        manager_of = None if instance is None else self.manager_of
        return super().__get__(instance, owner) if manager_of is None else manager_of(instance)  # type: ignore[misc]

    def __set__(self, instance: Any, value: Any) -> None:
        if self.manager_of is None:
            super().__set__(instance, value)  # type: ignore[misc]
        else:
            self.manager_of(instance).set(value)


class ChildRelationDescriptor(  # type: ignore[misc]
    HeldRelationDescriptor,
    ReverseManyToOneDescriptor,  # type: ignore[type-arg]
    property,
):
    """The reverse side of a ``ParentalKey``.

    A property, because the constructor of Django's models, ``get_or_create()`` and ``update_or_create()`` take the
    names of fields and of properties that can be set. Among the fields, a reverse relation has its name in queries.
    """

    fset = HeldRelationDescriptor.__set__

    @property
    def parent_model(self) -> Any:
        """The model that has the relation."""
        return self.rel.model

    def held_manager_class(self, live: type[Any]) -> type[Any]:
        """Return the manager class that can hold, which stands beside Django's own."""
        superclass = self.rel.related_model._default_manager.__class__
        return build_manager_class(ChildRelatedManager, superclass, child_relation(self.rel), live)


class ParentalManyToManyDescriptor(HeldRelationDescriptor, ManyToManyDescriptor):  # type: ignore[misc, type-arg]
    """The forward side of a ``ParentalManyToManyField``."""

    @property
    def parent_model(self) -> Any:
        """The model that has the relation."""
        return self.field.model

    def held_manager_class(self, live: type[Any]) -> type[Any]:
        """Return the manager class that can hold, which stands beside Django's own."""
        superclass = self.rel.model._default_manager.__class__
        return build_manager_class(LinkRelatedManager, superclass, link_relation(self.field), live)
