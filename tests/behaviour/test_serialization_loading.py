from __future__ import annotations

import json

import pytest
from django.db import connections
from django.utils import timezone

from cluster.errors import ForeignChildError, SerializedDataError
from cluster.queryset import FakeQuerySet
from cluster.serialization import (
    LoadReport,
    check_serialized,
    from_serializable_data_many,
    model_from_serializable_data,
)
from tests.support import build_full_band, logged_statements, stored_rows
from tests.testapp.models import (
    Album,
    Article,
    Band,
    Biography,
    Collaboration,
    Country,
    Genre,
    Hall,
    Instrument,
    Label,
    Magazine,
    Member,
    Node,
    Show,
    Song,
    Ticket,
    Tour,
)
from tests.upgrade.app.models import (
    Archive,
    Document,
    Draft,
    Letter,
    Loan,
    Polymath,
    Poster,
    Scribble,
    Shelf,
    Signature,
    Strip,
    Subject,
)

KEYS = ["cascade", "protect", "restrict", "set_null", "set_default", "set_value", "set_callable", "set_object", "nothing"]


def problems_of(caught):
    return [(problem.path, problem.message) for problem in caught.value.problems]


def entries_of(report, *names):
    return {name: [entry.path for entry in getattr(report, name)] for name in names}


# What a loaded cluster is ---------------------------------------------------------------------------------------------


def test_a_loaded_cluster_holds_what_the_data_has():
    data = {"pk": 3, "name": "Blur", "members": [{"pk": 5, "name": "Damon"}, {"name": "Graham"}]}

    band = Band.from_serializable_data(data, check_fks=False)

    assert (band.pk, band.name, band._state.adding) == (3, "Blur", False)
    assert isinstance(band.members.all(), FakeQuerySet)
    assert [(each.pk, each.name, each.band_id, each._state.adding) for each in band.members.all()] == [
        (5, "Damon", 3, False),
        (None, "Graham", 3, True),
    ]
    assert all(each.band is band for each in band.members.all())


def test_loading_without_checks_makes_no_query():
    data = {"name": "Blur", "label": 9, "genres": [1, 2], "albums": [{"title": "13", "label": 9, "genres": [3]}]}

    band = Band.from_serializable_data(data, check_fks=False)

    assert band.label_id == 9
    assert [genre.pk for genre in band.genres.get_object_list()] == [1, 2]
    assert [genre.pk for genre in band.albums.get().genres.get_object_list()] == [3]


@pytest.mark.django_db
def test_linked_objects_known_by_key_alone_are_read_when_they_are_looked_at():
    rock = Genre.objects.create(name="rock")

    band = Band.from_serializable_data({"name": "Blur", "genres": [rock.pk]}, check_fks=False)

    assert band.genres.get_object_list()[0].name == "rock"


@pytest.mark.django_db
def test_checking_takes_one_query_for_each_model_that_is_pointed_at(django_assert_num_queries):
    build_full_band().save()
    data = Band.objects.get().serializable_data()
    for album in data["albums"]:
        album["label"] = Label.objects.create(name="EMI").pk

    # Labels, genres and persons are pointed at; members, albums, songs, credits and verses have keys.
    with django_assert_num_queries(3 + 5):
        band = Band.from_serializable_data(data)

    assert band.serializable_data() == data


@pytest.mark.django_db
def test_nothing_is_asked_before_the_save_of_a_cluster_without_keys(django_assert_num_queries):
    with django_assert_num_queries(0):
        band = Band.from_serializable_data({"name": "Blur", "members": [{"name": "Damon"}], "albums": []})

    assert band.members.count() == 1


@pytest.mark.django_db
def test_as_many_queries_are_made_for_many_as_for_one(django_assert_num_queries):
    for name in ("one", "two", "three"):
        build_full_band(name=name).save()
    items = [band.serializable_data() for band in Band.objects.order_by("pk")]

    with django_assert_num_queries(2 + 5):
        bands = from_serializable_data_many(Band, items)

    assert [band.serializable_data() for band in bands] == items


def test_times_are_in_the_current_zone():
    with timezone.override("Asia/Tokyo"):
        archive = Archive.from_serializable_data({"moment": "2024-01-01T20:00:00Z"})

    assert archive.moment.isoformat() == "2024-01-02T05:00:00+09:00"


def test_an_instance_in_two_tables_gets_its_key_in_both():
    hall = Hall.from_serializable_data({"pk": 5, "name": "Albert", "seats": 10}, check_fks=False)

    assert (hall.pk, hall.id, hall.venue_ptr_id, hall.name) == (5, 5, 5, "Albert")


def test_what_the_database_makes_is_left_to_it():
    data = {"title": "Cats", "tickets": [{"seat": "1a", "price": 3, "fee": 1, "total": 99}]}
    report = LoadReport()

    show = Show.from_serializable_data(data, report=report)

    assert "total" not in show.tickets.get().__dict__
    assert report.is_lossless


@pytest.mark.django_db
def test_what_the_database_makes_is_made_on_save():
    show = Show.from_json(Show(title="Cats", tickets=[Ticket(seat="1a", price=3, fee=1)]).to_json())

    show.save()

    ticket = Ticket.objects.get()
    assert (ticket.total, ticket.code) == (4, "door")
    assert Show.objects.get().opened is not None


@pytest.mark.django_db
def test_composite_keys_come_back():
    Tour.from_serializable_data({"name": "World", "stops": [{"number": 1, "place": "Rome"}, {"pk": [None, 2]}]}).save()
    tour = Tour.objects.get()
    data = tour.serializable_data()
    data["stops"][0]["place"] = "Oslo"
    del data["stops"][1]["place"], data["stops"][1]["number"]

    Tour.from_serializable_data(data).save()

    assert [(stop.pk, stop.place) for stop in tour.stops.order_by("number")] == [
        ((tour.pk, 1), "Oslo"),
        ((tour.pk, 2), ""),
    ]


def test_plain_models_are_built_too():
    genre = model_from_serializable_data(Genre, {"pk": 2, "name": "rock"}, False)

    assert (genre.pk, genre.name, genre._state.adding) == (2, "rock", False)


# What the data does not have ------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_fields_and_relations_that_the_data_does_not_have_keep_their_live_values():
    build_full_band().save()
    album = Album.objects.first()
    Band.objects.update(facts={"kept": True})
    Album.objects.filter(pk=album.pk).update(position=7)
    data = {"pk": album.band_id, "name": "new", "albums": [{"pk": album.pk, "title": "new title"}]}

    Band.from_serializable_data(data).save()

    band = Band.objects.get()
    assert (band.name, band.facts, band.members.count(), band.genres.count()) == ("new", {"kept": True}, 2, 2)
    (album,) = band.albums.all()
    assert (album.title, album.position, album.songs.count()) == ("new title", 7, 2)


@pytest.mark.django_db
def test_fields_that_the_data_does_not_have_are_not_written(django_assert_num_queries):
    band = Band.objects.create(name="old", facts={"kept": True})
    loaded = Band.from_serializable_data({"pk": band.pk, "name": "new"})
    Band.objects.update(facts={"changed": "meanwhile"})

    with logged_statements() as log:
        loaded.save()

    (update,) = log.of("UPDATE")
    assert "facts" not in update
    assert Band.objects.get().facts == {"changed": "meanwhile"}


@pytest.mark.django_db
def test_a_field_that_is_not_serialized_keeps_its_live_value():
    archive = Archive.objects.create(secret="safe", char="before")
    text = archive.to_json()
    Archive.objects.update(secret="safer")

    Archive.from_json(text).save()

    assert Archive.objects.get().secret == "safer"


@pytest.mark.django_db
def test_a_missing_field_of_a_new_object_gets_its_default():
    Band.from_serializable_data({"name": "Blur", "albums": [{"title": "13"}]}).save()

    assert Album.objects.get().position == 0
    assert Band.objects.get().facts == {}


@pytest.mark.django_db
def test_what_a_row_that_is_gone_cannot_keep_gets_its_default():
    archive = Archive.objects.create(secret="gone with the row", char="kept")
    text = archive.to_json()
    archive.delete()

    Archive.from_json(text).save()

    restored = Archive.objects.get(pk=json.loads(text)["pk"])
    assert (restored.char, restored.secret) == ("kept", "none")


@pytest.mark.django_db
def test_children_whose_rows_are_gone_come_back_under_their_keys():
    build_full_band().save()
    before = Band.objects.get().serializable_data()
    Album.objects.all().delete()
    Member.objects.all().delete()

    Band.from_serializable_data(before).save()

    assert Band.objects.get().serializable_data() == before


@pytest.mark.django_db
def test_a_snapshot_of_what_was_partly_loaded_has_the_live_values():
    band = Band.objects.create(name="old", facts={"kept": True})

    loaded = Band.from_serializable_data({"pk": band.pk, "name": "new"})

    assert loaded.serializable_data(relations=[]) == {
        "pk": band.pk,
        "name": "new",
        "formed": None,
        "label": None,
        "facts": {"kept": True},
    }


@pytest.mark.django_db
def test_a_row_with_two_parents_is_one_object_in_both_relations():
    band = Band.objects.create(name="Blur")
    Collaboration.objects.create(host=band, guest=band, title="duet")
    before = Band.objects.get().serializable_data()
    Band.objects.all().delete()

    loaded = Band.from_serializable_data(before)
    loaded.save()

    assert loaded.serializable_data() == before
    assert Band.objects.get().serializable_data() == before


def test_a_row_with_two_parents_must_be_the_same_in_both_relations():
    data = {"pk": 1, "hosted": [{"pk": 2, "title": "a"}], "visits": [{"pk": 2, "title": "b"}]}

    with pytest.raises(SerializedDataError) as caught:
        Band.from_serializable_data(data)

    assert problems_of(caught) == [("$.visits[0].pk", "The key 2 is that of $.hosted[0] already.")]


@pytest.mark.django_db
def test_an_instance_of_several_parents_has_all_their_keys():
    polymath = Polymath.objects.create(metre="iambic", brush="broad", name="William")
    text = Polymath.objects.get().to_json()
    Polymath.objects.all().delete()

    loaded = Polymath.from_json(text)
    loaded.save()

    assert (loaded.poet_id, loaded.painter_id) == (polymath.poet_id, polymath.painter_id)
    restored = Polymath.objects.get()
    assert (restored.metre, restored.brush, restored.name) == ("iambic", "broad", "William")
    assert restored.to_json() == text


@pytest.mark.django_db
def test_generic_foreign_keys_come_back():
    subject = Subject.objects.create(name="songs")
    archive = Archive(shelves=[Shelf(documents=[Document(about=subject)])])

    Archive.from_json(archive.to_json()).save()

    assert Document.objects.get().about == subject


# Keys whose target is gone --------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "outcome", "value"),
    [
        ("cascade", "dropped", None),
        ("protect", "dropped", None),
        ("restrict", "dropped", None),
        ("set_null", "nulled", None),
        ("set_default", "defaulted", 1),
        ("set_value", "defaulted", 1),
        ("set_callable", "defaulted", 1),
        ("set_object", "defaulted", 1),
        ("nothing", "kept", 99),
    ],
)
def test_on_delete_decides_what_a_dangling_key_does_to_a_child(name, outcome, value):
    Subject.objects.create(pk=1, name="songs")
    report = LoadReport()
    data = {"char": "a", "loans": [{"note": "first"}, {"note": "second", name: 99}]}

    archive = Archive.from_serializable_data(data, report=report)

    loans = archive.loans.get_object_list()
    assert [loan.note for loan in loans] == (["first"] if outcome == "dropped" else ["first", "second"])
    assert [getattr(loan, f"{name}_id") for loan in loans[1:]] == ([] if outcome == "dropped" else [value])
    path = "$.loans[1]" if outcome == "dropped" else f"$.loans[1].{name}"
    assert entries_of(report, "dropped", "nulled", "defaulted", "kept") == {
        name: [path] if name == outcome else [] for name in ("dropped", "nulled", "defaulted", "kept")
    }


@pytest.mark.django_db
@pytest.mark.parametrize("name", KEYS)
def test_without_checks_a_dangling_key_is_kept(name):
    archive = Archive.from_serializable_data({"loans": [{name: 99}]}, check_fks=False)

    assert getattr(archive.loans.get(), f"{name}_id") == 99


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["cascade", "protect", "restrict"])
def test_strict_fks_decides_what_a_dangling_key_does_to_the_root(name):
    data = {"note": "root", name: 99}
    report = LoadReport()

    lenient = Loan.from_serializable_data(data, True, False, report=report)
    strict = Loan.from_serializable_data(data, True, True)
    with pytest.raises(SerializedDataError) as caught:
        Loan.from_serializable_data(data, strict_fks="error")

    assert getattr(lenient, f"{name}_id") is None
    assert entries_of(report, "nulled", "dropped") == {"nulled": [f"$.{name}"], "dropped": []}
    assert strict is None
    assert problems_of(caught) == [(f"$.{name}", "There is no Subject with id 99.")]


@pytest.mark.django_db
def test_strict_fks_leaves_a_root_whose_keys_may_be_null():
    loan = Loan.from_serializable_data({"set_null": 99, "nothing": 99}, strict_fks=True)

    assert (loan.set_null_id, loan.nothing_id) == (None, 99)


@pytest.mark.django_db
def test_a_dropped_child_takes_what_is_below_with_it():
    report = LoadReport()
    data = {
        "name": "Blur",
        "albums": [{"title": "13", "label": 99, "songs": [{"title": "Tender"}]}, {"title": "Think"}],
    }

    band = Band.from_serializable_data(data, report=report)

    assert [album.title for album in band.albums.all()] == ["Think"]
    assert str(report) == "dropped: $.albums[0]: There is no Label with id 99, which 'label' points at."


@pytest.mark.django_db
def test_links_to_what_is_gone_are_dropped():
    rock = Genre.objects.create(name="rock")
    report = LoadReport()
    data = {"name": "Blur", "genres": [98, rock.pk, 99], "albums": [{"title": "13", "genres": [99]}]}

    band = Band.from_serializable_data(data, report=report)

    assert list(band.genres.all()) == [rock]
    assert list(band.albums.get().genres.all()) == []
    assert entries_of(report, "dropped") == {"dropped": ["$.genres[0]", "$.genres[2]", "$.albums[0].genres[0]"]}


@pytest.mark.django_db
def test_a_child_is_not_dropped_because_its_parent_is_not_there_yet():
    data = {"pk": 77, "name": "Blur", "members": [{"pk": 78, "band": 77, "name": "Damon"}]}

    band = Band.from_serializable_data(data)
    band.save()

    assert Member.objects.get().band_id == 77


@pytest.mark.django_db
def test_what_the_data_itself_brings_may_be_pointed_at():
    data = {"pk": 77, "name": "Blur", "hosted": [{"title": "duet", "guest": 77}, {"title": "none", "guest": 78}]}

    band = Band.from_serializable_data(data)

    assert [each.title for each in band.hosted.all()] == ["duet"]


@pytest.mark.django_db
def test_what_pointed_at_a_dropped_object_is_settled_too():
    data = {"pk": 1, "name": "root", "children": [{"pk": 2, "name": "a", "friends": [3]}, {"pk": 3, "name": "b"}]}
    kept = Node.from_serializable_data(data)

    assert [node.name for node in kept.children.get_object_list()[0].friends.get_object_list()] == ["b"]
    assert kept.children.get_object_list()[0].friends.get_object_list()[0] is kept.children.get_object_list()[1]


@pytest.mark.django_db
def test_targets_that_the_default_manager_hides_are_there():
    magazine = Magazine.objects.create(title="NME")
    hidden = Article.everything.create(magazine=magazine, title="draft", published=False)

    assert model_from_serializable_data(Article, {"pk": hidden.pk, "title": "x", "magazine": magazine.pk}) is not None


@pytest.mark.django_db(databases=["default", "other"])
def test_the_database_that_is_named_is_asked():
    label = Label.objects.using("other").create(name="EMI")
    rock = Genre.objects.using("other").create(name="rock")
    data = {"pk": 5, "name": "Blur", "label": label.pk, "genres": [rock.pk]}

    with connections["default"].execute_wrapper(refuse):
        band = Band.from_serializable_data(data, using="other")
        band.save()

    assert Band.objects.using("other").get().label_id == label.pk
    assert list(Band.objects.using("other").get().genres.values_list("name", flat=True)) == ["rock"]


def refuse(execute, sql, params, many, context):
    raise AssertionError(sql)


@pytest.mark.parametrize("key", [2**63, -(2**70), 10**400], ids=["just too large", "far too small", "absurd"])
@pytest.mark.django_db
def test_a_key_that_no_database_can_have_points_at_nothing(key):
    band = Band.from_serializable_data({"pk": key, "label": key, "genres": [key], "members": [{"pk": key}]})

    assert band.label_id is None
    assert list(band.genres.all()) == []


@pytest.mark.parametrize("key", ["a\0", "\ud800", "x" * 5000], ids=["NUL", "lone surrogate", "long"])
@pytest.mark.django_db
def test_text_that_no_database_can_have_points_at_nothing(key):
    assert Country.from_serializable_data({"pk": key, "name": "x", "cities": [{"pk": key, "name": "y"}]}).pk == key


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
def test_children_without_key_are_matched_by_the_natural_key_that_their_model_declares():
    letter = Letter(subject="Dear Sir", signatures=[Signature(name="Paul", title="Mr"), Signature(name="Ringo")])
    letter.save()
    key = Signature.objects.get(name="Paul").pk
    data = {"pk": letter.pk, "signatures": [{"name": "George"}, {"name": "Paul", "title": "Sir"}]}

    Letter.from_serializable_data(data).save()

    assert list(Signature.objects.order_by("name").values_list("name", "title")) == [("George", ""), ("Paul", "Sir")]
    assert Signature.objects.get(name="Paul").pk == key


# What a model leaves out ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_a_model_leaves_out_stays_as_it_is_on_save():
    letter = Letter(subject="Dear Sir", mood="angry", drafts=[Draft(text="a")], scribbles=[Scribble(text="b")])
    letter.save()
    data = Letter.objects.get().serializable_data()

    report = LoadReport()
    Letter.from_serializable_data({**data, "drafts": [], "mood": "calm", "scribbles": []}, report=report).save()

    assert data == {"pk": letter.pk, "subject": "Dear Sir", "paragraphs": [], "signatures": []}
    assert (letter.drafts.count(), letter.scribbles.count(), Letter.objects.get().mood) == (1, 1, "angry")
    assert entries_of(report, "unknown") == {"unknown": ["$.drafts", "$.mood", "$.scribbles"]}


# Data of an older form ------------------------------------------------------------------------------------------------


def test_unknown_keys_are_reported_and_refused_by_choice():
    data = {"name": "Blur", "hair": "long", "members": [{"name": "Damon", "shoe size": 43}], "_cluster": {"format": 1}}
    report = LoadReport()

    band = Band.from_serializable_data(data, report=report)
    with pytest.raises(SerializedDataError) as caught:
        Band.from_serializable_data(data, strict=True)

    assert band.name == "Blur"
    expected = [("$.hair", "Band has no 'hair'."), ("$.members[0]['shoe size']", "Member has no 'shoe size'.")]
    assert [(entry.path, entry.message) for entry in report.unknown] == expected
    assert problems_of(caught) == expected


def test_models_upgrade_their_own_data_parents_first():
    data = {"heading": "Dear Sir", "body": "or Madam/will you read my book"}

    letter = Letter.from_serializable_data(data, strict=True)

    assert letter.subject == "Dear Sir"
    assert [each.text for each in letter.paragraphs.all()] == ["or Madam", "will you read my book"]
    assert data == {"heading": "Dear Sir", "body": "or Madam/will you read my book"}


def test_an_upgrade_that_fails_is_a_problem_of_the_data():
    with pytest.raises(SerializedDataError) as caught:
        from_serializable_data_many(Letter, [{"body": "fine"}, {"body": 5}])

    ((path, message),) = problems_of(caught)
    assert path == "$[1]"
    assert message.startswith("Letter.upgrade_serializable_data() cannot read the data: ")


def test_values_that_no_longer_convert_are_left_out_by_choice():
    data = {"name": "Blur", "formed": "long ago", "members": [{"name": "Damon", "wage": "a lot", "born": [1968]}]}
    report = LoadReport()

    with pytest.raises(SerializedDataError) as caught:
        Band.from_serializable_data(data)
    band = Band.from_serializable_data(data, skip_unconvertible=True, report=report)

    paths = ["$.formed", "$.members[0].born", "$.members[0].wage"]
    assert [path for path, _ in problems_of(caught)] == paths
    assert problems_of(caught)[0][1] == (
        "Band.formed cannot be read from 'long ago': “long ago” value has an invalid date format. "
        "It must be in YYYY-MM-DD format."
    )
    assert [entry.path for entry in report.unconverted] == paths
    assert (band.formed, band.members.get().wage) == (None, None)


@pytest.mark.django_db
def test_what_loading_would_do_is_told_without_building():
    data = {"name": "Blur", "label": 99, "formed": "?", "hair": 1, "albums": [{"label": 99}]}

    problems = check_serialized(Band, data)
    losses = check_serialized(Band, {**data, "formed": None})
    fine = check_serialized(Band, {"name": "Blur"})

    assert entries_of(problems, "problems", "unknown") == {"problems": ["$.formed"], "unknown": ["$.hair"]}
    assert entries_of(losses, "dropped", "nulled", "unknown") == {
        "dropped": ["$.albums[0]"],
        "nulled": ["$.label"],
        "unknown": ["$.hair"],
    }
    assert not losses.is_lossless
    assert fine.is_lossless
    assert str(fine) == "nothing was lost"


@pytest.mark.django_db
def test_rows_of_others_are_told_too():
    theirs = Band.objects.create(name="theirs")
    member = Member.objects.create(band=theirs, name="Keith")

    report = check_serialized(Band, {"name": "mine", "members": [{"pk": member.pk}]})

    assert entries_of(report, "problems") == {"problems": ["$.members[0].pk"]}


def test_a_stamp_tells_format_and_migration_and_is_ignored():
    band = Band(name="Blur")

    data = json.loads(band.to_json(stamp=True))

    assert data.pop("_cluster") == {"format": 1, "migration": None}
    assert data == json.loads(band.to_json())
    assert Band.from_json(band.to_json(stamp=True), strict=True).name == "Blur"


# Classes that read their own data -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_class_can_read_its_own_data_without_further_queries(django_assert_num_queries):
    archive = Archive(
        posters=[Poster(title="one", strips=[Strip(text="a")]), Poster(title="torn"), Poster(title="two")]
    )
    archive.save()
    data = Archive.objects.get().serializable_data()
    report = LoadReport()

    # The archive (for its secret), posters and strips.
    with django_assert_num_queries(3):
        loaded = Archive.from_serializable_data(data, report=report)

    assert [(poster.title, poster.was_read_as) for poster in loaded.posters.get_object_list()] == [
        ("one", "ONE"),
        ("two", "TWO"),
    ]
    assert loaded.posters.get_object_list()[0].strips.get().text == "a"
    assert loaded.posters.get_object_list()[0].archive is loaded
    assert entries_of(report, "dropped") == {"dropped": ["$.posters[1]"]}


def test_a_class_that_reads_its_own_data_may_be_the_root():
    poster = Poster.from_json(Poster(title="help", strips=[Strip(text="a")]).to_json())

    assert (poster.was_read_as, poster.strips.get().text) == ("HELP", "a")
