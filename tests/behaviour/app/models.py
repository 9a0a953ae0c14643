"""A cluster with plain many-to-many fields at every level, which only the database can hold."""

from __future__ import annotations

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
