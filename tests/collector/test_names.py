"""Rows that a file only names: by natural keys of several parts, by lookup fields, in another database."""

from __future__ import annotations

import io

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cluster.collector import LINK, Collector, load
from cluster.errors import SerializedDataError
from tests.collector.app.models import Booking, Client, Draft, Grant, Login, Remark, Spot, Tag
from tests.collector.builders import build_tenant
from tests.collector.files import dumped, lines, load_text

pytestmark = pytest.mark.django_db


def statements(captured, table):
    return [
        query["sql"] for query in captured if query["sql"].startswith("SELECT") and f"FROM {table}" in quoted(query)
    ]


def quoted(query):
    return query["sql"].replace('"', "").replace("`", "")


def test_natural_keys_of_several_parts_are_looked_up_together():
    client = Client.objects.create(name="acme")
    spots = [Spot.objects.create(hall=hall, row=row, seat=seat) for hall in "ab" for row in "ab" for seat in range(50)]
    Booking.objects.bulk_create([Booking(client=client, spot=spot) for spot in spots])
    text, manifest = dumped(client)

    with CaptureQueriesContext(connection) as captured:
        report = load_text(text, "copy", manifest=manifest)

    assert report.of("inserted") == {"zoo.Booking": 200, "zoo.Client": 1}
    assert [booking.spot for booking in Booking.objects.order_by("pk")[200:]] == spots
    assert len(statements(captured, "zoo_spot")) == 2


def test_natural_keys_that_go_over_other_tables_are_looked_up_together():
    client = Client.objects.create(name="acme")
    permissions = list(Permission.objects.filter(content_type__app_label__in=["auth", "zoo"]))
    Grant.objects.bulk_create([Grant(client=client, permission=each) for each in permissions])
    text, manifest = dumped(client)

    with CaptureQueriesContext(connection) as captured:
        load_text(text, "copy", manifest=manifest)

    assert Grant.objects.count() == 2 * len(permissions)
    assert len(statements(captured, "auth_permission")) == 2


def test_a_natural_key_that_is_not_there_is_named_among_many():
    client = Client.objects.create(name="acme")
    spots = [Spot.objects.create(hall="h", row="r", seat=seat) for seat in range(3)]
    Booking.objects.bulk_create([Booking(client=client, spot=spot) for spot in spots])
    text, manifest = dumped(client)
    Spot.objects.filter(pk=spots[1].pk).update(hall="moved")

    with pytest.raises(
        SerializedDataError, match=r"zoo.Booking.spot cannot be \['h', 'r', '1'\]: there is no zoo.Spot"
    ):
        load_text(text, "copy", manifest=manifest)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(["h", "r", "x"], id="a part of another kind"),
        pytest.param(["h", "r"], id="a part too few"),
        pytest.param(["h", "r", "9"], id="nobody's"),
    ],
)
def test_names_that_are_none_are_refused_alone_and_among_others(name):
    client = {"model": "zoo.client", "pk": 1, "fields": {"name": "x"}}
    spot = Spot.objects.create(hall="h", row="r", seat=1)
    names = [list(spot.natural_key()), name, ["h", "r", "8"]]
    bookings = [
        {"model": "zoo.booking", "pk": number, "fields": {"client": 1, "spot": each}}
        for number, each in enumerate(names)
    ]

    with pytest.raises(SerializedDataError, match=r"line 3: zoo.Booking.spot cannot be \["):
        load_text(lines(client, *bookings))


def test_among_names_of_which_only_one_can_be_a_name_the_table_is_not_read_for_the_others():
    client = {"model": "zoo.client", "pk": 1, "fields": {"name": "x"}}
    spot = Spot.objects.create(hall="h", row="r", seat=1)
    bookings = [
        {"model": "zoo.booking", "pk": number, "fields": {"client": 1, "spot": name}}
        for number, name in enumerate([list(spot.natural_key()), ["h", "r"]])
    ]

    with (
        CaptureQueriesContext(connection) as captured,
        pytest.raises(SerializedDataError, match=r"line 3: zoo.Booking.spot cannot be \['h', 'r'\]: "),
    ):
        load_text(lines(client, *bookings))

    assert all("WHERE" in statement for statement in statements(captured, "zoo_spot"))


def test_a_natural_key_whose_parts_are_no_columns_is_found_one_by_one(monkeypatch):
    def get_by_reversed_key(manager, hall, row, seat):
        return manager.get(hall=hall[::-1], row=row, seat=seat)

    monkeypatch.setattr(type(Spot.objects), "get_by_natural_key", get_by_reversed_key)
    monkeypatch.setattr(Spot, "natural_key", lambda spot: (spot.hall[::-1], spot.row, str(spot.seat)))
    client = Client.objects.create(name="acme")
    for seat in range(3):
        Booking.objects.create(client=client, spot=Spot.objects.create(hall="ab", row="r", seat=seat))
    text, manifest = dumped(client)

    load_text(text, "copy", manifest=manifest)

    assert Booking.objects.filter(spot__hall="ab").count() == 6


def test_a_natural_key_that_several_rows_have_is_refused_among_many(monkeypatch):
    monkeypatch.setattr(Spot, "natural_key", lambda self: (self.hall, self.row))
    monkeypatch.setattr(type(Spot.objects), "get_by_natural_key", lambda self, hall, row: self.get(hall=hall, row=row))
    client = Client.objects.create(name="acme")
    spots = [Spot.objects.create(hall="a", row=row, seat=1) for row in "abc"]
    Booking.objects.bulk_create([Booking(client=client, spot=spot) for spot in spots])
    text, manifest = dumped(client)
    Spot.objects.create(hall="a", row="b", seat=2)

    with pytest.raises(
        SerializedDataError, match=r"line 3: zoo.Booking.spot cannot be \['a', 'b'\]: .* no natural key"
    ):
        load_text(text, "copy", manifest=manifest)


def test_lookup_fields_are_looked_up_together():
    client = Client.objects.create(name="acme")
    Draft.objects.bulk_create([Draft(client=client, title=f"draft {number}") for number in range(1500)])
    text, manifest = dumped(client)
    Draft.objects.filter(title="draft 1499").update(title="renamed")

    with CaptureQueriesContext(connection) as captured:
        report = load_text(text, "merge", manifest=manifest, lookup_fields={"zoo.Draft": ["client", "title"]})

    assert report.of("inserted") == {"zoo.Draft": 1}
    assert report.of("updated") == {}
    assert len(statements(captured, "zoo_draft")) <= 10


class Apart:
    """Users and tags are in another database than the tenants."""

    models = ("user", "tag")

    def db_for_read(self, model, **hints):
        return "other" if model._meta.model_name in self.models else "default"

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return (db == "other") == (model_name in self.models)

    def allow_relation(self, one, other, **hints):
        return True


@pytest.fixture
def apart(settings):
    settings.DATABASE_ROUTERS = [Apart()]


@pytest.mark.django_db(databases=["default", "other"])
def test_rows_in_another_database_are_named_and_found_there(apart):
    User.objects.using("other").create(pk=70, username="elsewhere")
    Tag.objects.using("other").create(pk=71, name="elsewhere")
    with connection.constraint_checks_disabled():
        client = Client.objects.create(name="acme", owner_id=70)
        Remark.objects.create(client=client, about=Tag.objects.get(pk=71))
    stream = io.StringIO()

    manifest = Collector(client, lookup_fields={"zoo.Tag": ["name"]}).dump(stream)
    text = stream.getvalue()
    User.objects.using("other").filter(pk=70).update(username="gone")
    Tag.objects.using("other").filter(pk=71).delete()
    User.objects.using("other").create(pk=80, username="elsewhere")
    Tag.objects.using("other").create(pk=81, name="elsewhere")
    with connection.constraint_checks_disabled():
        report = load(io.StringIO(text), "copy", manifest=manifest)

    assert '"owner": ["elsewhere"]' in text
    copy = Client.objects.get(pk=report.keys[Client][client.pk])
    assert (copy.owner_id, copy.remarks.get().object_id) == (80, 81)
    Client.objects.update(owner=None)


def test_a_generic_key_to_a_linked_row_follows_its_lookup_fields():
    client = Client.objects.create(name="acme")
    red = Tag.objects.create(name="red")
    Remark.objects.create(client=client, about=red)
    Remark.objects.create(client=client)
    text, manifest = dumped(client, rules={"zoo.Tag": LINK}, lookup_fields={"zoo.Tag": ["name"]})
    red.delete()
    again = Tag.objects.create(name="red")

    report = load_text(text, "copy", manifest=manifest)

    assert '"zoo.tag"' not in text
    remarks = Remark.objects.filter(client_id=report.keys[Client][client.pk]).order_by("pk")
    assert [remark.about for remark in remarks] == [again, None]


def test_a_value_that_other_rows_point_at_is_redacted_there_too():
    client = build_tenant()

    text, manifest = dumped(client, redact={"zoo.Catalogue.code": lambda code: code.upper()})
    report = load_text(text, "copy", manifest=manifest, replace={"zoo.Invoice.number": "n"})

    copy = Client.objects.get(pk=report.keys[Client][client.pk])
    assert [item.catalogue.code for item in copy.catalogues.get().items.all()] == ["ACME-CODE"] * 2


@pytest.fixture
def renumbered():
    """A client with two rows that know a user by key alone, dumped; the user has another key by now."""
    users = [User.objects.create(username=name, password="secret") for name in ("first", "second")]
    client = Client.objects.create(name="acme")
    Login.objects.create(user=users[1], client=client)
    Remark.objects.create(client=client, about=users[1])
    text, manifest = dumped(client)
    Login.objects.all().delete()
    users[1].delete()
    User.objects.filter(pk=users[0].pk).update(username="second")
    return client, text, manifest, users[0]


@pytest.mark.parametrize("mode", ["copy", "merge", "restore"])
def test_a_user_that_a_row_knows_by_key_alone_is_found_by_the_natural_key(mode, renumbered):
    client, text, manifest, user = renumbered

    report = load_text(text, mode, manifest=manifest)

    found = Client.objects.get(pk=report.keys[Client][client.pk])
    assert "secret" not in text
    assert found.logins.get().user == user
    assert found.remarks.get().about == user


def test_only_what_has_a_natural_key_is_named_of_what_generic_keys_point_at():
    user, tag = User.objects.create(username="first"), Tag.objects.create(name="red")
    client = Client.objects.create(name="acme")
    for about in (user, tag):
        Remark.objects.create(client=client, about=about)

    _, manifest = dumped(client)

    assert manifest.links == {"auth.user": [[user.pk, ["first"]]]}
    assert manifest.counts["zoo.tag"] == {"owned": 0, "referenced": 1}
    assert "auth.user" not in manifest.counts


def test_a_user_that_a_row_knows_by_key_alone_and_that_is_gone_is_told(renumbered):
    _, text, manifest, user = renumbered
    user.delete()

    with pytest.raises(SerializedDataError) as refused:
        load_text(text, "copy", manifest=manifest)

    assert str(refused.value) == "manifest: The file needs auth.User with ['second'], which is not in the database."


def test_a_restore_leaves_a_row_with_the_user_that_it_has():
    user = User.objects.create(username="first")
    client = Client.objects.create(name="acme")
    Login.objects.create(user=user, client=client)
    text, manifest = dumped(client)
    User.objects.update(username="renamed")
    User.objects.create(username="first")

    report = load_text(text, "restore", manifest=manifest)

    assert report.of("inserted") == report.of("updated") == {}


def test_a_name_that_is_redacted_is_in_no_file():
    client = build_tenant()
    Login.objects.create(user=client.owner, client=client)
    options = {"rules": {"zoo.Person": LINK}, "lookup_fields": {"zoo.Person": ["email"]}}

    text, manifest = dumped(client, redact={"auth.User.username": str.upper, "zoo.Person.email": "somebody"}, **options)

    assert '"owner": ["ALICE"]' in text
    assert manifest.links["auth.user"] == [[client.owner_id, ["ALICE"]]]
    assert [values for _, values in manifest.links["zoo.person"]] == [{"email": "somebody"}]
    for hidden in ("alice", "robin@example.com"):
        assert hidden not in text + manifest.to_json()
