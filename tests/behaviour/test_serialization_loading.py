from __future__ import annotations

import json

import pytest
from django.utils import timezone

from cluster.comparing import diff_from_database
from cluster.errors import SerializedDataError
from cluster.queryset import FakeQuerySet
from cluster.serialization import (
    LoadReport,
    from_serializable_data_many,
    model_from_serializable_data,
)
from cluster.testing import logged_statements
from tests.support import build_full_band
from tests.testapp.models import (
    Album,
    Band,
    Collaboration,
    Genre,
    Hall,
    Label,
    Member,
    Show,
    Ticket,
    Tour,
)
from tests.upgrade.app.models import (
    Archive,
    Coordinates,
    Document,
    Draft,
    Letter,
    Polymath,
    Poster,
    Scribble,
    Shelf,
    Spot,
    Strip,
    Subject,
    Visit,
)
from tests.upgrade.findings import entries_of, problems_of

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


@pytest.mark.django_db
def test_keys_that_are_values_of_a_class_of_their_own_come_back():
    here, there = Coordinates(51, -1), Coordinates(48, 2)
    Spot.objects.create(place=there, name="Paris")
    Spot(place=here, name="London", visits=[Visit(next_id=there), Visit()]).save()

    data = Spot.objects.get(pk=here).to_json()
    Spot.from_json(data).save()

    spot = Spot.objects.get(pk=here)
    assert [visit["next"] for visit in json.loads(data)["visits"]] == ["[48, 2]", None]
    assert [visit.next_id for visit in spot.visits.order_by("pk")] == [there, None]
    assert spot.to_json() == data
    assert not diff_from_database(Spot.from_json(data))


def test_plain_models_are_built_too():
    genre = model_from_serializable_data(Genre, {"pk": 2, "name": "rock"}, False)

    assert (genre.pk, genre.name, genre._state.adding) == (2, "rock", False)


def test_no_report_may_be_asked_for():
    assert Band.from_serializable_data({"name": "Blur"}, report=None).name == "Blur"


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


def test_many_are_read_by_their_class():
    items = [{"title": "help", "loud": "HELP", "strips": [{"text": "a"}]}, {"title": "torn"}]

    posters = from_serializable_data_many(Poster, items)

    assert posters[0].was_read_as == "HELP"
    assert posters[0].strips.get().text == "a"
    assert posters[1] is None


def test_a_class_that_reads_its_own_data_may_be_the_root():
    poster = Poster.from_json(Poster(title="help", strips=[Strip(text="a")]).to_json())

    assert (poster.was_read_as, poster.strips.get().text) == ("HELP", "a")
