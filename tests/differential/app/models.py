"""Models for comparing memory with the database: one with every built-in field, and what it is related to."""

from __future__ import annotations

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models.functions import Upper


class Origin(models.Model):
    """What specimens point at."""

    name = models.CharField(max_length=30)
    rating = models.IntegerField(null=True)
    founded = models.DateField(null=True)
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="branches")

    class Meta:
        ordering = ["name"]


class Tag(models.Model):
    """What specimens are linked to."""

    name = models.CharField(max_length=30, unique=True)
    weight = models.IntegerField(null=True)


class Specimen(models.Model):
    """Every built-in field, each of which may be NULL."""

    char = models.CharField(max_length=40, null=True)
    text = models.TextField(null=True)
    slug = models.SlugField(null=True)
    email = models.EmailField(null=True)
    url = models.URLField(null=True)
    boolean = models.BooleanField(null=True)
    small = models.SmallIntegerField(null=True)
    integer = models.IntegerField(null=True)
    big = models.BigIntegerField(null=True)
    positive_small = models.PositiveSmallIntegerField(null=True)
    positive = models.PositiveIntegerField(null=True)
    positive_big = models.PositiveBigIntegerField(null=True)
    float = models.FloatField(null=True)
    decimal = models.DecimalField(max_digits=9, decimal_places=2, null=True)
    date = models.DateField(null=True)
    datetime = models.DateTimeField(null=True)
    time = models.TimeField(null=True)
    duration = models.DurationField(null=True)
    uuid = models.UUIDField(null=True)
    binary = models.BinaryField(null=True)
    ip = models.GenericIPAddressField(null=True)
    file = models.FileField(null=True)
    json = models.JSONField(null=True)
    generated = models.GeneratedField(
        expression=Upper("slug"), output_field=models.CharField(max_length=50, null=True), db_persist=True
    )
    origin = models.ForeignKey(Origin, models.CASCADE, null=True, related_name="specimens")
    tags = models.ManyToManyField(Tag, related_name="specimens")


class Part(models.Model):
    """Children of a specimen."""

    specimen = models.ForeignKey(Specimen, models.CASCADE, related_name="parts")
    name = models.CharField(max_length=30, null=True)
    size = models.IntegerField(null=True)
    price = models.DecimalField(max_digits=7, decimal_places=2, null=True)


class Badge(models.Model):
    """What a specimen has at most one of."""

    specimen = models.OneToOneField(Specimen, models.CASCADE, related_name="badge")
    number = models.IntegerField()


class Seat(models.Model):
    """A composite primary key."""

    pk = models.CompositePrimaryKey("row", "number")
    row = models.IntegerField()
    number = models.IntegerField()
    guest = models.CharField(max_length=30, null=True)


class Sitting(models.Model):
    """Points at a composite key by two columns."""

    row = models.IntegerField(null=True)
    number = models.IntegerField(null=True)
    seat = models.ForeignObject(
        Seat, models.CASCADE, from_fields=["row", "number"], to_fields=["row", "number"], related_name="sittings"
    )
    meal = models.CharField(max_length=30)


class Remark(models.Model):
    """Hangs on anything; its key is a text."""

    content_type = models.ForeignKey(ContentType, models.CASCADE, related_name="+")
    object_id = models.CharField(max_length=40)
    subject = GenericForeignKey()
    text = models.CharField(max_length=30)


class Shelf(models.Model):
    """What remarks are made about."""

    name = models.CharField(max_length=30)
    remarks = GenericRelation(Remark, related_query_name="shelf")


class Crate(models.Model):
    """What other remarks are made about; its keys are texts."""

    code = models.CharField(max_length=30, primary_key=True)
    remarks = GenericRelation(Remark, related_query_name="crate")
