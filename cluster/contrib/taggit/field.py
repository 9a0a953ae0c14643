"""``ClusterTaggableManager``: taggit's field over a through model that is a child of the cluster."""

from __future__ import annotations

from typing import Any

from django.core import checks
from django.db.models import Model
from taggit.managers import TaggableManager

from cluster.contrib.taggit.manager import HeldTagsManager
from cluster.relations import Clusterable, ParentalField


class ClusterTaggableManager(TaggableManager):  # type: ignore[misc]  # taggit has no types
    """A ``TaggableManager`` whose tags are held in memory until ``save()``.

    The through model's ``content_object`` must be a ``ParentalKey`` to the model that has the field::

        class TaggedPlace(TaggedItemBase):
            content_object = ParentalKey("Place", related_name="tagged_items")

        class Place(ClusterableModel):
            tags = ClusterTaggableManager(through=TaggedPlace, blank=True)

    Takes what ``TaggableManager`` takes.
    """

    # By this flag a form knows that the value is to be assigned before the instance is saved.
    _need_commit_after_assignment = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("manager", HeldTagsManager)
        super().__init__(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self.manager(
            through=self.through,
            model=owner or type(instance),
            instance=instance,
            prefetch_cache_name=self.name,
            ordering=self.ordering,
        )

    def __set__(self, instance: Any, value: Any) -> None:
        self.__get__(instance, type(instance)).set(value)

    def deconstruct(self) -> Any:
        """Name the class by its public place, which migrations keep."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "cluster.contrib.taggit.ClusterTaggableManager", args, kwargs

    def value_from_object(self, obj: Model) -> list[Any]:
        """Return the tags, held or stored; what a form shows."""
        return list(self.__get__(obj, type(obj)).all())

    def check(self, **kwargs: Any) -> list[Any]:
        """Check besides what Django checks that the tags are a part of the cluster."""
        return [*super().check(**kwargs), *self._check_through()]

    def _check_through(self) -> list[checks.CheckMessage]:
        if isinstance(self.through, str):
            # A model that is not there; Django's own checks say so.
            return []
        label, name = self.through._meta.label, self.model.__name__
        if not issubclass(self.model, Clusterable):
            problem = f"A ClusterTaggableManager must be on a ClusterableModel, and {self.model._meta.label} is none."
            hint = f"Derive {name} from cluster.models.ClusterableModel, or use a TaggableManager."
        elif self.use_gfk:
            problem = (
                f"{label} is generic: it knows a {name} by its key alone, and so cannot be held before it has one."
            )
            hint = (
                f"Give the field a through model over TaggedItemBase with a ParentalKey named content_object to {name}."
            )
        elif not self._is_child():
            problem = f"The content_object of {label} must be a ParentalKey to {name}."
            hint = f"Give {self.through.__name__} a ParentalKey named content_object to {name}."
        else:
            return []
        return [checks.Error(problem, hint=hint, obj=self, id="cluster.E005")]

    def _is_child(self) -> bool:
        key: Any = self.through._meta.get_field("content_object")
        target: Any = key.related_model
        return isinstance(key, ParentalField) and issubclass(self.model, target)
