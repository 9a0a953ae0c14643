"""Files with rows that belong to nobody whom the file is of: each is refused with its line, and nothing is written."""

from __future__ import annotations

import dataclasses
import io
import json

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured

from cluster.collector import LINK, OWN, REF, Collector, Manifest
from cluster.errors import SerializedDataError
from tests.collector.app.models import Catalogue, Client, Draft, Item, Node, Note, Person, Project, Tag, Task, Truck
from tests.collector.builders import build_tenant, stored
from tests.collector.files import RENAMED, dumped, lines, load_text, with_checksum

pytestmark = pytest.mark.django_db

MODES = ["insert", "copy", "merge", "restore"]
TIME = {"created": "2020-01-01T00:00:00Z", "changed": "2020-01-01T00:00:00Z"}


class Clients(Collector):
    model = Client


class People(Collector):
    model = Person


def with_rows(dump, *rows, is_shared=False):
    """Return a file with rows that were not in it, and a manifest that tells nothing of that."""
    text, manifest = dump
    number, more = manifest.lines, text + lines(*rows)
    manifest = dataclasses.replace(manifest, lines=number + len(rows))
    if is_shared:
        manifest.referenced = [*manifest.referenced, [number + 1, number + len(rows)]]
    return more, with_checksum(manifest, more)


def refused(text, manifest, mode, message, **options):
    before = stored(), list(User.objects.values_list())

    with pytest.raises(SerializedDataError) as error:
        load_text(text, mode, manifest=manifest, **options)

    assert str(error.value) == message
    assert (stored(), list(User.objects.values_list())) == before


def dump_of(mode):
    """Return the dump of a client that is not there any more where a load inserts its keys."""
    client = Client.objects.create(name="acme")
    dump = dumped(client)
    if mode == "insert":
        client.delete()
    return dump


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("is_shared", [False, True])
def test_a_user_is_not_smuggled_in(mode, is_shared):
    row = {"model": "auth.user", "pk": 77, "fields": {"username": "evil", "is_superuser": True}}
    text, manifest = with_rows(dump_of(mode), row, is_shared=is_shared)

    kind = "is shared, but no row of the file needs it" if is_shared else "belongs to no root of the file"
    refused(text, manifest, mode, f"line 2: auth.User 77 {kind}, by the rules.")


@pytest.mark.parametrize("mode", ["merge", "restore"])
def test_a_user_is_not_overwritten(mode):
    admin = User.objects.create(username="admin", password="secret")
    row = {"model": "auth.user", "pk": admin.pk, "fields": {"username": "admin", "password": "evil"}}
    text, manifest = with_rows(dump_of(mode), row)

    refused(text, manifest, mode, f"line 2: auth.User {admin.pk} belongs to no root of the file, by the rules.")


@pytest.mark.parametrize("mode", MODES)
def test_a_row_is_not_put_under_another_tenants(mode):
    theirs = Project.objects.create(client=Client.objects.create(name="other"), name="theirs")
    row = {"model": "zoo.task", "pk": 77, "fields": {"project": theirs.pk, "title": "evil", **TIME}}
    text, manifest = with_rows(dump_of(mode), row)

    refused(text, manifest, mode, "line 2: zoo.Task 77 belongs to no root of the file, by the rules.")


@pytest.mark.parametrize("parents", [(77, 78), (78, 77)], ids=["themselves", "each other"])
def test_rows_that_own_themselves_belong_to_no_root(parents):
    theirs = Project.objects.create(client=Client.objects.create(name="other"), name="theirs")
    rows = [
        {"model": "zoo.task", "pk": key, "fields": {"project": theirs.pk, "parent": parent, "title": "evil", **TIME}}
        for key, parent in zip((77, 78), parents, strict=True)
    ]
    text, manifest = with_rows(dump_of("copy"), *rows)
    told = "line {}: zoo.Task {} belongs to no root of the file, by the rules."

    refused(text, manifest, "copy", "\n".join([told.format(2, 77), told.format(3, 78)]))


def test_a_row_that_the_file_shares_owns_nothing_of_it():
    theirs = Catalogue.objects.create(client=Client.objects.create(name="other"), code="theirs")
    client = Client.objects.create(name="acme", currency=None)
    Note.objects.create(target=client, text="n")
    shared = json.loads(dumped(theirs)[0].splitlines()[-1])
    item = {"model": "zoo.item", "pk": 77, "fields": {"catalogue": "theirs", "price": "1.00", "position": 9}}
    text, manifest = with_rows(dumped(client), shared, is_shared=True)
    text, manifest = with_rows((text, manifest), item)

    refused(text, manifest, "merge", "line 4: zoo.Item 77 belongs to no root of the file, by the rules.")
    assert not Item.objects.exists()


def test_a_row_is_not_put_under_what_the_manifest_links_to():
    theirs = Project.objects.create(client=Client.objects.create(name="other"), name="theirs")
    row = {"model": "zoo.project", "pk": 77, "fields": {"client": 1, "name": "p"}}
    dump = dump_of("copy")
    text, manifest = with_rows(dump, {**row, "fields": {"client": dump[1].root_keys[0], "name": "p"}})
    manifest.links = {"zoo.project": [[77, {"name": "theirs"}]]}

    refused(text, manifest, "copy", "manifest: zoo.Project 77 is linked to, and is a row of the file.")
    assert theirs.tasks.count() == 0


def test_what_a_rule_links_to_is_not_brought_along():
    client = Client.objects.create(name="acme")
    client.projects.create(name="p")
    text, manifest = dumped(client)
    manifest.rules = {"zoo.Client.projects": "LINK"}

    refused(
        text, manifest, "copy",
        f"line 2: zoo.Project {Project.objects.get().pk} belongs to no root of the file, by the rules.",
    )  # fmt: skip


def test_a_collector_loads_only_files_of_its_own_model():
    text, manifest = dumped(Client.objects.create(name="acme"))

    refused(
        text, manifest, "merge", "manifest: The file is of zoo.Client; People collects zoo.Person.", collector=People
    )
    assert load_text(text, "merge", manifest=manifest, collector=Clients).of("updated") == {}


def test_without_a_manifest_the_rows_hang_together_by_the_rules_of_the_collector():
    client = {"model": "zoo.client", "pk": 1, "fields": {"name": "x"}}
    user = {"model": "auth.user", "pk": 77, "fields": {"username": "evil"}}

    with pytest.raises(SerializedDataError, match=r"line 2: auth.User 77 belongs to no root of the file, by the rules"):
        load_text(lines(client, user), "merge", collector=Clients)
    load_text(lines(client), "merge", collector=Clients)

    assert Client.objects.get().name == "x"


def test_rules_of_a_manifest_that_cannot_be_read_are_refused():
    text, manifest = dumped(Client.objects.create(name="acme"))
    manifest.rules = {"zoo.Gone": "OWN"}

    refused(
        text, manifest, "copy",
        "manifest: Its rules cannot be read: The rule 'zoo.Gone' names no model; write 'app_label.Model.relation'.",
    )  # fmt: skip


def test_rules_of_a_collector_that_cannot_be_read_are_its_own_mistake():
    class Wrong(Collector):
        rules = {"zoo.Gone": OWN}

    text, manifest = dumped(Client.objects.create(name="acme"))

    with pytest.raises(ImproperlyConfigured, match=r"The rule 'zoo.Gone' names no model"):
        load_text(text, "copy", manifest=manifest, collector=Wrong)


OPTIONS = {
    "a tenant": (lambda client: client, {}),
    "a part of it": (lambda client: client.projects.first(), {}),
    "the target of a key that is owned": (lambda client: client, {"rules": {"zoo.Client.owner": OWN}}),
    "what owned targets own in turn": (
        lambda client: client.projects.first(), {"rules": {"zoo.Project.client": OWN, "zoo.Client.currency": OWN}},
    ),
    "the target of links that is owned": (lambda client: client, {"rules": {"zoo.Task.tags": OWN}}),
    "what a generic key points at": (lambda client: client.notes.get(), {"rules": {"zoo.Note.target": OWN}}),
    "children that are shared": (lambda client: client, {"rules": {"zoo.Profile": REF, "zoo.Watch": REF}}),
    "children along one path only": (lambda client: client, {"rules": {"bookmarks": OWN, "zoo.Fallback": OWN}}),
    "a generic key without a relation": (lambda client: client, {"rules": {"zoo.Pin": OWN}}),
    "a row of several tables": (lambda client: Truck.objects.get(client=client), {}),
    "a row that is the parent of one in another table": (lambda client: client.assets.get(), {}),
    "a shared person": (lambda client: Person.objects.get(), {}),
    "linked rows": (lambda client: client, {"rules": {"zoo.Tag": LINK}, "lookup_fields": {"zoo.Tag": ["name"]}}),
    "several roots": (lambda client: Task.objects.all(), {}),
}  # fmt: skip


@pytest.mark.parametrize("chunk_size", [1, 100])
@pytest.mark.parametrize("name", OPTIONS)
def test_whatever_a_collector_collects_is_loaded_again(name, chunk_size):
    choose, options = OPTIONS[name]
    client = build_tenant()
    Task.objects.filter(title="first").update(parent=None)
    stream = io.StringIO()
    collector = Collector(choose(client), **options)
    manifest = collector.dump(stream)

    report = load_text(stream.getvalue(), "restore", manifest=manifest, chunk_size=chunk_size)

    assert report.of("updated") == report.of("deleted") == report.of("inserted") == {}


def test_an_owner_may_stand_behind_what_it_owns():
    client = Client.objects.create(name="acme")
    root = Node.objects.create(client=client, name="root")
    leaf = Node.objects.create(client=client, name="leaf", parent=root)
    Node.objects.create(client=client, name="leaf of a leaf", parent=leaf)
    text, manifest = dumped(root)
    text = "".join(reversed(text.splitlines(keepends=True)))
    manifest = dataclasses.replace(manifest, referenced=[[4, 4]])

    report = load_text(text, "copy", manifest=with_checksum(manifest, text), chunk_size=1)

    assert report.of("inserted") == {"zoo.Node": 3}


def test_an_unsaved_cluster_hangs_together():
    text = lines(
        {"model": "zoo.client", "pk": -1, "fields": {"name": "x"}},
        {"model": "zoo.draft", "pk": -2, "fields": {"client": -1, "title": "t"}},
    )

    load_text(text, "copy", manifest=with_checksum(Manifest("zoo.client", [-1], lines=2), text))

    assert Draft.objects.get().client.name == "x"


def test_a_link_that_is_no_key_is_told_as_such_where_shared_rows_are_looked_for():
    client = build_tenant()
    text, manifest = dumped(client)
    tags = [tag.pk for tag in Tag.objects.order_by("pk")[:2]]
    text = text.replace(f'"tags": [{tags[0]},{tags[1]}]', '"tags": ["x"]').replace(
        f'"tags": [{tags[0]}, {tags[1]}]', '"tags": ["x"]'
    )

    with pytest.raises(SerializedDataError, match=r"line \d+: A link of zoo.Task \d+ cannot be 'x'"):
        load_text(text, "copy", manifest=with_checksum(manifest, text), replace=RENAMED)
