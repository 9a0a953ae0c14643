from __future__ import annotations

import json
from contextlib import contextmanager

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, models, transaction
from django.db.models import ProtectedError, Q, signals

from cluster.collector import ANONYMIZE, DELETE, KEEP, SKIP, Collector, Pseudonym, Report, load
from cluster.errors import KeptRowsError
from tests.collector.app.models import (
    Asset,
    Audited,
    Bookmark,
    Box,
    Client,
    Currency,
    Fallback,
    Invoice,
    Note,
    One,
    Other,
    Person,
    Pin,
    Tag,
    Task,
    Truck,
    Twin,
    Watch,
)
from tests.collector.builders import OWNED, build_tenant, difference, row_counts
from tests.collector.files import dumped
from tests.collector.sources import Early

pytestmark = pytest.mark.django_db


def test_the_report_of_an_erasure_equals_the_difference_in_row_counts():
    client, other = build_tenant(), build_tenant("other")
    others, before = dumped(other)[0], row_counts()

    report = Collector(client).erase()

    assert report.of("deleted") == difference(before, row_counts())
    assert report.of("deleted") == {**OWNED, "zoo.Task_tags": 6, "zoo.Grant_users": 1, "zoo.Node_friends": 2}
    assert dumped(other)[0] == others


def test_a_report_unpacks_and_adds_up_as_what_delete_returns():
    client = build_tenant()
    before = sum(row_counts().values())

    total, by_label = report = Collector(client).erase()

    assert total == before - sum(row_counts().values())
    assert by_label["zoo.Task"] == 4
    assert list(report + Tag.objects.filter(name="blue").delete()) == [total + 2, {
        **by_label, "zoo.Person_languages": 1, "zoo.Tag": 1
    }]  # fmt: skip


def test_what_points_at_an_erased_row_is_treated_as_on_delete_asks():
    client = build_tenant()

    report = Collector(client).erase()

    assert Bookmark.objects.get().client is None
    assert Fallback.objects.get().client is None
    assert Pin.objects.count() == 1
    assert report.of("updated") == {"zoo.Bookmark": 1, "zoo.Fallback": 1}


def test_a_dry_run_reports_the_same_and_writes_nothing():
    client = build_tenant()
    before = dumped(client)[0]

    planned = Collector(client).erase(dry_run=True)

    assert dumped(client)[0] == before
    assert Collector(client).erase() == planned


def test_rows_that_are_not_collected_protect():
    client = build_tenant()
    before = row_counts()

    with pytest.raises(ProtectedError, match=r"Cannot delete rows of zoo.Client: 1 rows of zoo.Invoice that stay"):
        Collector(client, rules={"zoo.Invoice": SKIP}).erase()

    assert row_counts() == before


def test_a_cascade_that_is_skipped_keeps_its_rows_with_a_null_key():
    client = build_tenant()

    report = Collector(client, rules={"zoo.Draft": SKIP}).erase()

    assert report.of("updated")["zoo.Draft"] == 1


def test_links_that_others_declare_go_with_the_row():
    tag = Tag.objects.create(name="x")
    build_tenant()
    for task in Task.objects.all():
        task.tags.add(tag)

    report = Collector(tag).erase()

    assert report.of("deleted") == {"zoo.Tag": 1, "zoo.Task_tags": 4}


def test_a_person_is_made_anonymous_and_what_the_law_asks_for_is_kept():
    client = build_tenant()
    erase = {
        "zoo.Client": ANONYMIZE(name=Pseudonym(prefix="client-")),
        "zoo.Invoice": KEEP("tax law, ten years"),
        "zoo.Note": DELETE,
    }

    report = Collector(client, erase=erase).erase()

    client.refresh_from_db()
    assert client.name.startswith("client-")
    assert (Invoice.objects.count(), Task.objects.count(), Note.objects.count()) == (1, 0, 0)
    assert report.of("redacted") == {"zoo.Client": 1}
    assert report.of("kept") == {"zoo.Invoice": 1}
    assert report.notes == ["zoo.Invoice was kept: tax law, ten years."]


def test_to_anonymize_without_values_takes_the_redaction():
    client = build_tenant()

    Collector(client, erase={"zoo.Client": ANONYMIZE}, redact={"zoo.Client.name": "gone"}).erase()

    assert Client.objects.get().name == "gone"


def test_only_rows_that_match_are_kept():
    client = build_tenant()
    Invoice.objects.create(client=client, number="paid", currency=Currency.objects.get())
    erase = {"zoo.Client": KEEP("invoices need it"), "zoo.Invoice": KEEP("tax law", Q(number="paid"))}

    report = Collector(client, erase=erase).erase()

    assert Invoice.objects.get().number == "paid"
    assert report.of("deleted")["zoo.Invoice"] == 1


def test_a_row_that_stays_lets_go_of_rows_that_go_where_it_can():
    client = build_tenant()

    Collector(client, erase={"zoo.Draft": KEEP("a wish")}).erase()

    assert client.drafts.model.objects.get().client is None


def test_a_row_that_stays_and_needs_one_that_goes_is_refused():
    client = build_tenant()
    before = row_counts()

    with pytest.raises(KeptRowsError) as refused:
        Collector(client, erase={"zoo.Invoice": KEEP("tax law")}).erase()

    assert str(refused.value) == (
        f"Cannot erase zoo.Client {client.pk}: zoo.Invoice {Invoice.objects.get().pk} stays (KEEP('tax law')) and"
        " points at it by 'client', as 1 in all do. KEEP or ANONYMIZE zoo.Client as well."
    )
    assert row_counts() == before


@pytest.mark.parametrize(
    ("erase", "message"),
    [
        ({"zoo.Client": KEEP}, "erase: 'zoo.Client' is kept without a reason; write KEEP('the law that asks for it')."),
        ({"zoo.Client": "keep"}, "erase: 'zoo.Client' must be DELETE, ANONYMIZE or KEEP, not 'keep'."),
        ({"zoo.Nothing": DELETE}, "erase: 'zoo.Nothing' names no model."),
        ({"zoo.Client": ANONYMIZE(nmae="x")}, "erase: zoo.Client has no field 'nmae' in its own table."),
        ({"zoo.Truck": ANONYMIZE(name="x")}, "erase: zoo.Truck has no field 'name' in its own table."),
        ({"zoo.Node": ANONYMIZE(id="x")}, "erase: zoo.Node.id cannot be set: it is the key, or computed."),
        ({"zoo.Node": ANONYMIZE(total=1)}, "erase: zoo.Node.total cannot be set: it is the key, or computed."),
    ],
)
def test_an_erasure_that_is_not_complete_is_refused(erase, message):
    with pytest.raises(ImproperlyConfigured) as refused:
        Collector(Client(pk=1), erase=erase)

    assert str(refused.value) == message


def test_to_anonymize_needs_to_be_told_how():
    with pytest.raises(ImproperlyConfigured, match=r"zoo.Client is to be anonymized, but nothing says how"):
        Collector(build_tenant(), erase={"zoo.Client": ANONYMIZE}).erase()


def test_a_subclass_may_name_its_erasures_erase():
    class Tenants(Collector):
        model = Client
        erase = {"zoo.Client": ANONYMIZE(name="gone")}

    Tenants(build_tenant()).erase()

    assert Client.objects.get().name == "gone"


def test_receivers_are_called_for_each_row_that_is_deleted():
    client = build_tenant()
    before, seen = row_counts(), []

    def receive(sender, instance, **kwargs):
        seen.append(sender)

    for model in (Task, Client, Watch, Audited):
        signals.pre_delete.connect(receive, sender=model)
    try:
        report = Collector(client).erase()
    finally:
        for model in (Task, Client, Watch, Audited):
            signals.pre_delete.disconnect(receive, sender=model)

    assert {model.__name__: seen.count(model) for model in seen} == {"Task": 4, "Client": 1, "Watch": 2, "Audited": 1}
    assert report.of("deleted") == difference(before, row_counts())
    assert len(report.notes) == 4


@contextmanager
def receiving(signal, *models):
    """Connect a receiver for some models, and yield the instances that it is called with."""
    seen = []

    def receive(sender, instance, **kwargs):
        seen.append((sender, instance.pk))

    for model in models:
        signal.connect(receive, sender=model)
    try:
        yield seen
    finally:
        for model in models:
            signal.disconnect(receive, sender=model)


def test_what_is_kept_stays_though_what_it_hangs_on_is_deleted_with_receivers():
    client = build_tenant()
    truck = Truck.objects.get()
    erase = {"zoo.Note": KEEP("a law"), "zoo.Asset": KEEP("a law"), "zoo.Client": KEEP("a law")}
    before = row_counts()

    with receiving(signals.post_delete, Truck, Task) as seen:
        report = Collector(client, erase=erase).erase()

    assert (Note.objects.count(), Asset.objects.count()) == (4, 1)
    assert report.of("kept") == {"zoo.Asset": 1, "zoo.Client": 1, "zoo.Note": 4}
    assert report.of("deleted") == difference(before, row_counts())
    assert (Truck, truck.pk) in seen
    assert len(seen) == 5


@pytest.mark.django_db(transaction=True)
def test_an_erasure_is_replayed_after_a_backup_came_back(tmp_path):
    client, other = build_tenant(), build_tenant("other")
    log, backup = tmp_path / "erasures.jsonl", tmp_path / "backup.jsonl"
    Collector(client).dump(backup)
    Collector(client).erase(log=log)
    load(backup, "insert")

    report = Collector(Client.objects.all()).replay(log)

    assert list(Client.objects.all()) == [other]
    assert report.of("deleted")["zoo.Client"] == 1
    assert "acme" not in log.read_text()


def test_an_erasure_that_was_not_committed_is_not_replayed(tmp_path):
    client = build_tenant()
    log = tmp_path / "erasures.jsonl"
    entry = {"id": "7", "state": "begun", "model": "zoo.client", "keys": [client.pk]}
    log.write_text(json.dumps(entry) + "\n" + json.dumps({**entry, "id": "8", "model": "zoo.tag"}) + "\n")

    report = Collector(client).replay(log)

    assert Client.objects.count() == 1
    assert report.notes == [f"The erasure 7 of zoo.client [{client.pk}] was begun and not finished."]


def test_a_report_has_no_rows_of_an_action_that_does_not_exist():
    report = Report()
    report.count("failed", "zoo.Tag")

    with pytest.raises(
        ValueError,
        match=r"^A report counts nothing as 'faild'; it has collected, inserted, updated, deleted, redacted, linked, "
        r"kept, skipped, failed\.$",
    ):
        report.of("faild")


def test_reports_add_up():
    one, other = Report(), Report()
    one.count("deleted", "zoo.Tag", 2)
    other.count("deleted", "zoo.Tag", 3)
    other.count_source("deleted", "files", 4)
    other.note("Something.")

    total = sum([one, other, (1, {"zoo.Tag": 1})])

    assert total.as_dict() == {
        "counts": {"deleted": {"zoo.Tag": 6}},
        "sources": {"files": {"deleted": 4}},
        "notes": ["Something."],
        "errors": {},
    }
    assert str(total).splitlines() == ["         deleted", "zoo.Tag        6", "files: 4 deleted", "Something."]


def test_a_person_of_several_tenants_is_erased_alone():
    build_tenant()
    person = Person.objects.get()
    before = row_counts()

    report = Collector(person).erase()

    assert report.of("deleted") == {"zoo.Person": 1, "zoo.Person_languages": 1, "zoo.Watch": 2}
    assert difference(before, row_counts()) == report.of("deleted")
    assert not Task.objects.exclude(assignee=None).exists()


def test_reports_add_up_with_their_keys_and_with_nothing_else():
    one, other = Report(keys={Client: {1: 5}}), Report(keys={Client: {2: 6}})

    total = one + other

    assert total.keys == {Client: {1: 5, 2: 6}}
    with pytest.raises(TypeError, match=r"unsupported operand"):
        one + "text"


def erase_checked(client, **options):
    """Erase in a transaction at whose end the database checks what it puts off till then."""
    with transaction.atomic():
        Collector(client, rules={"zoo.Visit": SKIP}).erase(**options)
        connection.check_constraints()


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_row_that_the_database_alone_protects_ends_an_erasure(dry_run):
    client = build_tenant()
    before = row_counts()

    with pytest.raises(IntegrityError):
        erase_checked(client, dry_run=dry_run)

    assert row_counts() == before


def test_what_is_refused_is_refused_before_a_source_is_erased():
    client = build_tenant()
    archive = Early([{"client": client.pk}])

    with pytest.raises(ProtectedError):
        Collector(client, rules={"zoo.Invoice": SKIP}, sources=[archive]).erase()
    with pytest.raises(KeptRowsError):
        Collector(client, erase={"zoo.Invoice": KEEP("tax law")}, sources=[archive]).erase()
    assert len(archive.entries) == 1
    report = Collector(client, erase={"zoo.Draft": KEEP("a wish")}, sources=[archive]).erase()

    assert report.sources == {"archive": {"deleted": 1}}
    assert archive.entries == []


def test_rows_that_need_each_other_are_erased_together():
    with connection.constraint_checks_disabled():
        One(pk=1, other_id=1).save(force_insert=True)
        Other(pk=1, one_id=1).save(force_insert=True)
        Twin(pk=1, other_id=2).save(force_insert=True)
        Twin(pk=2, other_id=1).save(force_insert=True)
        Twin(pk=3, other_id=3).save(force_insert=True)

    circle = Collector(One.objects.get()).erase()
    twins = Collector(Twin.objects.get(pk=2)).erase()
    alone = Collector(Twin.objects.get(pk=3)).erase()

    assert circle.of("deleted") == {"zoo.One": 1, "zoo.Other": 1}
    assert (twins.of("deleted"), alone.of("deleted")) == ({"zoo.Twin": 2}, {"zoo.Twin": 1})


def test_a_row_in_a_circle_that_stays_protects_the_others():
    with connection.constraint_checks_disabled():
        Twin(pk=1, other_id=2).save(force_insert=True)
        Twin(pk=2, other_id=1).save(force_insert=True)

    with pytest.raises(ProtectedError, match=r"Cannot delete rows of zoo.Twin: 1 rows of zoo.Twin that stay point at"):
        Collector(Twin.objects.get(pk=2), rules={"Twin.twins": SKIP, "Twin.other": SKIP}).erase()

    assert Twin.objects.count() == 2


@pytest.mark.skipif(not hasattr(models, "DB_CASCADE"), reason="Django does not leave deleting to the database yet.")
def test_what_the_database_itself_does_is_collected_counted_and_not_gone_round():
    from tests.collector.app.models import Slip, Sticker  # noqa: PLC0415 - not there in every Django

    box = Box.objects.create(name="b")
    slip, sticker = Slip.objects.create(box=box), Sticker.objects.create(box=box)

    with pytest.raises(ProtectedError, match=r"Cannot delete rows of zoo.Box: 1 rows of zoo.Slip that stay point at"):
        Collector(box, rules={"zoo.Slip": SKIP}).erase()
    assert list(Slip.objects.all()) == [slip]
    report = Collector(box).erase()

    sticker.refresh_from_db()
    assert report.of("deleted") == {"zoo.Box": 1, "zoo.Slip": 1}
    assert report.of("updated") == {"zoo.Sticker": 1}
    assert sticker.box_id is None
    connection.check_constraints()
