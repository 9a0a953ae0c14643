from __future__ import annotations

import re

import pytest
from django.db.models import Count, F

from cluster.errors import NotInMemoryError
from cluster.testing import assert_answers_as_database, assert_same_cluster
from tests.support import build_band
from tests.testapp.models import Band, Label, Member

pytestmark = pytest.mark.django_db


def test_a_cluster_is_the_same_as_its_copy_and_as_what_was_saved_of_it():
    band = build_band()
    copied, _ = band.copy_cluster()
    band.save()

    assert_same_cluster(Band.objects.get(), copied)
    assert_same_cluster(band, copied.serializable_data())


def test_the_differences_of_two_clusters_are_listed():
    band, other = build_band(members=2), build_band(members=1)
    other.albums.get(position=0).title = "renamed"

    with pytest.raises(AssertionError) as caught:
        assert_same_cluster(other, band)

    assert str(caught.value).splitlines() == [
        "The clusters differ (- expected, + found):",
        "- members[1] ('member 1')",
        "~ albums[0].title: 'album 0' -> 'renamed'",
    ]


def new_labels(*names):
    Label.objects.bulk_create([Label(name=name) for name in names])
    return Label.objects.all()


@pytest.mark.parametrize(
    "ask",
    [
        lambda labels: labels.filter(name__startswith="b"),
        lambda labels: labels.order_by("-name").values_list("name", flat=True),
        lambda labels: labels.aggregate(n=Count("pk")),
        lambda labels: labels.get(name="b").pk,
    ],
    ids=["rows", "values", "aggregate", "one"],
)
def test_memory_answers_as_the_database_does(ask):
    assert_answers_as_database(new_labels("a", "b", "ba"), ask)


def test_methods_of_the_queryset_are_asked_in_memory_too():
    Band.objects.create(name="Blur")

    assert_answers_as_database(Band.objects.all(), lambda bands: bands.filter(name=F("name")).distinct())


def test_an_answer_that_differs_is_shown_with_both():
    seen = []

    with pytest.raises(AssertionError, match=r"^The database answers 1, and memory 2\.$"):
        assert_answers_as_database(new_labels("a"), lambda labels: seen.append(labels) or len(seen))


def test_an_order_that_differs_is_an_answer_that_differs():
    def ask(labels):
        return labels.order_by("name" if type(labels).__name__ == "QuerySet" else "-name")

    with pytest.raises(AssertionError, match=re.escape("The database answers [<Label: ")):
        assert_answers_as_database(new_labels("a", "b"), ask)


def test_what_memory_refuses_is_no_answer():
    with pytest.raises(NotInMemoryError):
        assert_answers_as_database(Member.objects.all(), lambda members: members.extra(where=["1 = 1"]))
