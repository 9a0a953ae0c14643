"""One schema for all that are measured: the environment says on which package its clusters are built."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from django.db import models

CLUSTERS: Any
PARENTAL_KEY: Any
PARENTAL_LINKS: Any
SUBJECT = os.environ["CLUSTER_BENCHMARK_SUBJECT"]

if SUBJECT == "cluster":
    from cluster.fields import ParentalKey, ParentalManyToManyField
    from cluster.models import ClusterableModel

    CLUSTERS, PARENTAL_KEY, PARENTAL_LINKS = ClusterableModel, ParentalKey, ParentalManyToManyField
elif SUBJECT == "modelcluster":
    from modelcluster.fields import ParentalKey, ParentalManyToManyField
    from modelcluster.models import ClusterableModel

    CLUSTERS, PARENTAL_KEY, PARENTAL_LINKS = ClusterableModel, ParentalKey, ParentalManyToManyField
else:
    CLUSTERS = models.Model
    PARENTAL_KEY, PARENTAL_LINKS = partial(models.ForeignKey, on_delete=models.CASCADE), models.ManyToManyField


class Genre(models.Model):
    name = models.CharField(max_length=80)


class Label(models.Model):
    name = models.CharField(max_length=80)


class Band(CLUSTERS):
    name = models.CharField(max_length=80)
    city = models.CharField(max_length=80, blank=True)
    genres = PARENTAL_LINKS(Genre, related_name="bands")


class Album(CLUSTERS):
    band = PARENTAL_KEY(Band, related_name="albums")
    label = models.ForeignKey(Label, on_delete=models.CASCADE, null=True)
    title = models.CharField(max_length=80)
    position = models.IntegerField(default=0)
    released = models.DateField(null=True)


class Song(models.Model):
    album = PARENTAL_KEY(Album, related_name="songs")
    title = models.CharField(max_length=80)
    track = models.IntegerField(default=0)
