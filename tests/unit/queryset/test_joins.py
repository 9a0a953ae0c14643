"""Joins, and the subqueries that stand for them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from django.db import models
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, Value
from django.test.utils import isolate_apps

from cluster.errors import NotInMemoryError
from cluster.queryset import FakeQuerySet
from tests.testapp.models import Album, Appearance, Band, Festival, Genre, Label, Member, Node, Stop, Tour

pytestmark = pytest.mark.django_db


def test_a_subquery_that_can_have_no_row_gives_null():
    members = FakeQuerySet(Member, [Member(name="a")])
    nothing = Band.objects.filter(pk__in=[])

    found = members.annotate(band_name=Subquery(nothing.values("name")[:1])).values_list("band_name", flat=True)

    assert list(found) == [None]
    assert list(members.filter(name__in=nothing.values("name"))) == []


def test_a_subquery_tied_by_an_inequality_is_asked_for_each_row(django_assert_num_queries: Any):
    Label.objects.create(name="b")
    Label.objects.create(name="c")
    members = FakeQuerySet(Member, [Member(name="a"), Member(name="b"), Member(name="c")])
    above = Label.objects.filter(name__gt=OuterRef("name")).order_by("name").values("name")[:1]

    with django_assert_num_queries(3):
        found = list(members.annotate(following=Subquery(above)).values_list("following", flat=True))

    assert found == ["b", "c", None]


def test_a_subquery_tied_inside_another_condition_is_asked_for_each_row(django_assert_num_queries: Any):
    Label.objects.create(name="b", city="x")
    members = FakeQuerySet(Member, [Member(name="b"), Member(name="x")])
    tied = Label.objects.filter(Q(name=OuterRef("name")) | Q(city=OuterRef("name")))

    with django_assert_num_queries(2):
        assert members.filter(Exists(tied)).count() == 2


def test_a_subquery_that_counts_without_groups_is_asked_for_each_row(django_assert_num_queries: Any):
    Label.objects.create(name="b")
    members = FakeQuerySet(Member, [Member(name="a"), Member(name="b")])
    counted = Label.objects.filter(name=OuterRef("name")).annotate(n=Count("pk")).values("n")

    found = members.annotate(n=Subquery(counted)).values_list("n", flat=True)

    assert list(found) == [None, 1]


def test_links_made_from_held_objects_are_told_apart_by_their_keys():
    folk, rock = Genre(name="folk"), Genre(name="rock")
    bands = FakeQuerySet(Band, [Band(name="both", genres=[folk, rock]), Band(name="one", genres=[rock])])

    found = bands.filter(genres__name="rock").exclude(genres__name="folk")
    same_link = bands.filter(Q(genres__name="rock") & ~Q(genres__name="folk"))

    assert [band.name for band in found] == ["one"]
    assert [band.name for band in same_link] == ["both", "one"]


def test_an_exclude_may_compare_with_the_outer_row():
    bands = [Band(name="a", members=[Member(name="a")]), Band(name="b", members=[Member(name="a")])]

    found = FakeQuerySet(Band, bands).exclude(members__name=F("name"))

    assert [band.name for band in found] == ["b"]


def test_an_exclude_in_a_subquery_may_refer_to_the_outermost_row():
    bands = [Band(name="a", members=[Member(name="a")]), Band(name="b", members=[Member(name="a")])]
    labels = FakeQuerySet(Label, [Label(name="a"), Label(name="z")])

    others = FakeQuerySet(Band, bands).exclude(members__name=OuterRef("name"))

    assert [label.name for label in labels.filter(Exists(others))] == ["z"]


def test_a_condition_about_the_joined_link_holds_in_a_subquery_too():
    folk, rock = Genre(name="folk"), Genre(name="rock")
    bands = FakeQuerySet(Band, [Band(name="both", genres=[folk, rock]), Band(name="folk", genres=[folk])])
    labels = FakeQuerySet(Label, [Label(name="both"), Label(name="folk")])

    chosen = bands.filter(genres__name__in=["rock", "folk"]).filter(Q(genres__name="rock") & ~Q(genres__name="folk"))
    same_link = bands.filter(Q(genres__name__in=["rock", "folk"]) & ~Q(genres__name="folk"))

    assert [label.name for label in labels.filter(name__in=chosen.values("name"))] == list(
        dict.fromkeys(chosen.values_list("name", flat=True))
    )
    assert [label.name for label in labels.filter(name__in=same_link.values("name"))] == list(
        dict.fromkeys(same_link.values_list("name", flat=True))
    )


@isolate_apps("tests.testapp")
def test_a_join_over_two_columns_takes_both_together():
    class Place(models.Model):
        pk = models.CompositePrimaryKey("tour_id", "number")
        tour_id = models.BigIntegerField()
        number = models.PositiveIntegerField()
        place = models.CharField(max_length=80)

        class Meta:
            app_label = "testapp"
            db_table = Stop._meta.db_table

    class Visit(models.Model):
        tour = models.BigIntegerField()
        number = models.PositiveIntegerField()
        stop = models.ForeignObject(
            Place, models.CASCADE, from_fields=("tour", "number"), to_fields=("tour_id", "number"), related_name="+"
        )

        class Meta:
            app_label = "testapp"

    first, second = Tour.objects.create(name="a"), Tour.objects.create(name="b")
    Stop.objects.create(tour=first, number=1, place="x")
    Stop.objects.create(tour=first, number=2, place="y")
    visits = FakeQuerySet(Visit, [Visit(tour=first.pk, number=2), Visit(tour=second.pk, number=1)])

    assert list(visits.values_list("stop__place", flat=True)) == ["y"]


def test_a_subquery_tied_by_two_columns_is_asked_for_each_row(django_assert_num_queries: Any):
    Label.objects.create(name="a", city="x")
    members = FakeQuerySet(Member, [Member(name="a", instrument="x"), Member(name="a", instrument="y")])
    tied = Label.objects.filter(name=OuterRef("name"), city=OuterRef("instrument"))

    with django_assert_num_queries(2):
        found = list(members.filter(Exists(tied)))

    assert [member.instrument for member in found] == ["x"]


def test_a_subquery_of_other_letters_is_of_another_row():
    Label.objects.create(name="b")
    members = FakeQuerySet(Member, [Member(name="B"), Member(name="b")])

    assert [member.name for member in members.filter(Exists(Label.objects.filter(name=OuterRef("name"))))] == ["b"]


def festival_of(bands: list[Band]) -> FakeQuerySet:
    festival = Festival.objects.create(name="f")
    festival.bands.set(bands)
    return FakeQuerySet(Festival, [festival])


def test_columns_of_the_rows_that_link_are_not_guessed():
    """The bands are held, the appearances are not: their stages are in the database alone, if there."""
    festivals = festival_of([Band.objects.create(name="a")])

    assert festivals.filter(bands__name="a").exists()
    assert festivals.aggregate(n=Count("appearances")) == {"n": 1}
    with pytest.raises(NotInMemoryError, match=r"Cannot read Appearance\.stage in memory: what is held are"):
        festivals.filter(appearances__stage="main").exists()


def test_links_of_what_is_not_saved_have_the_defaults_that_saving_writes(django_assert_num_queries: Any):
    festivals = FakeQuerySet(Festival, [Festival(name="f", bands=[Band(name="a")])])

    with django_assert_num_queries(0):
        assert festivals.filter(appearances__stage="main", bands__name="a").exists()
        assert not festivals.filter(appearances__stage="side").exists()


class HoldsRows(Festival):
    """A festival whose appearances are in memory as well."""

    class Meta:
        proxy = True
        app_label = "testapp"

    def held_objects(self, accessor: str) -> Any:
        return self.rows if accessor == "appearances" else super().held_objects(accessor)


def test_the_rows_that_link_are_used_where_they_are_held(django_assert_num_queries: Any):
    bands = [Band.objects.create(name=name) for name in "ab"]
    festival = HoldsRows.objects.create(name="f")
    festival.rows = [Appearance(festival=festival, band=bands[0], stage="side")]
    festival.bands.set(bands[:1])
    festivals = FakeQuerySet(HoldsRows, [festival])

    with django_assert_num_queries(0):
        assert festivals.filter(appearances__stage="side", bands__name="a").exists()
        assert not festivals.filter(appearances__stage="main").exists()


@pytest.mark.parametrize(
    "ask",
    [
        lambda bands: bands.filter(festivals__name="other"),
        lambda bands: bands.filter(appearances__stage="left"),
        lambda bands: bands.exclude(appearances__stage="left"),
        lambda bands: bands.order_by("festivals__name"),
        lambda bands: bands.values_list("appearances__fee"),
        lambda bands: bands.annotate(number=Count("festivals")),
        lambda bands: (bands.all() | Festival(bands=[Band()]).bands.all()).filter(festivals__name="other"),
        lambda bands: pickle.loads(pickle.dumps(bands.annotate(one=Value(1)))).filter(festivals__name="other"),
    ],
    ids=["links", "rows", "exclude", "order", "values", "annotate", "two relations", "pickled"],
)
def test_held_links_are_not_followed_back(ask: Callable[[Any], Any]) -> None:
    """Of a live relation Django means by this the row that links an object to the one instance."""
    festival = Festival(name="x", bands=[Band(name="a")])

    with pytest.raises(NotInMemoryError) as caught:
        list(ask(festival.bands))

    assert str(caught.value) == (
        "Cannot join Appearance with held Band objects: Django joins only the rows that link them to what holds them. "
        "Save the cluster first, or query the model's manager."
    )


def test_other_links_of_linked_objects_are_followed() -> None:
    festival = Festival(name="x", bands=[Band(name="a", genres=[Genre.objects.create(name="rock")])])

    assert [band.name for band in festival.bands.filter(genres__name="rock")] == ["a"]
    assert [node.name for node in Node(name="x", follows=[Node(name="y")]).follows.filter(follows=None)] == ["y"]


def held_albums(band: Band) -> Any:
    """Return the manager of a band's albums, held anew, with nothing cached that belongs to them."""
    loaded = Band.objects.using(band._state.db).get(pk=band.pk)
    loaded.albums.get_object_list()
    return loaded.albums


@pytest.mark.django_db(databases=["default", "other"])
def test_related_rows_are_fetched_from_the_database_of_the_parent():
    good = Label.objects.using("other").create(name="good")
    Label.objects.create(pk=good.pk, name="of another database")
    band = Band.objects.using("other").create(name="band")
    album = Album.objects.using("other").create(band=band, title="album", label_id=good.pk)
    stored = Album.objects.using("other")

    assert held_albums(band).filter(label__name="good").get() == album
    assert held_albums(band).filter(Q(label__name="good")).get() == album
    assert stored.filter(pk__in=held_albums(band).filter(label__name="good")).get() == album
    assert stored.filter(Exists(held_albums(band).filter(label__name="good"))).get() == album
    assert (held_albums(band).filter(label__name="good") | stored.none()).get() == album
    assert (stored.filter(title="none") | held_albums(band).filter(label__name="good")).get() == album
    assert (held_albums(band).filter(label__name="good") | held_albums(band).filter(title="none")).get() == album
