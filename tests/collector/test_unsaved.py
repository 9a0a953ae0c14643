from __future__ import annotations

import io
import json
import uuid

import pytest
from django.db.models import Q, Value
from django.db.models.functions import Lower
from django.utils import timezone

from cluster.collector import LINK, OWN, SKIP, Collector, load
from cluster.errors import SerializedDataError, UnsavedParentError
from tests.collector.app.models import Ally, Pact, Seal, Stamp
from tests.faults.app.models import Box, Club, Guest, Shelf, Sticker
from tests.support import build_band, build_full_band
from tests.tags.app.models import Stay, Trip
from tests.testapp.models import (
    Album,
    Attachment,
    Band,
    Catalogue,
    CatalogueItem,
    Collaboration,
    Festival,
    Genre,
    Hall,
    Label,
    Member,
    Playlist,
    Room,
    Show,
    Song,
    Stop,
    Ticket,
    Tour,
)  # fmt: skip

pytestmark = pytest.mark.django_db


def test_an_unsaved_cluster_is_collected_with_what_it_holds(django_assert_num_queries):
    band = build_band()

    with django_assert_num_queries(0):
        collection = Collector(band).collect()

    assert collection.owned == {"testapp.Album": 2, "testapp.Band": 1, "testapp.Member": 2, "testapp.Song": 4}
    assert next(iter(collection)) is band


def test_an_unsaved_cluster_is_dumped_and_loaded_as_a_copy():
    band = build_full_band()
    stream = io.StringIO()

    manifest = Collector(band).dump(stream)
    report = load(io.StringIO(stream.getvalue()), "copy", manifest=manifest)

    stored = Band.objects.get()
    assert report.of("inserted")["testapp.Song"] == 4
    assert report.of("linked") == {"testapp.Genre": 2, "testapp.Person": 1}
    assert [album.title for album in stored.albums.all()] == [album.title for album in band.albums.all()]
    assert {genre.name for genre in stored.genres.all()} == {"rock", "folk"}
    assert Song.objects.filter(album__band=stored, verses__position=2).count() == 4
    assert Album.objects.filter(genres__name="rock").count() == 2


@pytest.mark.parametrize(
    ("build", "models"),
    [
        pytest.param(lambda: Tour(name="t", stops=[Stop(number=1)]), {"testapp.tour", "testapp.stop"}, id="composite"),
        pytest.param(lambda: Playlist(title="p"), {"testapp.playlist"}, id="uuid"),
        pytest.param(
            lambda: Hall(name="h", seats=3, rooms=[Room(name="r")]),
            {"testapp.venue", "testapp.hall", "testapp.room"},
            id="two tables",
        ),
    ],
)
def test_unsaved_clusters_of_every_kind_come_back(build, models):
    root = build()
    stream = io.StringIO()

    manifest = Collector(root).dump(stream)
    load(io.StringIO(stream.getvalue()), "copy", manifest=manifest)

    assert {json.loads(line)["model"] for line in stream.getvalue().splitlines()} == models
    assert type(root).objects.count() == 1


def test_a_link_to_an_unsaved_row_is_refused():
    band = Band(name="x")
    band.genres = [Genre(name="unsaved")]

    with pytest.raises(UnsavedParentError, match=r"genres of <Band: x> links to <Genre: unsaved>, which is not saved."):
        Collector(band).collect()


def test_a_saved_cluster_is_collected_from_the_database():
    band = build_full_band()
    band.save()

    collection = Collector(band).collect()

    assert collection.owned["testapp.Credit"] == 4
    assert collection.owned["testapp.Verse"] == 8
    assert collection.referenced["testapp.Genre"] == 2


def test_links_of_the_first_of_two_tables_are_collected():
    rock = Genre.objects.create(name="rock")
    stream = io.StringIO()

    manifest = Collector(Hall(name="h", seats=3, genres=[rock])).dump(stream)
    load(io.StringIO(stream.getvalue()), "copy", manifest=manifest)

    assert Hall.objects.get().genres.get() == rock


def test_a_key_that_is_none_is_made_by_its_default():
    stream = io.StringIO()

    Collector(Playlist(id=None, title="p")).dump(stream)

    assert uuid.UUID(json.loads(stream.getvalue())["pk"]).version == 4


def test_a_foreign_key_that_was_set_to_none_is_null_in_the_file():
    stream = io.StringIO()

    Collector(Band(name="x", label=None)).dump(stream)

    assert json.loads(stream.getvalue())["fields"]["label"] is None


def test_why_tells_what_points_at_a_row_that_an_unsaved_cluster_needs():
    label = Label.objects.create(name="label")
    band = Band(name="x", label=label, albums=[Album(title="a"), Album(title="b", label=label)])

    collection = Collector(band).collect()

    assert str(collection.why(label)) == f"REF by default: testapp.Band -1 -label-> testapp.Label {label.pk}"


def test_what_an_unsaved_cluster_links_to_is_named_by_lookup_fields():
    label = Label.objects.create(name="label")
    band = Band(name="x", albums=[Album(title="a"), Album(title="b", label=label), Album(title="c")])

    manifest = Collector(band, rules={"testapp.Label": LINK}, lookup_fields={"testapp.Label": ["name"]}).dump(
        io.StringIO()
    )

    assert manifest.links == {"testapp.label": [[label.pk, {"name": "label"}]]}


def test_links_that_have_a_model_of_their_own_are_rows_with_their_defaults():
    bands = [Band.objects.create(name=name) for name in ("one", "two")]
    festival = Festival(name="f")
    festival.bands.add(bands[0], through_defaults={"stage": "tent"})
    festival.bands.add(bands[1])
    stream = io.StringIO()

    manifest = Collector(festival).dump(stream)
    load(io.StringIO(stream.getvalue()), "copy", manifest=manifest)

    assert manifest.counts["testapp.appearance"] == {"owned": 2, "referenced": 0}
    stored = Festival.objects.get().appearances.order_by("pk")
    assert [(each.band, each.stage) for each in stored] == [(bands[0], "tent"), (bands[1], "main")]


def test_mutual_links_that_have_a_model_of_their_own_are_rows_in_both_directions():
    other = Ally.objects.create(name="other")
    ally = Ally(name="ally")
    ally.allies.add(other, through_defaults={"text": "forever"})
    stream = io.StringIO()

    manifest = Collector(ally).dump(stream)
    load(io.StringIO(stream.getvalue()), "copy", manifest=manifest)

    loaded = Ally.objects.get(name="ally")
    assert manifest.counts["zoo.pact"] == {"owned": 2, "referenced": 0}
    assert set(Pact.objects.values_list("one", "other", "text")) == {
        (loaded.pk, other.pk, "forever"),
        (other.pk, loaded.pk, "forever"),
    }


def test_a_key_that_the_database_makes_is_made_by_it_when_the_file_is_loaded():
    seal = Seal(text="s", stamps=[Stamp()])
    stream = io.StringIO()

    manifest = Collector(seal).dump(stream)
    report = load(io.StringIO(stream.getvalue()), "copy", manifest=manifest)

    rows = [(row["pk"], row["fields"]) for row in map(json.loads, stream.getvalue().splitlines())]
    stored = Seal.objects.get()
    assert rows == [(-1, {"text": "s"}), (str(uuid.UUID(int=2)), {"seal": -1})]
    assert report.keys[Seal] == {"-1": stored.pk}
    assert len(stored.pk) >= 16
    assert stored.stamps.get().pk == uuid.UUID(int=0)


def test_what_only_the_database_knows_of_an_unsaved_row_is_left_to_it(django_assert_num_queries):
    show = Show(title="gala", tickets=[Ticket(seat="1A", price=3, fee=2)])
    stream = io.StringIO()

    with django_assert_num_queries(0):
        collection = Collector(show).collect()
    manifest = collection.dump(stream)
    load(io.StringIO(stream.getvalue()), "copy", manifest=manifest)

    rows = [json.loads(line)["fields"] for line in stream.getvalue().splitlines()]
    stored = Ticket.objects.get()
    assert rows == [{"title": "gala", "capacity": 100}, {"show": -1, "seat": "1A", "price": 3, "fee": 2}]
    assert (stored.code, stored.total) == ("door", 5)
    assert stored.show.opened is not None


def test_an_expression_is_no_value_for_a_file():
    show = Show(title=Lower(Value("GALA")))

    with pytest.raises(SerializedDataError) as refused:
        Collector(show).collect()

    assert str(refused.value) == (
        "$: Cannot serialize Show.title: its value is the expression Lower(Value('GALA')), which only the database can"
        " work out. Save the instance and refresh it first."
    )


def test_times_that_a_save_would_set_are_those_of_the_dump():
    band = Band(name="b", attachments=[Attachment()])
    stream = io.StringIO()
    before = timezone.now()

    manifest = Collector(band).dump(stream)
    load(io.StringIO(stream.getvalue()), "copy", manifest=manifest)

    stored = Attachment.objects.get()
    assert before <= stored.added <= timezone.now()
    assert before <= stored.changed <= timezone.now()
    assert band.attachments.get_object_list()[0].added is None


def test_a_link_with_a_model_of_its_own_to_an_unsaved_row_is_refused():
    festival = Festival(name="f", bands=[Band(name="unsaved")])

    with pytest.raises(UnsavedParentError, match=r"bands of <Festival: f> links to <Band: unsaved>, which is not sav"):
        Collector(festival).collect()


def test_rules_hold_for_what_an_unsaved_cluster_holds():
    band = build_band()
    names = [member.name for member in band.members.all()]
    rules = {"albums": SKIP, "testapp.Member": OWN(Q(name=names[0]))}

    collection = Collector(band, rules=rules).collect()

    assert collection.owned == {"testapp.Band": 1, "testapp.Member": 1}
    assert collection.referrers == {"testapp.Band.albums": 2, "testapp.Band.members": 1}
    assert [row.name for row in collection.objects(Member)] == [names[0]]


def test_what_an_unsaved_cluster_holds_can_be_asked_for():
    band = build_band()
    collection = Collector(band).collect()
    song = band.albums.get_object_list()[1].songs.get_object_list()[0]

    why = collection.why(song)

    assert song in collection
    assert collection.is_owned(song)
    assert (why.role.name, why.path) == ("OWN", ("albums", "songs"))
    assert [label for label, _ in why.rows] == ["testapp.Band", "testapp.Album", "testapp.Song"]
    assert collection.why(Song(title="another")) is None
    assert collection.objects(Song).filter(title=song.title).count() == sum(
        each.title == song.title for album in band.albums.all() for each in album.songs.all()
    )


def test_an_unsaved_cluster_is_nested_as_a_saved_one():
    band = build_band()

    root, below = Collector(band).collect().nested(str)

    assert root == str(band)
    assert [one for one in below if isinstance(one, str)] == [
        *(str(member) for member in band.members.all()), *(str(album) for album in band.albums.all())
    ]  # fmt: skip
    assert [len(one) for one in below if isinstance(one, list)] == [2, 2]


def test_a_row_of_an_unsaved_cluster_may_point_at_one_that_comes_later():
    shelf = Shelf(name="s", boxes=[Box(code="a", position=1), Box(code="b", position=2)])
    shelf.favourite = shelf.boxes.get_object_list()[1]
    stream = io.StringIO()

    manifest = Collector(shelf).dump(stream)
    load(io.StringIO(stream.getvalue()), "copy", manifest=manifest)

    assert Shelf.objects.get().favourite.code == "b"


def test_a_key_to_an_unsaved_row_outside_the_cluster_is_refused():
    band = Band(name="x", label=Label(name="unsaved"))

    with pytest.raises(UnsavedParentError, match=r"label of <Band: x> is <Label: unsaved>, which is neither saved nor"):
        Collector(band).collect()


def test_a_child_that_is_held_twice_is_one_row():
    one, other = Band(name="one"), Band(name="other")
    both = Collaboration(host=one, guest=one)
    one.hosted.add(both)
    one.visits.add(both)

    collection = Collector(one).collect()

    assert collection.owned == {"testapp.Band": 1, "testapp.Collaboration": 1}
    assert other not in collection


def test_an_unsaved_cluster_has_nothing_to_erase():
    band = Band(name="x")

    with pytest.raises(UnsavedParentError, match=r"Cannot erase <Band: x>: it is not saved."):
        Collector(band).erase()


def test_the_roots_of_an_unsaved_cluster_in_two_tables_are_named_once():
    manifest = Collector(Hall(name="h", seats=3, rooms=[Room(name="r")])).dump(io.StringIO())

    assert manifest.root_keys == [-1]


def test_children_that_point_at_another_field_than_the_key_come_back():
    catalogue = Catalogue(code="c", items=[CatalogueItem(name="i")])
    stream = io.StringIO()

    collection = Collector(catalogue).collect()
    manifest = Collector(catalogue).dump(stream)
    load(io.StringIO(stream.getvalue()), "copy", manifest=manifest)

    item = catalogue.items.get_object_list()[0]
    assert str(collection.why(item)) == "OWN by default: testapp.Catalogue -1 -items-> testapp.CatalogueItem -2"
    assert CatalogueItem.objects.get().catalogue.code == "c"


def test_a_row_that_is_linked_by_another_field_than_the_key_is_found_in_the_database():
    guest = Guest.objects.create(code="red")
    club = Club(name="c", guests=[guest])

    why = Collector(club).collect().why(guest)

    assert why.rows == (("faults.Club", -1), ("faults.Pass", -2), ("faults.Guest", guest.pk))
    assert why.role.name == "REF"


def test_children_of_an_unsaved_cluster_may_be_about_anything_or_nothing():
    label, box = Genre.objects.create(name="rock"), Box(code="a", position=1)
    abouts = [label, box, None]
    shelf = Shelf(name="s", boxes=[box], stickers=[Sticker(on=on, size=2 * size) for size, on in enumerate(abouts)])
    stream = io.StringIO()

    collection = Collector(shelf).collect()
    manifest = Collector(shelf).dump(stream)
    load(io.StringIO(stream.getvalue()), "copy", manifest=manifest)

    assert collection.why(label).path == ("stickers", "on")
    assert [sticker.on for sticker in Sticker.objects.order_by("size")] == [label, Box.objects.get(), None]


def test_what_hangs_on_an_unsaved_row_by_a_generic_relation_is_traced_to_it():
    trip = Trip(name="alps", stays=[Stay(town="Chur", tags=["cold"])])
    stay = trip.stays.get_object_list()[0]
    item = stay.tagged_items.get_object_list()[0]
    item.tag.save()

    collection = Collector(trip).collect()

    assert collection.why(item).path == ("stays", "tagged_items")
    assert collection.nested(None) == [trip, [stay, [item]]]
