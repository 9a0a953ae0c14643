from __future__ import annotations

import json

import pytest
from django.contrib.contenttypes.models import ContentType

from cluster.collector import OWN, Collector
from cluster.errors import SerializedDataError
from tests.collector.app.models import BigClient, Client, Legacy, Mark, Node, Note, Pin, Voucher
from tests.collector.builders import OWNED, build_tenant, shared
from tests.collector.files import dumped, lines, load_text

pytestmark = pytest.mark.django_db


def test_a_key_to_a_model_that_is_gone_is_kept_as_it_is():
    stale = ContentType.objects.create(app_label="gone", model="thing")
    note = Note.objects.create(content_type=stale, object_id=7, text="x")

    text, manifest = dumped(note)
    report = load_text(text, "copy", manifest=manifest)

    assert json.loads(text)["fields"]["content_type"] == ["gone", "thing"]
    copy = Note.objects.get(pk=report.keys[Note][note.pk])
    assert (copy.pk != note.pk, copy.content_type, copy.object_id) == (True, stale, 7)


def test_a_key_to_an_unmanaged_model_is_not_followed():
    note = Note.objects.create(content_type=ContentType.objects.get_for_model(Legacy), object_id=7, text="x")

    collection = Collector(note).collect()

    assert (collection.owned, collection.referenced) == ({"zoo.Note": 1}, {})
    assert json.loads(dumped(note)[0])["fields"]["object_id"] == 7


def test_a_content_type_that_is_nowhere_is_refused():
    row = {"model": "zoo.note", "pk": 1, "fields": {"content_type": 999_999, "object_id": 1, "text": "x"}}

    with pytest.raises(SerializedDataError, match=r"line 1: zoo.Note 1 needs contenttypes.ContentType 999999, which"):
        load_text(lines(row))


def test_why_follows_a_generic_key():
    person = shared()["person"]
    note = Note.objects.create(target=person, text="x")
    Note.objects.create(target=shared()["tags"][0], text="another")

    why = Collector(note).collect().why(person)

    assert str(why) == f"REF by default: zoo.Note {note.pk} -target-> zoo.Person {person.pk}"


def test_rows_that_point_at_a_row_are_owned_if_a_rule_says_so():
    rules = {"zoo.Client.pin_target": OWN}
    client = Client.objects.create(name="acme")
    before = Collector(client, rules=rules).collect().owned
    Pin.objects.create(target=client)

    collection = Collector(client, rules=rules).collect()

    assert before == {"zoo.Client": 1}
    assert collection.owned == {"zoo.Client": 1, "zoo.Pin": 1}


def names(instance):
    return type(instance).__name__


def test_nested_hangs_generic_rows_below_what_they_point_at():
    client = Client.objects.create(name="acme")
    Note.objects.create(target=client, text="x")
    Pin.objects.create(target=client)

    nested = Collector(client, rules={"zoo.Client.pin_target": OWN}).collect().nested(names)

    assert [nested[0], sorted(nested[1])] == ["Client", ["Note", "Pin"]]


def test_nested_hangs_what_a_row_owns_below_it_and_leaves_out_what_is_gone():
    common = shared()
    client = Client.objects.create(name="acme", currency=common["currency"])
    task = client.projects.create(name="p").tasks.create(title="t")
    task.tags.set(common["tags"][:1])
    client.drafts.create(title="draft")
    collection = Collector(client, rules={"zoo.Client.currency": OWN, "zoo.Task.tags": OWN}).collect()
    client.drafts.all().delete()

    nested = collection.nested(names)

    assert nested[0] == "Client"
    assert sorted(map(str, nested[1])) == ["Currency", "Project", "['Task', ['Tag']]"]


def test_what_hangs_on_a_proxy_belongs_to_its_row():
    client = BigClient.objects.create(name="acme")
    mark = Mark.objects.create(target=client)
    other = Mark.objects.create(target=BigClient.objects.create(name="other"))

    collection = Collector(Client.objects.get(pk=client.pk)).collect()
    text, manifest = dumped(client)
    report = load_text(text, "copy", manifest=manifest)
    path = collection.why(mark).path
    Collector(client).erase()

    assert collection.is_owned(mark)
    assert path == ("marks",)
    assert collection.referrers == {}
    assert {one.target.name for one in Mark.objects.all()} == {"acme", "other"}
    assert Mark.objects.get(pk=report.keys[Mark][mark.pk]).target.pk == report.keys[Client][client.pk]
    assert not Mark.objects.filter(pk=mark.pk).exists()
    assert other.target.name == "other"


@pytest.mark.parametrize("value", ["x", "", "9" * 40])
def test_a_generic_key_that_can_be_no_key_of_its_model_points_nowhere(value):
    pin = Pin.objects.create(content_type=ContentType.objects.get_for_model(Node), object_id=value)

    collection = Collector(pin).collect()

    assert collection.counts == {"zoo.Pin": 1}


def test_keys_that_a_generic_key_cannot_hold_are_not_looked_for():
    client = build_tenant()
    for node in (Node, Voucher):
        Note.objects.create(content_type=ContentType.objects.get_for_model(node), object_id=5)
    Voucher.objects.create(client=client, code="v")

    collection = Collector(client).collect()

    assert collection.owned == {**OWNED, "zoo.Voucher": 1}
