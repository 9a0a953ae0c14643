"""Held querysets of every kind of model: inheritance, keys of all kinds, one-to-one, links, generic relations."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Count, F, Max, Model, Q, QuerySet

from cluster.errors import NotInMemoryError
from cluster.queryset import ListSource, held_queryset
from tests.testapp.models import (
    Act,
    Album,
    Appearance,
    Attachment,
    Band,
    Biography,
    BoxSet,
    Catalogue,
    CatalogueItem,
    City,
    Country,
    Dance,
    Entry,
    Festival,
    Genre,
    Hall,
    Label,
    Movement,
    Node,
    Playlist,
    Show,
    Song,
    Stop,
    Symphony,
    Ticket,
    Tour,
    Venue,
)

pytestmark = pytest.mark.django_db

Ask = Callable[[QuerySet[Any]], Any]


def held(model: type[Model]) -> QuerySet[Any]:
    """Return a held queryset of everything that is stored of a model."""
    return held_queryset(model._default_manager.all(), ListSource(model, list(model._default_manager.order_by("pk"))))


def both(ask: Ask, model: type[Model]) -> tuple[Any, Any]:
    """Return what memory and the database answer."""
    answers = []
    for queryset in (held(model), model._default_manager.all()):
        result = ask(queryset)
        answers.append(list(result) if isinstance(result, QuerySet) else result)
    return answers[0], answers[1]


@pytest.fixture
def stored() -> None:
    rock, folk = Genre.objects.create(name="rock"), Genre.objects.create(name="folk")
    label = Label.objects.create(name="Ze")
    band, other = Band.objects.create(name="The Band", label=label), Band.objects.create(name="Other")
    Band.genres.through.objects.create(band=band, genre=rock)
    Biography.objects.create(band=band, text="long")
    hall, venue = Hall.objects.create(name="Hall", seats=90), Venue.objects.create(name="Bar")
    Venue.genres.through.objects.create(venue=hall.venue_ptr, genre=folk)
    Dance.objects.create(venue=hall.venue_ptr, title="swan", style="ballet")
    Act.objects.create(venue=venue, title="joke")
    tour = Tour.objects.create(name="World")
    for number, place in enumerate(("Rome", "Oslo", "")):
        Stop.objects.create(tour=tour, number=number, place=place)
    Catalogue.objects.create(code="A1")
    CatalogueItem.objects.create(catalogue_id="A1", name="item")
    for code, name in (("IT", "Italy"), ("NO", "Norway")):
        City.objects.create(slug=name.lower(), country=Country.objects.create(code=code, name=name), name=name)
    playlist = Playlist.objects.create(id=uuid.UUID(int=5), title="list")
    album = Album.objects.create(band=band, title="a", label=label, position=2)
    song = Song.objects.create(album=album, title="s")
    Entry.objects.create(id=uuid.UUID(int=7), playlist=playlist, song=song)
    Entry.objects.create(id=uuid.UUID(int=6), playlist=playlist, position=1)
    festival = Festival.objects.create(name="Fest")
    Appearance.objects.create(festival=festival, band=band, stage="side", fee=Decimal("5.5"))
    Appearance.objects.create(festival=festival, band=other, stage="main")
    root = Node.objects.create(name="root")
    leaf = Node.objects.create(name="leaf", parent=root)
    Node.friends.through.objects.create(from_node=root, to_node=leaf)
    Node.friends.through.objects.create(from_node=leaf, to_node=root)
    Node.follows.through.objects.create(from_node=root, to_node=leaf)
    symphony = Symphony.objects.create(title="Fifth", number=5)
    for tempo in ("allegro", "andante"):
        Movement.objects.create(symphony=symphony, tempo=tempo)
    show = Show.objects.create(title="Show")
    Ticket.objects.create(show=show, seat="1a", code="c", price=10, fee=2)
    Attachment.objects.create(band=band, file="x.txt", details={"a": [1]}, checksum=b"12")


CASES: dict[str, tuple[type[Model], Ask]] = {
    "child table": (Hall, lambda q: q.filter(seats__gt=5, name="Hall")),
    "child table by key": (Hall, lambda q: q.filter(pk=q.first().pk)),
    "child table's parent link": (Hall, lambda q: q.filter(venue_ptr__name="Hall")),
    "child table's parent excluded": (Hall, lambda q: q.exclude(venue_ptr__name="Bar")),
    "child table in order": (Hall, lambda q: q.order_by("name", "seats").values_list("name", "seats")),
    "child table's values": (Hall, lambda q: q.values("id", "name", "venue_ptr", "seats")),
    "child table's links": (Hall, lambda q: q.filter(genres__name="folk")),
    "child table's children": (Hall, lambda q: q.filter(acts__title="swan")),
    "child table grouped": (Hall, lambda q: q.annotate(n=Count("acts")).values_list("name", "n")),
    "parent table": (Venue, lambda q: q.filter(hall__seats=90)),
    "parent table without child": (Venue, lambda q: q.filter(hall=None)),
    "parent table excluded": (Venue, lambda q: q.exclude(hall__seats=90)),
    "inherited child": (Dance, lambda q: q.filter(title="swan", style="ballet", venue__name="Hall")),
    "inherited child from base": (Act, lambda q: q.filter(dance__style="ballet")),
    "proxy": (BoxSet, lambda q: q.filter(title="a", band__name="The Band")),
    "composite key": (Stop, lambda q: q.order_by("pk").values_list("pk", "place")),
    "composite key exact": (Stop, lambda q: q.filter(pk=(q.last().tour_id, 1))),
    "composite key excluded": (Stop, lambda q: q.exclude(pk=(q.last().tour_id, 1)).order_by("pk")),
    "composite key in": (Stop, lambda q: q.filter(pk__in=[(q.last().tour_id, n) for n in (0, 2)]).order_by("pk")),
    "composite key compared": (Stop, lambda q: q.filter(pk__gt=(q.last().tour_id, 0)).order_by("-pk")),
    "composite key get": (Stop, lambda q: q.get(pk=(q.last().tour_id, 2))),
    "composite key count": (Stop, lambda q: (q.count(), q.filter(place="").exists(), q.contains(q.last()))),
    "composite key in bulk": (Stop, lambda q: q.in_bulk([(q.last().tour_id, 1)])),
    "composite key joined": (Tour, lambda q: q.filter(stops__place="Rome")),
    "composite key counted": (Tour, lambda q: q.annotate(n=Count("stops")).values_list("n", flat=True)),
    "key by another field": (CatalogueItem, lambda q: q.filter(catalogue="A1")),
    "key by another field joined": (CatalogueItem, lambda q: q.filter(catalogue__title="")),
    "key by another field of an instance": (CatalogueItem, lambda q: q.filter(catalogue=Catalogue.objects.get())),
    "key by another field in reverse": (Catalogue, lambda q: q.filter(items__name="item")),
    "text keys": (City, lambda q: q.filter(country="IT", pk="italy")),
    "text keys joined": (Country, lambda q: q.filter(cities__name__startswith="N").order_by("pk")),
    "uuid keys": (Entry, lambda q: q.filter(pk=uuid.UUID(int=6))),
    "uuid keys as text": (Entry, lambda q: q.filter(pk=str(uuid.UUID(int=6)))),
    "uuid keys in": (Playlist, lambda q: q.filter(entries__in=[uuid.UUID(int=6), uuid.UUID(int=7)])),
    "nullable key": (Entry, lambda q: q.filter(song=None)),
    "nullable key joined": (Entry, lambda q: q.exclude(song__title="s")),
    "nullable key ordered by": (Entry, lambda q: q.order_by(F("song__title").asc(nulls_last=True)).values_list("pk")),
    "unique key in reverse": (Band, lambda q: q.filter(biographies__text="long")),
    "table between": (Festival, lambda q: q.filter(appearances__stage="side", bands__name="The Band")),
    "table between from the other side": (Band, lambda q: q.filter(festivals__name="Fest").order_by("pk")),
    "table between counted": (Festival, lambda q: q.annotate(n=Count("bands"), m=Max("appearances__fee")).values("n")),
    "links to itself": (Node, lambda q: q.filter(friends__name="leaf")),
    "links to itself one way": (Node, lambda q: q.filter(follows__name="leaf")),
    "links to itself from the other side": (Node, lambda q: q.filter(followers__name="root")),
    "links to itself excluded": (Node, lambda q: q.exclude(follows__name="leaf")),
    "tree": (Node, lambda q: q.filter(Q(parent__name="root") | Q(children__name="leaf")).order_by("pk")),
    "order with respect to": (Movement, lambda q: q.values_list("tempo", flat=True)),
    "order with respect to, reversed": (Movement, lambda q: q.reverse().first()),
    "generated field": (Ticket, lambda q: q.filter(total=12).values("total", "code")),
    "file, JSON and bytes": (Attachment, lambda q: q.values_list("file", "details")),
    "file by name": (Attachment, lambda q: q.filter(file="x.txt", checksum=b"12")),
    "JSON path": (Attachment, lambda q: q.filter(details__a__0=1)),
}


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("name", CASES)
def test_memory_answers_as_the_database_for_every_kind_of_model(name: str) -> None:
    model, ask = CASES[name]

    found, expected = both(ask, model)

    assert found == expected
    assert repr(found) == repr(expected)
    assert found


@pytest.mark.usefixtures("stored")
def test_a_generated_value_follows_its_unsaved_fields() -> None:
    ticket = Ticket.objects.get()
    ticket.price = 40
    queryset = held_queryset(Ticket.objects.all(), ListSource(Ticket, [ticket]))

    assert list(queryset.filter(total=42)) == [ticket]
    assert list(queryset.values_list("total", flat=True)) == [42]


def test_values_that_the_database_makes_are_read_where_they_are_known() -> None:
    known, unknown = Ticket(seat="1a", price=1), Show(title="x")

    assert list(held_queryset(Ticket.objects.all(), ListSource(Ticket, [known])).values_list("code", "total")) == [
        ("door", 2)
    ]
    with pytest.raises(NotInMemoryError, match=r"Cannot read Show\.opened in memory"):
        list(held_queryset(Show.objects.all(), ListSource(Show, [unknown])).values("opened"))


def test_links_with_a_table_between_are_read_from_what_is_held(django_assert_num_queries) -> None:
    festival = Festival(name="Fest")
    festival.bands = [Band(name="x"), Band(name="y")]
    queryset = held_queryset(Festival.objects.all(), ListSource(Festival, [festival]))

    with django_assert_num_queries(0):
        assert list(queryset.filter(bands__name="y")) == [festival]
        assert queryset.aggregate(n=Count("bands")) == {"n": 2}
