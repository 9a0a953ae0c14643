"""``ParentalKey``: the foreign key by which a child belongs to its cluster."""

from __future__ import annotations

from typing import Any, TypeVar

from django.core import checks
from django.db.models import CASCADE, ForeignKey

from cluster.fields.descriptors import ChildRelationDescriptor
from cluster.relations import Clusterable, ParentalField

_ST_contra = TypeVar("_ST_contra", contravariant=True)
_GT_co = TypeVar("_GT_co", covariant=True)


class ParentalKey(ParentalField, ForeignKey[_ST_contra, _GT_co]):
    """A foreign key to a ``ClusterableModel``, whose reverse side can be held in memory.

    Takes what ``ForeignKey`` takes; ``on_delete`` is ``CASCADE`` unless given.
    """

    related_accessor_class = ChildRelationDescriptor

    def __init__(self, to: Any, on_delete: Any = CASCADE, **kwargs: Any) -> None:
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self) -> Any:
        """Name the class by its public place, which migrations keep."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "cluster.fields.ParentalKey", args, kwargs

    def check(self, **kwargs: Any) -> list[Any]:
        """Check besides what Django checks that the key points at a cluster and can be followed back.

        Django's advice to make a unique foreign key a ``OneToOneField`` (fields.W342) is left out: a unique
        ``ParentalKey`` means at most one child, in a relation that has a manager like the others.
        """
        found = [message for message in super().check(**kwargs) if message.id != "fields.W342"]
        return [*found, *self._check_target(), *self._check_related_name()]

    def _check_target(self) -> list[checks.CheckMessage]:
        target: Any = self.remote_field.model
        if isinstance(target, str) or issubclass(target, Clusterable):
            return []
        return [
            checks.Error(
                f"A ParentalKey must point to a ClusterableModel, and {target._meta.label} is none.",
                hint=f"Derive {target.__name__} from cluster.models.ClusterableModel, or use a ForeignKey.",
                obj=self,
                id="cluster.E001",
            )
        ]

    def _check_related_name(self) -> list[checks.CheckMessage]:
        if not self.remote_field.hidden:
            return []
        return [
            checks.Error(
                "A ParentalKey needs a reverse relation, and related_name='+' hides it.",
                hint="Give it another related_name, or use a ForeignKey.",
                obj=self,
                id="cluster.E002",
            )
        ]
