"""Clusters with plain many-to-many fields at every level, and with children that other bases have their say about."""

from __future__ import annotations

from typing import Any

from django.db import models

from cluster.fields import ParentalKey
from cluster.models import ClusterableModel


class Topic(models.Model):
    name = models.CharField(max_length=40)


class Course(ClusterableModel):
    name = models.CharField(max_length=40)
    topics = models.ManyToManyField(Topic, blank=True, related_name="+")


class Lesson(ClusterableModel):
    course = ParentalKey(Course, related_name="lessons")
    title = models.CharField(max_length=40)
    topics = models.ManyToManyField(Topic, blank=True, related_name="+")


class Exercise(ClusterableModel):
    lesson = ParentalKey(Lesson, related_name="exercises")
    text = models.CharField(max_length=40)
    topics = models.ManyToManyField(Topic, blank=True, related_name="+")


class Kept(models.Model):
    """A base such as other packages have: it does something of its own when it is saved or deleted."""

    slug = models.SlugField(max_length=40, blank=True)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.slug = f"saved-{self.pk or 'new'}"
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        Topic.objects.create(name=f"deleted {self.slug}")
        return super().delete(*args, **kwargs)


class Rack(ClusterableModel):
    name = models.CharField(max_length=40)


class Crate(ClusterableModel, Kept):
    rack = ParentalKey(Rack, related_name="crates")
    name = models.CharField(max_length=40)
