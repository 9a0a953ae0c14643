"""``ClusterTaggableManager``: taggit's field over a through model that is a child of the cluster."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.core import checks
from django.db.models import Model
from taggit.managers import TaggableManager

from cluster.contrib.taggit.form_field import StorableTagField
from cluster.contrib.taggit.generic import TaggedItemsDescriptor, TaggedItemsRelation, can_hold_key
from cluster.contrib.taggit.manager import HeldTagsManager
from cluster.fields.form_data import HeldFormData
from cluster.relations import Clusterable, ParentalField
from cluster.saving.unique import unique_sets


class ClusterTaggableManager(HeldFormData, TaggableManager):  # type: ignore[misc]  # taggit has no types
    """A ``TaggableManager`` whose tags are held in memory until ``save()``.

    The through model's ``content_object`` is a ``ParentalKey`` to the model that has the field, or a generic foreign
    key as that of ``taggit.TaggedItem``, which is the through model if none is given::

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

    def post_through_setup(self, cls: Any) -> None:
        """Do what taggit does when the through model is known, with tagged items that can be held."""
        super().post_through_setup(cls)
        if self.use_gfk:
            self._hold_generic_items(cls)

    def _hold_generic_items(self, cls: Any) -> None:
        """Put a relation that can be held in the place of the plain one that taggit has just added."""
        plain = cls._meta.private_fields.pop()
        before = next((each for each in cls._meta.private_fields if each.name == plain.name), None)
        items = TaggedItemsRelation(self.through)
        if before is None:
            items.contribute_to_class(cls, plain.name)
        else:
            # Taggit has put its own in the place of the other field's.
            setattr(cls, before.name, TaggedItemsDescriptor(before.remote_field))
            items.contribute_to_class(cls, f"{self.name}_items")
        self.items_name = items.name

    def __set__(self, instance: Any, value: Any) -> None:
        self.__get__(instance, type(instance)).set(value)

    def deconstruct(self) -> Any:
        """Name the class by its public place, which migrations keep."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "cluster.contrib.taggit.ClusterTaggableManager", args, kwargs

    def value_from_object(self, obj: Model) -> list[Any]:
        """Return the tags, held or stored; what a form shows."""
        return list(self.__get__(obj, type(obj)).all())

    def held_relation(self, instance: Model) -> Any:
        """Return the manager of the tagged items."""
        return self.items_of(instance)

    def formfield(self, form_class: Any = None, **kwargs: Any) -> Any:
        """Return the form field, which knows what names the tag model can have."""
        return super().formfield(form_class or partial(StorableTagField, self), **kwargs)

    def check(self, **kwargs: Any) -> list[Any]:
        """Check besides what Django checks that the tags are a part of the cluster."""
        # A model that is not there is left to Django's own checks.
        own = [] if isinstance(self.through, str) else [*self._check_through(), *self._check_names()]
        return [*super().check(**kwargs), *own]

    def _check_names(self) -> list[checks.CheckMessage]:
        tag_model = self.through.tag_model()
        if isinstance(tag_model, str) or any(each.names == {"name"} for each in unique_sets(tag_model)):
            return []
        return [
            checks.Warning(
                f"The names of {tag_model._meta.label} are not unique, and held tags are told apart by them alone.",
                hint="Make the field unique, or use a TaggableManager.",
                obj=self,
                id="cluster.W003",
            )
        ]

    def _check_through(self) -> list[checks.CheckMessage]:
        label, name = self.through._meta.label, self.model.__name__
        if not issubclass(self.model, Clusterable):
            problem = f"A ClusterTaggableManager must be on a ClusterableModel, and {self.model._meta.label} is none."
            hint = f"Derive {name} from cluster.models.ClusterableModel, or use a TaggableManager."
        elif self.use_gfk:
            if can_hold_key(self.through, self.model):
                return []
            problem = f"The object_id of {label} cannot hold the primary key of {name}."
            hint = f"Give the field a through model whose object_id is of the kind of {name}'s primary key."
        elif not self._is_child():
            problem = f"The content_object of {label} must be a ParentalKey to {name}."
            hint = f"Give {self.through.__name__} a ParentalKey named content_object to {name}."
        else:
            return []
        return [checks.Error(problem, hint=hint, obj=self, id="cluster.E005")]

    def items_of(self, instance: Any) -> Any:
        """Return the manager of the child relation by which an instance has its tagged items."""
        if self.use_gfk:
            return getattr(instance, self.items_name)
        key: Any = self.through._meta.get_field("content_object")
        return getattr(instance, key.remote_field.get_accessor_name())

    def _is_child(self) -> bool:
        key: Any = self.through._meta.get_field("content_object")
        target: Any = key.related_model
        return isinstance(key, ParentalField) and issubclass(self.model, target)
