"""A save writes what changed, in a number of statements that does not grow with the rows."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection

from cluster.testing import StatementLog, logged_statements
from tests.faults.app.models import Box, Shelf
from tests.support import build_album, build_band
from tests.testapp.models import Album, Anthem, Band, Genre, Member, Node, Show, Song, Ticket

pytestmark = pytest.mark.django_db

QUOTE = connection.ops.quote_name("x")[0]


def saved(root: Band) -> StatementLog:
    with logged_statements() as log:
        root.save()
    return log


def child_writes(log: StatementLog) -> list[str]:
    return [sql for sql in log.writes if '"testapp_band"' not in sql and "`testapp_band`" not in sql]


def loaded(band: Band) -> Band:
    return Band.objects.get(pk=band.pk)


def test_a_new_cluster_of_three_levels_takes_three_inserts_apart_from_batches() -> None:
    band = Band(name="big")
    band.albums = [build_album(position=number, songs=3) for number in range(200)]
    fields = [field for field in Song._meta.concrete_fields if not field.primary_key]
    song_batches = -(-600 // max(connection.ops.bulk_batch_size(fields, [None] * 600), 1))
    fields = [field for field in Album._meta.concrete_fields if not field.primary_key]
    album_batches = -(-200 // max(connection.ops.bulk_batch_size(fields, [None] * 200), 1))

    log = saved(band)

    assert len(log.of("INSERT")) == 1 + album_batches + song_batches
    assert len(log.of("SELECT")) == 0
    assert (Album.objects.count(), Song.objects.count()) == (200, 600)
    assert {song.album.band_id for song in Song.objects.select_related("album")} == {band.pk}


def test_an_unchanged_cluster_writes_no_child() -> None:
    build_band(members=50).save()
    band = Band.objects.get()
    band.members.get_object_list()
    for album in band.albums.get_object_list():
        album.songs.get_object_list()

    log = saved(band)

    assert child_writes(log) == []
    assert len(log.writes) == 1


def test_one_changed_child_is_one_update_of_the_changed_column() -> None:
    build_band(members=50).save()
    band = Band.objects.get()
    band.members.get_object_list()[7].instrument = "harp"

    (update,) = child_writes(saved(band))

    assert update.startswith("UPDATE")
    assert "instrument" in update.split("WHERE")[0]
    assert "name" not in update.split("WHERE")[0]
    assert Member.objects.filter(instrument="harp").count() == 1


def test_many_changed_children_are_one_upsert_of_the_changed_column() -> None:
    build_band(members=50).save()
    band = Band.objects.get()
    for member in band.members.get_object_list():
        member.instrument = "harp"
    Member.objects.update(name="changed by somebody else")

    log = saved(band)

    assert len(child_writes(log)) == 1
    assert len(log.of("SELECT")) == 1
    assert set(Member.objects.values_list("instrument", "name")) == {("harp", "changed by somebody else")}


def test_a_hundred_removed_children_are_one_delete() -> None:
    build_band(members=120).save()
    band = Band.objects.get()
    band.members.remove(*band.members.get_object_list()[:100])

    log = saved(band)

    assert len(child_writes(log)) == len(log.of("DELETE")) == 1
    assert Member.objects.count() == 20


def test_one_child_added_to_a_thousand_writes_one_row() -> None:
    build_band(members=1000).save()
    band = Band.objects.get()
    band.members.add(Member(name="new"))

    (insert,) = child_writes(saved(band))

    assert insert.count("%s") == 5
    assert Member.objects.count() == 1001


def test_declared_content_is_read_once_per_relation_and_level() -> None:
    build_band(albums=5).save()
    band = Band.objects.get()
    albums = list(Album.objects.all())
    band.albums = albums
    for album in albums:
        album.songs = [Song(title="only", track=1)]

    log = saved(band)

    assert len(log.of("SELECT")) == 2
    assert Song.objects.count() == 5
    assert len(log.of("INSERT")) == len(log.of("DELETE", f"FROM {QUOTE}testapp_song{QUOTE}")) == 1


def test_declared_content_that_is_already_there_writes_nothing() -> None:
    build_band(members=5).save()
    band = Band.objects.get()
    band.members = list(Member.objects.all())

    assert child_writes(saved(band)) == []


def test_unchanged_links_write_nothing_and_changed_ones_two_statements() -> None:
    genres = [Genre.objects.create(name=str(number)) for number in range(20)]
    Band(name="linked", genres=genres[:10]).save()
    band = Band.objects.get()
    band.genres = genres[:10]
    unchanged = child_writes(saved(band))

    band.genres = genres[5:]
    log = saved(band)

    assert unchanged == []
    assert (len(log.of("INSERT")), len(log.of("DELETE"))) == (1, 1)
    assert set(band.genres.all()) == set(genres[5:])


def test_links_of_all_parents_of_a_level_are_written_together() -> None:
    genres = [Genre.objects.create(name=str(number)) for number in range(3)]
    band = Band(name="linked")
    band.albums = [Album(title=str(number), genres=genres) for number in range(10)]

    log = saved(band)

    assert len(log.of("INSERT", "testapp_album_genres")) == 1
    assert Album.genres.through.objects.count() == 30


def test_rows_of_one_model_from_two_relations_are_inserted_together() -> None:
    root = Node(name="root", children=[Node(name="left"), Node(name="right")])
    for child in root.children.all():
        child.children = [Node(name=f"below {child.name}")]

    with logged_statements() as log:
        root.save()

    assert len(log.of("INSERT")) == 3
    assert Node.objects.filter(parent__parent=root).count() == 2


def test_generated_values_are_as_in_the_database_after_a_bulk_update() -> None:
    Show(title="late", tickets=[Ticket(seat=str(number)) for number in range(5)]).save()
    show = Show.objects.get()
    tickets = list(show.tickets.get_object_list())
    for ticket in tickets:
        ticket.price = 30

    show.save()

    assert {ticket.total for ticket in tickets} == {31}


def test_values_of_the_database_are_there_after_an_insert() -> None:
    ticket = Ticket(seat="A")

    Show(title="new", tickets=[ticket]).save()

    assert (ticket.code, ticket.total) == ("door", 11)


def test_a_shift_of_positions_takes_one_statement() -> None:
    Shelf(name="s", boxes=[Box(code=str(number), position=number) for number in range(50)]).save()
    shelf = Shelf.objects.get()
    for box in shelf.boxes.get_object_list():
        box.position += 1

    with logged_statements() as log:
        shelf.save()

    assert len([sql for sql in log.writes if "faults_box" in sql]) == 1
    assert list(Box.objects.values_list("position", flat=True)) == list(range(1, 51))


def test_a_first_save_reads_nothing() -> None:
    band = build_band()
    band.genres = [Genre.objects.create(name="rock")]

    assert saved(band).of("SELECT") == []


def test_nothing_is_left_held_after_a_save() -> None:
    band = build_band()
    (album, *_) = band.albums.get_object_list()

    band.save()

    assert not band.members.is_deferring
    assert not album.songs.is_deferring
    assert loaded(band).members.count() == 2


def test_an_equal_decimal_with_other_digits_is_no_change() -> None:
    Band(name="b", albums=[Album(title="a", price=Decimal("1.50"))]).save()
    band = Band.objects.get()
    (album,) = band.albums.get_object_list()

    album.price = Decimal("1.5")

    assert child_writes(saved(band)) == []


def test_what_the_class_changes_of_a_column_that_is_written_is_in_the_same_update() -> None:
    Band(name="b", anthems=[Anthem(title="old")]).save()
    band = Band.objects.get()
    (anthem,) = band.anthems.get_object_list()

    anthem.title, anthem.slug = "new", "to be made by save()"
    (update,) = child_writes(saved(band))

    assert update.startswith("UPDATE")
    assert list(Anthem.objects.values_list("title", "slug")) == [("new", "new")]


def test_a_new_row_with_a_key_of_its_own_is_inserted_and_never_updated() -> None:
    band = Band.objects.create(name="b")

    band.anthems.add(Anthem(pk=77, title="new"))
    (insert,) = child_writes(saved(band))

    assert insert.startswith("INSERT")
    assert Anthem.objects.get().pk == 77
