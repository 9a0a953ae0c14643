"""Children that are rows of several tables are copied in all of them, however memory has them."""

from __future__ import annotations

import pytest

from cluster.errors import NotInMemoryError
from cluster.models import get_all_child_relations
from cluster.testing import logged_statements
from tests.roundtrip.app.models import (
    Caption,
    Fresco,
    Gallery,
    Insured,
    Keyword,
    Museum,
    Painting,
    Piece,
    Sculpture,
    Sketch,
)
from tests.support import stored_rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def gallery() -> Gallery:
    """A stored gallery with a piece of every kind, and something below some of them."""
    gallery = Gallery.objects.create(name="Uffizi")
    Insured.objects.create(worth=1)
    piece = Piece(gallery=gallery, title="bench", captions=[Caption(text="sit")])
    piece.save()
    museum = Museum.objects.create(name="Louvre")
    painting = Painting(gallery=gallery, title="Venus", technique="tempera", lender=museum, follows=piece)
    painting.captions, painting.sketches = [Caption(text="sea")], [Sketch(number=1), Sketch(number=2)]
    painting.save()
    painting.keywords.set([Keyword.objects.create(name="shell")])
    Fresco.objects.create(gallery=gallery, title="wall", technique="wet", wall="north", worth=9, follows=painting)
    Sculpture.objects.create(gallery=gallery, title="David", weight=6000)
    return Gallery.objects.get()


def kinds_of(gallery: Gallery) -> dict[str, type[Piece]]:
    """Return the model that has most of each stored piece, by its title."""
    kinds = (Piece, Painting, Fresco, Sculpture)
    return {piece.title: kind for kind in kinds for piece in kind.objects.filter(gallery=gallery)}


KINDS = {"bench": Piece, "Venus": Painting, "wall": Fresco, "David": Sculpture}


def test_live_children_are_copied_in_all_their_tables(gallery):
    before = stored_rows(app_label="roundtrip")

    copied, _ = gallery.copy_cluster()

    assert [type(piece) for piece in copied.pieces.get_object_list()] == [Piece, Painting, Fresco, Sculpture]
    assert stored_rows(app_label="roundtrip") == before
    copied.save()
    assert kinds_of(copied) == kinds_of(gallery) == KINDS
    painting, fresco = Painting.objects.get(gallery=copied, title="Venus"), Fresco.objects.get(gallery=copied)
    assert (painting.technique, painting.lender.name, painting.follows.title) == ("tempera", "Louvre", "bench")
    assert painting.follows.gallery == copied
    assert [caption.text for caption in painting.captions.all()] == ["sea"]
    assert sorted(sketch.number for sketch in painting.sketches.all()) == [1, 2]
    assert [keyword.name for keyword in painting.keywords.all()] == ["shell"]
    assert (fresco.wall, fresco.worth, fresco.follows_id) == ("north", 9, painting.pk)
    assert Sculpture.objects.get(gallery=copied).weight == 6000


def test_one_query_is_made_for_each_model_that_inherits_from_that_of_the_children(gallery):
    with logged_statements() as log:
        gallery.copy_cluster()

    # Friends, pieces, the three that inherit, captions of four kinds, sketches and keywords of two.
    assert len(log.statements) == 1 + 4 + 4 + 2 + 2


def test_the_map_finds_the_copies_of_what_the_relation_shows(gallery):
    _, copies = gallery.copy_cluster()

    (rel,) = get_all_child_relations(Gallery)
    for piece in gallery.pieces.all():
        assert type(copies.copy_of(piece)) is KINDS[piece.title]
        assert copies[(rel, piece.pk)] is copies.copy_of(piece)
    fresco = Fresco.objects.get()
    assert fresco.pk != fresco.id
    assert copies.copy_of(fresco) is copies.copy_of(fresco.painting_ptr)


def test_what_memory_has_of_a_child_comes_before_what_is_stored(gallery):
    bench, venus = gallery.pieces.all()[:2]
    venus.title, venus.follows = "Birth of Venus", None
    venus.captions = [Caption(text="wind")]
    gallery.pieces = [venus, Piece(title="new"), bench]
    venus.follows = gallery.pieces.get_object_list()[1]

    copied, copies = gallery.copy_cluster()
    copied.save()

    assert type(copies.copy_of(venus)) is Painting
    painting = Painting.objects.get(gallery=copied)
    assert (painting.title, painting.technique, painting.follows.title) == ("Birth of Venus", "tempera", "new")
    assert painting.follows.gallery == copied
    assert [caption.text for caption in painting.captions.all()] == ["wind"]
    assert sorted(sketch.number for sketch in painting.sketches.all()) == [1, 2]
    assert kinds_of(copied) == {"bench": Piece, "Birth of Venus": Painting, "new": Piece}
    assert [type(piece) for piece in gallery.pieces.get_object_list()] == [Piece] * 3
    assert "lender" not in venus._state.fields_cache
    assert type(copies.copy_of(bench)) is Piece


def test_the_root_is_copied_as_what_it_is(gallery):
    copied, _ = Piece.objects.get(title="Venus").copy_cluster()

    assert type(copied) is Piece


def test_a_kind_that_is_left_out_is_copied_as_what_it_inherits_from(gallery):
    copied, _ = gallery.copy_cluster(exclude_fields=["pieces.painting"])

    assert [type(piece) for piece in copied.pieces.get_object_list()] == [Piece, Piece, Piece, Sculpture]


def test_a_child_of_two_kinds_at_once_is_refused_unless_one_is_left_out(gallery):
    bench = Piece.objects.get(title="bench")
    for kind, extra in ((Painting, {"technique": "oil"}), (Sculpture, {"weight": 1})):
        both = kind(pk=bench.pk, gallery=gallery, title="bench", **extra)
        both.save()

    with pytest.raises(NotInMemoryError) as caught:
        gallery.copy_cluster()

    assert str(caught.value) == (
        f"Cannot copy the Piece with key {bench.pk}: it is a Painting and a Sculpture at once, and an instance can be "
        "only one of them. Leave one out by its path, such as exclude_fields=['pieces.painting']."
    )
    copied, _ = gallery.copy_cluster(exclude_fields=["pieces.painting"])
    assert type(copied.pieces.get_object_list()[0]) is Sculpture


def test_children_are_copied_to_another_parent_in_all_their_tables(gallery):
    target = Gallery.objects.create(name="Prado")

    gallery.copy_child_relation("pieces", target, commit=True)

    assert kinds_of(target) == KINDS


def test_a_kind_to_which_nothing_leads_is_left_out_by_the_name_of_its_model(gallery):
    copied, _ = gallery.copy_cluster(exclude_fields=["pieces.sculpture"])

    assert [type(piece) for piece in copied.pieces.get_object_list()] == [Piece, Painting, Fresco, Piece]


def test_nothing_is_asked_for_children_without_rows():
    gallery = Gallery(name="new", pieces=[Piece(title="a"), Painting(title="b", technique="oil")])

    with logged_statements() as log:
        copied, _ = gallery.copy_cluster()

    assert log.statements == []
    assert [type(piece) for piece in copied.pieces.get_object_list()] == [Piece, Painting]
