from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cluster.collector import LINK, REF, SKIP, Collector, Ids, Source
from cluster.collector.unique import unique_attnames, unique_names
from cluster.errors import SerializedDataError
from tests.collector.app.models import Client, Draft, Note, Person, Profile, Tag, Task, Trip, Vehicle
from tests.collector.builders import build_tenant, shared, stored
from tests.collector.files import RENAMED, dumped, lines, load_text
from tests.faults.app.models import Label
from tests.testapp.models import Ticket

pytestmark = pytest.mark.django_db


def draft(client, title, key=999):
    return lines({"model": "zoo.draft", "pk": key, "fields": {"client": client.pk, "title": title}})


def test_several_lookup_fields_find_a_row_together():
    client = Client.objects.create(name="acme")
    for title in ("one", "two"):
        client.drafts.create(title=title)

    lookups = {"zoo.Draft": ["client", "title"]}
    found = load_text(draft(client, "two"), "merge", lookup_fields=lookups)
    missing = load_text(draft(client, "three"), "merge", lookup_fields=lookups)

    assert (found.of("inserted"), missing.of("inserted")) == ({}, {"zoo.Draft": 1})
    assert sorted(Draft.objects.values_list("title", flat=True)) == ["one", "three", "two"]


@pytest.mark.parametrize("title", ["ONE", "one "])
def test_another_text_is_another_text_also_where_the_database_finds_it(title):
    client = Client.objects.create(name="acme")
    client.drafts.create(title="one")

    report = load_text(draft(client, title), "merge", lookup_fields={"zoo.Draft": ["title"]})

    assert report.of("inserted") == {"zoo.Draft": 1}
    assert Draft.objects.count() == 2


@pytest.mark.parametrize("chunk_size", [1, 100])
def test_rows_of_the_file_that_lookup_fields_do_not_tell_apart_are_refused(chunk_size):
    client = Client.objects.create(name="acme")
    one, two = (client.drafts.create(title="same") for _ in range(2))
    text, manifest = dumped(client)
    client.drafts.all().delete()
    before = stored()

    with pytest.raises(SerializedDataError) as refused:
        load_text(
            text, "merge", manifest=manifest, lookup_fields={"zoo.Draft": ["client", "title"]}, chunk_size=chunk_size
        )

    assert str(refused.value) == (
        f"line 3: zoo.Draft {two.pk} has the same values as {one.pk} of line 2 in the fields by which it is looked up."
    )
    assert stored() == before


def test_rows_of_the_database_that_lookup_fields_do_not_tell_apart_are_refused():
    client = Client.objects.create(name="acme")
    draft = client.drafts.create(title="same")
    text, manifest = dumped(client)
    other = client.drafts.create(title="same")

    with pytest.raises(SerializedDataError) as refused:
        load_text(text, "merge", manifest=manifest, lookup_fields={"zoo.Draft": ["client", "title"]})

    assert str(refused.value) == (
        f"line 2: zoo.Draft {draft.pk} may be {draft.pk} or {other.pk} of the database: client, title do not tell them"
        " apart."
    )


def test_a_row_that_is_linked_to_and_is_there_twice_is_refused():
    client = build_tenant()
    text, manifest = dumped(client, rules={"zoo.Person": LINK}, lookup_fields={"zoo.Person": ["name"]})
    Person.objects.create(name="Robin")

    with pytest.raises(
        SerializedDataError, match=r"manifest: zoo.Person \d+ may be \d+ or \d+ of the database: name do"
    ):
        load_text(text, "copy", manifest=manifest, replace=RENAMED)


@pytest.mark.parametrize("names", ["name", [], ()])
def test_lookup_fields_are_a_list_of_names(names):
    with pytest.raises(ImproperlyConfigured) as refused:
        Collector(Client(pk=1), lookup_fields={"zoo.Tag": names})

    assert str(refused.value) == f"lookup_fields: 'zoo.Tag' must have a list of names of fields, not {names!r}."


def test_a_field_that_holds_json_looks_nothing_up():
    text, manifest = dumped(Client.objects.create(name="acme", settings={"a": [1]}))
    message = (
        "lookup_fields: 'zoo.client' cannot be looked up by 'settings', which holds lists or mappings; name fields"
    )

    with pytest.raises(ImproperlyConfigured, match=message):
        load_text(text, "merge", manifest=manifest, lookup_fields={"zoo.Client": ["settings"]})
    manifest.lookup_fields = {"zoo.client": ["settings"]}
    with pytest.raises(SerializedDataError, match=f"manifest: It names what is not there: {message}"):
        load_text(text, "merge", manifest=manifest)


def test_a_null_in_a_lookup_field_finds_nothing():
    client = Client.objects.create(name="acme")
    row = {"model": "zoo.client", "pk": client.pk, "fields": {"name": "acme", "owner": None}}

    report = load_text(lines(row), "merge", lookup_fields={"zoo.Client": ["name", "owner"]})

    assert report.of("inserted") == {"zoo.Client": 1}
    assert Client.objects.count() == 2


def test_a_shared_row_is_found_by_its_lookup_fields_though_it_has_changed():
    text, manifest = dumped(build_tenant())
    Person.objects.update(name="another")

    load_text(text, "copy", manifest=manifest, replace=RENAMED, lookup_fields={"zoo.Person": ["email"]})

    assert [person.name for person in Person.objects.all()] == ["another"]


def test_a_shared_row_in_several_tables_is_found_by_the_row_that_it_extends():
    build_tenant()
    trip = Trip.objects.get()
    text, manifest = dumped(trip)

    report = load_text(text, "copy", manifest=manifest)

    assert report.of("inserted") == {"zoo.Trip": 1}
    assert Trip.objects.get(pk=report.keys[Trip][trip.pk]).vehicle == Vehicle.objects.get()


def test_a_referenced_row_with_the_key_of_its_parent_is_inserted_where_the_parent_is_new():
    client = Client.objects.create(name="acme")
    Profile.objects.create(client=client, motto="onwards")
    text, manifest = dumped(client, rules={"zoo.Profile": REF})

    report = load_text(text, "copy", manifest=manifest)

    assert Profile.objects.get(pk=report.keys[Client][client.pk]).motto == "onwards"


def test_the_file_names_what_foreign_keys_link_to_by_lookup_fields_and_nothing_that_is_not_linked():
    client = build_tenant()
    person = shared()["person"]

    _, manifest = dumped(
        client,
        rules={"zoo.Person": LINK, "zoo.Tag": REF},
        lookup_fields={"zoo.Person": ["email"], "zoo.Tag": ["name"]},
    )

    assert manifest.links == {"zoo.person": [[person.pk, {"email": "robin@example.com"}]]}


def test_links_that_are_skipped_are_not_in_the_file():
    client = build_tenant()

    collection = Collector(client, rules={"zoo.Task.tags": SKIP, "zoo.Person": SKIP}).collect()

    assert "zoo.Tag" not in collection.referenced
    text, _ = dumped(client, rules={"zoo.Task.tags": SKIP, "zoo.Person": SKIP})
    assert '"zoo.tag"' not in text
    assert text.count('"tags": []') == Task.objects.count()


def test_a_declared_id_that_can_be_no_key_stays_as_it_is():
    client = Client.objects.create(name="acme", settings={"home": "nowhere"})
    ids = {"zoo.Client.settings": Ids("zoo.Project", path="home")}
    text, manifest = dumped(client, ids=ids)

    report = load_text(text, "copy", manifest=manifest)

    assert Client.objects.get(pk=report.keys[Client][client.pk]).settings == {"home": "nowhere"}


def test_a_model_in_another_database_is_left_out(settings):
    class Elsewhere:
        def allow_migrate(self, db, app_label, model_name=None, **hints):
            return model_name != "note"

    client = build_tenant()
    settings.DATABASE_ROUTERS = [Elsewhere()]

    collection = Collector(client).collect()

    assert Note.objects.exists()
    assert "zoo.Note" not in collection.owned
    assert collection.left_out["zoo.Client.notes"] == "zoo.Note is in another database"


def test_a_collector_of_a_model_that_does_not_exist_is_refused(monkeypatch):
    monkeypatch.setattr(Collector, "model", "zoo.Gone")

    with pytest.raises(ImproperlyConfigured, match=r"Collector.model names no model: 'zoo.Gone'."):
        Collector(Tag(name="red"))


def test_a_source_that_does_not_collect_has_no_file(tmp_path):
    class OnlyErases(Source):
        name = "search"

        def erase(self, collection):
            return 0

    seen = []
    path = tmp_path / "acme.jsonl"

    manifest = Collector(build_tenant(), sources=[OnlyErases()]).dump(path, progress=seen.append)

    assert manifest.sources == {}
    assert sum(seen) == len(path.read_text().splitlines())
    assert sorted(one.name for one in tmp_path.iterdir()) == ["acme.jsonl", "acme.jsonl.manifest.json"]


def test_what_is_unique_alone_or_together_tells_rows_apart_and_conditions_do_not():
    assert set(unique_names(Tag)) == {("name",)}
    assert ("show", "seat") in set(unique_names(Ticket))
    assert {"show_id", "seat"} <= unique_attnames(Ticket)


def test_a_change_in_a_unique_expression_or_condition_may_be_a_swap():
    assert set(unique_names(Label)) == set()
    assert {"text", "is_main"} <= unique_attnames(Label)


def test_a_row_outside_the_file_is_looked_for_once():
    client = Client.objects.create(name="acme")
    text = draft(client, "one", 998) + draft(client, "two")

    with CaptureQueriesContext(connection) as captured:
        load_text(text, chunk_size=1)

    asked = [query["sql"] for query in captured if "FROM" in query["sql"] and "zoo_client" in query["sql"]]
    assert len(asked) == 1
    assert client.drafts.count() == 2


def test_a_value_that_need_not_be_unique_can_be_replaced():
    client = Client.objects.create(name="acme")

    load_text(draft(client, "one"), replace={"zoo.Draft.title": str.upper})

    assert Draft.objects.get().title == "ONE"
