from __future__ import annotations

import io

import pytest
from django.db.models import Q

from cluster.collector import OWN, REF, Collector
from cluster.errors import ForeignChildError, UnsavedParentError
from tests.collector.app.models import (
    Bookmark,
    Client,
    Draft,
    Invoice,
    Item,
    Note,
    Person,
    Project,
    Remark,
    Tag,
    Task,
    Truck,
)
from tests.collector.builders import build_tenant, stored
from tests.collector.files import RENAMED, dumped, lines, load_text

pytestmark = pytest.mark.django_db

MOVES = {
    "a child": lambda client, other: Project.objects.filter(client=client).update(client=other),
    "a grandchild": lambda client, other: Task.objects.filter(project__client=client).update(
        project=other.projects.first(), parent=None
    ),
    "a generic child": lambda client, other: Note.objects.filter(text="on a client", object_id=client.pk).update(
        object_id=other.pk
    ),
    "a row of several tables": lambda client, other: Truck.objects.filter(client=client).update(client=other),
}


@pytest.mark.parametrize("mode", ["merge", "restore"])
@pytest.mark.parametrize("move", MOVES)
def test_a_row_of_another_tenant_is_not_moved(move, mode):
    client, other = build_tenant(), build_tenant("other")
    text, manifest = dumped(client)
    MOVES[move](client, other)
    before = stored()

    with pytest.raises(ForeignChildError, match=r"line \d+: zoo.\w+ \d+ belongs to zoo.\w+ \d+ by now, which is not"):
        load_text(text, mode, manifest=manifest)

    assert stored() == before


@pytest.mark.parametrize("mode", ["merge", "restore"])
def test_a_row_of_another_tenant_that_is_pointed_at_by_another_field_is_not_moved(mode):
    client, other = build_tenant(), build_tenant("other")
    text, manifest = dumped(client)
    Item.objects.filter(catalogue__client=other).delete()
    Item.objects.filter(catalogue__client=client).update(catalogue_id="other-code")
    before = stored()

    with pytest.raises(ForeignChildError, match=r"zoo.Item \d+ belongs to zoo.Catalogue \d+ by now, which is not"):
        load_text(text, mode, manifest=manifest)

    assert stored() == before


def test_a_merge_does_not_take_what_its_lookup_fields_find_at_another_tenant():
    client, other = build_tenant(), build_tenant("other")
    text, manifest = dumped(client)
    Invoice.objects.filter(client=client).delete()
    Invoice.objects.filter(client=other).update(number="acme-1")

    with pytest.raises(ForeignChildError, match=r"zoo.Invoice \d+ belongs to zoo.Client \d+ by now, which is not in"):
        load_text(text, "merge", manifest=manifest, lookup_fields={"zoo.Invoice": ["number"]})

    assert Invoice.objects.get().client == other


def test_a_merge_without_a_manifest_takes_nothing_either():
    client, other = Client.objects.create(name="acme"), Client.objects.create(name="other")
    theirs = other.drafts.create(title="theirs")
    text = lines(
        {"model": "zoo.client", "pk": client.pk, "fields": {"name": "acme"}},
        {"model": "zoo.draft", "pk": theirs.pk, "fields": {"client": client.pk, "title": "ours"}},
    )

    with pytest.raises(ForeignChildError, match=r"line 2: zoo.Draft \d+ belongs to zoo.Client \d+ by now"):
        load_text(text, "merge")

    assert Draft.objects.get().title == "theirs"


def test_a_merge_moves_a_row_inside_its_tenant():
    client = build_tenant()
    text, manifest = dumped(client)
    place = client.projects.create(name="new")
    Task.objects.update(project=place)

    load_text(text, "merge", manifest=manifest)

    assert Task.objects.filter(project=place).count() == 0


def test_a_merge_takes_a_row_that_belongs_to_nobody():
    client = build_tenant()
    text, manifest = dumped(client)
    Draft.objects.update(client=None)

    load_text(text, "merge", manifest=manifest)

    assert Draft.objects.get().client == client


def test_rows_that_a_rule_for_a_path_gives_to_another_tenant_are_theirs():
    client, other = build_tenant(), build_tenant("other")
    text, manifest = dumped(client, rules={"bookmarks": OWN})
    Bookmark.objects.filter(client=client).update(client=other)

    with pytest.raises(ForeignChildError, match=r"zoo.Bookmark \d+ belongs to zoo.Client \d+ by now"):
        load_text(text, "restore", manifest=manifest)

    assert Bookmark.objects.filter(client=other).count() == 2


class WithBookmarks(Collector):
    rules = {"bookmarks": OWN(Q(pk__gt=0))}


def test_a_merge_goes_by_the_rules_of_the_collector_that_it_is_given():
    client, other = build_tenant(), build_tenant("other")
    stream = io.StringIO()
    manifest = WithBookmarks(client).dump(stream)
    Bookmark.objects.filter(client=client).update(client=other)

    with pytest.raises(ForeignChildError, match=r"zoo.Bookmark \d+ belongs to zoo.Client \d+ by now"):
        load_text(stream.getvalue(), "merge", manifest=manifest, collector=WithBookmarks)

    assert Bookmark.objects.filter(client=other).count() == 2


def test_a_part_of_a_tenant_is_merged_where_it_is():
    client = build_tenant()
    project = client.projects.first()
    text, manifest = dumped(project)
    Task.objects.update(title="changed")

    load_text(text, "merge", manifest=manifest)

    assert dumped(project)[0] == text


def test_a_shared_row_that_points_into_the_tenant_is_shared_by_a_copy():
    client = build_tenant()
    Person.objects.update(employer=client)
    text, manifest = dumped(client)

    report = load_text(text, "copy", manifest=manifest, replace=RENAMED)

    assert report.of("linked")["zoo.Person"] == 1
    assert Person.objects.get().employer == client


def test_merged_rows_whose_targets_come_later_are_counted_only_if_they_change():
    client = build_tenant()
    text, manifest = dumped(client)
    Project.objects.filter(client=client, name="project 0").update(lead=None)

    report = load_text(text, "merge", manifest=manifest)

    assert report.of("updated") == {"zoo.Project": 1}
    assert dumped(client)[0] == text


def test_a_target_that_comes_later_is_followed_to_the_key_that_lookup_fields_find():
    client = build_tenant()
    text, manifest = dumped(client)
    old = Task.objects.filter(project__client=client, title="second").first()
    lead = old.project
    Task.objects.filter(pk=old.pk).update(title="renamed")
    new = Task.objects.create(project=lead, title="second", parent=old.parent)

    load_text(text, "merge", manifest=manifest, lookup_fields={"zoo.Task": ["project", "title"]})

    lead.refresh_from_db()
    assert lead.lead == new


def test_the_roots_of_a_manifest_are_rows_of_its_file():
    client, other = build_tenant(), build_tenant("other")
    text, manifest = dumped(client)
    manifest.root_keys = [other.pk]
    before = stored()

    with pytest.raises(Exception, match=rf"manifest: The root zoo.client {other.pk} is not among the rows of the file"):
        load_text(text, "restore", manifest=manifest)

    assert stored() == before


def test_a_role_that_a_rule_gave_to_a_target_is_kept_in_a_merge():
    client = build_tenant()
    text, manifest = dumped(client, rules={"zoo.Profile": REF})

    report = load_text(text, "merge", manifest=manifest)

    assert report.of("updated") == {}


def test_what_a_row_is_about_does_not_own_it():
    client = Client.objects.create(name="acme")
    remark = Remark.objects.create(client=client, about=Tag.objects.create(name="red"))
    text, manifest = dumped(client)
    Client.objects.update(name="changed")
    Remark.objects.update(object_id=remark.object_id + 1)

    load_text(text, "merge", manifest=manifest)

    assert Remark.objects.get().about == Tag.objects.get()


def test_a_root_is_merged_whatever_it_is_about():
    client = Client.objects.create(name="acme")
    note = Note.objects.create(target=client, text="of the file")
    text, manifest = dumped(note)
    Note.objects.update(text="changed")

    report = load_text(text, "merge", manifest=manifest)

    assert report.of("updated") == {"zoo.Note": 1}
    assert Note.objects.get().text == "of the file"


def test_an_empty_file_takes_nothing():
    client = build_tenant()
    before = stored()

    report = load_text("", "merge")

    assert report.as_dict()["counts"] == {}
    assert stored() == before
    assert Client.objects.get() == client


def test_a_root_that_has_no_key_and_is_no_cluster_is_refused():
    with pytest.raises(UnsavedParentError, match=r"Cannot collect <Client: .*>: it has no key, and is no cluster that"):
        Collector(Client(name="acme")).collect()
