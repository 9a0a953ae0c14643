"""Builders of tenants, and what to compare them by."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.db.models import Model

from tests.collector.app.models import (
    Archived,
    Audited,
    BigClient,
    Bookmark,
    Catalogue,
    Chore,
    Client,
    Currency,
    Draft,
    Fallback,
    Firm,
    Grant,
    Invoice,
    Item,
    Job,
    Label,
    Node,
    Note,
    Person,
    Pin,
    Profile,
    Project,
    Rider,
    Secret,
    Stop,
    Tag,
    Task,
    Trip,
    Truck,
    Visit,
    Watch,
)


def shared() -> dict[str, Any]:
    """Return the rows that all tenants share, made once."""
    currency, _ = Currency.objects.get_or_create(code="EUR", name="Euro")
    tags = [Tag.objects.get_or_create(name=name)[0] for name in ("red", "green", "blue")]
    person, is_new = Person.objects.get_or_create(name="Robin", email="robin@example.com", currency=currency)
    if is_new:
        person.languages.add(tags[2])
    user, _ = User.objects.get_or_create(username="alice")
    return {"currency": currency, "tags": tags, "person": person, "user": user}


def build_tenant(name: str = "acme") -> Client:
    """Save a client with a row along every kind of edge."""
    common = shared()
    client = Client.objects.create(name=name, owner=common["user"], currency=common["currency"])
    _build_work(client, common)
    _build_children(client, name, common)
    _build_strangers(client)
    return client


def _build_work(client: Client, common: dict[str, Any]) -> None:
    for number in range(2):
        project = Project.objects.create(client=client, name=f"project {number}")
        first = Task.objects.create(project=project, title="first", assignee=common["person"])
        second = Task.objects.create(project=project, title="second", parent=first)
        first.tags.set(common["tags"][:2])
        second.tags.set(common["tags"][1:2])
        Watch.objects.create(task=second, person=common["person"], level=3)
        Note.objects.create(target=second, text="on a task")
        project.lead = second
        project.save()


def _build_children(client: Client, name: str, common: dict[str, Any]) -> None:
    Note.objects.create(target=client, text="on a client")
    Profile.objects.create(client=client, motto="onwards")
    Invoice.objects.create(client=client, number=f"{name}-1", address="Main Street 1", currency=common["currency"])
    Visit.objects.create(client=client)
    Secret.objects.create(client=client, value=b"\x00\xff")
    Draft.objects.create(client=client, title="draft")
    grant = Grant.objects.create(client=client, permission=Permission.objects.get(codename="add_group"))
    grant.users.add(common["user"])
    Archived.everything.create(client=client, deleted=True)
    Rider.objects.create(client=BigClient.objects.get(pk=client.pk))
    truck = Truck.objects.create(client=client, name="truck", wheels=6, load=9)
    Trip.objects.create(vehicle=truck.vehicle_ptr)
    Note.objects.create(target=truck.asset_ptr, text="on an asset")
    Stop.objects.create(client=client, number=1, place="here")
    catalogue = Catalogue.objects.create(client=client, code=f"{name}-code")
    Item.objects.create(catalogue=catalogue, price="1.50", position=1)
    Item.objects.create(catalogue=catalogue, price="2.50", position=2)
    root = Node.objects.create(client=client, name="root")
    leaf = Node.objects.create(client=client, name="leaf", parent=root)
    root.friends.add(leaf)
    Audited.objects.create(client=client, name="audited")


def _build_strangers(client: Client) -> None:
    Bookmark.objects.create(client=client)
    Fallback.objects.create(client=client)
    Pin.objects.create(target=client)


def build_firm(rows):
    """Save a firm with some chores, each with three labels."""
    firm = Firm.objects.create(name="firm")
    jobs = [Job.objects.create(firm=firm, name=str(number)) for number in range(5)]
    labels = [Label.objects.get_or_create(name=str(number))[0] for number in range(3)]
    chores = Chore.objects.bulk_create([Chore(job=jobs[number % 5], title=str(number)) for number in range(rows)])
    through = Chore.labels.through
    stored = Chore.objects.filter(pk__in=[chore.pk for chore in chores][:rows])
    through.objects.bulk_create([through(chore=chore, label=label) for chore in stored for label in labels])
    return firm


OWNED = {
    "zoo.Client": 1,
    "zoo.Project": 2,
    "zoo.Task": 4,
    "zoo.Watch": 2,
    "zoo.Note": 4,
    "zoo.Profile": 1,
    "zoo.Invoice": 1,
    "zoo.Visit": 1,
    "zoo.Secret": 1,
    "zoo.Draft": 1,
    "zoo.Grant": 1,
    "zoo.Archived": 1,
    "zoo.Rider": 1,
    "zoo.Asset": 1,
    "zoo.Vehicle": 1,
    "zoo.Truck": 1,
    "zoo.Trip": 1,
    "zoo.Stop": 1,
    "zoo.Catalogue": 1,
    "zoo.Item": 2,
    "zoo.Node": 2,
    "zoo.Audited": 1,
}
REFERENCED = {"zoo.Currency": 1, "zoo.Person": 1, "zoo.Tag": 2}
REFERRERS = {"zoo.Client.bookmarks": 1, "zoo.Client.fallbacks": 1, "zoo.Client.pin_target": 1}


def zoo_models() -> list[type[Model]]:
    """Return the models that have a table, links included."""
    models = apps.get_app_config("zoo").get_models(include_auto_created=True)
    return [model for model in models if model._meta.managed and not model._meta.proxy]


def row_counts() -> dict[str, int]:
    """Return how many rows each table has."""
    return {model._meta.label: model._base_manager.count() for model in zoo_models()}


def difference(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Return how many rows are gone, by label."""
    return {label: before[label] - after[label] for label in before if before[label] != after[label]}


def stored() -> dict[str, list[Any]]:
    """Return every row of every table, links included; equal when nothing was changed."""
    return {model._meta.label: sorted(model._base_manager.values_list(), key=repr) for model in zoo_models()}
