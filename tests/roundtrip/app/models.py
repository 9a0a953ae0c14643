"""An exhibition, whose rows point at one another in every way that Django has."""

from __future__ import annotations

import uuid

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from taggit.managers import TaggableManager

from cluster.fields import ParentalKey, ParentalManyToManyField
from cluster.models import ClusterableModel


class Keyword(models.Model):
    name = models.CharField(max_length=40)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Museum(models.Model):
    name = models.CharField(max_length=40)


class Exhibition(ClusterableModel):
    """Has values that must be unique, and a key that points down at a child of a child."""

    title = models.CharField(max_length=20, unique=True)
    slug = models.SlugField(max_length=10, unique=True)
    token = models.UUIDField(default=uuid.uuid4, unique=True)
    number = models.IntegerField(null=True, blank=True, unique=True)
    poster = models.FileField(upload_to="posters", blank=True)
    highlight = models.ForeignKey("Exhibit", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    def __str__(self) -> str:
        return self.title


class Hall(ClusterableModel):
    exhibition = ParentalKey(Exhibition, related_name="halls")
    name = models.CharField(max_length=40)
    notes = models.JSONField(default=dict, blank=True)
    checksum = models.BinaryField(default=bytes, blank=True)
    owners = ParentalManyToManyField(Museum, through="Ownership", blank=True, related_name="+")
    similar = ParentalManyToManyField("self", symmetrical=False, blank=True, related_name="+")


class Exhibit(models.Model):
    """Keys and plain links of every kind, to siblings, to cousins and out of the cluster."""

    hall = ParentalKey(Hall, related_name="exhibits")
    name = models.CharField(max_length=40)
    code = models.CharField(max_length=40, blank=True)
    following = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    keywords = models.ManyToManyField(Keyword, blank=True)
    beside = models.ManyToManyField("self", blank=True)
    lenders = models.ManyToManyField(Museum, through="Loan", through_fields=("exhibit", "museum"), blank=True)
    tags = TaggableManager(blank=True)

    class Meta:
        ordering = ["pk"]
        unique_together = [("hall", "code")]

    def __str__(self) -> str:
        return self.name


class Loan(models.Model):
    exhibit = models.ForeignKey(Exhibit, on_delete=models.CASCADE)
    museum = models.ForeignKey(Museum, on_delete=models.CASCADE)
    insured = models.DecimalField(max_digits=8, decimal_places=2)
    beside = models.ForeignKey(Exhibit, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")


class Ownership(models.Model):
    hall = models.ForeignKey(Hall, on_delete=models.CASCADE)
    museum = models.ForeignKey(Museum, on_delete=models.CASCADE)
    share = models.PositiveIntegerField()
    pride = models.ForeignKey(Exhibit, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")


class Remark(models.Model):
    """A child that is about any row."""

    exhibition = ParentalKey(Exhibition, related_name="remarks")
    text = models.CharField(max_length=80)
    about_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, null=True, blank=True)
    about_id = models.PositiveBigIntegerField(null=True, blank=True)
    about = GenericForeignKey("about_type", "about_id")


# Children in several tables ------------------------------------------------------------------------------------------


class Patron(models.Model):
    """Known by a natural key while it has no other."""

    name = models.CharField(max_length=40)
    since = models.DateField()

    natural_key_fields = ("name", "since")

    def __str__(self) -> str:
        return self.name


class Gallery(ClusterableModel):
    name = models.CharField(max_length=40)
    patron = models.ForeignKey(Patron, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    friends = ParentalManyToManyField(Patron, blank=True, related_name="+")


class Piece(ClusterableModel):
    gallery = ParentalKey(Gallery, related_name="pieces")
    title = models.CharField(max_length=40)
    follows = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["pk"]


class Caption(models.Model):
    piece = ParentalKey(Piece, related_name="captions")
    text = models.CharField(max_length=40)


class Painting(Piece):
    technique = models.CharField(max_length=40)
    lender = models.ForeignKey(Museum, on_delete=models.SET_NULL, null=True, blank=True)
    keywords = models.ManyToManyField(Keyword, blank=True)


class Sketch(models.Model):
    painting = ParentalKey(Painting, related_name="sketches")
    number = models.IntegerField()


class Insured(models.Model):
    insured_id = models.AutoField(primary_key=True)
    worth = models.IntegerField(default=0)


class Fresco(Insured, Painting):
    """Has a key that is not that of a piece."""

    wall = models.CharField(max_length=40)


class Sculpture(Piece):
    """Nothing leads from a piece to it."""

    piece = models.OneToOneField(Piece, on_delete=models.CASCADE, parent_link=True, related_name="+")
    weight = models.IntegerField()


# A child whose key is that of its parent ------------------------------------------------------------------------------


class Vault(ClusterableModel):
    name = models.CharField(max_length=40)


class Deed(ClusterableModel):
    vault = ParentalKey(Vault, primary_key=True, related_name="deeds")
    text = models.CharField(max_length=40)


class Seal(models.Model):
    deed = ParentalKey(Deed, related_name="seals")
    colour = models.CharField(max_length=40)

    class Meta:
        ordering = ["pk"]
