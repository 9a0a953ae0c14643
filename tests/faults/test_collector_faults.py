from __future__ import annotations

import io

import pytest
from django.db import transaction

from cluster.collector import Collector, load
from cluster.errors import AlreadyLoadedError
from cluster.testing import InjectedFault, fail_at
from tests.collector.app.models import Client, Item, Stop, Task
from tests.collector.builders import build_tenant, stored
from tests.collector.files import RENAMED, dumped

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def restore(client, text, manifest):
    load(io.StringIO(text), "restore", manifest=manifest)


def copy(client, text, manifest):
    load(io.StringIO(text), "copy", manifest=manifest, replace=RENAMED)


def merge(client, text, manifest):
    load(io.StringIO(text), "merge", manifest=manifest)


def insert(client, text, manifest):
    with transaction.atomic():
        Collector(Client.objects.filter(pk=client.pk)).erase()
        load(io.StringIO(text), "insert", manifest=manifest)


def erase(client, text, manifest):
    Collector(Client.objects.filter(pk=client.pk)).erase()


def edited():
    """Return a tenant, its file from before some edits, and the manifest."""
    client = build_tenant()
    text, manifest = dumped(client)
    Task.objects.filter(title="first").update(title="changed")
    Task.objects.create(project=client.projects.first(), title="new")
    Stop.objects.all().delete()
    one, other = Item.objects.all()
    Item.objects.filter(pk=one.pk).update(position=99)
    Item.objects.filter(pk=other.pk).update(position=1)
    return client, text, manifest


def failures_of(work):
    """Fail each statement in turn, after which all is as before, until the work is done; return how many failed."""
    before, number = stored(), 0
    while True:
        number += 1
        try:
            with fail_at(number) as wrapper:
                work()
        except InjectedFault:
            assert stored() == before
            continue
        assert wrapper.seen < number
        return number - 1


@pytest.mark.parametrize("work", [insert, copy, merge, restore, erase])
def test_whichever_statement_fails_nothing_is_half_done(work):
    client, text, manifest = edited()
    before = stored()

    failures = failures_of(lambda: work(client, text, manifest))

    assert failures >= 20
    assert stored() != before


def test_whichever_statement_fails_a_dump_leaves_no_file(tmp_path):
    client = build_tenant()
    number, path = 0, tmp_path / "acme.jsonl"
    while not path.exists():
        number += 1
        try:
            with fail_at(number):
                Collector(client).dump(path)
        except InjectedFault:
            assert list(tmp_path.iterdir()) == []

    assert number > 20
    assert sorted(one.name for one in tmp_path.iterdir()) == ["acme.jsonl", "acme.jsonl.manifest.json"]


def test_a_dump_that_fails_leaves_the_file_of_before(tmp_path):
    client = build_tenant()
    path = tmp_path / "acme.jsonl"
    Collector(client).dump(path)
    whole = path.read_bytes()
    Task.objects.update(title="changed")

    with pytest.raises(InjectedFault), fail_at(60):
        Collector(client).dump(path)

    assert path.read_bytes() == whole
    assert len(list(tmp_path.iterdir())) == 2


def test_whichever_statement_fails_a_load_under_an_import_id_can_be_repeated():
    client = build_tenant()
    text, manifest = dumped(client)
    load(io.StringIO(text), "copy", manifest=manifest, replace=RENAMED, import_id="make the table")
    again = {name: lambda value: f"{value}-again" for name in RENAMED}

    failures = failures_of(lambda: load(io.StringIO(text), "copy", manifest=manifest, replace=again, import_id="swept"))

    assert failures >= 20
    with pytest.raises(AlreadyLoadedError):
        load(io.StringIO(text), "copy", manifest=manifest, replace=again, import_id="swept")
    assert Client.objects.count() == 3
