from __future__ import annotations

import copy
import datetime as dt
import json
import math
from decimal import Decimal

import pytest
from django.core.exceptions import FieldError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import F, Prefetch
from django.test import override_settings

from cluster.errors import ClusterCycleError, SerializedDataError
from cluster.saving.reading import CHUNK
from cluster.serialization import get_field_value, get_serializable_data_for_fields, serializable_data_for
from cluster.testing import logged_statements
from tests.support import build_band, build_full_band
from tests.testapp.models import (
    Album,
    Attachment,
    Band,
    Catalogue,
    CatalogueItem,
    Entry,
    Festival,
    Genre,
    Hall,
    Label,
    Member,
    Node,
    Playlist,
    Show,
    Song,
    Stop,
    Ticket,
    Tour,
    TouringBand,
    Verse,
)
from tests.upgrade.app.models import Archive, Ledger, Mood, Poster, Strip


def test_the_data_has_key_fields_children_and_links():
    band = Band(pk=3, name="Blur", formed=dt.date(1988, 12, 1))
    band.members = [Member(pk=5, name="Damon")]
    band.genres = [Genre(pk=7, name="britpop")]

    data = band.serializable_data()

    assert {name: data[name] for name in ("pk", "name", "formed", "label", "facts", "genres")} == {
        "pk": 3,
        "name": "Blur",
        "formed": dt.date(1988, 12, 1),
        "label": None,
        "facts": {},
        "genres": [7],
    }
    assert data["members"] == [
        {"pk": 5, "band": 3, "name": "Damon", "instrument": "", "born": None, "wage": None},
    ]


def test_nothing_is_asked_for_an_unsaved_cluster():
    band = build_band()

    data = band.serializable_data()

    assert [len(album["songs"]) for album in data["albums"]] == [2, 2]


@pytest.mark.django_db
def test_nothing_is_asked_for_what_is_held(django_assert_num_queries):
    build_full_band().save()
    band = Band.objects.get()
    for name in ("members", "albums", "genres"):
        getattr(band, name).get_object_list()
    relations = ["members", "albums", "genres"]

    with django_assert_num_queries(0):
        data = band.serializable_data(relations=relations)

    assert [album["title"] for album in data["albums"]] == ["album 0", "album 1"]


@pytest.mark.django_db
def test_live_relations_take_one_query_for_each_relation_and_level(django_assert_num_queries):
    build_full_band().save()
    band = Band.objects.get()
    # Twelve child relations and the genres of a band, songs and genres of its albums, credits and verses of the songs.
    with django_assert_num_queries(12 + 1 + 2 + 2):
        data = band.serializable_data()

    assert len(data["albums"][1]["songs"][1]["verses"]) == 2


@pytest.mark.django_db
def test_as_many_queries_are_made_for_many_as_for_one(django_assert_num_queries):
    for name in ("one", "two", "three"):
        build_full_band(name=name).save()
    bands = list(Band.objects.order_by("pk"))

    with django_assert_num_queries(17):
        together = serializable_data_for(bands)

    assert together == [band.serializable_data() for band in bands]


@pytest.mark.django_db
def test_a_row_that_is_given_twice_has_its_children_and_links_in_both_data():
    band = build_full_band()
    band.save()

    first, second = serializable_data_for([Band.objects.get(pk=band.pk), Band.objects.get(pk=band.pk)])

    assert first == second == band.serializable_data()
    assert first["albums"][0]["songs"]
    assert first["genres"]
    assert first["genres"] is not second["genres"]


@pytest.mark.django_db
def test_children_of_parents_of_several_classes_are_gone_down_from_together():
    roots = [kind(albums=[Album(title="-", songs=[Song(title="-")])]) for kind in (Band, TouringBand)]
    for root in roots:
        root.save()

    stored = [type(root).objects.get(pk=root.pk) for root in roots]
    with logged_statements() as log:
        live = serializable_data_for(stored)

    assert live == [root.serializable_data() for root in roots]
    assert len(log.of("SELECT", "testapp_song")) == 1


@pytest.mark.django_db
def test_more_parents_than_one_statement_takes_have_everything_below_their_children():
    band = Band.objects.create(name="Residents")
    Album.objects.bulk_create(Album(band=band, title="-", position=number) for number in range(CHUNK + 1))
    albums = list(Album.objects.order_by("position"))
    Song.objects.bulk_create(Song(album=album, title="-") for album in albums)
    for album in (albums[0], albums[-1]):
        Verse.objects.create(song=album.songs.get(), position=1)

    found = band.serializable_data()["albums"]

    assert [len(album["songs"][0]["verses"]) for album in found] == [1, *[0] * (CHUNK - 1), 1]


@pytest.mark.django_db
def test_prefetched_relations_are_not_read_again(django_assert_num_queries):
    build_full_band().save()
    band = Band.objects.prefetch_related("albums__songs", "genres").get()
    relations = ["albums", "albums.songs", "genres"]

    with django_assert_num_queries(0):
        data = band.serializable_data(relations=relations)

    assert data == Band.objects.get().serializable_data(relations=relations)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "part",
    [
        Album.objects.filter(title__startswith="a").exclude(songs=None),
        Album.objects.none(),
    ],
    ids=["filter", "none"],
)
def test_what_was_prefetched_in_part_is_read_in_full(part, django_assert_num_queries):
    build_full_band().save()
    data = Band.objects.get().serializable_data(relations=["albums", "genres"])
    band = Band.objects.prefetch_related(Prefetch("albums", part), Prefetch("genres", Genre.objects.all())).get()

    with django_assert_num_queries(1):
        assert band.serializable_data(relations=["albums", "genres"]) == data


@pytest.mark.django_db
def test_held_and_live_relations_give_the_same_data():
    build_full_band().save()
    held = Band.objects.get()
    for album in held.albums.get_object_list():
        for song in album.songs.get_object_list():
            song.verses.get_object_list()
    held.genres.get_object_list()

    assert held.serializable_data() == Band.objects.get().serializable_data()


@pytest.mark.django_db
def test_taking_a_snapshot_changes_nothing_of_the_instance():
    build_full_band().save()
    band = Band.objects.get()
    before = copy.deepcopy(band.__dict__)

    with logged_statements() as log:
        band.to_json()

    assert band.__dict__.keys() == before.keys()
    assert not log.writes
    assert not band.albums.is_deferring


@pytest.mark.django_db
def test_a_file_is_named_and_not_written():
    band = Band(name="Blur", attachments=[Attachment(file=ContentFile(b"...", name="poster.txt"))])

    data = band.serializable_data()

    assert data["attachments"][0]["file"] == "poster.txt"
    assert not default_storage.exists("attachments/poster.txt")
    assert not band.attachments.get().file._committed


def test_a_date_that_is_made_on_save_is_not_made_by_a_snapshot():
    attachment = Attachment()

    data = Band(attachments=[attachment]).serializable_data()

    assert data["attachments"][0]["changed"] is None
    assert attachment.changed is None


def test_data_shares_nothing_with_the_instance():
    band = Band(facts={"gigs": [1, 2]})

    band.serializable_data()["facts"]["gigs"].append(3)

    assert band.facts == {"gigs": [1, 2]}


# Kinds of values ------------------------------------------------------------------------------------------------------


def test_json_keeps_microseconds_and_zones_become_utc():
    zone = dt.timezone(dt.timedelta(hours=2))
    archive = Archive(moment=dt.datetime(2024, 5, 1, 1, 2, 3, 456789, tzinfo=zone), time=dt.time(1, 2, 3, 4))

    data = json.loads(archive.to_json())

    assert data["moment"] == "2024-04-30T23:02:03.456789Z"
    assert data["time"] == "01:02:03.000004"


def test_a_naive_time_is_taken_in_the_default_zone():
    archive = Archive(moment=dt.datetime(2024, 7, 1, 12, 0))  # noqa: DTZ001

    assert archive.serializable_data()["moment"] == dt.datetime(2024, 7, 1, 10, 0, tzinfo=dt.UTC)


@override_settings(USE_TZ=False)
def test_without_time_zones_times_stay_as_they_are():
    moment = dt.datetime(2024, 7, 1, 12, 0)  # noqa: DTZ001

    assert Archive(moment=moment).serializable_data()["moment"] == moment


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("day", "2024-02-29", "2024-02-29"),
        ("integer", "12", 12),
        ("decimal", "1.5", "1.5"),
        ("moment", "2024-01-01T00:00:00+01:00", "2023-12-31T23:00:00Z"),
        ("uid", "12345678123456781234567812345678", "12345678-1234-5678-1234-567812345678"),
        ("duration", "2 days", "2 00:00:00"),
        ("mood", Mood.WILD, "wild"),
        ("char", 5, 5),
        ("integer", "not a number", "not a number"),
        ("file", None, ""),
    ],
)
def test_values_that_are_not_of_their_fields_type_are_read_by_it(name, value, expected):
    archive = Archive(**{name: value})

    assert json.loads(archive.to_json())[name] == expected


def test_values_that_only_the_database_can_make_are_left_out():
    show = Show(title="Cats", tickets=[Ticket(seat="1a")])

    data = show.serializable_data()

    assert "opened" not in data
    assert data["tickets"] == [{"pk": None, "show": None, "seat": "1a", "price": 10, "fee": 1}]


def test_an_expression_cannot_be_serialized():
    band = Band(members=[Member(wage=F("wage") + 1)])

    with pytest.raises(SerializedDataError) as caught:
        band.serializable_data()

    assert "Cannot serialize Member.wage: its value is the expression" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("float", math.nan),
        ("float", math.inf),
        ("float", -math.inf),
        ("decimal", Decimal("NaN")),
        ("decimal", Decimal("-Infinity")),
    ],
    ids=str,
)
def test_numbers_that_json_does_not_have_are_refused_unless_asked_for(name, value):
    archive = Archive(**{name: value})

    with pytest.raises(SerializedDataError, match="allow_nan=True"):
        archive.to_json()
    text = archive.to_json(allow_nan=True)

    with pytest.raises(SerializedDataError, match="allow_nan=True"):
        Archive.from_json(text)
    assert repr(getattr(Archive.from_json(text, allow_nan=True), name)) == repr(value)


def test_json_with_an_encoder_is_written_by_it_and_read_by_its_decoder():
    ledger = Ledger(entries={"day": dt.date(2024, 2, 29)})

    assert ledger.serializable_data()["entries"] == {"day": "2024-02-29"}


# Kinds of keys and relations ------------------------------------------------------------------------------------------


def test_a_composite_key_is_a_list():
    tour = Tour(pk=4, name="World", stops=[Stop(tour_id=4, number=1, place="Rome")])

    assert tour.serializable_data()["stops"] == [{"pk": [4, 1], "tour": 4, "number": 1, "place": "Rome"}]


@pytest.mark.django_db
def test_live_children_with_composite_keys_are_written_as_held_ones_are():
    tour = Tour(name="World", stops=[Stop(number=1, place="Rome"), Stop(number=2, place="Oslo")])
    tour.save()
    held = Tour.objects.get()
    held.stops.get_object_list()

    live = Tour.objects.get().serializable_data()

    assert held.serializable_data() == live
    assert [stop["pk"] for stop in live["stops"]] == [[tour.pk, 1], [tour.pk, 2]]


@pytest.mark.django_db
def test_an_instance_in_two_tables_has_the_topmost_key():
    hall = Hall(name="Royal Albert Hall", seats=5272)
    hall.save()

    data = Hall.objects.get().serializable_data()

    assert data["pk"] == hall.pk
    assert "venue_ptr" not in data
    assert "id" not in data


@pytest.mark.django_db
def test_uuid_keys_are_text():
    playlist = Playlist(title="Best of", entries=[Entry(position=1)])
    playlist.save()

    data = Playlist.objects.get().serializable_data()

    assert data["pk"] == str(playlist.pk)
    assert data["entries"][0]["playlist"] == str(playlist.pk)


@pytest.mark.django_db
def test_children_that_point_at_another_field_than_the_key_are_found():
    Catalogue(code="A1", title="Apple", items=[CatalogueItem(name="first")]).save()

    data = Catalogue.objects.get().serializable_data()

    assert data["items"] == [{"pk": data["items"][0]["pk"], "catalogue": "A1", "name": "first"}]


@pytest.mark.django_db
def test_links_through_a_model_and_to_the_own_model_are_keys():
    band = Band.objects.create(name="Blur")
    festival = Festival(name="Glastonbury", bands=[band])
    festival.save()
    first, second = Node.objects.create(name="a"), Node.objects.create(name="b")
    first.friends = [second]
    first.follows = [second]
    first.save()

    assert Festival.objects.get().serializable_data()["bands"] == [band.pk]
    data = Node.objects.get(name="a").serializable_data()
    assert (data["friends"], data["follows"]) == ([second.pk], [second.pk])
    assert Node.objects.get(name="b").serializable_data()["friends"] == [first.pk]


def test_a_link_to_an_unsaved_object_cannot_be_written():
    band = Band(genres=[Genre(name="new")])

    with pytest.raises(SerializedDataError) as caught:
        band.to_json()

    assert str(caught.value) == (
        "$: Cannot serialize Band.genres: <Genre: new> is not saved, so it has no key to be written. Save it first."
    )


@pytest.mark.django_db
def test_a_key_of_an_object_that_was_saved_after_it_was_assigned_is_written():
    label = Label(name="Food")
    band = Band(name="Blur", label=label)
    label.save()

    assert band.label_id is None
    assert band.serializable_data()["label"] == label.pk


@pytest.mark.django_db
def test_trees_are_read_level_by_level(django_assert_num_queries):
    root = Node(name="root", children=[Node(name="left", children=[Node(name="leaf")]), Node(name="right")])
    root.save()
    root = Node.objects.get(name="root")

    # Children, friends and followed of each of three levels, and the look for children of the last.
    with django_assert_num_queries(9):
        data = root.serializable_data()

    assert [child["name"] for child in data["children"]] == ["left", "right"]
    assert data["children"][0]["children"][0]["name"] == "leaf"


@pytest.mark.django_db
def test_a_tree_that_contains_itself_is_refused_whether_held_or_live():
    first, second = Node.objects.create(name="a"), Node.objects.create(name="b")
    Node.objects.filter(pk=first.pk).update(parent=second)
    Node.objects.filter(pk=second.pk).update(parent=first)
    held = Node(name="x")
    held.children = [Node(name="y", children=[held])]

    for root in (Node.objects.get(pk=first.pk), held):
        with pytest.raises(ClusterCycleError, match="is below itself"):
            root.serializable_data()


def test_a_chain_of_many_levels_is_written():
    root = node = Node(name="0")
    for depth in range(1, 300):
        child = Node(name=str(depth))
        node.children = [child]
        node = child

    data = root.serializable_data()

    depth = 0
    while data["children"]:
        data, depth = data["children"][0], depth + 1
    assert depth == 299


# What is left out -----------------------------------------------------------------------------------------------------


def test_fields_that_are_not_serialized_are_left_out():
    assert "secret" not in Archive(secret="x").serializable_data()


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"exclude": ["facts", "albums"]}, {"members", "genres"}),
        ({"relations": ["albums.songs"]}, {"albums", "albums.songs"}),
        ({"relations": []}, set()),
        ({"exclude": ["albums.songs"], "relations": ["albums", "albums.songs"]}, {"albums"}),
    ],
    ids=["excluded", "named", "none", "both"],
)
def test_relations_are_chosen_by_dotted_paths(options, names):
    data = build_band().serializable_data(**options)

    albums = data.get("albums", [])
    assert ("albums" in names) == ("albums" in data)
    assert ("members" in names) == ("members" in data)
    assert ("genres" in names) == ("genres" in data)
    assert all(("albums.songs" in names) == ("songs" in album) for album in albums)
    assert ("facts" in data) == ("facts" not in options.get("exclude", ()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exclude": ["albmus"]}, "Cannot choose 'albmus' for a snapshot: Band has no 'albmus'."),
        ({"relations": ["albums.sogns"]}, "Cannot choose 'albums.sogns' for a snapshot: Album has no 'sogns'."),
        ({"exclude": ["name.songs"]}, "Cannot choose 'name.songs' for a snapshot: Band has no 'name'."),
    ],
    ids=["root", "below", "not a relation"],
)
def test_a_path_that_names_nothing_is_a_mistake(options, message):
    with pytest.raises(FieldError) as caught:
        build_band().serializable_data(**options)

    assert str(caught.value) == message


@pytest.mark.parametrize("options", [{"relations": "albums"}, {"exclude": "albums"}], ids=repr)
def test_one_text_for_several_paths_is_a_mistake(options):
    with pytest.raises(TypeError) as caught:
        build_band().serializable_data(**options)

    assert str(caught.value) == "'albums' is one text; give a list of paths: ['albums']."


def test_what_gives_instances_one_by_one_is_taken_too():
    names = [data["name"] for data in serializable_data_for(Band(name=name) for name in "ab")]

    assert names == ["a", "b"]


@pytest.mark.django_db
def test_a_relation_that_is_left_out_is_not_read(django_assert_num_queries):
    build_full_band().save()
    band = Band.objects.get()

    with django_assert_num_queries(2):
        band.to_json(relations=["albums", "albums.songs"])


# Deferred fields ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_fields_that_are_not_loaded_are_read_in_one_query_for_all(django_assert_num_queries):
    Band.objects.bulk_create(Band(name=f"band {i}", facts={"no": i}) for i in range(3))
    bands = list(Band.objects.only("name").order_by("pk"))

    with django_assert_num_queries(1):
        data = serializable_data_for(bands, relations=[])

    assert [each["facts"] for each in data] == [{"no": 0}, {"no": 1}, {"no": 2}]
    assert all("facts" not in band.__dict__ for band in bands)


@pytest.mark.django_db
def test_a_field_that_is_not_loaded_is_read_for_the_fields_alone_too(django_assert_num_queries):
    Genre.objects.create(name="rock")
    genre = Genre.objects.only("pk").get()

    with django_assert_num_queries(1):
        assert get_serializable_data_for_fields(genre) == {"pk": genre.pk, "name": "rock"}


@pytest.mark.django_db
def test_a_field_that_is_not_loaded_of_a_row_that_is_gone_is_left_out():
    Genre.objects.create(name="rock")
    genre = Genre.objects.only("pk").get()
    Genre.objects.all().delete()

    assert get_serializable_data_for_fields(genre) == {"pk": genre.pk}


# The peer's functions -------------------------------------------------------------------------------------------------


def test_the_fields_of_any_model_can_be_had_alone():
    genre = Genre(pk=2, name="rock")

    assert get_serializable_data_for_fields(genre) == {"pk": 2, "name": "rock"}
    assert get_field_value(Genre._meta.get_field("name"), genre) == "rock"


def test_a_class_can_write_its_own_data():
    archive = Archive(posters=[Poster(title="let it be", strips=[Strip(text="one"), Strip(text="two")])])

    data = archive.serializable_data()

    assert [(poster["title"], poster["loud"]) for poster in data["posters"]] == [("let it be", "LET IT BE")]
    assert [strip["text"] for strip in data["posters"][0]["strips"]] == ["one", "two"]


def test_many_are_asked_for_their_own_data_once_each():
    posters = [Poster(title="help"), Poster(title="let it be", strips=[Strip(text="a")])]

    together = serializable_data_for(posters)

    assert together == [poster.serializable_data() for poster in posters]
    assert [data["loud"] for data in together] == ["HELP", "LET IT BE"]


@pytest.mark.django_db
def test_a_class_that_writes_its_own_data_costs_no_further_queries(django_assert_num_queries):
    Archive(posters=[Poster(title=f"poster {i}", strips=[Strip(text="one")]) for i in range(3)]).save()
    archive = Archive.objects.get()

    with django_assert_num_queries(2):
        data = archive.serializable_data(relations=["posters", "posters.strips"])

    assert [(poster["loud"], len(poster["strips"])) for poster in data["posters"]] == [
        ("POSTER 0", 1),
        ("POSTER 1", 1),
        ("POSTER 2", 1),
    ]
