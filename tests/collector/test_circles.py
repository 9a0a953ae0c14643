from __future__ import annotations

import json

import pytest
from django.db import connection

from cluster.collector import Collector, Manifest
from cluster.errors import SerializedDataError
from tests.collector.app.models import Client, Item, Project, Task
from tests.collector.builders import build_tenant
from tests.collector.files import dumped, load_text, with_checksum

pytestmark = pytest.mark.django_db


def test_rows_that_stand_before_what_they_need_are_loaded():
    client = build_tenant()
    Item.objects.all().delete()
    text, _ = dumped(client)
    Collector(client).erase()
    lines = text.splitlines(keepends=True)[::-1]
    manifest = Manifest("zoo.client", [client.pk], lines=len(lines))
    shared = ("zoo.tag", "zoo.person", "zoo.currency")
    places = [place for place, line in enumerate(lines, start=1) if json.loads(line)["model"] in shared]
    manifest.referenced = [[place, place] for place in places]
    turned = "".join(lines)

    load_text(turned, manifest=with_checksum(manifest, turned), chunk_size=5)

    assert dumped(Client.objects.get())[0] == text


def test_a_row_that_needs_a_row_which_never_comes_is_refused():
    row = {"model": "zoo.profile", "pk": 77, "fields": {"motto": "x"}}
    text = json.dumps(row) + "\n"

    with pytest.raises(SerializedDataError, match=r"line 1: zoo.Profile 77 needs zoo.Client 77, which is neither"):
        load_text(text, "copy", manifest=with_checksum(Manifest("zoo.client", [], lines=1), text))


def test_a_merge_lets_rows_swap_their_unique_values():
    client = build_tenant()
    text, manifest = dumped(client)
    one, other = Item.objects.order_by("pk")
    Item.objects.filter(pk=one.pk).update(position=99)
    Item.objects.filter(pk=other.pk).update(position=1)
    Item.objects.filter(pk=one.pk).update(position=2)

    report = load_text(text, "merge", manifest=manifest)

    assert report.of("updated") == {"zoo.Item": 2}
    assert report.of("inserted") == {}
    assert dumped(client)[0] == text


def test_a_chain_in_one_table_is_copied_and_erased():
    client = Client.objects.create(name="acme")
    project = Project.objects.create(client=client, name="p")
    Task.objects.bulk_create([Task(project=project, title=str(number)) for number in range(300)])
    keys = list(Task.objects.order_by("pk").values_list("pk", flat=True))
    with connection.cursor() as cursor:
        pairs = list(zip(keys[1:], keys[:-1], strict=True))
        cursor.executemany("UPDATE zoo_task SET parent_id = %s WHERE id = %s", pairs)
    text, manifest = dumped(client)

    report = load_text(text, "copy", manifest=manifest, chunk_size=50)
    new = report.keys[Task]
    copied = dict(Task.objects.filter(pk__in=new.values()).values_list("pk", "parent_id"))
    erased = Collector(client).erase()

    assert [copied[new[key]] for key in keys[:-1]] == [new[key] for key in keys[1:]]
    assert erased.of("deleted") == {"zoo.Client": 1, "zoo.Project": 1, "zoo.Task": 300}
