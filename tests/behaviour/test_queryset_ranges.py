"""Comparisons with numbers that a column cannot hold, and the other corners of the short way."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.queryset import FakeQuerySet, ListSource, held_queryset
from tests.testapp.models import Article, Label, Magazine, Song

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("lookup", ["exact", "gt", "gte", "lt", "lte"])
@pytest.mark.parametrize("value", [-(10**30), -5, 0, 3, 3.5, 40_000, 10**30])
@pytest.mark.parametrize("negated", [False, True])
def test_any_number_compares_as_in_the_database(lookup: str, value: Any, negated: bool) -> None:
    magazine = Magazine.objects.create(title="m")
    for score in (None, -7, 0, 3, 50_000):
        Article.objects.create(magazine=magazine, title=str(score), score=score)
    articles = list(Article.objects.order_by("pk"))
    ask = {f"score__{lookup}": value}

    for _ in range(2):  # The second time what was learnt the first time is used.
        held = held_queryset(Article.objects.order_by("pk"), ListSource(Article, articles))
        plain = FakeQuerySet(Article, articles).order_by("pk")
        live = Article.objects.order_by("pk")
        found, short, expected = (list(q.exclude(**ask) if negated else q.filter(**ask)) for q in (held, plain, live))

        assert found == expected
        assert short == expected


def test_comparisons_of_texts_and_values_of_other_types_are_plain() -> None:
    labels = FakeQuerySet(Label, [Label(pk=pk, name=name) for pk, name in enumerate("abc", start=1)]).order_by("name")

    for _ in range(2):
        assert [label.name for label in labels.filter(name__gt="a")] == ["b", "c"]
        assert [label.name for label in labels.filter(name__lte="b")] == ["a", "b"]
    assert [label.name for label in labels.filter(pk="2")] == ["b"]
    assert [label.name for label in labels.filter(pk__in=["2", 3])] == ["b", "c"]
    assert labels.filter(name__in=["b"]).exists()


def test_keys_as_text_do_not_meet_keys_to_come() -> None:
    labels = FakeQuerySet(Label, [Label(name="new"), Label(pk=2, name="old")]).order_by("name")

    assert [label.name for label in labels.filter(pk__in=["2"])] == ["old"]
    assert [label.name for label in labels.exclude(pk__in=["2"])] == ["new"]
    assert [label.name for label in labels.filter(pk="2")] == ["old"]
    assert [label.name for label in labels.filter(pk__isnull=False)] == ["new", "old"]


def test_a_queryset_over_another_source_is_the_same_question() -> None:
    first, second = (ListSource(Song, [Song(title=title, track=1)]) for title in "ab")
    plain = held_queryset(Song.objects.all(), first).filter(track=1)
    queried = held_queryset(Song.objects.filter(track=1), first)

    assert [song.title for song in plain._over(second)] == ["b"]
    assert [song.title for song in queried._over(second)] == ["b"]
    assert [song.title for song in plain] == ["a"]
    assert [song.title for song in queried] == ["a"]


def test_a_query_that_is_assigned_is_answered_from_the_source() -> None:
    queryset = FakeQuerySet(Label, [Label(name="a"), Label(name="b")])

    queryset.query = Label.objects.filter(name="b").query

    assert [label.name for label in queryset] == ["b"]


def test_the_compiler_of_a_held_query_gives_rows_as_djangos_does() -> None:
    queryset = FakeQuerySet(Label, [Label(pk=1, name="a", city="x")])

    rows = list(queryset.query.get_compiler("default").results_iter())

    assert rows == [(1, "a", "x", True)]
    assert queryset.query.get_compiler("default").has_results()
    assert queryset.values_list("name").query.get_compiler("default").execute_sql("single") == ("a",)
    assert list(queryset.values_list("name").query.get_compiler("default").execute_sql()) == [[("a",)]]
    with pytest.raises(ValueError, match="Need either using or connection"):
        queryset.query.get_compiler()
