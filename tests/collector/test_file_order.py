from __future__ import annotations

import hashlib
import io
import json
import uuid

import pytest
from django.db import connection

from cluster.collector import Collector, Manifest, load
from cluster.errors import SerializedDataError
from tests.collector.app.models import Client, Node, Person, Tag, Twin
from tests.collector.test_bad_input import lines
from tests.collector.test_loading import load_text

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


def with_checksum(manifest, text):
    manifest.sha256 = hashlib.sha256(text.encode()).hexdigest()
    return manifest


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
