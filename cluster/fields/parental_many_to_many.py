"""``ParentalManyToManyField``: links that are part of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.core import checks
from django.db.models import ManyToManyField, Model

from cluster.fields.descriptors import ParentalManyToManyDescriptor
from cluster.fields.form_data import HeldFormData
from cluster.relations import Clusterable, ParentalField

_To = TypeVar("_To", bound=Model)
_Through = TypeVar("_Through", bound=Model)

if TYPE_CHECKING:
    GenericManyToManyField = ManyToManyField
else:

    class GenericManyToManyField(ManyToManyField):
        """Django's field; generic as its stubs say, which Django does for foreign keys alone."""

        def __class_getitem__(cls, _types):
            return cls


class ParentalManyToManyField(HeldFormData, ParentalField, GenericManyToManyField[_To, _Through]):
    """A many-to-many field of a ``ClusterableModel`` that can be held in memory."""

    def contribute_to_class(self, cls: type[Model], name: str, private_only: bool = False, **kwargs: Any) -> None:  # noqa: FBT001, FBT002 - Django's
        """Add the field with a descriptor whose manager can hold."""
        super().contribute_to_class(cls, name, private_only=private_only, **kwargs)
        setattr(cls, self.name, ParentalManyToManyDescriptor(self.remote_field))

    def deconstruct(self) -> Any:
        """Name the class by its public place, which migrations keep."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "cluster.fields.ParentalManyToManyField", args, kwargs

    def value_from_object(self, obj: Model) -> list[Model]:
        """Return the linked objects, the held ones of an unsaved instance too; what a form shows."""
        return list(getattr(obj, self.attname).all())

    def held_relation(self, instance: Model) -> Any:
        """Return the manager of the links."""
        return getattr(instance, self.attname)

    def check(self, **kwargs: Any) -> list[Any]:
        """Check besides what Django checks that the field is on a cluster."""
        return [*super().check(**kwargs), *self._check_model()]

    def _check_model(self) -> list[checks.CheckMessage]:
        if issubclass(self.model, Clusterable):
            return []
        return [
            checks.Error(
                f"A ParentalManyToManyField must be on a ClusterableModel, and {self.model._meta.label} is none.",
                hint=f"Derive {self.model.__name__} from cluster.models.ClusterableModel, or use a ManyToManyField.",
                obj=self,
                id="cluster.E003",
            )
        ]
