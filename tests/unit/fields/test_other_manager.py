"""A relation over another manager of the related model, asked for by its name."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from cluster.testing import logged_statements
from tests.testapp.models import Article, Label, Magazine, Reader

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def another_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give articles a manager that shows less than their default manager does."""
    monkeypatch.setattr(Article, "short", ShortManager(), raising=False)
    Article.short.model = Article


class ShortManager(type(Article.objects)):  # type: ignore[misc]
    def get_queryset(self) -> Any:
        return super().get_queryset().filter(score=1)


def live_magazine() -> Magazine:
    magazine = Magazine.objects.create(title="x")
    for title, score, published in (("long", 9, True), ("short", 1, True), ("hidden", 1, False)):
        Article.everything.create(magazine=magazine, title=title, score=score, published=published)
    return Magazine.objects.get(pk=magazine.pk)


def held_magazine() -> Magazine:
    magazine = live_magazine()
    magazine.articles.get_object_list()
    return magazine


def unsaved_magazine() -> Magazine:
    return Magazine(title="x", articles=[Article(title="long", score=9), Article(title="short", score=1)])


def live_reader() -> Reader:
    reader = Reader.objects.create(name="x")
    for article in live_magazine().articles(manager="everything").all():
        Reader.favourites.through.objects.create(reader=reader, article=article)
    return reader


def titles(objects: Any) -> list[str]:
    return sorted(each.title for each in objects.all())


def linked() -> list[str]:
    return sorted(each.article.title for each in Reader.favourites.through.objects.select_related("article"))


@pytest.mark.parametrize("build", [live_magazine, held_magazine, unsaved_magazine])
@pytest.mark.parametrize(
    "declare",
    [
        lambda short: short.clear(),
        lambda short: async_to_sync(short.aclear)(),
        lambda short: short.set([]),
        lambda short: short.remove(*short.all()),
    ],
    ids=["clear", "aclear", "set", "remove"],
)
def test_children_that_it_does_not_show_stay(build: Callable[[], Magazine], declare: Callable[[Any], None]):
    magazine = build()

    declare(magazine.articles(manager="short"))

    assert titles(magazine.articles) == ["long"]
    magazine.save()
    assert titles(Article.objects) == ["long"]
    assert Article.everything.filter(published=False).count() == (0 if build is unsaved_magazine else 1)


def test_children_that_it_shows_can_be_declared():
    magazine = live_magazine()
    kept = Article.objects.get(title="short")

    magazine.articles(manager="short").set([kept, Article(title="new", score=1)], clear=True)
    magazine.save()

    assert titles(Article.objects) == ["long", "new", "short"]
    assert Article.objects.get(title="short").pk == kept.pk


def test_a_child_that_it_does_not_show_is_not_removed():
    magazine = live_magazine()
    long, short = Article.objects.get(title="long"), Article.objects.get(title="short")

    magazine.articles(manager="short").remove(long, short)

    assert titles(magazine.articles) == ["long"]


def test_what_it_adds_joins_what_the_relation_has():
    magazine = live_magazine()

    with logged_statements() as log:
        magazine.articles(manager="short").create(title="new", score=1)

    assert len(log.statements) == 2
    assert titles(magazine.articles) == ["long", "new", "short"]
    assert titles(magazine.articles(manager="everything")) == ["long", "new", "short"]
    assert titles(magazine.articles(manager="short")) == ["new", "short"]


def test_what_it_shows_besides_the_relations_own_manager_is_held_too():
    magazine = live_magazine()

    magazine.articles(manager="everything").get(title="hidden")
    magazine.articles(manager="everything").clear()
    magazine.save()

    assert not Article.everything.exists()


@pytest.mark.parametrize(
    "declare",
    [
        lambda short: short.clear(),
        lambda short: short.set([]),
        lambda short: short.remove(*Article.everything.values_list("pk", flat=True)),
        lambda short: short.remove(*Article.everything.all()),
    ],
    ids=["clear", "set", "remove keys", "remove"],
)
def test_links_that_it_does_not_show_stay(declare: Callable[[Any], None]):
    reader = live_reader()

    declare(reader.favourites(manager="short"))
    reader.save()

    assert linked() == ["hidden", "long"]


def test_links_that_it_shows_can_be_declared_by_key():
    reader = live_reader()
    new = Article.objects.create(magazine=Magazine.objects.get(), title="new", score=1)

    reader.favourites(manager="short").set([new.pk])
    reader.save()

    assert linked() == ["hidden", "long", "new"]


def test_an_object_of_another_model_is_refused_before_anything_is_read():
    magazine = live_magazine()

    with logged_statements() as log, pytest.raises(TypeError, match=r"^'Article' instance expected, got <Label: x>$"):
        magazine.articles(manager="short").remove(Label(name="x"))

    assert log.statements == []
    assert not magazine.articles.is_deferring


@pytest.mark.parametrize("build", [live_magazine, held_magazine, unsaved_magazine])
def test_it_is_pickled_as_the_manager_that_it_is(build: Callable[[], Magazine]) -> None:
    manager = pickle.loads(pickle.dumps(build().articles(manager="short")))

    assert {article.title for article in manager.all()} == {"short"}
