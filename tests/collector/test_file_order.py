from __future__ import annotations

import io
import json
import uuid

import pytest
from django.db import connection

from cluster.collector import Collector, Manifest, load
from cluster.errors import ForeignChildError, SerializedDataError
from tests.collector.app.models import Client, Draft, Node, Person, Tag, Twin
from tests.collector.files import lines, load_text, with_checksum

pytestmark = pytest.mark.django_db

PERSON = {"model": "zoo.person", "pk": 1, "fields": {"name": "Robin", "languages": [5]}}
TAG = {"model": "zoo.tag", "pk": 5, "fields": {"name": "red"}}
TWINS = [{"model": "zoo.twin", "pk": key, "fields": {"other": other}} for key, other in ((1, 2), (2, 1))]


def test_a_link_to_a_row_that_comes_later_is_written_at_the_end():
    report = load_text(lines(PERSON, TAG), chunk_size=1)

    assert report.of("inserted") == {"zoo.Person": 1, "zoo.Person_languages": 1, "zoo.Tag": 1}
    assert Person.objects.get().languages.get() == Tag.objects.get(pk=5)


def test_a_link_to_a_row_that_is_nowhere_is_refused():
    with pytest.raises(SerializedDataError, match=r"line 1: zoo.Person 1 needs zoo.Tag 5, which is neither in the fi"):
        load_text(lines(PERSON))

    assert not Person.objects.exists()


def test_a_link_in_both_directions_may_stand_before_its_target():
    keys = [str(uuid.uuid4()), str(uuid.uuid4())]
    nodes = [
        {"model": "zoo.node", "pk": key, "fields": {"client": 1, "name": key[:8], "friends": [friend]}}
        for key, friend in (keys, keys[::-1])
    ]
    client = {"model": "zoo.client", "pk": 1, "fields": {"name": "acme"}}

    load_text(lines(client, *nodes), chunk_size=1)

    assert {str(node.pk): [str(friend.pk) for friend in node.friends.all()] for node in Node.objects.all()} == {
        keys[0]: [keys[1]],
        keys[1]: [keys[0]],
    }


def test_rows_that_need_each_other_are_loaded_together():
    load_text(lines(*TWINS))

    assert list(Twin.objects.order_by("pk").values_list("pk", "other_id")) == [(1, 2), (2, 1)]
    connection.check_constraints()


def test_rows_that_need_each_other_and_one_that_is_nowhere_are_refused():
    astray = {"model": "zoo.twin", "pk": 3, "fields": {"other": 9}}

    with pytest.raises(SerializedDataError, match=r"line 3: zoo.Twin 3 needs zoo.Twin 9, which is neither in the file"):
        load_text(lines(*TWINS, astray))

    assert not Twin.objects.exists()


def test_rows_that_need_each_other_cannot_be_copied():
    manifest = Manifest("zoo.twin", [1], lines=2)

    with pytest.raises(SerializedDataError) as refused:
        load_text(lines(*TWINS), "copy", manifest=with_checksum(manifest, lines(*TWINS)))

    assert str(refused.value).startswith(
        "line 1: zoo.Twin 1 needs a row that needs it by keys that cannot be null: neither can be inserted first."
    )
    assert len(refused.value.problems) == 2
    assert not Twin.objects.exists()


def owner_last(client, draft, *shared):
    """Return the text and the manifest of a draft that stands before the client whose it is, and of shared clients."""
    owners = [{"model": "zoo.client", "pk": each.pk, "fields": {"name": each.name}} for each in (client, *shared)]
    text = lines(
        {"model": "zoo.draft", "pk": draft.pk, "fields": {"client": client.pk, "title": "of the file"}}, *owners
    )
    runs = [[3, 3]] if shared else []
    return text, with_checksum(Manifest("zoo.client", [client.pk], lines=len(owners) + 1, referenced=runs), text)


def test_a_row_that_is_merged_may_stand_before_the_row_that_it_belongs_to():
    client = Client.objects.create(name="acme")
    draft = client.drafts.create(title="old")
    text, manifest = owner_last(client, draft)

    report = load_text(text, "merge", manifest=manifest)

    assert report.of("updated") == {"zoo.Draft": 1}
    assert Draft.objects.values_list("client", "title").get() == (client.pk, "of the file")


@pytest.mark.parametrize("is_in_file", [False, True])
def test_a_row_that_stands_before_its_new_owner_is_not_taken_from_another(is_in_file):
    client, other = Client.objects.create(name="acme"), Client.objects.create(name="other")
    draft = other.drafts.create(title="theirs")
    text, manifest = owner_last(client, draft, *[other] * is_in_file)

    with pytest.raises(ForeignChildError, match=rf"line 1: zoo.Draft {draft.pk} belongs to zoo.Client {other.pk}"):
        load_text(text, "merge", manifest=manifest)

    assert Draft.objects.get().title == "theirs"


def test_a_row_that_stands_before_an_owner_that_lookup_fields_find_is_not_taken_by_its_key():
    client, other = Client.objects.create(name="acme"), Client.objects.create(name="other")
    draft = other.drafts.create(title="theirs")
    # The key in the file is that of another row here.
    text, manifest = owner_last(Client(pk=other.pk, name="acme"), draft)

    with pytest.raises(ForeignChildError, match=rf"line 1: zoo.Draft {draft.pk} belongs to zoo.Client {other.pk}"):
        load_text(text, "merge", manifest=manifest, lookup_fields={"zoo.Client": ["name"]})

    assert not client.drafts.exists()


def test_rows_that_cannot_do_without_their_parents_are_erased_children_first():
    Twin(pk=1, other_id=1).save(force_insert=True)
    for key, other in ((2, 1), (3, 2), (4, 3)):
        Twin.objects.create(pk=key, other_id=other)

    report = Collector(Twin.objects.get(pk=2)).erase()

    assert report.of("deleted") == {"zoo.Twin": 3}
    assert Twin.objects.get().pk == 1


def test_empty_lines_are_passed_over():
    report = load_text(f"\n{json.dumps(TAG)}\n\n")

    assert report.of("inserted") == {"zoo.Tag": 1}


class Piped(io.StringIO):
    def seekable(self):
        return False


def test_a_text_stream_that_cannot_go_back_is_loaded():
    load(Piped(lines({**TAG, "fields": {"name": "größer"}})))

    assert Tag.objects.get().name == "größer"


def test_a_load_tells_its_progress_after_each_chunk():
    seen = []

    load_text(lines(TAG, {**TAG, "pk": 6, "fields": {"name": "blue"}}, PERSON), chunk_size=2, progress=seen.append)

    assert seen == [2, 1]
    assert not Client.objects.exists()
