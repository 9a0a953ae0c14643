"""What a second connection writes meanwhile: a dump is of one moment, an import id is loaded once."""

from __future__ import annotations

import io
import threading
import uuid

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import ProtectedError

from cluster.collector import Collector, load, verify
from cluster.errors import AlreadyLoadedError, SerializedDataError
from tests.collector.app.models import Client, Project, Task, Twin
from tests.collector.builders import build_tenant
from tests.collector.files import RENAMED, dumped, load_text
from tests.support import run_in_thread

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="A database in memory belongs to one connection."),
]


def write_elsewhere(client):
    """Change, add and delete rows of a tenant on another connection, and commit."""

    def work():
        Task.objects.filter(title="first").update(title="changed")
        Task.objects.create(project=Project.objects.filter(client=client).first(), title="late")
        client.stops.all().delete()

    run_in_thread(work)


class Meanwhile:
    """An execute wrapper that has another connection write once, before a statement that names a table."""

    def __init__(self, table, work):
        self.table, self.work, self.is_done = table, work, False

    def __call__(self, execute, sql, params, many, context):
        if self.table in sql and not self.is_done:
            self.is_done = True
            self.work()
        return execute(sql, params, many, context)


@pytest.mark.parametrize("table", ["zoo_client", "zoo_task", "zoo_stop"])
def test_a_dump_is_of_one_moment(table):
    client = build_tenant()
    expected, _ = dumped(client)
    stream = io.StringIO()
    # The snapshot is taken with the first statement: what is written after that does not show.
    meanwhile = Meanwhile(table, lambda: write_elsewhere(client))

    with connection.execute_wrapper(Skipping(1, meanwhile)):
        manifest = Collector(client).dump(stream)

    assert meanwhile.is_done
    assert stream.getvalue() == expected
    assert manifest.counts["zoo.task"]["owned"] == 4
    assert dumped(client)[0] != expected


class Skipping:
    """Lets the first statements that read rows through, and calls a wrapper for the others."""

    def __init__(self, number, wrapper):
        self.number, self.wrapper, self.seen = number, wrapper, 0

    def __call__(self, execute, sql, params, many, context):
        self.seen += sql.startswith("SELECT")
        if self.seen <= self.number:
            return execute(sql, params, many, context)
        return self.wrapper(execute, sql, params, many, context)


def test_a_verification_is_of_one_moment():
    client = build_tenant()
    text, manifest = dumped(client)
    meanwhile = Meanwhile("zoo_task", lambda: write_elsewhere(client))

    with connection.execute_wrapper(Skipping(1, meanwhile)):
        found = verify(io.StringIO(text), manifest=manifest)

    assert meanwhile.is_done
    assert found
    assert not verify(io.StringIO(text), manifest=manifest)


def test_the_next_transaction_has_its_own_isolation_again():
    dumped(build_tenant())
    query = "SHOW transaction_isolation" if connection.vendor == "postgresql" else "SELECT @@tx_isolation"

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(query)
        (level,) = cursor.fetchone()

    assert level.lower().replace("-", " ") == "read committed"


@pytest.mark.parametrize("has_table", [True, False])
@pytest.mark.parametrize("first_fails", [False, True])
def test_of_two_loads_at_once_under_one_import_id_one_is_done(first_fails, has_table):
    client = Client.objects.create(name="acme")
    text, manifest = dumped(client)
    name = uuid.uuid4().hex
    if not has_table:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS cluster_import")
    else:
        load_text(text, "copy", manifest=manifest, import_id=uuid.uuid4().hex)
    before = Client.objects.count()
    outcomes = loads_at_once(text, manifest, name, first_fails=first_fails)

    expected = ["InterruptedError", "done"] if first_fails else ["AlreadyLoadedError", "done"]
    assert sorted(outcomes) == expected
    assert Client.objects.count() == before + 1


def loads_at_once(text, manifest, name, *, first_fails):
    """Load twice, each on a connection of its own; the second begins when the first has entered its id."""
    has_entered, outcomes = threading.Event(), []

    def first_writes(number):
        has_entered.set()
        # Time for the other to come to its own entry, where it waits.
        threading.Event().wait(0.5)
        if first_fails:
            raise InterruptedError

    def work(progress):
        try:
            load_text(text, "copy", manifest=manifest, import_id=name, progress=progress)
            outcomes.append("done")
        except (AlreadyLoadedError, InterruptedError) as error:
            outcomes.append(type(error).__name__)
        finally:
            connections.close_all()

    def second():
        has_entered.wait(10)
        work(None)

    threads = [threading.Thread(target=work, args=[first_writes]), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes


def test_two_loads_that_make_the_table_of_imports_at_once_are_both_done():
    text, manifest = dumped(Client.objects.create(name="acme"))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS cluster_import")
    together, outcomes = threading.Barrier(4), []

    def work():
        try:
            together.wait(10)
            outcomes.append(load_text(text, "copy", manifest=manifest, import_id=uuid.uuid4().hex).of("inserted"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert outcomes == [{"zoo.Client": 1}] * 4


def test_import_ids_that_differ_in_case_are_two():
    text, manifest = dumped(Client.objects.create(name="acme"))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS cluster_import")

    for name in ("import", "Import"):
        load_text(text, "copy", manifest=manifest, import_id=name)

    assert Client.objects.count() == 3


def test_rows_that_somebody_points_at_meanwhile_are_not_erased():
    """The lock of the rows comes before the look at who points at them."""
    with transaction.atomic(), connection.constraint_checks_disabled():
        Twin(pk=1, other_id=2).save(force_insert=True)
        Twin(pk=2, other_id=1).save(force_insert=True)

    def late():
        with connections["default"].constraint_checks_disabled():
            Twin(pk=3, other_id=1).save(force_insert=True)

    is_locked = connection.vendor == "mysql"
    meanwhile = Meanwhile("FOR UPDATE" if is_locked else "DELETE", lambda: run_in_thread(late))
    refused = (ProtectedError, "zoo.Twin") if is_locked else (IntegrityError, "zoo_twin")
    with pytest.raises(refused[0], match=refused[1]), connection.execute_wrapper(meanwhile):
        Collector(Twin.objects.get(pk=2)).erase()

    assert meanwhile.is_done
    assert Twin.objects.count() == 3


def test_a_load_that_is_refused_lets_its_import_id_free():
    client = build_tenant()
    text, manifest = dumped(client)
    name = uuid.uuid4().hex

    with pytest.raises(SerializedDataError):
        load(io.StringIO(text), "copy", manifest=manifest, import_id=name)
    report = load(io.StringIO(text), "copy", manifest=manifest, import_id=name, replace=RENAMED)

    assert report.of("inserted")["zoo.Client"] == 1
