"""The models that all tests share: a few rich clusters, each made for something that a cluster must get right."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now
from django.utils.text import slugify

from cluster.fields import ParentalKey, ParentalManyToManyField
from cluster.models import ClusterableModel

# What clusters refer to ----------------------------------------------------------------------------------------------


class Genre(models.Model):
    name = models.CharField(max_length=80, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Label(models.Model):
    name = models.CharField(max_length=80)
    city = models.CharField(max_length=80, blank=True)
    active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class Person(models.Model):
    name = models.CharField(max_length=80)
    born = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


# The main cluster: Band > Member, Biography, Instrument, Album > Song > Credit, Verse ---------------------------------


class Band(ClusterableModel):
    """The usual root, with children of three levels and many-to-many links."""

    name = models.CharField(max_length=80)
    formed = models.DateField(null=True, blank=True)
    label = models.ForeignKey(Label, on_delete=models.SET_NULL, null=True, blank=True, related_name="bands")
    facts = models.JSONField(default=dict, blank=True)
    genres = ParentalManyToManyField(Genre, blank=True, related_name="bands")

    def __str__(self) -> str:
        return self.name


class TouringBand(Band):
    """A proxy of a root."""

    class Meta:
        proxy = True


class Member(models.Model):
    """A plain child: no ordering, no constraints."""

    band = ParentalKey(Band, related_name="members")
    name = models.CharField(max_length=80)
    instrument = models.CharField(max_length=80, blank=True)
    born = models.DateField(null=True, blank=True)
    wage = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class AlbumQuerySet(models.QuerySet["Album"]):
    def titled(self, word: str) -> AlbumQuerySet:
        return self.filter(title__icontains=word)

    def newest_first(self) -> AlbumQuerySet:
        return self.order_by("-released")


class AlbumManager(models.Manager.from_queryset(AlbumQuerySet)):  # type: ignore[misc]
    def dated(self) -> AlbumQuerySet:
        queryset: AlbumQuerySet = self.get_queryset().exclude(released=None)
        return queryset


class Album(ClusterableModel):
    """A child that is a parent, with links, a custom queryset and a custom manager."""

    band = ParentalKey(Band, related_name="albums")
    title = models.CharField(max_length=120)
    released = models.DateField(null=True, blank=True)
    price = models.DecimalField(max_digits=6, decimal_places=2, null=True, blank=True)
    label = models.ForeignKey(Label, on_delete=models.PROTECT, null=True, blank=True, related_name="albums")
    position = models.PositiveIntegerField(default=0)
    genres = ParentalManyToManyField(Genre, blank=True, related_name="albums")

    objects = AlbumManager()

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return self.title


class BoxSet(Album):
    """A proxy of a child."""

    class Meta:
        proxy = True


class Song(ClusterableModel):
    album = ParentalKey(Album, related_name="songs")
    title = models.CharField(max_length=120)
    track = models.PositiveIntegerField(default=1)
    duration = models.DurationField(null=True, blank=True)
    recorded = models.DateTimeField(null=True, blank=True)
    single = models.BooleanField(default=False)

    class Meta:
        ordering = ["track"]

    def __str__(self) -> str:
        return self.title


class Credit(models.Model):
    """Ordered by a relation, and so by the ordering of what it points at."""

    song = ParentalKey(Song, related_name="credits")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="credits")
    role = models.CharField(max_length=40)

    class Meta:
        ordering = ["person", "role"]


class Verse(models.Model):
    """Unique among its siblings."""

    song = ParentalKey(Song, related_name="verses")
    position = models.PositiveIntegerField()
    text = models.TextField(blank=True)

    class Meta:
        ordering = ["position"]
        unique_together = [("song", "position")]


class Biography(models.Model):
    """A child of which there is at most one."""

    band = ParentalKey(Band, unique=True, related_name="biographies")
    text = models.TextField(blank=True)


class Instrument(models.Model):
    """A child that outlives its parent."""

    band = ParentalKey(Band, on_delete=models.SET_NULL, null=True, blank=True, related_name="instruments")
    name = models.CharField(max_length=80)


class Collaboration(models.Model):
    """A child with two parents of one model."""

    host = ParentalKey(Band, related_name="hosted")
    guest = ParentalKey(Band, null=True, blank=True, related_name="visits")
    title = models.CharField(max_length=120)


class Rider(models.Model):
    """A child of a proxy."""

    band = ParentalKey(TouringBand, related_name="riders")
    demand = models.CharField(max_length=120)


class Anthem(models.Model):
    """A child whose class does something of its own when it is saved or deleted."""

    band = ParentalKey(Band, related_name="anthems")
    title = models.CharField(max_length=120)
    slug = models.SlugField(max_length=120, blank=True)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.slug = slugify(self.title)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        Label.objects.create(name=f"deleted {self.slug}", active=False)
        return super().delete(*args, **kwargs)


class Attachment(models.Model):
    """A child with the fields whose values are not plain data."""

    band = ParentalKey(Band, related_name="attachments")
    file = models.FileField(upload_to="attachments", blank=True)
    details = models.JSONField(default=dict, blank=True)
    checksum = models.BinaryField(default=bytes, blank=True)
    added = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)


class Note(models.Model):
    """An abstract child: the relation's name comes from the concrete class."""

    band = ParentalKey(Band, related_name="%(class)ss")
    text = models.TextField(blank=True)

    class Meta:
        abstract = True


class PressNote(Note):
    source = models.CharField(max_length=80, blank=True)


class StageNote(Note):
    pass


# Links ---------------------------------------------------------------------------------------------------------------


class Festival(ClusterableModel):
    """Links with a model of their own between, and links with limited choices."""

    name = models.CharField(max_length=80)
    bands = ParentalManyToManyField(Band, through="Appearance", blank=True, related_name="festivals")
    sponsors = ParentalManyToManyField(Label, limit_choices_to={"active": True}, blank=True, related_name="festivals")

    def __str__(self) -> str:
        return self.name


class Appearance(models.Model):
    festival = models.ForeignKey(Festival, on_delete=models.CASCADE, related_name="appearances")
    band = models.ForeignKey(Band, on_delete=models.CASCADE, related_name="appearances")
    stage = models.CharField(max_length=40, default="main")
    fee = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)

    class Meta:
        unique_together = [("festival", "band")]


class Node(ClusterableModel):
    """A tree in one table, with links to itself in both kinds."""

    parent = ParentalKey("self", null=True, blank=True, related_name="children")
    name = models.CharField(max_length=80)
    friends = ParentalManyToManyField("self", blank=True)
    follows = ParentalManyToManyField("self", symmetrical=False, blank=True, related_name="followers")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


# Keys ----------------------------------------------------------------------------------------------------------------


class Playlist(ClusterableModel):
    """UUID keys throughout: a key is there before the row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.CharField(max_length=80)
    genres = ParentalManyToManyField(Genre, blank=True, related_name="playlists")


class Entry(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    playlist = ParentalKey(Playlist, related_name="entries")
    song = models.ForeignKey(Song, on_delete=models.SET_NULL, null=True, blank=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position"]


class Country(ClusterableModel):
    """Keys that people type."""

    code = models.CharField(primary_key=True, max_length=2)
    name = models.CharField(max_length=80)


class City(models.Model):
    slug = models.SlugField(primary_key=True)
    country = ParentalKey(Country, related_name="cities")
    name = models.CharField(max_length=80)


class Tour(ClusterableModel):
    """Children whose key is composite and contains the parent's."""

    name = models.CharField(max_length=80)


class Stop(models.Model):
    pk = models.CompositePrimaryKey("tour_id", "number")
    tour = ParentalKey(Tour, related_name="stops")
    number = models.PositiveIntegerField()
    place = models.CharField(max_length=80, blank=True)


class Catalogue(ClusterableModel):
    """Children that point at a unique field which is not the key."""

    code = models.CharField(max_length=20, unique=True)
    title = models.CharField(max_length=80, blank=True)


class CatalogueItem(models.Model):
    catalogue = ParentalKey(Catalogue, to_field="code", related_name="items")
    name = models.CharField(max_length=80)


class Voucher(ClusterableModel):
    """Children and links point at a unique field that may be null."""

    code = models.CharField(max_length=20, unique=True, null=True, blank=True)
    genres = ParentalManyToManyField(Genre, through="VoucherGenre", blank=True, related_name="vouchers")


class VoucherUse(models.Model):
    voucher = ParentalKey(
        Voucher, to_field="code", on_delete=models.SET_NULL, null=True, blank=True, related_name="uses"
    )
    place = models.CharField(max_length=80)


class VoucherGenre(models.Model):
    voucher = models.ForeignKey(Voucher, to_field="code", on_delete=models.CASCADE, null=True)
    genre = models.ForeignKey(Genre, on_delete=models.CASCADE)


# Inheritance ---------------------------------------------------------------------------------------------------------


class Venue(ClusterableModel):
    """The base of a parent in two tables."""

    name = models.CharField(max_length=80)
    genres = ParentalManyToManyField(Genre, blank=True, related_name="venues")


class Hall(Venue):
    seats = models.PositiveIntegerField(default=0)


class Room(models.Model):
    venue = ParentalKey(Venue, related_name="rooms")
    name = models.CharField(max_length=80)


class Balcony(models.Model):
    hall = ParentalKey(Hall, related_name="balconies")
    rows = models.PositiveIntegerField(default=1)


class Act(models.Model):
    """The base of a child in two tables."""

    venue = ParentalKey(Venue, related_name="acts")
    title = models.CharField(max_length=80)


class Dance(Act):
    style = models.CharField(max_length=80, blank=True)


class Engagement(models.Model):
    """A child with two parents of two models."""

    band = ParentalKey(Band, related_name="engagements")
    venue = ParentalKey(Venue, null=True, blank=True, related_name="engagements")
    starts = models.DateTimeField(null=True, blank=True)


class Composition(ClusterableModel):
    """An abstract parent."""

    title = models.CharField(max_length=80)
    genres = ParentalManyToManyField(Genre, blank=True, related_name="%(class)ss")

    class Meta:
        abstract = True


class Symphony(Composition):
    number = models.PositiveIntegerField(default=1)


class Movement(models.Model):
    """Ordered with respect to its parent."""

    symphony = ParentalKey(Symphony, related_name="movements")
    tempo = models.CharField(max_length=80)

    class Meta:
        order_with_respect_to = "symphony"


# Managers ------------------------------------------------------------------------------------------------------------


class Studio(ClusterableModel):
    """No attribute is called ``objects``."""

    name = models.CharField(max_length=80)

    studios = models.Manager["Studio"]()


class Take(models.Model):
    studio = ParentalKey(Studio, related_name="takes")
    title = models.CharField(max_length=80)

    takes = models.Manager["Take"]()


class Magazine(ClusterableModel):
    title = models.CharField(max_length=80)


class PublishedManager(models.Manager["Article"]):
    def get_queryset(self) -> models.QuerySet[Article]:
        return super().get_queryset().filter(published=True)


class Article(models.Model):
    """The default manager hides some rows; ordered by expressions."""

    magazine = ParentalKey(Magazine, related_name="articles")
    title = models.CharField(max_length=80)
    score = models.IntegerField(null=True, blank=True)
    published = models.BooleanField(default=True)

    objects = PublishedManager()
    everything = models.Manager["Article"]()

    class Meta:
        ordering = [F("score").desc(nulls_last=True), Lower("title")]


class Reader(ClusterableModel):
    """The default manager of what it links to hides some rows."""

    name = models.CharField(max_length=80)
    favourites = ParentalManyToManyField(Article, blank=True, related_name="readers")


# Constraints and values that the database makes ----------------------------------------------------------------------


class Show(ClusterableModel):
    """The database fills some fields, and forbids some values, of it and of its children."""

    title = models.CharField(max_length=80, unique=True)
    opened = models.DateTimeField(db_default=Now())
    capacity = models.PositiveIntegerField(default=100)


class Ticket(models.Model):
    show = ParentalKey(Show, related_name="tickets")
    seat = models.CharField(max_length=20)
    code = models.CharField(max_length=20, db_default="door")
    price = models.IntegerField(default=10)
    fee = models.IntegerField(default=1)
    total = models.GeneratedField(expression=F("price") + F("fee"), output_field=models.IntegerField(), db_persist=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["show", "seat"], name="ticket_seat_once"),
            models.CheckConstraint(condition=Q(price__gte=0), name="ticket_price_not_negative"),
        ]


class Poll(ClusterableModel):
    """A parent whose relations have the names that Django gives them, which are not those of queries."""

    text = models.CharField(max_length=40)


class Choice(ClusterableModel):
    poll = ParentalKey(Poll)
    text = models.CharField(max_length=40)


class Vote(models.Model):
    choice = ParentalKey(Choice, related_name="votes", related_query_name="vote")
    voter = models.CharField(max_length=40)
