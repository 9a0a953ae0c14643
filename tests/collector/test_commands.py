from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper

from cluster.collector import SKIP, Collector
from cluster.management.progress import CountedLines, progress_on
from tests.collector.app.models import Client, Note, Stop, Task
from tests.collector.builders import build_tenant, row_counts
from tests.collector.sources import Archive, Broken

pytestmark = pytest.mark.django_db

SKIPPING = {"zoo.Note": SKIP}
MISNAMED = {"zoo.Client.gone": SKIP}
PROTECTED = {"zoo.Client.invoices": SKIP}


class WithBroken(Collector):
    sources = [Broken()]


class WithArchive(Collector):
    sources = [Archive()]


def run(name, *arguments, **options):
    out = io.StringIO()
    call_command(name, *arguments, stdout=out, **options)
    return out.getvalue()


def test_a_tenant_goes_out_and_comes_back_as_a_copy(tmp_path):
    client = Client.objects.create(name="acme")
    path = tmp_path / "acme.jsonl.gz"

    out = run("dumpcluster", "zoo.Client", "--pks", str(client.pk), "-o", str(path))
    loaded = run("loadcluster", str(path), "--mode", "copy")

    assert out.splitlines()[1].split() == ["zoo.Client", "1"]
    assert out.splitlines()[2] == "zoo.Client.legacies was not followed: zoo.Legacy is unmanaged."
    assert loaded.split() == ["inserted", "zoo.Client", "1"]
    assert Client.objects.count() == 2
    assert run("verifycluster", str(path)) == "The database has what the file has.\n"


def test_a_restore_from_the_command_line(tmp_path):
    client = build_tenant()
    path = tmp_path / "acme.jsonl"
    run("dumpcluster", "zoo.Client", "--pks", str(client.pk), "-o", str(path), verbosity=0)
    Stop.objects.all().delete()

    with pytest.raises(CommandError, match=r"zoo.Stop \(\d+, 1\) is not in the database."):
        run("verifycluster", str(path))
    run("loadcluster", str(path), "--mode", "restore")

    assert Stop.objects.count() == 1


def test_dry_runs_write_nothing(tmp_path):
    client = Client.objects.create(name="acme")
    path = tmp_path / "acme.jsonl"
    run("dumpcluster", "zoo.Client", "--pks", str(client.pk), "-o", str(path))
    before = row_counts()

    planned = run("dumpcluster", "zoo.Client", "--pks", str(client.pk), "--dry-run")
    loaded = run("loadcluster", str(path), "--mode", "copy", "--dry-run")
    erased = run("erasecluster", "zoo.Client", "--pks", str(client.pk), "--dry-run")

    assert [text.split()[0] for text in (planned, loaded, erased)] == ["collected", "inserted", "deleted"]
    assert row_counts() == before


def test_rules_are_given_by_their_dotted_path(tmp_path):
    client = build_tenant()
    path = tmp_path / "acme.jsonl"

    run(
        "dumpcluster", "zoo.Client", "--pks", str(client.pk), "-o", str(path),
        rules="tests.collector.test_commands.SKIPPING",
    )  # fmt: skip

    assert "zoo.note" not in {json.loads(line)["model"] for line in path.read_text().splitlines()}


@pytest.mark.parametrize("as_keys", [str, int])
def test_the_keys_of_the_roots_are_an_option_of_call_command(as_keys):
    client = Client.objects.create(name="acme")

    out = run("dumpcluster", "zoo.Client", pks=as_keys(client.pk), dry_run=True)

    assert out.splitlines()[1].split() == ["zoo.Client", "1"]


def test_an_erasure_asks_first(monkeypatch):
    client = build_tenant()
    monkeypatch.setattr("builtins.input", lambda prompt: "no")

    with pytest.raises(CommandError, match=r"Nothing was erased."):
        run("erasecluster", "zoo.Client", "--pks", str(client.pk))
    monkeypatch.setattr("builtins.input", lambda prompt: "yes")
    run("erasecluster", "zoo.Client", "--pks", str(client.pk))

    assert (Client.objects.count(), Task.objects.count(), Note.objects.count()) == (0, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_an_erasure_is_logged_and_replayed(tmp_path):
    client = Client.objects.create(name="acme")
    log = tmp_path / "log.jsonl"
    run("erasecluster", "zoo.Client", "--pks", str(client.pk), "--noinput", "--log", str(log))
    Client.objects.create(pk=client.pk or json.loads(log.read_text().splitlines()[0])["keys"][0], name="acme")
    key = Client.objects.get().pk

    out = run("erasecluster", "zoo.Client", "--pks", str(key), "--noinput", "--log", str(log), "--replay")

    assert out.split() == ["deleted", "zoo.Client", "1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dumpcluster", "zoo.Gone", "--pks", "1"], "App 'zoo' doesn't have a 'Gone' model."),
        (["dumpcluster", "zoo.Client", "--pks", "2,1"], "The database 'default' has no zoo.Client with key 1, 2."),
        (
            ["dumpcluster", "zoo.Client", "--pks", "9" * 40],
            f"The database 'default' has no zoo.Client with key {'9' * 40}.",
        ),
        (["dumpcluster", "zoo.Stop", "--pks", "1"], "zoo.Stop has a composite key; collect its rows in code."),
        (["dumpcluster", "Client", "--pks", "1"], "'Client' is no model; write app_label.ModelName."),
        (["dumpcluster", "zoo.Client"], "Say by --pks which roots are meant."),
        (["dumpcluster", "zoo.Client", "--pks", " , "], "Say by --pks which roots are meant."),
        (["dumpcluster", "zoo.Client", "--pks", "x"], "--pks: “x” value must be an integer."),
        (["loadcluster", "gone.jsonl"], "There is no file 'gone.jsonl' to load."),
        (["loadcluster", "gone.jsonl", "--rules", "gone.rules"], "--rules: No module named 'gone'"),
        (
            ["loadcluster", "x", "--rules", "os.sep"],
            "--rules: os.sep is neither a Collector nor a dictionary of rules.",
        ),
        (["verifycluster", "gone.jsonl"], "There is no file 'gone.jsonl' to load."),
    ],
)
def test_a_wrong_argument_is_an_error_of_the_command(arguments, message):
    with pytest.raises(CommandError) as refused:
        run(*arguments)

    assert str(refused.value) == message


def test_a_source_that_fails_ends_the_command_with_an_error(tmp_path):
    client = Client.objects.create(name="acme")
    rules = "tests.collector.test_commands.WithBroken"

    with pytest.raises(CommandError, match=r"Not everything could be done: broken: OSError: no disk"):
        run("dumpcluster", "zoo.Client", "--pks", str(client.pk), "-o", str(tmp_path / "x.jsonl"), rules=rules)
    with pytest.raises(CommandError, match=r"Not everything could be done: broken: OSError: no disk"):
        run("erasecluster", "zoo.Client", "--pks", str(client.pk), "--noinput", rules=rules)

    assert Client.objects.count() == 1


@pytest.mark.parametrize("arguments", [["--noinput", "--replay"]])
def test_a_replay_needs_a_log(arguments):
    client = Client.objects.create(name="acme")

    with pytest.raises(CommandError, match=r"Say by --log what to replay."):
        run("erasecluster", "zoo.Client", "--pks", str(client.pk), *arguments)


def test_a_dump_needs_a_place_to_write_to():
    client = Client.objects.create(name="acme")

    with pytest.raises(CommandError, match=r"Say where to write to by --output, or use --dry-run."):
        run("dumpcluster", "zoo.Client", "--pks", str(client.pk))


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_a_bar_on_a_terminal_and_silent_elsewhere():
    terminal = Terminal()
    out = OutputWrapper(terminal)

    with progress_on(out, 1, 10) as progress:
        progress(5)
    with progress_on(OutputWrapper(io.StringIO()), 1) as silent, progress_on(out, 0) as quiet:
        pass

    assert " 5/10 " in terminal.getvalue()
    assert terminal.getvalue().count("\n") == 1
    assert silent is quiet is None


def test_progress_is_counted_lines_without_tqdm(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    terminal = Terminal()

    with progress_on(OutputWrapper(terminal), 1, 30_000) as progress:
        for _ in range(5):
            progress(6000)

    assert isinstance(progress, CountedLines)
    assert terminal.getvalue().splitlines() == [f"{done} of 30000 rows" for done in (12000, 24000, 30000)]


def test_rules_that_name_nothing_are_an_error_of_the_command():
    client = Client.objects.create(name="acme")
    rules = "tests.collector.test_commands.MISNAMED"

    with pytest.raises(CommandError, match=r"The rule 'zoo.Client.gone': zoo.Client has no relation 'gone', only: "):
        run("dumpcluster", "zoo.Client", "--pks", str(client.pk), "--dry-run", rules=rules)


def test_a_place_that_cannot_be_written_to_is_an_error_of_the_command(tmp_path):
    client = Client.objects.create(name="acme")

    with pytest.raises(CommandError, match=r"No such file or directory"):
        run("dumpcluster", "zoo.Client", "--pks", str(client.pk), "-o", str(tmp_path / "gone" / "x.jsonl"))


def test_the_entries_of_sources_are_reported(tmp_path):
    client = Client.objects.create(name="acme")
    rules = "tests.collector.test_commands.WithArchive"

    out = run("dumpcluster", "zoo.Client", "--pks", str(client.pk), "-o", str(tmp_path / "x.jsonl"), rules=rules)

    assert "archive: 0 collected" in out.splitlines()


def test_rows_that_protect_end_an_erasure_with_an_error():
    client = build_tenant()
    before = row_counts()
    rules = "tests.collector.test_commands.PROTECTED"

    with pytest.raises(CommandError, match=r"Cannot delete rows of zoo.Client: 1 rows of zoo.Invoice that stay point"):
        run("erasecluster", "zoo.Client", "--pks", str(client.pk), "--noinput", rules=rules)

    assert row_counts() == before


def test_a_verification_without_verbosity_is_silent(tmp_path):
    client = Client.objects.create(name="acme")
    path = tmp_path / "acme.jsonl"
    run("dumpcluster", "zoo.Client", "--pks", str(client.pk), "-o", str(path))

    assert run("verifycluster", str(path), verbosity=0) == ""


@pytest.mark.django_db(transaction=True)
def test_a_replay_that_is_a_dry_run_erases_nothing(tmp_path):
    client = Client.objects.create(name="acme")
    log = tmp_path / "log.jsonl"
    Collector(client).erase(log=log)
    key = json.loads(log.read_text().splitlines()[0])["keys"][0]
    Client.objects.create(pk=key, name="acme")

    out = run("erasecluster", "zoo.Client", "--pks", str(key), "--log", str(log), "--replay", "--dry-run")

    assert out.split() == ["deleted", "zoo.Client", "1"]
    assert Client.objects.count() == 1


def test_a_log_that_cannot_be_read_is_an_error_of_the_command(tmp_path):
    client = Client.objects.create(name="acme")
    log = tmp_path / "log.jsonl"
    log.write_text("nonsense\n")

    with pytest.raises(CommandError, match=r"line 1: This is no line of a log of erasures"):
        run("erasecluster", "zoo.Client", "--pks", str(client.pk), "--log", str(log), "--replay", "--noinput")

    assert Client.objects.count() == 1


def test_an_erasure_that_nobody_answers_for_is_not_done(monkeypatch):
    client = Client.objects.create(name="acme")

    def answer(prompt):
        raise EOFError

    monkeypatch.setattr("builtins.input", answer)
    with pytest.raises(CommandError, match=r"Nothing was erased."):
        run("erasecluster", "zoo.Client", "--pks", str(client.pk))

    assert Client.objects.count() == 1


class Limited(Collector):
    max_objects = 1


@pytest.mark.parametrize("command", ["dumpcluster", "erasecluster"])
def test_a_limit_that_is_exceeded_is_an_error_of_the_command(command):
    client = build_tenant()
    rules = "tests.collector.test_commands.Limited"

    with pytest.raises(CommandError, match=r"finds more than max_objects=1 rows"):
        run(command, "zoo.Client", "--pks", str(client.pk), "--dry-run", rules=rules)


def test_progress_of_all_commands_is_shown_on_a_terminal(tmp_path, monkeypatch):
    monkeypatch.setattr("cluster.management.progress.STEP", 1)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    client = Client.objects.create(name="acme")
    path = tmp_path / "acme.jsonl"
    commands = {
        "dumpcluster": ["zoo.Client", "--pks", str(client.pk), "-o", str(path)],
        "verifycluster": [str(path)],
        "loadcluster": [str(path), "--mode", "copy"],
        "erasecluster": ["zoo.Client", "--pks", str(client.pk), "--noinput"],
    }

    for name, arguments in commands.items():
        terminal = Terminal()
        call_command(name, *arguments, stdout=terminal)

        assert terminal.getvalue().startswith("1 of 1 rows\n")


def test_a_load_without_a_manifest_shows_progress_without_a_total(tmp_path, monkeypatch):
    monkeypatch.setattr("cluster.management.progress.STEP", 1)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    path, terminal = tmp_path / "x.jsonl", Terminal()
    path.write_text(json.dumps({"model": "zoo.tag", "pk": 1, "fields": {"name": "x"}}) + "\n")

    call_command("loadcluster", str(path), stdout=terminal)
    call_command("verifycluster", str(path), stdout=terminal)

    assert terminal.getvalue().count("1 rows\n") == 2
