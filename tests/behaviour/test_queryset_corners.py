"""What no other file of held querysets asks."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import (
    Avg,
    CharField,
    Count,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    Transform,
    Value,
    Window,
)
from django.db.models.functions import Now, Substr, Upper
from django.test.utils import register_lookup

from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet, ListSource, held_queryset, register_transform
from tests.testapp.models import Act, Album, Band, Dance, Genre, Label, Member, Song, Venue

pytestmark = pytest.mark.django_db


@pytest.fixture
def members() -> list[Member]:
    return [Member(pk=1, name="Ann", wage=Decimal(5)), Member(pk=2, name="Bob"), Member(pk=3, name="Cid", wage=7)]


@pytest.fixture
def queryset(members: list[Member]) -> FakeQuerySet:
    return FakeQuerySet(Member, members)


class BothUpper(Transform):
    """Applied to both sides."""

    lookup_name = "both_upper"
    function = "UPPER"
    bilateral = True


def test_a_transform_of_both_sides_is_applied_to_both(queryset: FakeQuerySet) -> None:
    register_transform(BothUpper, str.upper)

    with register_lookup(CharField, BothUpper):
        assert [member.pk for member in queryset.filter(name__both_upper="ann")] == [1]
        assert [member.pk for member in queryset.filter(name__both_upper__in=["bob", "cid"])] == [2, 3]


def test_xor_with_null_follows_the_vendor(queryset: FakeQuerySet, members: list[Member]) -> None:
    band = Band.objects.create(name="x")
    for member in members:
        member.band = band
        member.save()

    for condition in (Q(wage__gt=1) ^ Q(name="Bob"), Q(wage__gt=1) ^ Q(name="Zoe"), Q(wage__gt=1) ^ Q(wage__lt=6)):
        found = queryset.filter(condition).order_by("pk")
        assert list(found) == list(Member.objects.filter(condition).order_by("pk"))


def test_a_function_with_null_among_its_values_is_null(queryset: FakeQuerySet) -> None:
    found = queryset.annotate(x=Substr(Value(None, CharField()), 1, 2)).values_list("x", flat=True)

    assert list(found) == [None] * 3


def test_one_evaluation_has_one_now(queryset: FakeQuerySet) -> None:
    moments = set(queryset.annotate(now=Now()).values_list("now", flat=True))

    assert len(moments) == 1
    assert datetime.datetime.now(datetime.UTC) - moments.pop() < datetime.timedelta(minutes=1)


def test_moments_come_in_utc(queryset: FakeQuerySet) -> None:
    east = datetime.timezone(datetime.timedelta(hours=2))
    moment = Value(datetime.datetime(2020, 1, 1, 1, tzinfo=east), output_field=DateTimeField())

    found = queryset.annotate(x=ExpressionWrapper(moment, output_field=DateTimeField())).values_list("x", flat=True)

    assert repr(found[0]) == "datetime.datetime(2019, 12, 31, 23, 0, tzinfo=datetime.timezone.utc)"


def test_averages_are_floats(queryset: FakeQuerySet) -> None:
    assert repr(queryset.aggregate(x=Avg("pk"))) == "{'x': 2.0}"


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda q: q.bulk_update([], ["name"], batch_size=0), ValueError, "Batch size must be a positive integer"),
        (lambda q: q.bulk_update([Member(name="x")], ["name"]), ValueError, "must have a primary key set"),
        (lambda q: q.distinct("name").update(name="x"), TypeError, r"Cannot call update\(\) after .distinct"),
        (lambda q: q.distinct("name").delete(), TypeError, r"Cannot call delete\(\) after .distinct"),
    ],
)
def test_arguments_are_checked_as_by_django(call: Any, error: type[Exception], text: str, queryset: Any) -> None:
    with pytest.raises(error, match=text):
        call(queryset)


def test_reverse_one_to_one_names_are_no_fields_to_create_with() -> None:
    with pytest.raises(ValueError, match="The following fields do not exist in this model: dance"):
        FakeQuerySet(Act, []).create(title="x", dance=Dance())


def test_fields_of_a_relation_cannot_be_updated_in_bulk() -> None:
    label = Label(pk=1, name="x")

    with pytest.raises(ValueError, match="can only be used with concrete fields"):
        FakeQuerySet(Label, [label]).bulk_update([label], ["albums"])


def test_distinct_fields_may_name_annotations(queryset: FakeQuerySet, members: list[Member]) -> None:
    found = queryset.annotate(first=Upper("instrument")).order_by("first", "-pk").distinct("first")

    assert list(found) == [members[2]]


def test_an_annotation_by_expression_is_ordered_and_grouped_by(queryset: FakeQuerySet) -> None:
    found = queryset.annotate(first=Substr("name", 1, 1)).values("first").annotate(n=Count("pk")).order_by("-first")

    assert list(found) == [{"first": "C", "n": 1}, {"first": "B", "n": 1}, {"first": "A", "n": 1}]


def test_rows_of_an_inherited_child_lead_to_their_parent_and_back(django_assert_num_queries: Any) -> None:
    dance = Dance(venue=Venue(name="Hall"), title="swan", style="ballet")

    with django_assert_num_queries(0):
        assert list(FakeQuerySet(Dance, [dance]).filter(title="swan", venue__name="Hall")) == [dance]
        assert list(FakeQuerySet(Dance, [dance]).filter(act_ptr__dance__style="ballet")) == [dance]
        assert list(FakeQuerySet(Dance, [dance]).exclude(venue__name="Hall")) == []


def test_rows_that_are_not_saved_have_no_rows_in_a_live_subquery(django_assert_num_queries: Any) -> None:
    albums = FakeQuerySet(Album, [Album(title="new")])

    with django_assert_num_queries(0):
        assert list(albums.filter(Exists(Song.objects.filter(album=OuterRef("pk"))))) == []


def test_a_held_subquery_matches_by_keys_to_come() -> None:
    albums = [Album(title="a"), Album(title="b")]
    songs = FakeQuerySet(Song, [Song(title="s", album=albums[1])])

    found = FakeQuerySet(Album, albums).filter(Exists(songs.filter(album=OuterRef("pk"))))

    assert list(found) == [albums[1]]
    assert list(FakeQuerySet(Album, albums).filter(pk__in=songs.values("album"))) == [albums[1]]


def test_an_exclude_behind_an_exclude_follows_its_row() -> None:
    band = Band(name="x")
    band.albums = [Album(title="a", position=1), Album(title="b", position=2)]
    first = band.albums.get(title="a")
    first.songs = [Song(title="s", track=1)]
    bands = FakeQuerySet(Band, [band])

    assert [album.title for album in band.albums.exclude(songs__track=F("position"))] == ["b"]
    assert list(bands.filter(Exists(band.albums.exclude(songs__title="s").filter(band=OuterRef("pk"))))) == [band]
    assert list(bands.filter(albums__in=band.albums.exclude(songs__title="s"))) == [band]


def test_a_window_function_without_a_meaning_is_refused(queryset: FakeQuerySet) -> None:
    class Odd(Max):
        function = "ODD"

    with pytest.raises(NotInMemoryError, match="Odd has no meaning in memory"):
        list(queryset.annotate(x=Window(Odd("pk"))))


def test_grouping_nothing_gives_no_group() -> None:
    empty = FakeQuerySet(Member, [])

    assert list(empty.values("name").annotate(n=Count("pk"))) == []
    assert list(empty.annotate(n=Count("pk"))) == []
    assert empty.aggregate(n=Count("pk"), m=Max("wage")) == {"n": 0, "m": None}


def test_a_union_of_values_is_a_subquery_in_memory(queryset: FakeQuerySet) -> None:
    some = (
        queryset.order_by().filter(name="Ann").values("pk").union(queryset.order_by().filter(name="Cid").values("pk"))
    )

    assert [member.name for member in queryset.filter(pk__in=some).order_by("pk")] == ["Ann", "Cid"]


def test_dangling_keys_join_nothing() -> None:
    albums = [Album(title="a", label_id=999), Album(title="b")]
    queryset = held_queryset(Album.objects.order_by("title"), ListSource(Album, albums))

    assert list(queryset.filter(label__name="x")) == []
    assert list(queryset.exclude(label__name="x")) == albums
    assert list(FakeQuerySet(Album, albums).order_by("title").exclude(label__name="x")) == albums


def test_links_from_the_other_side_are_asked_of_the_database_once(django_assert_num_queries: Any) -> None:
    genres = [Genre.objects.create(name=name) for name in ("folk", "rock")]
    band = Band.objects.create(name="x")
    Band.genres.through.objects.create(band=band, genre=genres[0])

    with django_assert_num_queries(1):
        assert list(FakeQuerySet(Genre, genres).filter(bands__name="x")) == genres[:1]


def test_objects_without_a_key_are_not_lost_in_bulk(queryset: FakeQuerySet, members: list[Member]) -> None:
    new = FakeQuerySet(Member, [*members, Member(name="Dot"), Member(name="Eve")])

    assert queryset.in_bulk() == {member.pk: member for member in members}
    assert new.in_bulk([2]) == {2: members[1]}
    assert new.filter(name="Ann").in_bulk() == {1: members[0]}
    for name in ("pk", "id"):
        with pytest.raises(NotInMemoryError, match="Member objects without naming keys: some have none before"):
            new.in_bulk(field_name=name)


def test_an_expression_that_was_part_of_a_live_query_is_tied_to_the_row_in_memory_too() -> None:
    label, genre = Label.objects.create(name="x"), Genre.objects.create(name="x")
    named_alike = Band.objects.filter(name=OuterRef(OuterRef("name")))
    has_both = Exists(Label.objects.annotate(band=Exists(named_alike)).filter(band=True))
    Band.objects.create(name="x")
    genres = Genre.objects.annotate(both=has_both).filter(both=True)

    assert list(genres) == [genre]
    assert list(FakeQuerySet(Genre, [genre, Genre(name="y")]).annotate(both=has_both).filter(both=True)) == [genre]
    with pytest.raises(NotInMemoryError, match=r"testapp_genre\.name in memory: no table of the query has that name"):
        FakeQuerySet(Label, [label]).annotate(both=has_both).filter(both=True).exists()
