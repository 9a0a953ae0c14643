"""Tagged parents and children, with taggit's tags and with tags of their own."""

from __future__ import annotations

import uuid

from django.db import models
from taggit.models import GenericTaggedItemBase, GenericUUIDTaggedItemBase, ItemBase, TagBase, TaggedItemBase

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


class Note(GenericTaggedItemBase):
    """Generic, with a tag of its own and a column besides."""

    tag = models.ForeignKey(Flavour, on_delete=models.CASCADE, related_name="notes")
    weight = models.IntegerField(default=1)


class Trip(ClusterableModel):
    """Tagged by taggit's own generic model, and by a second one."""

    name = models.CharField(max_length=80)
    tags = ClusterTaggableManager(blank=True)
    notes = ClusterTaggableManager(through=Note, blank=True, ordering=["name"])


class Cruise(Trip):
    """A row in two tables, with a content type of its own."""

    ship = models.CharField(max_length=80, blank=True)


class Stay(ClusterableModel):
    """A nested child with generic tags."""

    trip = ParentalKey(Trip, related_name="stays")
    town = models.CharField(max_length=80)
    tags = ClusterTaggableManager(blank=True)


class Sighting(GenericUUIDTaggedItemBase):
    tag = models.ForeignKey(Flavour, on_delete=models.CASCADE, related_name="sightings")


class Animal(ClusterableModel):
    """Keyed by UUID, with generic tags."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    tags = ClusterTaggableManager(through=Sighting, blank=True)
