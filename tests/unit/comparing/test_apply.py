from __future__ import annotations

import datetime as dt
from copy import deepcopy
from decimal import Decimal

import pytest
from django.core.files.base import ContentFile

from cluster.comparing import apply, diff, diff_from_database
from cluster.comparing.snapshots import rows_of
from cluster.errors import DiffMismatchError
from cluster.testing import logged_statements
from tests.support import build_band, build_full_band, seconds_of, stored_rows
from tests.testapp.models import Album, Attachment, Band, Genre, Hall, Member, Node, Show, Song, Tour, Verse


def band(**values):
    return {"pk": 1, "name": "The Band", "genres": [], "members": [], "albums": [], **values}


# Snapshots


def test_a_diff_is_applied_to_another_snapshot_in_which_the_same_rows_are_elsewhere():
    rick, garth = {"pk": 1, "name": "Rick"}, {"pk": 2, "name": "Garth"}
    changes = diff(band(members=[rick]), band(members=[{**rick, "name": "Richard"}]), model=Band)

    result = apply(changes, band(members=[garth, rick]))

    assert result["members"] == [garth, {"pk": 1, "name": "Richard"}]


def rows(keys, name):
    return [{"pk": key, "name": f"{name} {place}"} for place, key in enumerate(keys)]


def apply_elsewhere(number):
    changes = diff(band(members=rows(range(1, number), "a")), band(members=rows(range(1, number), "b")), model=Band)
    return lambda: apply(changes, band(members=[{"pk": number, "name": "first"}, *rows(range(1, number), "a")]))


def apply_additions(number):
    before, after = band(members=rows(range(1, number, 2), "a")), band(members=rows(range(1, number), "a"))
    changes = diff(before, after, model=Band)
    return lambda: apply(changes, before)


def apply_to_nothing(number):
    changes = diff(band(members=rows(range(1, number), "a")), band(members=rows(range(1, number), "b")), model=Band)

    def work():
        with pytest.raises(DiffMismatchError):
            apply(changes, band())

    return work


@pytest.mark.parametrize("case", [apply_elsewhere, apply_additions, apply_to_nothing])
def test_a_diff_is_applied_in_linear_time(case):
    small = min(seconds_of(case(100)) for _ in range(5))
    large = min(seconds_of(case(1600)) for _ in range(3))

    # A quadratic one would take 256 times as long.
    assert large < 16 * small * 4


def test_everything_that_does_not_fit_is_reported_at_once_and_nothing_is_changed():
    before = band(members=[{"pk": 1, "name": "Rick"}, {"pk": 2, "name": "Garth"}], albums=[{"pk": 5, "songs": []}])
    after = band(name="Hawks", members=[{"pk": 1, "name": "Richard"}], albums=[{"pk": 5, "songs": [{"pk": 7}]}])
    target = band(name="Other", members=[{"pk": 3, "name": "Levon"}], albums=[{"pk": 5, "songs": [{"pk": 7}]}])
    untouched = deepcopy(target)

    with pytest.raises(DiffMismatchError) as error:
        apply(diff(before, after, model=Band), target)

    assert str(error.value).splitlines() == [
        "name: The diff changes 'The Band' to 'Hawks', but the value is 'Other'. Compare again, or merge.",
        "members[1]: The row that the diff is about is not there (pk 2).",
        "members[0]: The row that the diff is about is not there (pk 1).",
        "albums[0].songs[0]: The diff adds the row 7, which is there already.",
    ]
    assert target == untouched


def test_links_are_added_to_and_taken_from_what_is_linked_by_now():
    changes = diff(band(genres=[1, 2]), band(genres=[2, 3]), model=Band)

    assert apply(changes, band(genres=[4, 1, 2]))["genres"] == [4, 2, 3]


def test_a_row_that_is_missing_is_reported_once():
    rick, garth = {"pk": 1, "name": "Rick"}, {"pk": 2, "name": "Garth"}
    changes = diff(band(members=[rick, garth]), band(members=[garth, {**rick, "name": "Richard"}]), model=Band)

    with pytest.raises(DiffMismatchError) as error:
        apply(changes, band())

    assert len(error.value.problems) == len({problem.path for problem in error.value.problems})


def test_a_diff_of_another_model_is_refused():
    with pytest.raises(TypeError) as error:
        apply(diff(band(), band(name="x"), model=Band), Album())

    assert str(error.value) == "Cannot compare objects of different models: testapp.Album, testapp.Band."


# Clusters


@pytest.fixture
def saved(db) -> Band:
    saved = build_full_band()
    saved.formed = dt.date(1967, 1, 1)
    saved.save()
    return Band.objects.get(pk=saved.pk)


def edited(saved: Band) -> Band:
    """The same band with an edit of every kind, in memory."""
    jazz = Genre.objects.create(name="jazz")
    band = Band.objects.get(pk=saved.pk)
    band.name, band.facts = "Hawks", {"town": "Toronto"}
    band.genres.remove(Genre.objects.get(name="rock"))
    band.genres.add(jazz)
    first, second = band.albums.get_object_list()
    first.position, second.position = 5, 4
    first.songs.remove(first.songs.get_object_list()[0])
    song = second.songs.get_object_list()[0]
    song.title, song.duration = "The Weight", dt.timedelta(minutes=4)
    song.verses.add(Verse(position=3, text="third"))
    album = Album(title="new", released=dt.date(1970, 1, 1), price=Decimal("9.99"), position=1)
    album.songs, album.genres = [Song(title="Shape", track=1)], [jazz]
    band.albums.add(album)
    return band


def test_a_diff_of_two_clusters_is_applied_to_the_first_in_memory_and_saved(saved):
    target = Band.objects.get(pk=saved.pk)
    after = edited(saved)
    before = stored_rows()

    with logged_statements() as log:
        result = apply(diff(saved, after), target)

    assert result is target
    assert log.writes == []
    assert stored_rows() == before
    assert not diff(target, after)
    target.save()
    with_both = stored_rows()
    assert Band.objects.get(pk=saved.pk).albums.get(title="new").genres.get().name == "jazz"
    after.refresh_from_db()
    assert not diff(Band.objects.get(pk=saved.pk), after)
    assert stored_rows() == with_both


def test_a_diff_says_what_differs_from_the_database_and_what_a_save_leaves_no_difference_of(saved):
    assert not diff_from_database(saved)
    after = edited(saved)

    changes = diff_from_database(after)

    assert "~ name: 'The Band' -> 'Hawks'" in str(changes).splitlines()
    assert {change.kind for change in changes} == {"changed", "added", "removed", "linked", "unlinked"}
    after.save()
    assert not diff_from_database(after)


def test_comparing_reads_one_query_per_relation_and_level_and_leaves_the_clusters_as_they_are(saved):
    with logged_statements() as log:
        rows_of(saved)
    small = Band(name="small", albums=[Album(title="one", songs=[Song(title="song", verses=[Verse(position=1)])])])
    small.save()
    with logged_statements() as fewer:
        rows_of(Band.objects.get(pk=small.pk))

    assert log.writes == []
    # The root's own row is one more; the credits of songs are asked for in both.
    assert len(log.statements) == len(fewer.statements) - 1
    assert not saved.albums.is_deferring


def test_a_snapshot_is_applied_as_a_cluster_with_json_values(saved):
    before = rows_of(saved)
    after = deepcopy(before)
    after["formed"] = "1968-02-03"
    after["albums"][0]["songs"].append(
        {"pk": None, "title": "Chest Fever", "track": 3, "duration": "00:05:18", "recorded": "2024-01-01T20:00:00Z"}
    )

    apply(diff(before, after, model=Band), saved)
    saved.save()

    assert Band.objects.get(pk=saved.pk).formed == dt.date(1968, 2, 3)
    song = Song.objects.get(title="Chest Fever")
    assert song.duration == dt.timedelta(minutes=5, seconds=18)
    assert song.recorded == dt.datetime(2024, 1, 1, 20, tzinfo=dt.UTC)


def test_a_row_that_was_deleted_comes_back_under_its_key(saved):
    before = rows_of(saved)
    key = saved.albums.first().pk
    saved.albums.remove(saved.albums.first())
    saved.save()
    now = rows_of(Band.objects.get(pk=saved.pk))

    apply(diff(now, before, model=Band), saved)
    saved.save()

    assert Album.objects.get(pk=key).songs.count() == 2
    assert rows_of(Band.objects.get(pk=saved.pk)) == before


def test_children_of_a_cluster_are_put_in_the_order_of_the_diff():
    band = build_band(members=3)
    before = rows_of(band)
    after = deepcopy(before)
    after["members"] = [after["members"][2], after["members"][0], {"pk": None, "name": "new"}, after["members"][1]]

    apply(diff(before, after, model=Band), band)

    assert [member.name for member in band.members.get_object_list()] == ["member 2", "member 0", "new", "member 1"]


def test_what_a_diff_does_not_touch_stays_live(saved):
    before = rows_of(saved)
    after = deepcopy(before)
    after["albums"][0]["songs"][0]["title"] = "changed"

    with logged_statements() as log:
        apply(diff(before, after, model=Band), saved)

    assert not saved.members.is_deferring
    assert saved.albums.is_deferring
    first, second = saved.albums.get_object_list()
    assert first.songs.is_deferring
    assert not second.songs.is_deferring
    assert log.writes == []


def test_applying_to_a_changed_cluster_is_refused_and_changes_nothing(saved):
    changes = diff(rows_of(saved), {**rows_of(saved), "name": "Hawks", "members": []}, model=Band)
    saved.name = "Other"

    with pytest.raises(DiffMismatchError):
        apply(changes, saved)

    assert not saved.members.is_deferring
    assert saved.name == "Other"


def test_a_link_to_an_object_that_is_gone_is_refused_with_its_path(saved):
    before = rows_of(saved)
    after = deepcopy(before)
    after["name"] = "Hawks"
    after["albums"].append({"pk": None, "title": "new", "genres": [777]})

    with pytest.raises(DiffMismatchError) as error:
        apply(diff(before, after, model=Band), saved)

    assert str(error.value) == "albums: There is no genre with key 777 any more to link to."
    assert saved.name == "The Band"


def test_the_key_of_a_cluster_is_never_changed(saved):
    key = saved.pk
    other = {**rows_of(saved), "pk": 999, "name": "Hawks"}

    apply(diff(saved, other), saved)

    assert (saved.pk, saved.name) == (key, "Hawks")


def test_values_that_no_field_can_have_are_refused_with_their_paths(saved):
    before = rows_of(saved)
    after = deepcopy(before)
    after["formed"] = "yesterday"
    after["albums"][0]["songs"].append({"pk": None, "title": "new", "duration": "long"})

    with pytest.raises(DiffMismatchError) as error:
        apply(diff(before, after, model=Band), saved)

    assert str(error.value).splitlines() == [
        "formed: 'yesterday' is no value that formed can have.",
        "albums[0].songs: 'long' is no value that duration can have.",
    ]
    assert saved.formed == dt.date(1967, 1, 1)


@pytest.mark.django_db
def test_names_without_field_and_generated_values_are_passed_over_in_clusters():
    show = Show(title="Help!")
    show.save()
    ticket = {"pk": None, "seat": "A1", "price": 3, "fee": 2, "total": 999, "stamp": "x"}
    before, after = (
        {**rows_of(show), "stamp": stamp, "tickets": tickets} for stamp, tickets in (("a", []), ("b", [ticket]))
    )

    apply(diff(before, after, model=Show), show).save()

    assert show.tickets.get().total == 5


@pytest.mark.django_db
def test_values_that_the_database_is_still_to_make_are_no_part_of_a_snapshot():
    assert rows_of(Show(title="Help!")) == {"pk": None, "title": "Help!", "capacity": 100, "tickets": []}


@pytest.mark.django_db
def test_the_key_of_a_row_in_several_tables_is_that_of_the_first():
    hall = Hall(name="Fillmore", seats=3)
    hall.save()

    assert rows_of(hall)["pk"] == hall.venue_ptr_id


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (
            dt.datetime(2024, 1, 1, 21, tzinfo=dt.timezone(dt.timedelta(hours=1))),
            dt.datetime(2024, 1, 1, 20, tzinfo=dt.UTC),
        ),
        (dt.datetime(2024, 1, 1, 21), dt.datetime(2024, 1, 1, 20, tzinfo=dt.UTC)),  # noqa: DTZ001
        (None, None),
    ],
    ids=["aware", "naive", "null"],
)
def test_moments_are_compared_in_utc(moment, shown):
    assert rows_of(Song(recorded=moment))["recorded"] == shown


@pytest.mark.parametrize("file", ["a.txt", ContentFile(b"x", name="a.txt")], ids=["stored", "new"])
def test_files_are_compared_by_name(file):
    assert rows_of(Attachment(file=file))["file"] == "a.txt"


@pytest.mark.django_db
def test_composite_keys_and_binary_values_survive():
    tour = Tour(name="Europe")
    tour.save()
    after = {**rows_of(tour), "stops": [{"pk": [tour.pk, 3], "number": 3, "place": "Rome"}]}
    apply(diff(tour, after), tour).save()
    band = build_band()
    band.attachments = [Attachment(checksum=b"\x00\xff", details={"a": [1]})]
    target = build_band()

    apply(diff(rows_of(target), rows_of(band), model=Band), target)

    assert tour.stops.get().place == "Rome"
    assert bytes(target.attachments.get().checksum) == b"\x00\xff"
    assert target.attachments.get().details == {"a": [1]}


@pytest.mark.django_db
def test_a_thousand_levels_are_applied_to_a_cluster():
    root = node = Node(pk=1, name="0")
    for level in range(1, 1000):
        child = Node(pk=level + 1, name=str(level))
        node.children = [child]
        node = child
    before = rows_of(root)
    node.name = "bud"
    after = rows_of(root)
    node.name = "999"

    apply(diff(before, after, model=Node), root)

    assert node.name == "bud"


@pytest.mark.django_db
def test_what_is_deferred_is_not_compared_and_not_fetched():
    band = build_band()
    band.save()
    Member.objects.update(instrument="drums")
    deferred = Band.objects.defer("facts").get(pk=band.pk)

    with logged_statements() as log:
        rows = rows_of(deferred)

    assert "facts" not in rows
    assert not [sql for sql in log.statements if "facts" in sql]


def test_times_at_the_ends_of_the_calendar_and_without_zone_are_those_of_the_snapshot():
    last = dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-5)))
    for moment in (last, dt.datetime(2024, 7, 1, 12), None):  # noqa: DTZ001
        song = Song(title="Tomorrow", recorded=moment)

        assert not diff(song, song.serializable_data())


def test_a_file_that_is_null_is_none():
    attachment = Attachment(file=None)
    band = Band(name="Blur", attachments=[attachment])

    assert not diff(band, band.serializable_data())
