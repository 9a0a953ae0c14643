"""Saves of every kind: what is in the database before, what is changed, and what is to be there after."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from django.core.files.base import ContentFile
from django.db.models import Model

from tests.faults.app.models import Box, Diary, Leaf, Lid, Page, Shelf, Slot, Thing
from tests.support import build_album, build_band, build_full_band
from tests.testapp.models import (
    Album,
    Anthem,
    Attachment,
    Balcony,
    Band,
    Biography,
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
    Instrument,
    Label,
    Member,
    Movement,
    Node,
    Playlist,
    Room,
    Show,
    Song,
    Stop,
    Symphony,
    Ticket,
    Tour,
    Verse,
)

SCENARIOS: dict[str, Callable[[], Model]] = {}


def scenario(build: Callable[[], Model]) -> Callable[[], Model]:
    """Register a function that prepares the database and returns a root which is to be saved."""
    SCENARIOS[build.__name__] = build
    return build


def stored(root: Any) -> Any:
    """Save a cluster and return it as it is loaded by somebody else."""
    root.save()
    return type(root)._default_manager.get(pk=root.pk)


# First saves


@scenario
def new_parent_alone() -> Model:
    return Band(name="alone")


@scenario
def new_cluster_of_four_levels() -> Model:
    return build_full_band()


@scenario
def new_cluster_with_uuid_keys() -> Model:
    playlist = Playlist(title="mine", entries=[Entry(position=1), Entry(position=2)])
    playlist.genres = [Genre.objects.create(name="pop")]
    return playlist


@scenario
def new_cluster_with_typed_keys() -> Model:
    return Country(
        code="de", name="Germany", cities=[City(slug="berlin", name="Berlin"), City(slug="bonn", name="Bonn")]
    )


@scenario
def new_cluster_with_composite_keys() -> Model:
    return Tour(name="world", stops=[Stop(number=1, place="Rome"), Stop(number=2, place="Paris")])


@scenario
def new_cluster_in_two_tables() -> Model:
    hall = Hall(name="big", seats=10, balconies=[Balcony(rows=3), Balcony(rows=4)], rooms=[Room(name="green")])
    hall.acts = [Dance(title="waltz", style="slow"), Dance(title="polka", style="fast")]
    return hall


@scenario
def new_cluster_with_values_from_the_database() -> Model:
    return Show(title="premiere", tickets=[Ticket(seat="A1"), Ticket(seat="A2", price=20)])


@scenario
def new_cluster_in_order() -> Model:
    return Symphony(title="fifth", movements=[Movement(tempo="allegro"), Movement(tempo="andante")])


@scenario
def new_cluster_with_rows_saved_one_by_one() -> Model:
    return Band(name="hymns", anthems=[Anthem(title="First Anthem"), Anthem(title="Second Anthem")])


@scenario
def new_cluster_with_files() -> Model:
    files = [Attachment(file=ContentFile(b"content", name=f"file{number}.txt")) for number in (1, 2)]
    return Band(name="papers", attachments=files)


@scenario
def new_cluster_whose_save_adds_to_it() -> Model:
    return Shelf(name="diaries", diaries=[Diary(title="spring!"), Diary(title="autumn", pages=[Page(text="first")])])


@scenario
def new_cluster_of_siblings_that_point_at_one_another() -> Model:
    first, second = Thing(name="first"), Thing(name="second")
    first.instead_of, second.instead_of = second, first
    box = Box(code="a", position=1, things=[first, second], lids=[Lid(thing=second)])
    return Shelf(name="circle", boxes=[box])


@scenario
def new_tree_with_mirrored_links() -> Model:
    friend = Node.objects.create(name="friend")
    root = Node(name="root", children=[Node(name="left"), Node(name="right", children=[Node(name="leaf")])])
    root.friends = [friend]
    root.follows = [friend]
    return root


# Edits


@scenario
def nothing_changed() -> Model:
    band = stored(build_full_band())
    for album in band.albums.get_object_list():
        album.songs.get_object_list()
    band.genres.get_object_list()
    return band


@scenario
def one_child_changed() -> Model:
    band = stored(build_band())
    band.members.get_object_list()[0].name = "renamed"
    return band


@scenario
def all_children_changed_in_two_ways() -> Model:
    band = stored(build_band(members=8))
    for number, member in enumerate(band.members.get_object_list()):
        member.name += "!"
        if number % 2:
            member.instrument = "drums"
    return band


@scenario
def children_added_changed_and_removed_on_three_levels() -> Model:
    band = stored(build_full_band())
    first, second = band.albums.get_object_list()
    songs = first.songs.get_object_list()
    first.songs.remove(songs[0])
    songs[0].title = "changed"
    songs[0].verses.add(Verse(position=3, text="third"))
    first.songs.add(Song(title="new", track=3))
    band.albums.remove(second)
    band.albums.add(build_album(position=9))
    return band


@scenario
def content_declared_anew() -> Model:
    band = stored(build_band(members=3))
    kept = Member.objects.filter(band=band).first()
    band.members = [kept, Member(name="new")]
    band.genres = [Genre.objects.create(name="new")]
    return band


@scenario
def everything_cleared() -> Model:
    band = stored(build_full_band())
    band.members.clear()
    band.albums.clear()
    band.genres.clear()
    return band


@scenario
def child_moved_between_two_parents_of_the_cluster() -> Model:
    band = stored(build_full_band())
    first, second = band.albums.get_object_list()
    second.songs.add(first.songs.get_object_list()[0])
    return band


@scenario
def grandchild_moved_from_a_removed_parent_to_a_new_one() -> Model:
    band = stored(build_full_band())
    first = band.albums.get_object_list()[0]
    song = first.songs.get_object_list()[1]
    new = Album(title="new", position=5)
    new.songs.add(song)
    band.albums.remove(first)
    band.albums.add(new)
    return band


@scenario
def child_moved_from_another_cluster() -> Model:
    other, band = stored(build_band(name="other")), stored(build_band())
    band.members.add(Member.objects.filter(band=other).first())
    return band


@scenario
def children_released() -> Model:
    band = stored(Band(name="tools", instruments=[Instrument(name="harp"), Instrument(name="lute")]))
    band.instruments.remove(band.instruments.get_object_list()[0])
    return band


@scenario
def child_with_two_parents() -> Model:
    guest = stored(Band(name="guest"))
    host = stored(Band(name="host"))
    host.hosted = [Collaboration(title="duet", guest=guest)]
    host = stored(host)
    host.hosted.get_object_list()[0].title = "trio"
    host.visits.add(Collaboration(title="return", host=guest))
    return host


@scenario
def links_changed() -> Model:
    band = stored(build_full_band())
    band.genres.remove(band.genres.get_object_list()[0])
    band.genres.add(Genre.objects.create(name="swing"))
    for album in band.albums.get_object_list():
        album.genres = [Genre.objects.create(name=f"of {album.title}")]
    return band


@scenario
def links_through_a_model_of_its_own() -> Model:
    first, second = (Band.objects.create(name=name) for name in ("first", "second"))
    festival = Festival(name="summer")
    festival.bands.add(first, through_defaults={"stage": "side"})
    festival = stored(festival)
    festival.bands.remove(first)
    festival.bands.add(second, through_defaults={"stage": "tent"})
    return festival


@scenario
def rows_saved_and_deleted_one_by_one() -> Model:
    band = stored(Band(name="hymns", anthems=[Anthem(title="First"), Anthem(title="Second")]))
    first, second = band.anthems.get_object_list()
    first.title = "Changed"
    band.anthems.remove(second)
    band.anthems.add(Anthem(title="Third"))
    return band


@scenario
def unique_values_swapped_and_shifted() -> Model:
    boxes = [Box(code=f"box{number}", position=number, tag=number) for number in range(1, 6)]
    shelf = stored(Shelf(name="ordered", boxes=boxes))
    held = shelf.boxes.get_object_list()
    held[0].code, held[1].code = held[1].code, held[0].code
    held[0].tag, held[1].tag = held[1].tag, held[0].tag
    for box in held:
        box.position += 1
    shelf.boxes.remove(held[4])
    shelf.boxes.add(Box(code="box5", position=1, tag=5))
    return shelf


@scenario
def unique_values_of_a_row_that_is_deleted_last() -> Model:
    old = Box(code="same", position=1, tag=1, things=[Thing(name="moves")])
    shelf = stored(Shelf(name="replaced", boxes=[old]))
    held = shelf.boxes.get_object_list()[0]
    thing = held.things.get_object_list()[0]
    new = Box(code="same", position=1, tag=1)
    new.things.add(thing)
    shelf.boxes = [new]
    return shelf


@scenario
def row_released_by_one_of_two_parents() -> Model:
    shelf = stored(Shelf(name="slots", boxes=[Box(code="a", position=1)]))
    box = Box.objects.get()
    shelf.slots = [Slot(day=date(2024, 1, 1), box=box), Slot(day=date(2024, 1, 2))]
    shelf = stored(shelf)
    shelf.slots.clear()
    return shelf


@scenario
def tree_edited() -> Model:
    friend = Node.objects.create(name="friend")
    root = Node(name="root", children=[Node(name="left"), Node(name="right", children=[Node(name="leaf")])])
    root.friends = [friend]
    root = stored(root)
    left, right = root.children.get_object_list()
    left.children.add(right.children.get_object_list()[0])
    root.friends.clear()
    right.name = "moved"
    return root


@scenario
def keys_by_another_field_and_one_child_at_most() -> Model:
    catalogue = stored(Catalogue(code="c", items=[CatalogueItem(name="a"), CatalogueItem(name="b")]))
    catalogue.items.get_object_list()[0].name = "changed"
    catalogue.items.add(CatalogueItem(name="c"))
    return catalogue


@scenario
def the_only_child_replaced() -> Model:
    band = stored(Band(name="known", biographies=[Biography(text="old")]))
    band.biographies = [Biography(text="new")]
    return band


@scenario
def values_of_the_database_changed() -> Model:
    show = stored(Show(title="late", tickets=[Ticket(seat=f"B{number}") for number in range(4)]))
    for ticket in show.tickets.get_object_list():
        ticket.price += 5
    return show


@scenario
def several_tables_edited() -> Model:
    hall = stored(Hall(name="big", balconies=[Balcony(rows=3)], acts=[Dance(title="waltz", style="slow")]))
    hall.seats = 20
    hall.balconies.get_object_list()[0].rows = 5
    hall.acts.get_object_list()[0].title = "tango"
    return hall


@scenario
def protected_targets_kept() -> Model:
    label = Label.objects.create(name="sun")
    band = stored(Band(name="signed", albums=[Album(title="a", label=label)]))
    band.albums.get_object_list()[0].label = None
    band.label = label
    return band


@scenario
def a_root_that_takes_the_values_of_its_children() -> Model:
    root = stored(Leaf(code="a", leaves=[Leaf(code="b"), Leaf(code="c")]))
    first, second = root.leaves.get_object_list()
    root.code, first.code = "b", "a"
    root.leaves.remove(second)
    root.leaves.add(Leaf(code="c", leaves=[Leaf(code="d")]))
    return root


@scenario
def a_deleted_cluster_saved_again() -> Model:
    band = stored(build_full_band())
    for album in band.albums.get_object_list():
        album.songs.get_object_list()
    band.genres.get_object_list()
    band.delete()
    return band


@scenario
def rows_of_several_tables_declared() -> Model:
    hall = stored(Hall(name="big", acts=[Dance(title="waltz", style="slow"), Dance(title="polka", style="fast")]))
    dance = Dance.objects.get(title="waltz")
    dance.style = "fast"
    hall.acts = [dance, Dance(title="tango", style="slow")]
    return hall
