from __future__ import annotations

import io
import re

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from cluster.collector import Collector, Manifest, load, verify
from cluster.errors import SerializedDataError
from tests.collector.app.models import Client, Draft, Tag, Task
from tests.collector.builders import build_tenant, row_counts
from tests.collector.files import RENAMED, dumped, lines, load_text

pytestmark = pytest.mark.django_db

TAG = {"model": "zoo.tag", "pk": 1, "fields": {"name": "x"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(lines(TAG, "{broken"), "line 2: This is no JSON: Expecting property name", id="broken"),
        pytest.param(lines(TAG, '["a"]'), 'line 2: A row is {"model": ..., "pk": ..., "fields"', id="no row"),
        pytest.param(lines({**TAG, "model": "zoo.gone"}), "line 1: There is no model 'zoo.gone'.", id="unknown model"),
        pytest.param(lines({**TAG, "fields": {"b": 1}}), "line 1: zoo.Tag has no field 'b'.", id="unknown field"),
        pytest.param(lines({**TAG, "pk": "a"}), "line 1: 'a' is no key of zoo.Tag: ", id="no key"),
        pytest.param(lines({**TAG, "pk": None}), "line 1: The row of zoo.Tag has no key.", id="null key"),
        pytest.param(lines(TAG, TAG), "line 2: zoo.Tag 1 is in the file twice.", id="twice"),
        pytest.param(
            lines({"model": "zoo.stop", "pk": [1], "fields": {}}), "line 1: [1] is no key of zoo.Stop", id="half a key"
        ),
        pytest.param(
            lines({"model": "zoo.draft", "pk": 1, "fields": {"client": "x", "title": "t"}}),
            "line 1: zoo.Draft.client cannot be 'x': ",
            id="a value that cannot be read",
        ),
        pytest.param(
            lines({"model": "zoo.draft", "pk": 1, "fields": {"client": 77, "title": "t"}}),
            "line 1: zoo.Draft 1 needs zoo.Client 77, which is neither in the file nor in the database.",
            id="a target that is nowhere",
        ),
        pytest.param(
            lines({"model": "zoo.client", "pk": 1, "fields": {"name": "x", "owner": ["nobody"]}}),
            "line 1: zoo.Client.owner cannot be ['nobody']: there is no auth.User with the natural key ['nobody']",
            id="a natural key that is nobody's",
        ),
        pytest.param(
            lines({"model": "zoo.note", "pk": 1, "fields": {"content_type": ["zoo", "x"], "object_id": 1}}),
            "line 1: zoo.Note.content_type cannot be ['zoo', 'x']: there is no content type ['zoo', 'x']",
            id="a content type that is not there",
        ),
        pytest.param(
            lines(
                {"model": "zoo.client", "pk": 1, "fields": {"name": "x"}},
                {
                    "model": "zoo.grant",
                    "pk": 1,
                    "fields": {
                        "client": 1,
                        "permission": ["add_group", "auth", "group"],
                        "users": [["nobody"]],
                    },
                },
            ),
            "line 2: A link of zoo.Grant 1: there is no auth.User with the natural key ['nobody'].",
            id="a link to nobody",
        ),
    ],
)
def test_bad_input_is_named_with_its_line_and_nothing_is_written(text, message):
    before = row_counts()

    with pytest.raises(SerializedDataError) as refused:
        load_text(text)

    assert str(refused.value).startswith(message)
    assert row_counts() == before


def test_all_problems_of_a_file_are_named_up_to_twenty():
    with pytest.raises(SerializedDataError) as refused:
        load_text("nonsense\n" * 30)

    assert len(refused.value.problems) == 20


def test_a_truncated_file_is_refused():
    text, manifest = dumped(build_tenant())
    lost = "".join(text.splitlines(keepends=True)[:-3])

    with pytest.raises(
        SerializedDataError, match=r"The manifest tells of \d+ rows, the file has \d+: it is not whole."
    ):
        load_text(lost, "copy", manifest=manifest)


def test_a_file_that_was_tampered_with_is_refused():
    text, manifest = dumped(build_tenant())
    before = row_counts()

    with pytest.raises(SerializedDataError, match=r"file: The checksum in the manifest is another"):
        load_text(text.replace("first", "worst"), "copy", manifest=manifest)

    assert row_counts() == before
    assert not verify(io.StringIO(text.replace("first", "worst")), manifest=manifest)


def test_a_compressed_file_that_ends_too_early_is_refused(tmp_path):
    path = tmp_path / "acme.jsonl.gz"
    Collector(build_tenant()).dump(path)
    path.write_bytes(path.read_bytes()[:-40])

    with pytest.raises(SerializedDataError, match=r"The file cannot be read on"):
        load(path, "copy")


def test_a_file_of_another_migration_state_is_refused():
    text, manifest = dumped(build_tenant())
    manifest.migrations["zoo"] = ["0009_future"]

    with pytest.raises(SerializedDataError, match=r"another state of 'zoo': the database lacks 0009_future. Migrate"):
        load_text(text, "copy", manifest=manifest)
    report = load_text(text, "copy", manifest=manifest, ignore_migrations=True, replace=RENAMED)

    assert report.of("inserted")["zoo.Client"] == 1


def test_unique_values_that_clash_are_named_with_their_lines():
    text, manifest = dumped(build_tenant())
    before = row_counts()

    with pytest.raises(SerializedDataError, match=r"lines \d+-\d+: Rows of zoo.\w+ cannot be inserted: "):
        load_text(text, "copy", manifest=manifest)

    assert row_counts() == before


def test_a_file_that_is_not_there_and_a_mode_that_is_none_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file '.*gone.jsonl' to load."):
        load(tmp_path / "gone.jsonl")
    with pytest.raises(ValueError, match=r"load\(\) got the mode 'steal'; there are insert, copy, merge, restore."):
        load_text("", "steal")


def test_an_option_that_there_is_not_is_refused_before_anything_is_written():
    text, manifest = dumped(build_tenant())

    with pytest.raises(TypeError) as refused:
        load_text(text, "restore", manifest=manifest, dryrun=True)

    assert str(refused.value) == "load() got an unexpected keyword argument 'dryrun'"


@pytest.mark.parametrize("text", ["[]", "{}", '{"root": "zoo.client", "format": 99}', "nonsense"])
def test_a_manifest_that_cannot_be_read_is_refused(tmp_path, text):
    path = tmp_path / "acme.jsonl"
    Collector(Client.objects.create(name="acme")).dump(path)
    (tmp_path / "acme.jsonl.manifest.json").write_text(text)

    with pytest.raises(SerializedDataError, match=r"acme.jsonl.manifest.json: The manifest cannot be read"):
        load(path, "copy")


def test_a_manifest_reads_back_as_it_was_written():
    _, manifest = dumped(build_tenant())

    assert Manifest.from_json(manifest.to_json()) == manifest


def test_rows_that_need_each_other_by_keys_that_cannot_be_null_are_refused_in_a_copy():
    text = lines(
        {"model": "zoo.task", "pk": 1, "fields": {"project": 5, "title": "t"}},
    )
    manifest = Manifest("zoo.client", [], lines=1)

    with pytest.raises(SerializedDataError):
        load_text(text, "copy", manifest=manifest)

    assert Task.objects.count() == Draft.objects.count() == 0


def test_a_verification_names_values_that_cannot_be_read():
    found = verify(io.StringIO(lines({"model": "zoo.draft", "pk": 1, "fields": {"client": "x", "title": "t"}})))

    assert not found
    assert [problem.message.split(":")[0] for problem in found.problems] == ["zoo.Draft.client cannot be 'x'"]


@pytest.mark.django_db(transaction=True)
def test_the_migrations_of_a_file_are_those_that_the_database_has():
    recorder = MigrationRecorder(connection)
    for app_label in ("zoo", "music"):
        recorder.record_applied(app_label, "0001_initial")

    try:
        _, manifest = dumped(Client.objects.create(name="acme"))
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(recorder.Migration)

    assert manifest.migrations == {"zoo": ["0001_initial"]}


@pytest.mark.django_db(transaction=True)
def test_the_table_of_imports_is_not_made_where_that_would_commit():
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS cluster_import")

    with transaction.atomic():
        if connection.features.can_rollback_ddl:
            load_text(lines(TAG), import_id="first")
        else:
            with pytest.raises(ImproperlyConfigured, match=r"The table cluster_import cannot be made inside a trans"):
                load_text(lines(TAG), import_id="first")

    assert Tag.objects.exists() is connection.features.can_rollback_ddl


@pytest.mark.parametrize("size", [0, -1, 1.5, "2", None])
def test_a_chunk_size_that_would_read_nothing_is_refused(size):
    client = Client.objects.create(name="acme")
    text, manifest = dumped(client)
    message = re.escape(f" got chunk_size={size!r}; it must be a whole number, at least 1.")

    with pytest.raises(ValueError, match=r"^Collector\(\)" + message):
        Collector(client, chunk_size=size)
    with pytest.raises(ValueError, match=r"^load\(\)" + message):
        load_text(text, "copy", manifest=manifest, chunk_size=size)
    with pytest.raises(ValueError, match=r"^verify\(\)" + message):
        verify(io.StringIO(text), manifest=manifest, chunk_size=size)
