from __future__ import annotations

import pytest

from cluster.errors import ForeignChildError, SerializedDataError
from cluster.serialization import (
    LoadReport,
)
from tests.faults.app.models import Label
from tests.faults.app.models import Shelf as LabelledShelf
from tests.roundtrip.app.models import Deed, Seal, Vault
from tests.support import build_full_band, stored_rows
from tests.testapp.models import (
    Band,
    Biography,
    Catalogue,
    CatalogueItem,
    Instrument,
    Member,
    Show,
    Song,
    Stop,
    Ticket,
    Tour,
)
from tests.upgrade.app.models import (
    Archive,
    Document,
    Letter,
    Shelf,
    Signature,
)
from tests.upgrade.findings import entries_of, problems_of

# Rows of others -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_row_of_another_parent_is_not_taken():
    mine, theirs = Band.objects.create(name="mine"), Band.objects.create(name="theirs")
    member = Member.objects.create(band=theirs, name="Keith")
    data = {"pk": mine.pk, "name": "mine", "members": [{"name": "new"}, {"pk": member.pk, "name": "stolen"}]}
    before = stored_rows()

    with pytest.raises(ForeignChildError) as caught:
        Band.from_serializable_data(data)

    assert problems_of(caught) == [
        (
            "$.members[1].pk",
            (
                f"The Member with key {member.pk} belongs to the Band {theirs.pk}. "
                "Clear its key to make a new one, or pass adopt=True to move it here."
            ),
        )
    ]
    assert stored_rows() == before


@pytest.mark.django_db
def test_a_row_of_another_parent_is_not_taken_without_checks_either():
    mine, theirs = Band.objects.create(name="mine"), Band.objects.create(name="theirs")
    member = Member.objects.create(band=theirs, name="Keith")
    band = Band.from_serializable_data(
        {"pk": mine.pk, "name": "mine", "members": [{"pk": member.pk, "name": "stolen"}]}, check_fks=False
    )

    with pytest.raises(ForeignChildError):
        band.save()

    assert Member.objects.get().band == theirs


@pytest.mark.django_db
def test_a_row_of_another_parent_moves_when_that_is_asked_for():
    mine, theirs = Band.objects.create(name="mine"), Band.objects.create(name="theirs")
    member = Member.objects.create(band=theirs, name="Keith", instrument="guitar")
    report = LoadReport()
    data = {"pk": mine.pk, "name": "mine", "members": [{"pk": member.pk, "name": "moved"}]}

    Band.from_serializable_data(data, adopt=True, report=report).save()

    member.refresh_from_db()
    assert (member.band, member.name, member.instrument) == (mine, "moved", "guitar")
    assert entries_of(report, "adopted") == {"adopted": ["$.members[0]"]}


@pytest.mark.django_db
def test_a_row_may_move_within_the_cluster():
    band = build_full_band()
    band.save()
    data = Band.objects.get().serializable_data()
    first, second = data["albums"]
    second["songs"].append(first["songs"].pop())

    Band.from_serializable_data(data).save()

    assert [album.songs.count() for album in Band.objects.get().albums.all()] == [1, 3]


@pytest.mark.django_db
def test_a_row_without_parent_may_be_taken():
    guitar = Instrument.objects.create(name="guitar")
    band = Band.objects.create(name="Blur")

    Band.from_serializable_data({"pk": band.pk, "instruments": [{"pk": guitar.pk}]}).save()

    guitar.refresh_from_db()
    assert (guitar.band, guitar.name) == (band, "guitar")


@pytest.mark.django_db
@pytest.mark.parametrize("check_fks", [True, False])
def test_rows_that_point_at_a_field_that_the_data_does_not_have_are_known(check_fks):
    catalogue = Catalogue(code="A1", title="Apple", items=[CatalogueItem(name="first")])
    catalogue.save()
    key = CatalogueItem.objects.get().pk
    data = {"pk": catalogue.pk, "items": [{"pk": key, "name": "changed"}, {"name": "new"}]}

    Catalogue.from_serializable_data(data, check_fks=check_fks).save()

    assert Catalogue.objects.get().code == "A1"
    assert list(CatalogueItem.objects.order_by("name").values_list("name", "catalogue")) == [
        ("changed", "A1"),
        ("new", "A1"),
    ]
    assert CatalogueItem.objects.get(name="changed").pk == key


@pytest.mark.django_db
def test_nested_rows_of_others_are_refused_too_with_all_problems():
    build_full_band(name="mine").save()
    build_full_band(name="theirs").save()
    mine, theirs = (band.serializable_data() for band in Band.objects.order_by("pk"))
    mine["members"] += theirs["members"]
    mine["albums"][1]["songs"] += theirs["albums"][0]["songs"]

    with pytest.raises(SerializedDataError) as caught:
        Band.from_serializable_data(mine)

    assert [path for path, _ in problems_of(caught)] == [
        "$.members[2].pk",
        "$.members[3].pk",
        "$.albums[1].songs[2].pk",
        "$.albums[1].songs[3].pk",
    ]


# Children without key -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_children_without_key_are_matched_by_what_is_unique_in_their_parent():
    show = Show(title="Cats", tickets=[Ticket(seat="1a", price=5), Ticket(seat="1b")])
    show.save()
    keys = set(Ticket.objects.values_list("pk", flat=True))
    report = LoadReport()
    data = {"pk": show.pk, "title": "Cats", "tickets": [{"seat": "1b", "price": 7}, {"seat": "1a"}, {"seat": "1c"}]}

    Show.from_serializable_data(data, report=report).save()

    rows = dict(Ticket.objects.values_list("seat", "price"))
    assert rows == {"1a": 5, "1b": 7, "1c": 10}
    assert keys < set(Ticket.objects.values_list("pk", flat=True))
    assert entries_of(report, "matched") == {"matched": ["$.tickets[0]", "$.tickets[1]"]}


@pytest.mark.django_db
def test_children_without_key_are_matched_by_what_expressions_and_conditions_make_unique():
    shelf = LabelledShelf.objects.create(name="Poetry")
    front = Label.objects.create(shelf=shelf, text="Front", is_main=True)
    back = Label.objects.create(shelf=shelf, text="Back")
    report = LoadReport()
    labels = [{"text": "side"}, {"text": "BACK"}, {"text": "top", "is_main": True}]

    LabelledShelf.from_serializable_data({"pk": shelf.pk, "labels": labels}, report=report).save()

    assert [problem.path for problem in report.matched] == ["$.labels[1]", "$.labels[2]"]
    assert dict(Label.objects.exclude(text="side").values_list("pk", "text")) == {back.pk: "BACK", front.pk: "top"}


@pytest.mark.django_db
def test_children_without_key_are_matched_by_a_key_that_has_that_of_the_parent():
    vault = Vault(name="Bank", deeds=[Deed(text="house", seals=[Seal(colour="red")])])
    tour = Tour(name="World", stops=[Stop(number=1, place="Rome"), Stop(number=2, place="Oslo")])
    vault.save()
    tour.save()
    report = LoadReport()
    stops = [{"number": 2, "place": "Bergen"}, {"number": 3, "place": "Turin"}]

    Vault.from_serializable_data({"pk": vault.pk, "deeds": [{"text": "land"}]}, report=report).save()
    Tour.from_serializable_data({"pk": tour.pk, "stops": stops}, report=report).save()

    assert [problem.path for problem in report.matched] == ["$.deeds[0]", "$.stops[0]"]
    assert list(Deed.objects.values_list("text", "seals__colour")) == [("land", "red")]
    assert set(Stop.objects.values_list("number", "place")) == {(2, "Bergen"), (3, "Turin")}


@pytest.mark.django_db
def test_importing_twice_does_not_duplicate():
    build_full_band().save()
    band = Band.objects.get()
    data = {"pk": band.pk, "name": "Blur", "biographies": [{"text": "first"}]}
    Band.from_serializable_data(data).save()

    Band.from_serializable_data({**data, "biographies": [{"text": "second"}]}).save()

    assert Biography.objects.get().text == "second"


@pytest.mark.django_db
def test_nested_children_without_key_are_matched_below_their_parents(django_assert_num_queries):
    build_full_band().save()
    song = Song.objects.first()
    keys = set(song.verses.values_list("pk", flat=True))
    data = {"pk": song.pk, "verses": [{"position": 2, "text": "changed"}, {"position": 1, "text": "first"}]}

    with django_assert_num_queries(2):
        loaded = Song.from_serializable_data(data)
    loaded.save()

    assert set(song.verses.values_list("pk", flat=True)) == keys
    assert song.verses.get(position=2).text == "changed"


@pytest.mark.django_db
def test_a_row_that_another_child_names_is_not_matched():
    show = Show(title="Cats", tickets=[Ticket(seat="1a")])
    show.save()
    key = Ticket.objects.get().pk
    data = {"pk": show.pk, "tickets": [{"seat": "1a"}, {"pk": key, "seat": "1b"}]}

    loaded = Show.from_serializable_data(data)

    assert [ticket.pk for ticket in loaded.tickets.get_object_list()] == [None, key]


@pytest.mark.django_db
def test_children_without_what_tells_them_apart_are_new():
    show = Show(title="Cats", tickets=[Ticket(seat="1a")])
    show.save()

    loaded = Show.from_serializable_data({"pk": show.pk, "tickets": [{"price": 5}]})

    assert loaded.tickets.get().pk is None


@pytest.mark.django_db
def test_children_without_key_are_matched_by_the_natural_key_that_their_model_declares():
    letter = Letter(subject="Dear Sir", signatures=[Signature(name="Paul", title="Mr"), Signature(name="Ringo")])
    letter.save()
    key = Signature.objects.get(name="Paul").pk
    data = {"pk": letter.pk, "signatures": [{"name": "George"}, {"name": "Paul", "title": "Sir"}]}

    Letter.from_serializable_data(data).save()

    assert list(Signature.objects.order_by("name").values_list("name", "title")) == [("George", ""), ("Paul", "Sir")]
    assert Signature.objects.get(name="Paul").pk == key


@pytest.mark.django_db
def test_a_natural_key_that_names_no_column_matches_nothing(monkeypatch):
    monkeypatch.setattr(Document, "natural_key_fields", ("about",), raising=False)
    shelf = Shelf(archive=Archive.objects.create(), documents=[Document(char="a")])
    shelf.save()
    key, report = Document.objects.get().pk, LoadReport()

    Shelf.from_serializable_data({"pk": shelf.pk, "documents": [{"char": "a"}]}, report=report).save()

    assert report.matched == []
    assert Document.objects.get().pk != key
