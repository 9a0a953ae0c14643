"""Tagged parents and children, with taggit's tags and with tags of their own."""

from __future__ import annotations

import uuid

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


class Cafe(Place):
    """A row in two tables, whose tags are those of the first."""

    seats = models.IntegerField(default=0)


class Flavour(TagBase):
    strength = models.IntegerField(default=0)


class TaggedDish(ItemBase):
    tag = models.ForeignKey(Flavour, on_delete=models.CASCADE, related_name="dishes")
    content_object = ParentalKey("tags.Dish", related_name="tagged_items")


class Supplier(models.Model):
    """No tag, and named by two fields."""

    name = models.CharField(max_length=80)
    city = models.CharField(max_length=80, null=True)

    natural_key_fields = ("name", "city")


class Dish(ClusterableModel):
    """A nested child with tags of a model of their own, ordered by name."""

    place = ParentalKey(Place, related_name="dishes")
    name = models.CharField(max_length=80)
    flavours = ClusterTaggableManager(through=TaggedDish, blank=True, ordering=["name"])
    supplier = models.ForeignKey(Supplier, on_delete=models.CASCADE, null=True, blank=True)


class Badge(TagBase):
    """A tag whose key is there before its row is."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)


class BadgedDrink(ItemBase):
    tag = models.ForeignKey(Badge, on_delete=models.CASCADE, related_name="drinks")
    content_object = ParentalKey("tags.Drink", related_name="badged_items")

    class Meta:
        unique_together = [("content_object", "tag")]


class Drink(ClusterableModel):
    """Keyed by UUID, as its tags are."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    badges = ClusterTaggableManager(through=BadgedDrink, blank=True)
