from __future__ import annotations

import io

import pytest

from cluster.collector import Collector, Source, load, verify
from cluster.errors import AlreadyLoadedError
from tests.collector.app.models import Client
from tests.collector.builders import build_tenant
from tests.collector.sources import Archive, Broken, Early, Late

pytestmark = pytest.mark.django_db


def test_a_source_is_exported_loaded_and_erased_with_the_rows(tmp_path):
    client = Client.objects.create(name="acme")
    archive = Archive([{"client": client.pk}, {"client": 0}])
    path = tmp_path / "acme.jsonl"

    manifest = Collector(client, sources=[archive]).dump(path)
    loaded = load(path, "copy", sources=[archive])
    erased = Collector(client, sources=[archive]).erase()

    assert manifest.sources["archive"]["entries"] == 1
    assert loaded.sources == {"archive": {"inserted": 1}}
    assert erased.sources == {"archive": {"deleted": 1}}
    assert archive.entries == [{"client": 0}, {"client": loaded.keys[Client][manifest.root_keys[0]]}]


def test_a_source_that_cannot_be_exported_is_in_the_manifest_and_in_the_report_of_a_load(tmp_path):
    path = tmp_path / "acme.jsonl"

    manifest = Collector(Client.objects.create(name="acme"), sources=[Broken()]).dump(path)
    report = load(path, "copy", sources=[Broken()])

    assert manifest.sources == {"broken": {"error": "OSError: no disk"}}
    assert report.errors == {"broken": "It was not in the file, as its export failed: OSError: no disk"}
    assert sorted(one.name for one in tmp_path.iterdir()) == ["acme.jsonl", "acme.jsonl.manifest.json"]


@pytest.mark.django_db(transaction=True)
def test_a_load_that_ended_before_its_sources_is_not_done_again_under_its_import_id(tmp_path):
    class Ending(Archive):
        def load(self, entries, report):
            raise KeyboardInterrupt

    client = Client.objects.create(name="acme")
    archive = Archive([{"client": client.pk}])
    path = tmp_path / "acme.jsonl"
    Collector(client, sources=[archive]).dump(path)
    with pytest.raises(KeyboardInterrupt):
        load(path, "copy", sources=[Ending()], import_id="ended")

    with pytest.raises(AlreadyLoadedError):
        load(path, "copy", sources=[archive], import_id="ended")

    assert Client.objects.count() == 2
    assert len(archive.entries) == 1


def test_a_source_that_is_erased_before_and_fails_keeps_the_database_untouched():
    client = build_tenant()

    report = Collector(client, sources=[Broken()]).erase()

    assert Client.objects.count() == 1
    assert report.has_failed
    assert report.errors == {"broken": "OSError: no disk"}
    assert report.notes == ["The database was not touched, as a source that is erased before it failed."]


def test_a_source_that_is_erased_after_and_fails_is_in_the_report():
    client = build_tenant()

    report = Collector(client, sources=[Late()]).erase()

    assert Client.objects.count() == 0
    assert report.errors == {"broken": "OSError: no disk"}


def test_a_dry_run_does_not_touch_sources():
    client = Client.objects.create(name="acme")
    archive = Archive([{"client": client.pk}])

    report = Collector(client, sources=[archive]).erase(dry_run=True)

    assert len(archive.entries) == 1
    assert report.sources == {"archive": {"skipped": 1}}


def test_entries_that_nothing_takes_are_named(tmp_path):
    client = Client.objects.create(name="acme")
    path = tmp_path / "acme.jsonl"
    Collector(client, sources=[Archive([{"client": client.pk}])]).dump(path)

    report = load(path, "copy")

    assert report.sources == {"archive": {"skipped": 1}}
    assert report.notes == ["Nothing takes the 1 entries of the source 'archive'."]


def test_entries_that_were_tampered_with_are_not_loaded(tmp_path):
    client = Client.objects.create(name="acme")
    path, archive = tmp_path / "acme.jsonl", Archive([{"client": client.pk}])
    Collector(client, sources=[archive]).dump(path)
    (tmp_path / "acme.jsonl.archive.source.jsonl").write_text("{}\n")

    report = load(path, "copy", sources=[archive])

    assert report.has_failed
    assert "the checksum of acme.jsonl.archive.source.jsonl is another" in report.errors["archive"]


@pytest.mark.parametrize("spoil", [lambda path: path.write_text("{}\n"), lambda path: path.unlink()])
def test_a_verification_looks_at_the_files_of_sources_too(spoil, tmp_path):
    client = Client.objects.create(name="acme")
    path, archive = tmp_path / "acme.jsonl", Archive([{"client": client.pk}])
    Collector(client, sources=[archive, Broken()]).dump(path)
    assert verify(path)

    spoil(tmp_path / "acme.jsonl.archive.source.jsonl")

    (problem,) = verify(path).problems
    assert problem.path == "acme.jsonl.archive.source.jsonl"
    assert problem.message.startswith("What the source wrote cannot be trusted: ")


def test_a_log_that_cannot_be_written_is_told_before_anything_is_gone(tmp_path):
    client = Client.objects.create(name="acme")
    archive = Early([{"client": client.pk}])

    with pytest.raises(FileNotFoundError):
        Collector(client, sources=[archive]).erase(log=tmp_path / "nowhere" / "log.jsonl")

    assert len(archive.entries) == Client.objects.count() == 1


def test_sources_need_a_path():
    with pytest.raises(ValueError, match=r"A collector with sources writes several files: dump it to a path"):
        Collector(Client.objects.create(name="acme"), sources=[Archive()]).dump(io.StringIO())


def test_a_source_does_only_what_it_overrides():
    source = Source()

    for call in (lambda: source.collect(None), lambda: source.load([], None), lambda: source.erase(None)):
        with pytest.raises(NotImplementedError, match=r"Source does not"):
            call()
