"""Tagged parents and children, with taggit's tags and with tags of their own."""

from __future__ import annotations

from django.db import models
from taggit.models import ItemBase, TagBase, TaggedItemBase

from cluster.contrib.taggit import ClusterTaggableManager
from cluster.fields import ParentalKey
from cluster.models import ClusterableModel


class TaggedPlace(TaggedItemBase):
    content_object = ParentalKey("tags.Place", related_name="tagged_items")
    weight = models.IntegerField(default=1)


class Place(ClusterableModel):
    name = models.CharField(max_length=80)
    tags = ClusterTaggableManager(through=TaggedPlace, blank=True)


class Flavour(TagBase):
    strength = models.IntegerField(default=0)


class TaggedDish(ItemBase):
    tag = models.ForeignKey(Flavour, on_delete=models.CASCADE, related_name="dishes")
    content_object = ParentalKey("tags.Dish", related_name="tagged_items")


class Dish(ClusterableModel):
    """A nested child with tags of a model of their own, ordered by name."""

    place = ParentalKey(Place, related_name="dishes")
    name = models.CharField(max_length=80)
    flavours = ClusterTaggableManager(through=TaggedDish, blank=True, ordering=["name"])
