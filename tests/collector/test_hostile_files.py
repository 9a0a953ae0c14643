"""Files that nobody honest writes: each is refused with its line, and nothing is written."""

from __future__ import annotations

import dataclasses
import json

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from cluster.collector import LINK, Collector, Manifest, load
from cluster.collector.erasure_log import ErasureLog
from cluster.errors import SerializedDataError
from tests.collector.app.models import (
    Catalogue,
    Client,
    Currency,
    Item,
    Note,
    Project,
    Redemption,
    Tag,
    Task,
    Twin,
    Voucher,
)
from tests.collector.builders import build_tenant, stored
from tests.collector.files import dumped, lines, load_text, with_checksum

pytestmark = pytest.mark.django_db

CLIENT = {"model": "zoo.client", "pk": 1, "fields": {"name": "x"}}
CATALOGUE = {"model": "zoo.catalogue", "pk": 1, "fields": {"client": 1, "code": "c"}}
ITEM = {"model": "zoo.item", "pk": 1, "fields": {"catalogue": "c", "price": "1.00", "position": 1}}


def person(languages):
    return {"model": "zoo.person", "pk": 1, "fields": {"name": "x", "languages": languages}}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param([person(5)], "line 1: zoo.Person.languages cannot be 5: links are a list.", id="no list"),
        pytest.param([person(["x"])], "line 1: A link of zoo.Person 1 cannot be 'x': ", id="a link to no key"),
        pytest.param(
            ["[" * 100_000], "line 1: This is no JSON: ", id="nested too deep"
        ),
        pytest.param(
            [CLIENT, {"model": "zoo.note", "pk": 1, "fields": {
                "content_type": ["zoo", "client"], "object_id": "x", "text": "t"}}],
            "line 2: zoo.Note.object_id cannot be 'x': ", id="a generic key that is no key",
        ),
        pytest.param(
            [{"model": "zoo.pin", "pk": 1, "fields": {"content_type": ["zoo", "client"], "object_id": "x"}}],
            "line 1: zoo.Pin points at no row: ", id="a generic key in text that is no key",
        ),
        pytest.param(
            [{**CLIENT, "fields": {"name": "x", "owner": [{"a": 1}]}}],
            "line 1: zoo.Client.owner cannot be [{'a': 1}]: ", id="a natural key that is no name",
        ),
        pytest.param(
            [{**CLIENT, "fields": {"name": "x", "owner": ["a", "b", "c"]}}],
            "line 1: zoo.Client.owner cannot be ['a', 'b', 'c']: ['a', 'b', 'c'] is no natural key of auth.User",
            id="a natural key with too many parts",
        ),
        pytest.param(
            ['{"model": "zoo.client", "pk": 1e999, "fields": {"name": "x"}}'], "line 1: inf is no key of zoo.Client: ",
            id="a key without end",
        ),
        pytest.param(
            [CLIENT, '{"model": "zoo.stop", "pk": [1, 1], "fields": {"client": 1, "number": 1e999}}'],
            "line 2: zoo.Stop.number cannot be inf: ", id="a number without end",
        ),
        pytest.param(
            [CLIENT, {"model": "zoo.secret", "pk": 1, "fields": {"client": 1, "value": [1]}}],
            "line 2: zoo.Secret.value cannot be [1]: bytes are written as a text in base64.", id="a list of bytes",
        ),
        pytest.param(
            [{**CLIENT, "fields": {"name": None}}], "lines 1-1: Rows of zoo.Client cannot be inserted: ", id="null"
        ),
        pytest.param(
            [CLIENT, ITEM], "line 2: zoo.Item 1 needs zoo.Catalogue 'c', which is neither in the file nor",
            id="a target by another field that is nowhere",
        ),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_loaded_is_named(rows, message):
    before = stored()

    with pytest.raises(SerializedDataError) as refused:
        load_text(lines(*rows))

    assert str(refused.value).startswith(message)
    assert stored() == before


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite does not look at the length of a text.")
def test_a_text_that_is_too_long_is_refused():
    with pytest.raises(SerializedDataError, match=r"lines 1-1: Rows of zoo.Client cannot be inserted: "):
        load_text(lines({**CLIENT, "fields": {"name": "x" * 41}}))


def test_a_key_that_no_column_holds_is_refused():
    with pytest.raises(SerializedDataError, match=r"cannot be inserted|The database refuses what it holds"):
        load_text(lines({**CLIENT, "pk": 10**30}))

    assert not Client.objects.exists()


def test_a_unique_value_that_another_tenant_took_is_named_in_a_merge():
    client, other = build_tenant(), build_tenant("other")
    text, manifest = dumped(client)
    Item.objects.filter(catalogue__client=client).delete()
    Catalogue.objects.filter(client=client).delete()
    Catalogue.objects.filter(client=other).first().items.all().delete()
    Catalogue.objects.filter(client=other).update(code="acme-code")

    with pytest.raises(SerializedDataError, match=r"lines \d+-\d+: Rows of zoo.Catalogue cannot be inserted: "):
        load_text(text, "merge", manifest=manifest)


def test_an_update_that_the_database_refuses_is_named():
    client, other = build_tenant(), build_tenant("other")
    text, manifest = dumped(client)
    client.invoices.update(number="between")
    other.invoices.update(number="acme-1")

    with pytest.raises(SerializedDataError, match=r"lines \d+-\d+: Rows of zoo.Invoice cannot be updated: "):
        load_text(text, "merge", manifest=manifest)

    assert sorted(one.number for one in (client.invoices.get(), other.invoices.get())) == ["acme-1", "between"]


@pytest.mark.parametrize("chunk_size", [1, 100])
@pytest.mark.parametrize("mode", ["insert", "copy", "merge"])
def test_a_row_that_stands_before_what_it_needs_by_another_field_is_loaded(mode, chunk_size):
    redemption = {"model": "zoo.redemption", "pk": 1, "fields": {"voucher": "v", "catalogue": "c"}}
    voucher = {"model": "zoo.voucher", "pk": "v", "fields": {"client": 1}}
    text = lines(ITEM, redemption, voucher, CATALOGUE, CLIENT)
    manifest = with_checksum(Manifest("zoo.client", [1], lines=5), text)

    report = load_text(text, mode, manifest=manifest, chunk_size=chunk_size)

    catalogue = Catalogue.objects.get()
    assert catalogue.pk == report.keys[Catalogue][1]
    assert Item.objects.get().catalogue == Redemption.objects.get().catalogue == catalogue
    assert report.of("updated") == {}


def test_a_copy_follows_values_that_are_replaced_later_in_the_file():
    existing = Catalogue.objects.create(client=Client.objects.create(name="other"), code="c")
    text = lines(ITEM, CATALOGUE, CLIENT)
    manifest = with_checksum(Manifest("zoo.client", [1], lines=3), text)

    load_text(text, "copy", manifest=manifest, replace={"zoo.Catalogue.code": "d"}, chunk_size=1)

    assert Item.objects.get().catalogue.code == "d"
    assert existing.items.count() == 0


def test_a_shared_row_that_has_another_value_here_is_pointed_at_by_that():
    client = build_tenant()
    text, manifest = dumped(client)
    Client.objects.update(currency=None)
    Currency.objects.update(code="EUX")

    report = load_text(
        text, "copy", manifest=manifest, lookup_fields={"zoo.Currency": ["name"]},
        replace={"zoo.Invoice.number": "n", "zoo.Catalogue.code": "k"},
    )  # fmt: skip

    assert Client.objects.get(pk=report.keys[Client][client.pk]).currency_id == "EUX"


def test_a_key_that_only_the_user_can_make_is_replaced_in_a_copy():
    client = Client.objects.create(name="acme")
    Redemption.objects.create(voucher=Voucher.objects.create(code="v", client=client))
    text, manifest = dumped(client)

    with pytest.raises(SerializedDataError, match=r"Rows of zoo.Voucher cannot be inserted: "):
        load_text(text, "copy", manifest=manifest)
    with pytest.raises(ImproperlyConfigured, match=r"replace: 'zoo.Voucher.code' is a key"):
        load_text(text, "merge", manifest=manifest, replace={"zoo.Voucher.code": str.upper})
    report = load_text(text, "copy", manifest=manifest, replace={"zoo.Voucher.code": str.upper})
    load_text(text, "copy", manifest=manifest, replace={"zoo.Voucher.code": "w"})

    assert report.keys[Voucher] == {"v": "V"}
    assert list(Redemption.objects.order_by("pk").values_list("voucher_id", flat=True)) == ["v", "V", "w"]


def test_a_copy_does_not_meet_a_strangers_row_by_a_linked_key():
    client = Client.objects.create(name="acme")
    task = Task.objects.create(project=Project.objects.create(client=client, name="p"), title="t")
    task.tags.add(Tag.objects.create(name="red"))
    text, manifest = dumped(client, rules={"projects__tasks__tags": LINK}, lookup_fields={"zoo.Tag": ["name"]})
    Tag.objects.update(name="stranger")

    with pytest.raises(
        SerializedDataError, match=r"manifest: The file needs zoo.Tag with {'name': 'red'}, which is not"
    ):
        load_text(text, "copy", manifest=manifest)
    load_text(text, "restore", manifest=manifest)

    assert Client.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"root": "zoo.gone"}, "manifest: There is no model 'zoo.gone'."),
        ({"root_keys": ["x"]}, "manifest: The root zoo.client 'x' is not among the rows of the file."),
        ({"links": {"zoo.gone": [[1, {}]]}}, "manifest: The rows of 'zoo.gone' that it links to cannot be read: "),
        (
            {"links": {"zoo.tag": [[1, {"gone": 1}]]}},
            "manifest: The rows of 'zoo.tag' that it links to cannot be read: ",
        ),
    ],
)
def test_a_manifest_that_names_what_is_not_there_is_refused(change, message):
    text, manifest = dumped(Client.objects.create(name="acme"))

    with pytest.raises(SerializedDataError) as refused:
        load_text(text, "copy", manifest=dataclasses.replace(manifest, **change))

    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"root_keys": 5}, "root_keys cannot be 5."),
        ({"lines": "x"}, "lines cannot be 'x'."),
        ({"referenced": [[1]]}, "referenced holds pairs of lines, not [1]."),
        ({"rules": {"zoo.Tag": "STEAL"}}, "rules of 'zoo.Tag' cannot be 'STEAL'."),
        ({"rules": {"zoo.Tag": 5}}, "rules of 'zoo.Tag' cannot be 5."),
        ({"counts": {"zoo.tag": 5}}, "counts of 'zoo.tag' cannot be 5."),
        ({"migrations": {"zoo": 5}}, "migrations of 'zoo' cannot be 5."),
        ({"migrations": {"zoo": [5]}}, "migrations of 'zoo' cannot be [5]."),
        ({"redacted": {"zoo.Tag.name": "x"}}, "redacted of 'zoo.Tag.name' cannot be 'x'."),
        ({"lookup_fields": {"zoo.tag": []}}, "lookup_fields of 'zoo.tag' cannot be []."),
        (
            {"lookup_fields": {"zoo.tag": ["gone"]}},
            "manifest: It names what is not there: lookup_fields: zoo.Tag has no",
        ),
        ({"links": {"zoo.tag": 5}}, "links of 'zoo.tag' cannot be 5."),
        ({"links": {"zoo.tag": [5]}}, "links of 'zoo.tag' cannot be [5]."),
        ({"links": {"zoo.tag": [[1, 5]]}}, "links of 'zoo.tag' cannot be [[1, 5]]."),
        ({"links": {"zoo.tag": [[1, {}]]}}, "The rows of 'zoo.tag' that it links to cannot be read: nothing names 1"),
        ({"links": {"zoo.tag": [[1, ["red"]]]}}, "cannot be read: zoo.Tag has no natural keys"),
        ({"ids": {"zoo.Client.name": 5}}, "ids of 'zoo.Client.name' cannot be 5."),
        ({"ids": {"zoo.Client.name": {"path": "a"}}}, "ids of 'zoo.Client.name' cannot be {'path': 'a'}."),
        ({"ids": {"zoo.Client.name": {"model": 5}}}, "ids of 'zoo.Client.name' cannot be {'model': 5}."),
        (
            {"ids": {"zoo.Client.name": {"model": "zoo.Task", "pattern": "("}}},
            "ids of 'zoo.Client.name' cannot be {'model': 'zoo.Task', 'pattern': '('}.",
        ),
        (
            {"ids": {"zoo.Client.name": {"model": "zoo.Gone"}}},
            "manifest: It names what is not there: ids: 'zoo.Gone' names no model.",
        ),
        ({"sources": {"files": 5}}, "sources of 'files' cannot be 5."),
        ({"sources": {"files": {}}}, "sources of 'files' cannot be {}."),
        (
            {"sources": {"files": {"file": "../x", "entries": 1, "sha256": ""}}},
            "sources of 'files' cannot be {'file': '../x', 'entries': 1, 'sha256': ''}.",
        ),
        ({"left_out": {"zoo.Client.legacies": 5}}, "left_out of 'zoo.Client.legacies' cannot be 5."),
        ({"referrers": {"zoo.Client.bookmarks": "x"}}, "referrers of 'zoo.Client.bookmarks' cannot be 'x'."),
        ({"format": "x"}, "This is no manifest of a cluster file"),
    ],
)
def test_a_manifest_with_a_value_of_another_kind_is_refused(change, message, tmp_path):
    path = tmp_path / "acme.jsonl"
    Collector(Client.objects.create(name="acme")).dump(path)
    beside = tmp_path / "acme.jsonl.manifest.json"
    beside.write_text(json.dumps({**json.loads(beside.read_text()), **change}))

    with pytest.raises(SerializedDataError) as refused:
        load(path, "copy")

    assert message in str(refused.value)


def test_a_row_of_a_circle_that_is_found_under_another_key_is_refused():
    Twin(pk=7, other_id=7).save(force_insert=True)
    text = lines(*({"model": "zoo.twin", "pk": key, "fields": {"other": other}} for key, other in ((1, 7), (7, 1))))

    with pytest.raises(SerializedDataError, match=r"line 1: zoo.Twin 1 was found under another key, but needs a row"):
        load_text(text, "merge", lookup_fields={"zoo.Twin": ["other"]})


def test_a_log_of_erasures_that_was_cut_off_is_read_and_written_on(tmp_path):
    path = tmp_path / "log.jsonl"
    log = ErasureLog(path)
    log.begin("zoo.client", [1], "").finish({})
    log.begin("zoo.client", [2], "")
    path.write_text(path.read_text() + '\n{"id": "x", "sta')

    assert [(entry.keys, entry.is_done) for entry in log.entries()] == [([1], True), ([2], False)]
    log.begin("zoo.client", [3], "")
    with pytest.raises(SerializedDataError, match=r"line 5: This is no line of a log of erasures: "):
        list(log.entries())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "7", "state": "begun", "model": "zoo.client", "keys": 5}', "line 1: This is no line of a log"),
        ('{"id": [7], "state": "done"}', "line 1: This is no line of a log of erasures: TypeError"),
        ('{"id": "7", "state": "begun", "model": 5, "keys": []}', "line 1: This is no line of a log"),
        ("5", "line 1: This is no line of a log"),
        ("\udcff", "line 1: This is no line of a log of erasures: UnicodeDecodeError"),
        ("[" * 100_000, "line 1: This is no line of a log of erasures: RecursionError"),
        (
            '{"id": "7", "state": "begun", "model": "zoo.client", "keys": ["x"]}\n{"id": "7", "state": "done"}',
            "erasure 7: ['x'] are no keys of zoo.Client: ",
        ),
    ],
)
def test_a_log_of_erasures_that_was_tampered_with_erases_nothing(line, message, tmp_path):
    client = Client.objects.create(name="acme")
    path = tmp_path / "log.jsonl"
    path.write_bytes(f"{line}\n".encode(errors="surrogateescape"))

    with pytest.raises(SerializedDataError) as refused:
        Collector(Client.objects.all()).replay(path)

    assert str(refused.value).startswith(message)
    assert Client.objects.get() == client


def test_a_generic_key_that_points_nowhere_stays_as_it_is():
    client = build_tenant()
    Note.objects.filter(text="on a client").delete()
    text, manifest = dumped(client)

    assert load_text(text, "restore", manifest=manifest).of("deleted") == {}


def test_an_import_id_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match=r"An import id has at most 200 characters, not 201."):
        load_text(lines(CLIENT), import_id="x" * 201)

    assert not Client.objects.exists()
