"""A band, its members, its albums and their songs: three levels of one cluster, with links to genres on two."""

from __future__ import annotations

from django.db import models

from cluster.fields import ParentalKey, ParentalManyToManyField
from cluster.models import ClusterableModel


class Genre(models.Model):
    name = models.CharField(max_length=40, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Band(ClusterableModel):
    name = models.CharField(max_length=80)
    city = models.CharField(max_length=80)
    genres = ParentalManyToManyField(Genre, related_name="bands")

    def __str__(self) -> str:
        return self.name


class Member(models.Model):
    band = ParentalKey(Band, related_name="members")
    name = models.CharField(max_length=80)
    instrument = models.CharField(max_length=80)
    born = models.DateField()

    class Meta:
        ordering = ["born"]

    def __str__(self) -> str:
        return self.name


class Album(ClusterableModel):
    band = ParentalKey(Band, related_name="albums")
    title = models.CharField(max_length=80)
    released = models.DateField()
    position = models.PositiveIntegerField()
    genres = ParentalManyToManyField(Genre, related_name="albums")

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["band", "position"], name="one_album_per_position")]

    def __str__(self) -> str:
        return self.title


class Song(models.Model):
    album = ParentalKey(Album, related_name="songs")
    track = models.PositiveIntegerField()
    title = models.CharField(max_length=120)
    duration = models.DurationField()

    class Meta:
        ordering = ["track"]

    def __str__(self) -> str:
        return self.title
