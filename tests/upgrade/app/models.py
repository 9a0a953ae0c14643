"""An archive of three levels with every kind of field that Django has, in the words that django-modelcluster knows."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from cluster.fields import ParentalKey, ParentalManyToManyField
from cluster.models import ClusterableModel


class Subject(models.Model):
    name = models.CharField(max_length=40)


class Keeper(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=40)


class Coordinates:
    """A value that only its field can print and read."""

    def __init__(self, north: int, east: int) -> None:
        self.north, self.east = north, east

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Coordinates) and (self.north, self.east) == (other.north, other.east)

    def __hash__(self) -> int:
        return hash((self.north, self.east))

    def __repr__(self) -> str:
        return f"Coordinates({self.north}, {self.east})"


class CoordinatesField(models.CharField):  # type: ignore[type-arg]
    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return self.to_python(value)

    def to_python(self, value: Any) -> Any:
        if value is None or isinstance(value, Coordinates):
            return value
        north, east = json.loads(value)
        return Coordinates(north, east)

    def get_prep_value(self, value: Any) -> Any:
        return json.dumps([value.north, value.east]) if isinstance(value, Coordinates) else value

    def value_to_string(self, obj: Any) -> str:
        return str(self.get_prep_value(self.value_from_object(obj)))


class Mood(models.TextChoices):
    CALM = "calm"
    WILD = "wild"


class EveryField(models.Model):
    """Every kind of field with a null or a blank value allowed."""

    big = models.BigIntegerField(null=True)
    binary = models.BinaryField(null=True)
    boolean = models.BooleanField(default=False)
    maybe = models.BooleanField(null=True)
    char = models.CharField(max_length=80, blank=True)
    mood = models.CharField(max_length=8, choices=Mood.choices, blank=True)
    day = models.DateField(null=True)
    moment = models.DateTimeField(null=True)
    decimal = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    duration = models.DurationField(null=True)
    email = models.EmailField(blank=True)
    file = models.FileField(upload_to="files", blank=True)
    path = models.FilePathField(path="/", blank=True)
    float = models.FloatField(null=True)
    address = models.GenericIPAddressField(null=True)
    integer = models.IntegerField(null=True)
    json = models.JSONField(null=True)
    positive_big = models.PositiveBigIntegerField(null=True)
    positive = models.PositiveIntegerField(null=True)
    positive_small = models.PositiveSmallIntegerField(null=True)
    slug = models.SlugField(blank=True)
    small = models.SmallIntegerField(null=True)
    text = models.TextField(blank=True)
    time = models.TimeField(null=True)
    url = models.URLField(blank=True)
    uid = models.UUIDField(null=True)
    place = CoordinatesField(max_length=40, null=True)

    class Meta:
        abstract = True


class Archive(ClusterableModel, EveryField):
    """The root."""

    subjects = ParentalManyToManyField(Subject, blank=True)
    secret = models.CharField(max_length=20, default="none", serialize=False)


class Shelf(ClusterableModel, EveryField):
    archive = ParentalKey(Archive, related_name="shelves")
    keeper = models.ForeignKey(Keeper, null=True, on_delete=models.SET_NULL)
    subjects = ParentalManyToManyField(Subject, blank=True)


class Document(EveryField):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    shelf = ParentalKey(Shelf, related_name="documents")
    about_type = models.ForeignKey(ContentType, null=True, on_delete=models.CASCADE)
    about_id = models.CharField(max_length=40, blank=True)
    about = GenericForeignKey("about_type", "about_id")
    added = models.DateTimeField(null=True)


class Museum(Archive):
    """An archive in two tables."""

    visitors = models.IntegerField(default=0)


class Exhibit(models.Model):
    museum = ParentalKey(Museum, related_name="exhibits")
    title = models.CharField(max_length=40)


class Box(ClusterableModel):
    """Boxes in boxes."""

    inside = ParentalKey("self", null=True, blank=True, related_name="boxes")
    label = models.CharField(max_length=40)


class Poet(ClusterableModel):
    poet_id = models.AutoField(primary_key=True)
    metre = models.CharField(max_length=40)


class Painter(models.Model):
    painter_id = models.AutoField(primary_key=True)
    brush = models.CharField(max_length=40)


class Polymath(Poet, Painter):
    name = models.CharField(max_length=40)


# Keys that are values of classes of their own ------------------------------------------------------------------------


class Spot(ClusterableModel):
    place = CoordinatesField(max_length=40, primary_key=True)
    name = models.CharField(max_length=40)


class Visit(models.Model):
    spot = ParentalKey(Spot, related_name="visits")
    next = models.ForeignKey(Spot, null=True, on_delete=models.SET_NULL, related_name="+")


class Step(str):
    """A number in the database, and text that says more in memory."""

    __slots__ = ()


class StepField(models.IntegerField):  # type: ignore[type-arg]
    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return None if value is None else Step(f"{value}0")

    def to_python(self, value: Any) -> Any:
        return value if value is None or isinstance(value, Step) else Step(f"{value}0")

    def get_prep_value(self, value: Any) -> Any:
        return int(value[:-1]) if isinstance(value, Step) else value


class Stair(ClusterableModel):
    step = StepField(primary_key=True)


class Landing(ClusterableModel):
    stair = models.ForeignKey(Stair, null=True, on_delete=models.CASCADE)


# Classes that write, read or upgrade their own data -------------------------------------------------------------------


class Poster(ClusterableModel):
    archive = ParentalKey(Archive, related_name="posters")
    title = models.CharField(max_length=40)

    def serializable_data(self) -> dict[str, Any]:  # type: ignore[override]
        return {**super().serializable_data(), "loud": self.title.upper()}

    @classmethod
    def from_serializable_data(  # type: ignore[override]
        cls, data: Any, check_fks: bool = True, strict_fks: bool = False
    ) -> Any:
        if isinstance(data, dict) and data.get("title") == "torn":
            return None
        poster: Any = super().from_serializable_data(data, check_fks, strict_fks)
        poster.was_read_as = data.get("loud")
        return poster


class Strip(models.Model):
    poster = ParentalKey(Poster, related_name="strips")
    text = models.CharField(max_length=40)


class Wall(ClusterableModel):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=40)


class Flyer(ClusterableModel):
    """Passes on what a test makes of its data."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    wall = ParentalKey(Wall, related_name="flyers")
    title = models.CharField(max_length=40)
    day = models.DateField(null=True)
    above = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="+")
    subjects = ParentalManyToManyField(Subject, blank=True)

    @classmethod
    def passed_on(cls, data: Any) -> Any:
        return data

    @classmethod
    def from_serializable_data(  # type: ignore[override]
        cls, data: Any, check_fks: bool = True, strict_fks: bool = False
    ) -> Any:
        return super().from_serializable_data(cls.passed_on(data), check_fks, strict_fks)


class Sticker(models.Model):
    flyer = ParentalKey(Flyer, related_name="stickers")
    text = models.CharField(max_length=40)
    about = models.ForeignKey(Flyer, null=True, on_delete=models.CASCADE, related_name="+")


class Banner(ClusterableModel):
    """Had a heading, and passes on data of its own making too."""

    wall = ParentalKey(Wall, related_name="banners")
    title = models.CharField(max_length=40)

    @classmethod
    def upgrade_serializable_data(cls, data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "title": data.get("heading", "none")}

    @classmethod
    def from_serializable_data(  # type: ignore[override]
        cls, data: Any, check_fks: bool = True, strict_fks: bool = False
    ) -> Any:
        return super().from_serializable_data({**data, "heading": f"{data['heading']}!"}, check_fks, strict_fks)


class Pin(models.Model):
    banner = ParentalKey(Banner, related_name="pins")
    colour = models.CharField(max_length=40)


class Nest(ClusterableModel):
    """Had a label, at any depth."""

    outer = ParentalKey("self", null=True, related_name="inner")
    name = models.CharField(max_length=40)

    @classmethod
    def upgrade_serializable_data(cls, data: dict[str, Any]) -> dict[str, Any]:
        data["name"] = data.pop("label")
        return data


class Letter(ClusterableModel):
    """Had a heading, which is the subject now, and its paragraphs in one text."""

    subject = models.CharField(max_length=40)
    mood = models.CharField(max_length=40, blank=True)

    serialize_exclude = ("mood", "drafts")

    @classmethod
    def upgrade_serializable_data(cls, data: dict[str, Any]) -> dict[str, Any]:
        if "heading" in data:
            data["subject"] = data.pop("heading")
        if "body" in data:
            data["paragraphs"] = [{"line": line} for line in data.pop("body").split("/")]
        return data


class Paragraph(models.Model):
    letter = ParentalKey(Letter, related_name="paragraphs")
    text = models.CharField(max_length=40)

    @classmethod
    def upgrade_serializable_data(cls, data: dict[str, Any]) -> dict[str, Any]:
        if "line" in data:
            data["text"] = data.pop("line")
        return data


class Signature(models.Model):
    letter = ParentalKey(Letter, related_name="signatures")
    name = models.CharField(max_length=40)
    title = models.CharField(max_length=40, blank=True)

    natural_key_fields = ("name",)


class Draft(models.Model):
    letter = ParentalKey(Letter, related_name="drafts")
    text = models.CharField(max_length=40)


class Scribble(models.Model):
    letter = ParentalKey(Letter, related_name="scribbles", serialize=False)
    text = models.CharField(max_length=40)


# What django-modelcluster cannot hold ---------------------------------------------------------------------------------


class Ledger(ClusterableModel):
    """JSON with an encoder and a decoder, and values that the database makes."""

    entries = models.JSONField(encoder=DjangoJSONEncoder, default=dict)
    pages = models.IntegerField(default=1)
    sheets = models.GeneratedField(
        expression=models.F("pages") * 2, output_field=models.IntegerField(), db_persist=True
    )
    clerk = models.CharField(max_length=20, db_default="nobody")


class Line(models.Model):
    pk = models.CompositePrimaryKey("ledger_id", "number")
    ledger = ParentalKey(Ledger, related_name="lines")
    number = models.IntegerField()
    amount = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    clerk = models.CharField(max_length=20, db_default="nobody")


# A dangling key of every kind -----------------------------------------------------------------------------------------


def first_subject() -> int:
    return 1


def the_first_subject() -> Subject:
    return Subject(pk=1, name="songs")


class Loan(ClusterableModel):
    """A child with a key of each ``on_delete``; no database constraint, so that targets can be gone."""

    archive = ParentalKey(Archive, related_name="loans")
    note = models.CharField(max_length=20, blank=True)
    cascade = models.ForeignKey(Subject, null=True, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    protect = models.ForeignKey(Subject, null=True, on_delete=models.PROTECT, db_constraint=False, related_name="+")
    restrict = models.ForeignKey(Subject, null=True, on_delete=models.RESTRICT, db_constraint=False, related_name="+")
    set_null = models.ForeignKey(Subject, null=True, on_delete=models.SET_NULL, db_constraint=False, related_name="+")
    set_default = models.ForeignKey(
        Subject, null=True, default=1, on_delete=models.SET_DEFAULT, db_constraint=False, related_name="+"
    )
    set_value = models.ForeignKey(Subject, null=True, on_delete=models.SET(1), db_constraint=False, related_name="+")
    set_callable = models.ForeignKey(
        Subject, null=True, on_delete=models.SET(first_subject), db_constraint=False, related_name="+"
    )
    set_object = models.ForeignKey(
        Subject, null=True, on_delete=models.SET(the_first_subject), db_constraint=False, related_name="+"
    )
    nothing = models.ForeignKey(Subject, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
