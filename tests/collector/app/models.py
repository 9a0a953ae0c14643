"""A schema with every kind of edge: clients are the tenants, tags, people and currencies are shared."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models

from cluster.fields import ParentalKey, ParentalManyToManyField
from cluster.models import ClusterableModel

# Shared by all tenants ------------------------------------------------------------------------------------------------


class Tag(models.Model):
    name = models.CharField(max_length=40, unique=True)


class Currency(models.Model):
    code = models.CharField(max_length=3, unique=True)
    name = models.CharField(max_length=40)


class Person(models.Model):
    """Not a user: no natural key, points at a currency, so that something is two steps up."""

    name = models.CharField(max_length=40)
    email = models.CharField(max_length=80, blank=True)
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT, null=True, related_name="people")
    languages = models.ManyToManyField(Tag, related_name="speakers")
    mentor = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")
    employer = models.ForeignKey("Client", on_delete=models.SET_NULL, null=True, related_name="staff")


class Note(models.Model):
    """Hangs on anything."""

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    object_id = models.PositiveBigIntegerField()
    target = GenericForeignKey()
    text = models.CharField(max_length=80)


class Pin(models.Model):
    """Points at anything, but nothing has a generic relation to it."""

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    object_id = models.CharField(max_length=40)
    target = GenericForeignKey()


# A tenant -------------------------------------------------------------------------------------------------------------


class Client(models.Model):
    name = models.CharField(max_length=40)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="clients")
    currency = models.ForeignKey(Currency, to_field="code", on_delete=models.PROTECT, null=True, related_name="clients")
    settings = models.JSONField(default=dict, blank=True)
    notes = GenericRelation(Note)


class Mark(models.Model):
    """Hangs on rows by the name of their proxy; its ids are texts of a kind of their own."""

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    object_id = models.SlugField()
    target = GenericForeignKey(for_concrete_model=False)


class BigClient(Client):
    marks = GenericRelation(Mark, for_concrete_model=False)

    class Meta:
        proxy = True


class Project(models.Model):
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="projects")
    name = models.CharField(max_length=40)
    lead = models.ForeignKey("Task", on_delete=models.SET_NULL, null=True, related_name="+")


class Task(models.Model):
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tasks")
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="subtasks")
    assignee = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, related_name="tasks")
    title = models.CharField(max_length=40)
    body = models.TextField(blank=True)
    created = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)
    tags = models.ManyToManyField(Tag, related_name="tasks")
    watchers = models.ManyToManyField(Person, through="Watch", related_name="watched")
    notes = GenericRelation(Note)


class Watch(models.Model):
    """The rows of a many-to-many with a model of its own."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="watches")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="watches")
    level = models.IntegerField(default=1)

    class Meta:
        unique_together = [("task", "person")]


class Profile(models.Model):
    client = models.OneToOneField(Client, on_delete=models.CASCADE, primary_key=True)
    motto = models.CharField(max_length=80)


class Invoice(models.Model):
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="invoices")
    number = models.CharField(max_length=20, unique=True)
    address = models.CharField(max_length=80, blank=True)
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT, related_name="+")


class Visit(models.Model):
    client = models.ForeignKey(Client, on_delete=models.DO_NOTHING, related_name="visits")


class Secret(models.Model):
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    value = models.BinaryField(default=bytes)


class Draft(models.Model):
    """Belongs to a client or to nobody."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, null=True, related_name="drafts")
    title = models.CharField(max_length=40)


class Bookmark(models.Model):
    """Somebody else's row that may point at a client."""

    client = models.ForeignKey(Client, on_delete=models.SET_NULL, null=True, related_name="bookmarks")


class Fallback(models.Model):
    client = models.ForeignKey(Client, on_delete=models.SET_DEFAULT, null=True, default=None, related_name="fallbacks")


class Trace(models.Model):
    """May point at a task that is gone."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="traces")
    task = models.ForeignKey(Task, on_delete=models.DO_NOTHING, null=True, db_constraint=False, related_name="+")


class Grant(models.Model):
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="grants")
    permission = models.ForeignKey(Permission, on_delete=models.CASCADE, related_name="+")
    users = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="grants")


class HiddenManager(models.Manager["Archived"]):
    def get_queryset(self) -> models.QuerySet[Archived]:
        return super().get_queryset().filter(deleted=False)


class Archived(models.Model):
    """Its default manager hides soft-deleted rows."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="archived")
    deleted = models.BooleanField(default=False)

    objects = HiddenManager()
    everything = models.Manager["Archived"]()


class Rider(models.Model):
    client = models.ForeignKey(BigClient, on_delete=models.CASCADE, related_name="riders")


class Legacy(models.Model):
    # Django's own delete() would ask a table that is not there.
    client = models.ForeignKey(Client, on_delete=models.DO_NOTHING, related_name="legacies")

    class Meta:
        managed = False
        db_table = "zoo_view_that_does_not_exist"


# Inheritance ----------------------------------------------------------------------------------------------------------


class Asset(models.Model):
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="assets")
    name = models.CharField(max_length=40)
    notes = GenericRelation(Note)


class Vehicle(Asset):
    wheels = models.IntegerField(default=4)


class Truck(Vehicle):
    load = models.IntegerField(default=1)


class Trip(models.Model):
    vehicle = models.ForeignKey(Vehicle, on_delete=models.CASCADE, related_name="trips")


# Keys -----------------------------------------------------------------------------------------------------------------


class Stop(models.Model):
    pk = models.CompositePrimaryKey("client_id", "number")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="stops")
    number = models.IntegerField()
    place = models.CharField(max_length=40, blank=True)


class Catalogue(models.Model):
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="catalogues")
    code = models.CharField(max_length=20, unique=True)


class Item(models.Model):
    catalogue = models.ForeignKey(Catalogue, to_field="code", on_delete=models.CASCADE, related_name="items")
    price = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        unique_together = [("catalogue", "position")]


class Node(models.Model):
    """UUID keys, a tree in one table, links to itself."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="nodes")
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="children")
    name = models.CharField(max_length=40)
    friends = models.ManyToManyField("self")
    total = models.GeneratedField(expression=models.F("size") + 1, output_field=models.IntegerField(), db_persist=True)
    size = models.IntegerField(default=1)


class Twin(models.Model):
    """Cannot do without another row of its table; it may be itself."""

    other = models.ForeignKey("self", on_delete=models.CASCADE, related_name="twins")


class One(models.Model):
    """Cannot do without a row that cannot do without it."""

    other = models.ForeignKey("Other", on_delete=models.CASCADE, related_name="ones")


class Other(models.Model):
    one = models.ForeignKey(One, on_delete=models.CASCADE, related_name="others")


class Login(models.Model):
    """Its key is that of a row that is named, not exported."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="logins")


class CatalogueCover(models.Model):
    """Its key is another field of the row that it extends than that row's key."""

    catalogue = models.OneToOneField(Catalogue, to_field="code", on_delete=models.CASCADE, primary_key=True)
    text = models.CharField(max_length=40)


class Voucher(models.Model):
    """A key that nobody makes but the user."""

    code = models.CharField(max_length=20, primary_key=True)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="vouchers")


class Redemption(models.Model):
    voucher = models.ForeignKey(Voucher, on_delete=models.CASCADE, related_name="redemptions")
    catalogue = models.ForeignKey(
        Catalogue, to_field="code", on_delete=models.SET_NULL, null=True, related_name="redemptions"
    )


class Remark(models.Model):
    """Belongs to a client, and is about anything."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="remarks")
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, null=True, related_name="+")
    object_id = models.PositiveBigIntegerField(null=True)
    about = GenericForeignKey()


class SpotManager(models.Manager["Spot"]):
    def get_by_natural_key(self, hall: str, row: str, seat: str) -> Spot:
        return self.get(hall=hall, row=row, seat=int(seat))


class Spot(models.Model):
    """Named by three columns."""

    row = models.CharField(max_length=10)
    hall = models.CharField(max_length=10)
    seat = models.IntegerField()
    holder = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = SpotManager()

    class Meta:
        unique_together = [("hall", "row", "seat")]

    def natural_key(self) -> tuple[str, str, str]:
        return self.hall, self.row, str(self.seat)


class Booking(models.Model):
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="bookings")
    spot = models.ForeignKey(Spot, on_delete=models.PROTECT, related_name="bookings")


class Theme(models.Model):
    """Shared; unique together with lists, by a constraint that not every database has."""

    name = models.CharField(max_length=40)
    colours = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "colours"], name="zoo_unique_theme", nulls_distinct=False)
        ]


class Skin(models.Model):
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="skins")
    theme = models.ForeignKey(Theme, on_delete=models.PROTECT, related_name="+")


class Ally(ClusterableModel):
    """Its links are mutual, and rows of a model."""

    name = models.CharField(max_length=40)
    allies = ParentalManyToManyField("self", through="Pact", through_fields=("one", "other"), blank=True)


class Pact(models.Model):
    one = models.ForeignKey(Ally, on_delete=models.CASCADE, related_name="pacts")
    other = models.ForeignKey(Ally, on_delete=models.CASCADE, related_name="pacts_of_others")
    text = models.CharField(max_length=40)


class RandomText(models.Func):
    output_field = models.CharField(max_length=40)
    template = "md5(random()::text)"

    def as_sqlite(self, compiler: Any, connection: Any, **extra_context: Any) -> Any:
        return self.as_sql(compiler, connection, template="(lower(hex(randomblob(8))))")

    def as_mysql(self, compiler: Any, connection: Any, **extra_context: Any) -> Any:
        return self.as_sql(compiler, connection, template="(uuid())")


class Seal(ClusterableModel):
    """The database makes its key, which is no number."""

    code = models.CharField(max_length=40, primary_key=True, db_default=RandomText())
    text = models.CharField(max_length=40)


class Stamp(models.Model):
    """The same, with a key that no number can be."""

    id = models.UUIDField(primary_key=True, db_default=models.Value(uuid.UUID(int=0)))
    seal = ParentalKey(Seal, on_delete=models.CASCADE, related_name="stamps")


# What the database itself does when a row goes ------------------------------------------------------------------------


class Box(models.Model):
    name = models.CharField(max_length=40, unique=True)


if hasattr(models, "DB_CASCADE"):  # Remove when Django >= 6.1 is the floor.

    class Slip(models.Model):
        box = models.ForeignKey(Box, on_delete=models.DB_CASCADE, related_name="slips")

    class Sticker(models.Model):
        box = models.ForeignKey(Box, on_delete=models.DB_SET_NULL, null=True, related_name="stickers")


# Signals --------------------------------------------------------------------------------------------------------------


class Audited(models.Model):
    """The tests connect receivers for it."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="audited")
    name = models.CharField(max_length=40)


# A plain tenant, for figures ------------------------------------------------------------------------------------------


class Label(models.Model):
    name = models.CharField(max_length=40, unique=True)


class Firm(models.Model):
    name = models.CharField(max_length=40)


class Job(models.Model):
    firm = models.ForeignKey(Firm, on_delete=models.CASCADE, related_name="jobs")
    name = models.CharField(max_length=40)


class Chore(models.Model):
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="chores")
    title = models.CharField(max_length=80)
    done = models.BooleanField(default=False)
    created = models.DateTimeField(auto_now_add=True)
    labels = models.ManyToManyField(Label, related_name="chores")
