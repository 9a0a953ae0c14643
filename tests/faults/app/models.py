"""Clusters whose rows are hard to write in the right order."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from cluster.fields import ParentalKey
from cluster.models import ClusterableModel


class Shelf(ClusterableModel):
    name = models.CharField(max_length=80)

    def __str__(self) -> str:
        return self.name


class Box(ClusterableModel):
    """Unique in several ways, for itself and within its parent."""

    shelf = ParentalKey(Shelf, related_name="boxes")
    code = models.CharField(max_length=20, unique=True)
    position = models.PositiveSmallIntegerField()
    tag = models.IntegerField(null=True, blank=True, unique=True)
    is_main = models.BooleanField(default=False)
    note = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ["position"]
        unique_together = [("shelf", "position")]

    def __str__(self) -> str:
        return self.code


class Thing(models.Model):
    """Points at siblings, needed ones and others."""

    box = ParentalKey(Box, related_name="things")
    name = models.CharField(max_length=80)
    instead_of = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="+")

    def __str__(self) -> str:
        return self.name


class Lid(models.Model):
    """Cannot be without a sibling that is to be there."""

    box = ParentalKey(Box, related_name="lids")
    thing = models.ForeignKey(Thing, on_delete=models.PROTECT, related_name="+")


class Label(models.Model):
    """Constraints with expressions and conditions."""

    shelf = ParentalKey(Shelf, related_name="labels")
    text = models.CharField(max_length=20)
    is_main = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint("shelf", Lower("text"), name="label_text_once"),
            models.UniqueConstraint(fields=["shelf"], condition=Q(is_main=True), name="label_one_main"),
        ]


class Flag(models.Model):
    """No field of its unique set can take a temporary value."""

    shelf = ParentalKey(Shelf, related_name="flags")
    is_up = models.BooleanField(unique=True)


class Slot(models.Model):
    """Unique dates, and a second parent that may be missing."""

    shelf = ParentalKey(Shelf, related_name="slots", null=True, blank=True)
    box = ParentalKey(Box, related_name="slots", null=True, blank=True)
    day = models.DateField(unique=True)


class Diary(ClusterableModel):
    """Its ``save()`` adds to what it holds, and changes itself."""

    shelf = ParentalKey(Shelf, related_name="diaries")
    title = models.CharField(max_length=80)
    count = models.IntegerField(default=0)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.title.endswith("!"):
            self.title = self.title.rstrip("!")
            self.pages.add(Page(text=f"about {self.title}"))
        self.count += 1
        super().save(*args, **kwargs)


class Page(models.Model):
    diary = ParentalKey(Diary, related_name="pages")
    text = models.CharField(max_length=80)


class Visit(models.Model):
    """Unique within a day, a month and a year; validates itself too."""

    shelf = ParentalKey(Shelf, related_name="visits")
    name = models.CharField(max_length=80, unique_for_date="day")
    slug = models.CharField(max_length=80, unique_for_month="day")
    theme = models.CharField(max_length=80, unique_for_year="day")
    day = models.DateField()

    def validate_unique(self, exclude: Any = None) -> None:
        if self.name == "rude":
            raise ValidationError({"name": "Rude names are taken."})

    def validate_constraints(self, exclude: Any = None) -> None:
        if self.name == "rude":
            raise ValidationError("Mind your language.")
