from __future__ import annotations

import io
import json
import random

import pytest
from django.db import connection
from django.db.models import Q, signals
from django.test.utils import CaptureQueriesContext

from cluster.collector import LINK, OWN, SKIP, Collector, load
from cluster.errors import SerializedDataError
from tests.collector.app.models import (
    Archived,
    Asset,
    Audited,
    Bookmark,
    Catalogue,
    Chore,
    Client,
    Currency,
    Draft,
    Invoice,
    Item,
    Label,
    Node,
    Note,
    Person,
    Project,
    Stop,
    Tag,
    Task,
    Trace,
    Truck,
    Watch,
)
from tests.collector.builders import build_firm, build_tenant, row_counts
from tests.collector.files import dumped, load_text

pytestmark = pytest.mark.django_db


def new_task(client):
    task = Task.objects.create(project=client.projects.first(), title="new")
    task.tags.add(Tag.objects.first())
    Note.objects.create(target=task, text="new")


def swap_unique_values(client):
    one, other = Item.objects.filter(catalogue__client=client)
    Item.objects.filter(pk=one.pk).update(position=99)
    Item.objects.filter(pk=other.pk).update(position=one.position)
    Item.objects.filter(pk=one.pk).update(position=other.position)


EDITS = {
    "change a row": lambda client: Client.objects.filter(pk=client.pk).update(name="changed", settings={"a": 1}),
    "add rows": new_task,
    "delete a tree": lambda client: client.projects.first().delete(),
    "move rows": lambda client: Task.objects.filter(project__client=client).update(project=client.projects.last()),
    "swap unique values": swap_unique_values,
    "delete rows of several tables": lambda client: Truck.objects.filter(client=client).delete(),
    "add rows of several tables": lambda client: Truck.objects.create(client=client, name="new"),
    "change a parent table": lambda client: Asset.objects.filter(client=client).update(name="changed"),
    "delete composite keys": lambda client: Stop.objects.filter(client=client).delete(),
    "add composite keys": lambda client: Stop.objects.create(client=client, number=7),
    "change links": lambda client: Task.objects.filter(project__client=client).first().tags.set(Tag.objects.all()),
    "drop links": lambda client: [task.tags.clear() for task in Task.objects.filter(project__client=client)],
    "change mirrored links": lambda client: client.nodes.first().friends.clear(),
    "add a mirrored link": lambda client: client.nodes.first().friends.add(
        Node.objects.create(client=client, name="new")
    ),
    "cut a circle": lambda client: client.projects.update(lead=None),
    "turn a tree": lambda client: Node.objects.filter(client=client, name="leaf").update(parent=None),
    "hide rows": lambda client: Archived.everything.filter(client=client).update(deleted=False),
    "orphan a row": lambda client: Draft.objects.filter(client=client).update(client=None),
    "delete what others point at": lambda client: Invoice.objects.filter(client=client).delete(),
    "delete watches": lambda client: Watch.objects.filter(task__project__client=client).delete(),
    "a new referrer": lambda client: Bookmark.objects.create(client=client),
    "change a code": lambda client: (
        Catalogue.objects.filter(client=client).update(code="other")
        if not Item.objects.filter(catalogue__client=client).delete()[0]
        else None
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_restore_undoes_an_edit_and_leaves_the_other_tenant_alone(edit):
    client, other = build_tenant(), build_tenant("other")
    text, manifest = dumped(client)
    others = dumped(other)[0]
    EDITS[edit](client)

    load_text(text, "restore", manifest=manifest)

    assert dumped(client)[0] == text
    assert dumped(other)[0] == others


@pytest.mark.parametrize("seed", range(8))
def test_a_restore_after_many_random_edits_gives_the_same_bytes(seed):
    client, other = build_tenant(), build_tenant("other")
    text, manifest = dumped(client)
    others = dumped(other)[0]
    chosen = random.Random(seed)
    for edit in chosen.sample(sorted(EDITS), 12):
        try:
            EDITS[edit](client)
        except (AttributeError, ValueError):
            continue  # what was to be edited is gone already

    load_text(text, "restore", manifest=manifest)

    assert dumped(client)[0] == text
    assert dumped(other)[0] == others


def test_a_restore_brings_back_a_tenant_that_is_gone():
    client = build_tenant()
    text, manifest = dumped(client)
    Collector(client).erase()

    report = load_text(text, "restore", manifest=manifest)

    assert dumped(Client.objects.get())[0] == text
    assert report.of("inserted")["zoo.Task"] == 4


def test_a_restore_of_what_is_unchanged_writes_nothing():
    client = build_tenant()
    text, manifest = dumped(client)

    report = load_text(text, "restore", manifest=manifest)

    assert set(report.as_dict()["counts"]) == {"linked"}


def test_the_report_of_a_restore_equals_the_difference_in_row_counts():
    client = build_tenant()
    text, manifest = dumped(client)
    new_task(client)
    Stop.objects.all().delete()
    before = row_counts()

    report = load_text(text, "restore", manifest=manifest)

    changes = {label: number - before[label] for label, number in row_counts().items() if number != before[label]}
    assert report.of("inserted") == {"zoo.Stop": 1}
    assert report.of("deleted") == {"zoo.Note": 1, "zoo.Task": 1, "zoo.Task_tags": 1}
    assert changes == {"zoo.Stop": 1, "zoo.Note": -1, "zoo.Task": -1, "zoo.Task_tags": -1}


def test_a_restore_does_not_touch_shared_rows():
    client = build_tenant()
    text, manifest = dumped(client)
    Tag.objects.filter(name="red").update(name="crimson")
    Person.objects.update(name="Renamed")

    report = load_text(text, "restore", manifest=manifest)

    assert report.of("updated") == {}
    assert Person.objects.get().name == "Renamed"
    assert Tag.objects.filter(name="crimson").exists()


def test_a_row_that_belongs_to_another_tenant_by_now_is_not_taken_back():
    client, other = build_tenant(), build_tenant("other")
    text, manifest = dumped(client)
    Project.objects.filter(client=client).update(client=other)
    others = dumped(other)[0]

    with pytest.raises(SerializedDataError, match=r"line \d+: zoo.Project \d+ belongs to zoo.Client \d+ by now"):
        load_text(text, "restore", manifest=manifest)

    assert dumped(other)[0] == others


def test_rules_are_those_of_the_file():
    client = build_tenant()
    text, manifest = dumped(client, rules={"zoo.Note": SKIP})
    Note.objects.filter(text="on a client").update(text="changed")
    Task.objects.all().update(title="changed")

    load_text(text, "restore", manifest=manifest)

    assert dumped(client, rules={"zoo.Note": SKIP})[0] == text
    assert Note.objects.filter(text="changed").exists()


def test_the_rules_of_a_file_are_read_from_the_manifest_beside_it(tmp_path):
    client = build_tenant()
    path = tmp_path / "acme.jsonl"
    Collector(client, rules={"zoo.Note": SKIP, "zoo.Tag": LINK}, lookup_fields={"zoo.Tag": ["name"]}).dump(path)
    Note.objects.create(target=client, text="new")
    client.projects.create(name="new")

    report = load(path, "restore")

    assert report.of("deleted") == {"zoo.Project": 1}
    assert Note.objects.filter(text="new").exists()


def test_rules_with_conditions_need_the_collector_that_wrote_the_file():
    class Tenants(Collector):
        rules = {"Client.drafts": OWN(Q(title="draft"))}

    client = build_tenant()
    text, manifest = dumped(client, rules=Tenants.rules)
    kept = Draft.objects.create(client=client, title="not of the file")

    with pytest.raises(SerializedDataError, match=r"was written by rules with conditions. Restore it with collector="):
        load_text(text, "restore", manifest=manifest)
    with pytest.raises(SerializedDataError, match=r"The collector's rules are others than those"):
        load_text(text, "restore", manifest=manifest, collector=Collector)
    load_text(text, "restore", manifest=manifest, collector=Tenants)

    assert list(Draft.objects.exclude(title="draft")) == [kept]


def test_a_restore_calls_receivers_of_what_it_deletes():
    client = build_tenant()
    text, manifest = dumped(client)
    Audited.objects.create(client=client, name="late")
    seen = []

    def receive(sender, instance, **kwargs):
        seen.append(instance.name)

    signals.post_delete.connect(receive, sender=Audited)
    try:
        report = load_text(text, "restore", manifest=manifest)
    finally:
        signals.post_delete.disconnect(receive, sender=Audited)

    assert seen == ["late"]
    assert report.of("deleted") == {"zoo.Audited": 1}
    assert report.notes == ["zoo.Audited has receivers for deleting: Django's own delete() was used."]


def test_a_restore_needs_the_manifest():
    with pytest.raises(SerializedDataError, match=r"To load in the mode 'restore' the manifest is needed"):
        load(io.StringIO(json.dumps({"model": "zoo.tag", "pk": 1, "fields": {"name": "x"}})), "restore")


def test_a_shared_row_that_is_gone_is_inserted_again():
    client = build_tenant()
    text, manifest = dumped(client)
    Client.objects.update(currency=None)
    Invoice.objects.all().delete()
    Person.objects.update(currency=None)
    Currency.objects.all().delete()

    report = load_text(text, "restore", manifest=manifest)

    assert report.of("inserted") == {"zoo.Currency": 1, "zoo.Invoice": 1}
    assert Client.objects.get().currency == Currency.objects.get()


def test_rows_that_moved_together_are_each_refused_once():
    client, other = build_tenant(), build_tenant("other")
    text, manifest = dumped(client)
    place = Project.objects.filter(client=other)[0]
    moved = Task.objects.filter(project__client=client, parent=None)[0]
    Task.objects.filter(pk=moved.pk).update(project=place)
    Task.objects.filter(parent=moved).update(project=place)

    with pytest.raises(SerializedDataError) as refused:
        load_text(text, "restore", manifest=manifest)

    assert [problem.message.split(" by now")[0] for problem in refused.value.problems] == [
        f"zoo.Task {key} belongs to zoo.Project {place.pk}" for key in (moved.pk, moved.subtasks.get().pk)
    ]


def test_receivers_of_links_are_called_for_what_a_restore_takes_away():
    client = build_tenant()
    text, manifest = dumped(client)
    task = Task.objects.filter(parent=None)[0]
    task.tags.add(Tag.objects.get(name="blue"))
    seen = []

    def receive(sender, action, pk_set, **kwargs):
        seen.append((action, pk_set))

    signals.m2m_changed.connect(receive, sender=Task.tags.through)
    try:
        load_text(text, "restore", manifest=manifest)
    finally:
        signals.m2m_changed.disconnect(receive, sender=Task.tags.through)

    gone = {Tag.objects.get(name="blue").pk}
    assert seen == [("pre_remove", gone), ("post_remove", gone)]
    assert task.tags.count() == 2


def test_links_are_taken_away_in_a_number_of_statements_that_does_not_grow_with_the_rows():
    firms = [build_firm(size) for size in (5, 40)]
    label = Label.objects.create(name="late")
    counts = []
    for firm in firms:
        text, manifest = dumped(firm)
        for chore in Chore.objects.filter(job__firm=firm):
            chore.labels.add(label)

        with CaptureQueriesContext(connection) as queries:
            report = load_text(text, "restore", manifest=manifest)

        counts.append(len(queries))
        assert report.of("deleted") == {"zoo.Chore_labels": Chore.objects.filter(job__firm=firm).count()}
        assert dumped(firm)[0] == text
    assert counts[0] == counts[1]


@pytest.mark.parametrize("mode", ["restore", "merge", "copy"])
def test_a_key_without_a_constraint_may_point_at_a_row_that_is_gone_where_keys_mean_the_same(mode):
    client = Client.objects.create(name="acme")
    Trace.objects.create(client=client, task_id=777)
    text, manifest = dumped(client)
    Trace.objects.update(task=None)

    if mode == "copy":
        with pytest.raises(SerializedDataError, match=r"line 2: zoo.Trace \d+ needs zoo.Task 777, which is neither in"):
            load_text(text, mode, manifest=manifest)
    else:
        load_text(text, mode, manifest=manifest)

        assert Trace.objects.get().task_id == 777
        assert dumped(client)[0] == text
