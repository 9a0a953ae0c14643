from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import FieldError

from cluster.copying import copy_cluster
from cluster.copying.unique import TRIES
from cluster.errors import UniqueCopyError
from cluster.saving.reading import CHUNK
from cluster.testing import logged_statements
from tests.support import build_band, build_full_band, rel_of, stored_rows
from tests.testapp.models import (
    Act,
    Album,
    Appearance,
    Article,
    Balcony,
    Band,
    Catalogue,
    CatalogueItem,
    City,
    Collaboration,
    Country,
    Dance,
    Entry,
    Festival,
    Genre,
    Hall,
    Label,
    Magazine,
    Member,
    Movement,
    Node,
    Playlist,
    Show,
    Song,
    Stop,
    Symphony,
    Ticket,
    Tour,
    Verse,
)

pytestmark = pytest.mark.django_db


def test_the_copy_is_unsaved_and_has_everything_in_memory():
    band = build_full_band()
    band.save()

    copied, _ = Band.objects.get(pk=band.pk).copy_cluster()

    assert copied.pk is None
    assert copied._state.adding
    with logged_statements() as log:
        titles = [song.title for album in copied.albums.all() for song in album.songs.all()]
        genres = [genre.name for album in copied.albums.all() for genre in album.genres.all()]
    assert titles == ["song 0.1", "song 0.2", "song 1.1", "song 1.2"]
    assert genres == ["rock", "rock"]
    assert log.statements == []


def test_a_saved_copy_is_equal_and_disjoint():
    band = build_full_band()
    band.save()
    before = stored_rows()

    copied, _ = Band.objects.get(pk=band.pk).copy_cluster()
    copied.save()

    after = stored_rows()
    assert all(set(rows) <= set(after[table]) for table, rows in before.items())
    assert {table: len(rows) for table, rows in after.items() if "genre" not in table and "person" not in table} == {
        table: 2 * len(rows) for table, rows in before.items() if "genre" not in table and "person" not in table
    }
    assert len(after["testapp_album_genres"]) == 2 * len(before["testapp_album_genres"])
    assert len(after["testapp_genre"]) == len(before["testapp_genre"])


def test_children_held_in_memory_are_copied_and_stay_where_they_are():
    band = build_band()
    members = list(band.members.get_object_list())

    copied, copies = band.copy_cluster()

    assert list(band.members.get_object_list()) == members
    assert [member.band for member in members] == [band, band]
    assert [member.band for member in copied.members.get_object_list()] == [copied, copied]
    assert copies[(rel_of(Band, "members"), None)] == list(copied.members.get_object_list())
    band.save()
    copied.save()
    assert Band.objects.count() == 2
    assert Member.objects.count() == 4


def test_held_changes_that_are_not_saved_are_copied_and_stay_held():
    band = build_band()
    band.save()
    member = band.members.get_object_list()[0]
    member.name = "Rick"
    band.members.remove(band.members.get_object_list()[1])

    copied, _ = band.copy_cluster()
    copied.save()

    assert [each.name for each in copied.members.all()] == ["Rick"]
    assert band.members.is_deferring
    assert [each.name for each in band.members.all()] == ["Rick"]
    assert sorted(Member.objects.filter(band=band).values_list("name", flat=True)) == ["member 0", "member 1"]


def test_a_live_relation_of_the_source_stays_live():
    band = build_band()
    band.save()

    band.copy_cluster()

    assert not band.members.is_deferring
    assert "_prefetched_objects_cache" not in band.__dict__


def test_copying_reads_one_query_per_relation_and_level_whatever_the_number_of_rows():
    small, large = build_band(albums=1, songs=1), build_band(albums=5, songs=4, members=5)
    small.save()
    large.save()

    with logged_statements() as few:
        copy_cluster(Band.objects.get(pk=small.pk))
    with logged_statements() as many:
        copy_cluster(Band.objects.get(pk=large.pk))

    assert len(few.statements) == len(many.statements)
    assert few.writes == many.writes == []


def test_saving_a_copy_is_one_cluster_save():
    band = build_band(albums=5, songs=4, members=5)
    band.save()
    copied, _ = Band.objects.get(pk=band.pk).copy_cluster()

    with logged_statements() as log:
        copied.save()

    assert len(log.of("INSERT")) == 4
    assert log.writes == log.of("INSERT")


def test_the_map_has_all_levels():
    band = build_full_band()
    band.save()
    song = Song.objects.first()
    verse = Verse.objects.first()

    copied, copies = Band.objects.get(pk=band.pk).copy_cluster()

    assert copies[(rel_of(Album, "songs"), song.pk)].title == song.title
    assert copies[(rel_of(Song, "verses"), verse.pk)].text == verse.text
    assert copies.copy_of(band) is copied
    assert copies.copy_of(song) is copies[(rel_of(Album, "songs"), song.pk)]


def test_the_map_does_not_know_what_was_not_copied():
    band = build_band()
    _, copies = band.copy_cluster()

    with pytest.raises(KeyError):
        copies.copy_of(Band(name="another"))


def test_excluded_fields_get_their_defaults_and_excluded_relations_are_empty():
    band = build_full_band()
    band.facts = {"formed in": "Toronto"}
    band.save()

    copied, _ = band.copy_cluster(exclude_fields=["facts", "members", "genres", "albums.songs", "albums.position"])
    copied.save()

    assert copied.facts == {}
    assert copied.members.count() == copied.genres.count() == 0
    assert [album.position for album in copied.albums.all()] == [0, 0]
    assert [album.songs.count() for album in copied.albums.all()] == [0, 0]


def test_overrides_are_given_by_model_and_by_path():
    band = build_band()

    copied, _ = band.copy_cluster(
        overrides={
            Band: {"name": "Tribute"},
            "albums": {"title": lambda album: album.title.upper(), "price": Decimal(3)},
            Song: {"single": True, "track": 9},
            "albums.songs": {"track": 8},
        }
    )

    assert copied.name == "Tribute"
    assert [(album.title, album.price) for album in copied.albums.all()] == [("ALBUM 0", 3), ("ALBUM 1", 3)]
    assert {(song.single, song.track) for album in copied.albums.all() for song in album.songs.all()} == {(True, 8)}


def test_an_override_of_an_unknown_name_is_an_error():
    with pytest.raises(AttributeError) as error:
        build_band().copy_cluster(overrides={"members": {"nme": "Levon"}})

    assert str(error.value) == "Cannot override 'nme': testapp.Member has no such attribute."


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"files": "link"}, "files='link' is none of 'share', 'duplicate'."),
        ({"unique": "number"}, "unique='number' is none of 'keep', 'suffix', 'error'."),
    ],
    ids=["files", "unique"],
)
def test_an_option_that_does_not_exist_is_an_error(option, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared
        build_band().copy_cluster(**option)

    assert str(error.value) == message


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"overrides": {"album": {}}}, "Cannot copy with an option for 'album': Band has no 'album'."),
        ({"overrides": {"genres": {}}}, "Cannot copy with an option for 'genres': Band has no 'genres'."),
        ({"overrides": {"albums.song": {}}}, "Cannot copy with an option for 'albums.song': Album has no 'song'."),
        ({"unique": {"albums.x": "keep"}}, "Cannot copy with an option for 'albums.x': Album has no 'x'."),
        ({"unique": {"x.title": "keep"}}, "Cannot copy with an option for 'x.title': Band has no 'x'."),
    ],
    ids=["relation", "no child relation", "further down", "field", "way to a field"],
)
def test_a_path_that_leads_nowhere_is_an_error(option, message):
    band = build_band()

    for copy in (band.copy_cluster, lambda **given: band.copy_child_relation("albums", Band(), **given)):
        with pytest.raises(FieldError) as error:
            copy(**option)
        assert str(error.value) == message


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("albums.sogns", "Cannot copy with an option for 'albums.sogns': Album has no 'sogns'."),
        ("albms.songs", "Cannot copy with an option for 'albms.songs': Band has no 'albms'."),
    ],
    ids=["end", "way"],
)
def test_a_path_that_is_left_out_leads_somewhere(path, message):
    band = build_band()

    for copy in (band.copy_cluster, lambda exclude: band.copy_all_child_relations(Band(), exclude)):
        with pytest.raises(FieldError) as error:
            copy([path])
        assert str(error.value) == message


def test_whatever_a_model_has_can_be_left_out_by_path():
    band = build_full_band()

    copied, _ = band.copy_cluster(exclude_fields=["albums.songs", "albums.genres", "albums.label", "albums.boxset"])

    assert [album.songs.count() + album.genres.count() for album in copied.albums.all()] == [0, 0]


def test_an_option_of_another_name_is_an_error():
    with pytest.raises(TypeError) as error:
        build_band().copy_child_relation("members", Band(), exclude=["members.born"])

    assert str(error.value) == (
        "Cannot copy with an option 'exclude': the options are files, overrides, unique, using."
    )


def test_paths_may_lead_through_what_inherits_from_the_model_of_a_relation():
    hall = Hall(name="Fillmore", acts=[Dance(title="reel", style="folk"), Act(title="speech")])

    copied, _ = copy_cluster(hall, overrides={"acts": {"title": "x"}}, unique={"acts.style": "keep"})

    assert [act.title for act in copied.acts.all()] == ["x", "x"]


def test_what_is_left_out_may_be_named_in_vain_but_not_as_one_text():
    band, target = build_band(), Band()

    band.copy_all_child_relations(target, exclude=["no_such_name", "albums"])

    assert band.copy_cluster(exclude_fields=["no_such_name"])[0].members.count() == 2
    assert (target.members.count(), target.albums.count()) == (2, 0)
    with pytest.raises(TypeError) as error:
        band.copy_cluster(exclude_fields="members")

    assert str(error.value) == "'members' is one text; give a list of the names to leave out: ['members']."


def test_deferred_fields_are_fetched_with_one_query_per_class_and_stay_deferred():
    band = build_band()
    band.facts = {"formed in": "Toronto"}
    band.save()
    source = Band.objects.defer("facts", "name").get(pk=band.pk)

    copied, _ = source.copy_cluster()

    assert (copied.name, copied.facts) == ("The Band", {"formed in": "Toronto"})
    assert source.get_deferred_fields() == {"facts", "name"}


def test_many_copies_are_made_of_one_reading():
    band = build_full_band()
    band.save()
    source = Band.objects.get(pk=band.pk)
    with logged_statements() as once:
        source.copy_cluster()

    with logged_statements() as log:
        copies = source.copy_cluster(times=3)
    for copied, _ in copies:
        copied.save()

    assert len(log.statements) == len(once.statements)
    assert Band.objects.count() == 4
    assert Verse.objects.count() == 4 * 8


# Keys


def test_uuid_keys_are_made_anew():
    playlist = Playlist(title="party", entries=[Entry(position=1)])
    playlist.save()

    copied, _ = playlist.copy_cluster()

    assert isinstance(copied.pk, uuid.UUID)
    assert copied.pk != playlist.pk
    copied.save()
    assert Entry.objects.count() == 2
    assert copied.entries.get().pk != playlist.entries.get().pk


def test_a_key_that_people_type_has_to_be_given_for_children():
    country = Country(code="AT", name="Austria", cities=[City(slug="graz"), City(slug="linz")])
    country.save()

    with pytest.raises(UniqueCopyError) as error:
        country.copy_cluster()

    assert [problem.path for problem in error.value.problems] == ["cities.slug", "cities.slug"]
    assert str(error.value).splitlines()[0] == (
        "cities.slug: City.slug must be unique, and the copy would have the 'graz' of its source. "
        "Give it by overrides=, or say by unique= how to make a new one."
    )


def test_a_key_that_people_type_is_given_by_override_or_strategy():
    country = Country(code="AT", name="Austria", cities=[City(slug="graz", name="Graz")])
    country.save()

    copied, _ = country.copy_cluster(overrides={Country: {"code": "DE"}}, unique={"cities.slug": "suffix"})
    copied.save()

    assert City.objects.get(slug="graz-copy").country == Country.objects.get(code="DE")
    assert City.objects.get(slug="graz").country == country


def test_the_typed_key_of_the_root_is_for_the_caller_to_give():
    country = Country(code="AT", name="Austria")
    country.save()

    copied, _ = country.copy_cluster()
    assert copied.pk is None
    copied.code = "DE"
    copied.save()

    assert sorted(Country.objects.values_list("code", "name")) == [("AT", "Austria"), ("DE", "Austria")]


def test_composite_keys_get_the_part_of_the_new_parent():
    tour = Tour(name="Europe", stops=[Stop(number=1, place="Paris"), Stop(number=2, place="Rome")])
    tour.save()

    copied, copies = tour.copy_cluster()
    copied.save()

    assert list(Stop.objects.order_by("pk").values_list("tour", "number", "place")) == [
        (tour.pk, 1, "Paris"),
        (tour.pk, 2, "Rome"),
        (copied.pk, 1, "Paris"),
        (copied.pk, 2, "Rome"),
    ]
    assert copies[(rel_of(Tour, "stops"), (tour.pk, 1))].place == "Paris"


def test_rows_in_several_tables_are_copied_in_all_of_them():
    hall = Hall(name="Fillmore", seats=100, balconies=[Balcony(rows=3)], acts=[Dance(title="reel", style="folk")])
    hall.save()
    dance = Dance.objects.get()
    source = Hall.objects.get()
    source.acts = [dance, Act(title="speech")]

    copied, _ = source.copy_cluster()
    copied.save()

    assert Hall.objects.get(pk=copied.pk).seats == 100
    assert copied.pk != hall.pk
    assert Dance.objects.get(venue=copied).style == "folk"
    assert Act.objects.filter(venue=copied).count() == 2
    assert Balcony.objects.get(hall=copied).rows == 3
    assert Dance.objects.get(venue=hall) == dance


def test_children_that_point_at_another_unique_field_follow_its_new_value():
    catalogue = Catalogue(code="1968", items=[CatalogueItem(name="poster")])
    catalogue.save()

    copied, _ = catalogue.copy_cluster(overrides={Catalogue: {"code": "1969"}})
    copied.save()

    assert CatalogueItem.objects.filter(catalogue="1969").count() == 1
    assert CatalogueItem.objects.filter(catalogue="1968").count() == 1


def test_the_other_parent_of_a_child_stays():
    host, guest = Band(name="host"), Band(name="guest")
    host.save()
    guest.save()
    Collaboration.objects.create(host=host, guest=guest, title="jam")

    copied, _ = host.copy_cluster()
    copied.save()

    assert [each.guest for each in copied.hosted.all()] == [guest]
    assert guest.visits.count() == 2


def test_a_tree_in_one_table_is_copied_to_the_leaves():
    root = Node(name="root", children=[Node(name="left", children=[Node(name="leaf")]), Node(name="right")])
    root.save()
    left, right = Node.objects.get(name="left"), Node.objects.get(name="right")
    left.friends.add(right)
    left.follows.add(root)
    left.save()

    copied, _ = Node.objects.get(pk=root.pk).copy_cluster()
    copied.save()

    copied_left = copied.children.get(name="left")
    assert copied_left.children.get().name == "leaf"
    assert list(copied_left.friends.all()) == [copied.children.get(name="right")]
    assert list(copied.children.get(name="right").friends.all()) == [copied_left]
    assert list(copied_left.follows.all()) == [copied]


def test_a_chain_of_a_thousand_levels_is_copied_and_saved():
    root = node = Node(name="0")
    for level in range(1, 1000):
        child = Node(name=str(level))
        node.children = [child]
        node = child

    copied, copies = root.copy_cluster()
    copied.save()

    assert len(copies[(rel_of(Node, "children"), None)]) == 999
    assert Node.objects.count() == 1000


# Values


def test_links_with_a_model_of_their_own_keep_what_it_says():
    band = Band(name="The Band")
    band.save()
    festival = Festival(name="Woodstock")
    festival.save()
    Appearance.objects.create(festival=festival, band=band, stage="forest", fee=Decimal(100))

    copied, _ = Festival.objects.get(pk=festival.pk).copy_cluster()
    copied.save()

    assert Appearance.objects.values_list("stage", "fee").get(festival=copied) == ("forest", Decimal(100))


def test_the_order_of_children_is_kept_where_the_database_numbers_them():
    symphony = Symphony(title="Fifth", movements=[Movement(tempo=tempo) for tempo in ("allegro", "andante", "presto")])
    symphony.save()

    copied, _ = Symphony.objects.get(pk=symphony.pk).copy_cluster()
    copied.save()

    assert [movement.tempo for movement in copied.movements.all()] == ["allegro", "andante", "presto"]


def test_rows_that_the_default_manager_hides_are_not_part_of_what_is_copied():
    magazine = Magazine(title="Creem")
    magazine.save()
    Article.everything.create(magazine=magazine, title="seen")
    Article.everything.create(magazine=magazine, title="hidden", published=False)

    copied, _ = magazine.copy_cluster()
    copied.save()

    assert list(Article.everything.filter(magazine=copied).values_list("title", flat=True)) == ["seen"]


def test_generated_values_are_made_by_the_database_again():
    show = Show(title="Help!", tickets=[Ticket(seat="A1", price=5, fee=2)])
    show.save()

    copied, _ = Show.objects.get(pk=show.pk).copy_cluster(overrides={Show: {"title": "Kinky"}, "tickets": {"price": 8}})
    copied.save()

    assert Ticket.objects.get(show=copied).total == 10


def test_unique_values_stay_for_the_caller_to_change_unless_told_otherwise():
    show = Show(title="Help!")
    show.save()

    copied, _ = show.copy_cluster()

    assert copied.title == "Help!"


def test_a_suffix_takes_the_first_name_that_is_free():
    show = Show(title="Help!")
    show.save()
    Show(title="Help! (copy)").save()

    first, second = (copied for copied, _ in show.copy_cluster(times=2, unique="suffix"))

    assert (first.title, second.title) == ("Help! (copy 2)", "Help! (copy 3)")


def test_a_suffix_is_looked_for_until_one_is_free(django_assert_num_queries):
    show = Show(title="Help!")
    show.save()
    for number in range(1, 10):
        Show(title="Help! (copy)" if number == 1 else f"Help! (copy {number})").save()

    with django_assert_num_queries(3):
        copied, _ = show.copy_cluster(unique="suffix")

    assert copied.title == "Help! (copy 10)"


def test_suffixes_are_looked_for_with_no_more_names_than_one_statement_takes(django_assert_num_queries):
    number = CHUNK // TRIES + 1
    country = Country(code="AT", name="Austria", cities=[City(slug=f"city-{index}") for index in range(number)])

    with django_assert_num_queries(2):
        copied, _ = country.copy_cluster(unique={"cities.slug": "suffix"})

    assert [city.slug for city in copied.cities.all()] == [f"city-{index}-copy" for index in range(number)]


def test_a_value_that_is_no_text_gets_no_suffix():
    band = Band(name="The Band")
    album = Album(title="one", band=band)
    band.save()
    album.save()
    item = Verse(position=1)
    Song(title="song", album=album, verses=[item]).save()

    with pytest.raises(UniqueCopyError) as error:
        copy_cluster(Verse.objects.get(), unique="suffix")

    assert str(error.value) == (
        "position: Verse.position must be unique together with song, and the copy would have the 1 of its source. "
        "Give it by overrides=, or say by unique= how to make a new one."
    )


def test_strategies_by_path_leave_other_values_as_they_are():
    show = Show(title="Help!")
    show.save()

    copied, _ = show.copy_cluster(unique={"tickets.seat": "error"})

    assert copied.title == "Help!"


def test_an_unsaved_source_with_generated_values_is_copied_without_a_query():
    show = Show(title="Help!", tickets=[Ticket(seat="A1", price=5)])

    with logged_statements() as log:
        copied, _ = show.copy_cluster()

    assert log.statements == []
    assert copied.tickets.get().price == 5


def test_links_of_an_unsaved_source_keep_what_they_were_given():
    band = Band(name="The Band")
    band.save()
    festival = Festival(name="Woodstock")
    festival.bands.add(band, through_defaults={"stage": "forest"})

    copied, _ = festival.copy_cluster()
    copied.save()

    assert Appearance.objects.get().stage == "forest"


def test_a_suffix_is_cut_to_fit():
    show = Show(title="x" * 80)
    show.save()

    copied, _ = show.copy_cluster(unique="suffix")

    assert copied.title == "x" * 73 + " (copy)"


def test_a_function_makes_the_unique_value():
    show = Show(title="Help!")
    show.save()

    copied, _ = show.copy_cluster(unique=lambda field, value: f"{field.name}: {value}")

    assert copied.title == "title: Help!"


def test_all_unique_values_that_would_clash_are_reported_before_the_save():
    show = Show(title="Help!", tickets=[Ticket(seat="A1", code="x")])
    show.save()

    with pytest.raises(UniqueCopyError) as error:
        show.copy_cluster(unique="error")

    assert str(error.value) == (
        "title: Show.title must be unique, and the copy would have the 'Help!' of its source. "
        "Give it by overrides=, or say by unique= how to make a new one."
    )


def test_values_that_are_unique_among_siblings_may_stay():
    show = Show(title="Help!", tickets=[Ticket(seat="A1", code="x"), Ticket(seat="A2", code="x")])
    show.save()

    copied, _ = show.copy_cluster(unique="suffix")
    copied.save()

    assert sorted(Ticket.objects.filter(show=copied).values_list("seat", flat=True)) == ["A1", "A2"]


def test_the_copy_of_a_copy_is_a_copy():
    band = build_band()

    first, _ = band.copy_cluster()
    second, _ = first.copy_cluster()
    second.save()

    assert Band.objects.get().albums.count() == 2
    assert [album.songs.count() for album in second.albums.all()] == [2, 2]


def test_a_foreign_key_to_an_object_out_of_the_cluster_keeps_the_object():
    label = Label.objects.create(name="Capitol")
    band = Band(name="The Band", label=label, albums=[Album(title="one", label=Label(name="new"))])

    copied, _ = band.copy_cluster()

    assert copied.label is label
    assert copied.albums.get().label is band.albums.get().label


def test_links_to_objects_out_of_the_cluster_are_not_fetched_again():
    genre = Genre.objects.create(name="rock")
    band = build_band(songs=0)
    band.genres = [genre]
    song = Song(title="jam", duration=timedelta(minutes=3))
    band.albums.first().songs = [song]

    with logged_statements() as log:
        copied, copies = band.copy_cluster()

    assert copies.copy_of(song).duration == timedelta(minutes=3)
    assert list(copied.genres.all()) == [genre]
    assert log.statements == []
