"""Clusters whose rows are hard to write in the right order."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import Q
from django.db.models.functions import Lower

from cluster.fields import ParentalKey, ParentalManyToManyField
from cluster.models import ClusterableModel


class Absolute(models.Func):
    """A function that memory does not know."""

    function = "ABS"


class OddSizes(models.CheckConstraint):
    """A constraint of a class that is not Django's, which only its own ``validate()`` knows."""

    def __init__(self, *, name: str, **options: Any) -> None:
        super().__init__(name=name, condition=Q(size__gte=0))

    def validate(self, model: Any, instance: Any, exclude: Any = None, using: str = DEFAULT_DB_ALIAS) -> None:
        if instance.size % 2 == 0:
            raise ValidationError("Sizes are odd.")


class WordsField(models.CharField):  # type: ignore[type-arg]
    """A list of words, which cannot be hashed."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return self.to_python(value)

    def to_python(self, value: Any) -> Any:
        return value.split() if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        return " ".join(value) if isinstance(value, list) else value


class Shelf(ClusterableModel):
    """Points at one of its own children."""

    name = models.CharField(max_length=80)
    favourite = models.ForeignKey("Box", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

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


class Binder(ClusterableModel):
    pass


class Sheet(models.Model):
    """Unique constraints with words, codes, conditions and expressions of their own."""

    binder = ParentalKey(Binder, related_name="sheets")
    number = models.IntegerField()
    slug = models.CharField(max_length=20)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["number"], name="sheet_once", violation_error_message="Number twice."),
            models.UniqueConstraint(
                fields=["slug"], name="sheet_coded", violation_error_message="Twice.", violation_error_code="unique"
            ),
            models.UniqueConstraint(fields=["binder", "slug"], name="sheet_in_binder"),
            models.UniqueConstraint(fields=["slug"], condition=Q(number__gt=0), name="sheet_positive"),
            models.UniqueConstraint(Lower("slug"), name="sheet_any_case"),
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


class Alarm(models.Model):
    """Unique in values that databases bound otherwise than Python, or that are empty in forms and NULL in tables."""

    shelf = ParentalKey(Shelf, related_name="alarms")
    rings = models.DateTimeField(unique=True, null=True, blank=True)
    lasts = models.DurationField(unique=True, null=True, blank=True)
    address = models.GenericIPAddressField(unique=True, null=True, blank=True)


class Meter(models.Model):
    """Unique in values of many kinds, none of which may be null."""

    shelf = ParentalKey(Shelf, related_name="meters")
    amount = models.DecimalField(max_digits=3, decimal_places=1, unique=True)
    level = models.FloatField(unique=True)
    day = models.DateField(unique=True)
    moment = models.DateTimeField(unique=True)
    hour = models.TimeField(unique=True)
    lasts = models.DurationField(unique=True)
    address = models.GenericIPAddressField(unique=True)
    old_address = models.GenericIPAddressField(protocol="ipv4", unique=True)
    key = models.UUIDField(unique=True)
    plan = models.FileField(max_length=50, unique=True)
    letter = models.CharField(max_length=1, unique=True)
    grade = models.PositiveSmallIntegerField(unique=True)
    opposite = models.IntegerField(unique=True)
    lid = models.OneToOneField(Lid, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(grade__gte=1, grade__lte=5), name="meter_grade_in_range"),
            models.CheckConstraint(condition=Q(opposite__lte=0), name="meter_opposite_is_low"),
            models.CheckConstraint(condition=Q(opposite__lt=models.F("grade")), name="meter_opposite_is_lower"),
        ]


class Switch(ClusterableModel):
    """Of each parent one is on and one is off."""

    box = ParentalKey(Box, related_name="switches")
    is_on = models.BooleanField()

    class Meta:
        unique_together = [("box", "is_on")]


class Wire(models.Model):
    """The only one of its switch."""

    switch = ParentalKey(Switch, unique=True, related_name="wires")
    name = models.CharField(max_length=20)


class Poster(models.Model):
    """Unique in values that cannot be hashed."""

    shelf = ParentalKey(Shelf, related_name="posters")
    words = WordsField(max_length=80, unique=True)
    motto = WordsField(max_length=80, unique_for_date="day", blank=True, default="")
    day = models.DateField(null=True, blank=True)


class Loan(models.Model):
    """Two parents at different levels, and a key that is there before the row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    shelf = ParentalKey(Shelf, related_name="loans", null=True, blank=True)
    box = ParentalKey(Box, related_name="loans", null=True, blank=True)
    to = models.CharField(max_length=80)


class Leaf(ClusterableModel):
    """A tree of which every node is unique, in the whole tree and among its siblings."""

    parent = ParentalKey("self", null=True, blank=True, related_name="leaves")
    code = models.CharField(max_length=20, unique=True)
    branch = models.CharField(max_length=20, default="trunk")
    number = models.PositiveIntegerField(null=True)

    class Meta:
        unique_together = [("branch", "number")]


class Beetle(models.Model):
    leaf = ParentalKey(Leaf, related_name="beetles")
    name = models.CharField(max_length=80)


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


class Remark(ClusterableModel):
    """Its ``save()`` names what it writes, and leaves out what is set elsewhere."""

    shelf = ParentalKey(Shelf, related_name="remarks")
    text = models.CharField(max_length=80)
    author = models.CharField(max_length=80)
    position = models.IntegerField(default=0)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            kwargs["update_fields"] = {"text", "author", "shelf_id"}
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


class Sticker(models.Model):
    """Points at anything."""

    shelf = ParentalKey(Shelf, related_name="stickers")
    on_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    on_id = models.BigIntegerField(null=True, blank=True)
    on = GenericForeignKey("on_type", "on_id")
    size = models.PositiveSmallIntegerField(unique=True)
    hue = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            OddSizes(name="sticker_odd_size"),
            models.CheckConstraint(condition=Q(size=Absolute("size")), name="sticker_not_negative"),
        ]


class Guest(models.Model):
    code = models.CharField(max_length=20, unique=True)


class Coin(Guest):
    """Only the second of its two tables tells whose it is."""

    shelf = ParentalKey(Shelf, related_name="coins")
    year = models.IntegerField(default=1900)


class Club(ClusterableModel):
    """Links by another field than the key, through a model that saves itself."""

    name = models.CharField(max_length=80)
    guests = ParentalManyToManyField(Guest, through="Pass", blank=True, related_name="clubs")


class Pass(models.Model):
    club = models.ForeignKey(Club, on_delete=models.CASCADE)
    guest = models.ForeignKey(Guest, to_field="code", on_delete=models.CASCADE)
    text = models.CharField(max_length=80)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.text = f"{self.guest_id} may enter"
        super().save(*args, **kwargs)


if hasattr(models, "DB_SET_NULL"):  # Remove when Django >= 6.1 is the floor.

    class Poem(models.Model):
        """Outlives its parent by what the database does."""

        binder = ParentalKey(Binder, on_delete=models.DB_SET_NULL, null=True, related_name="poems")
        text = models.CharField(max_length=80)
