"""The manager of a parental many-to-many, on unsaved, saved-and-live and held relations alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db.models.signals import m2m_changed

from cluster.errors import UnsavedParentError
from cluster.testing import logged_statements
from tests.testapp.models import Appearance, Article, Band, Festival, Genre, Label, Magazine, Node, Reader

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def genres() -> dict[str, Genre]:
    return {name: Genre.objects.create(name=name) for name in ("folk", "jazz", "rock")}


def unsaved() -> Band:
    return Band(name="x", genres=list(Genre.objects.exclude(name="jazz")))


def live() -> Band:
    band = Band.objects.create(name="x")
    Band.genres.through.objects.bulk_create(
        [Band.genres.through(band=band, genre=genre) for genre in Genre.objects.exclude(name="jazz")]
    )
    return band


def held() -> Band:
    band = live()
    band.genres.get_object_list()
    return band


every_state = pytest.mark.parametrize("build", [unsaved, live, held])


def names(band: Band) -> list[str]:
    return [genre.name for genre in band.genres.all()]


@every_state
def test_it_reads_in_the_order_of_the_target(build: Callable[[], Band]):
    band = build()

    assert names(band) == ["folk", "rock"]
    assert band.genres.count() == 2
    assert band.genres.exists()
    assert band.genres.get(name="rock").name == "rock"


@every_state
def test_objects_or_keys_are_taken_alike(build: Callable[[], Band], genres: dict[str, Genre]):
    band = build()

    band.genres.add(genres["jazz"].pk)
    assert names(band) == ["folk", "jazz", "rock"]
    band.genres.remove(genres["jazz"].pk, genres["folk"])
    assert names(band) == ["rock"]
    band.genres.set([genres["folk"], str(genres["jazz"].pk)])
    assert names(band) == ["folk", "jazz"]
    band.genres = [genres["rock"].pk]
    assert names(band) == ["rock"]
    band.genres = Genre.objects.filter(name__startswith="f")
    assert names(band) == ["folk"]
    band.genres.clear()
    assert names(band) == []
    assert Band.genres.through.objects.count() == (0 if build is unsaved else 2)


@every_state
def test_nothing_is_written_before_save(build: Callable[[], Band], genres: dict[str, Genre]):
    band = build()

    with logged_statements() as log:
        band.genres.add(genres["jazz"])
        band.genres.create(name="ska")
        band.genres.get_or_create(name="dub")
        band.genres.update_or_create(name="pop", defaults={})
        band.genres.remove(genres["rock"])

    assert log.writes == []
    assert build is not unsaved or log.statements == []
    assert set(names(band)) == {"dub", "folk", "jazz", "pop", "ska"}
    assert Genre.objects.count() == 3


@every_state
def test_the_async_forms_do_the_same(build: Callable[[], Band], genres: dict[str, Genre]):
    band = build()

    async def change() -> None:
        await band.genres.aadd(genres["jazz"])
        await band.genres.aremove(genres["rock"])
        await band.genres.acreate(name="ska")
        await band.genres.aget_or_create(name="dub")
        await band.genres.aupdate_or_create(name="pop")

    async_to_sync(change)()

    assert set(names(band)) == {"dub", "folk", "jazz", "pop", "ska"}
    async_to_sync(band.genres.aset)([genres["rock"]])
    assert names(band) == ["rock"]
    async_to_sync(band.genres.aclear)()
    assert names(band) == []


def test_linking_twice_links_once(genres: dict[str, Genre]):
    band = Band(name="x")

    band.genres.add(genres["rock"], genres["rock"].pk)
    band.genres.add(genres["rock"])

    assert band.genres.count() == 1


def test_keys_are_fetched_in_one_query(genres: dict[str, Genre]):
    band = Band(name="x")

    with logged_statements() as log:
        band.genres.add(*(genre.pk for genre in genres.values()))
        names(band)

    assert len(log.statements) == 1


def test_a_key_that_names_nothing_is_an_error_and_changes_nothing(genres: dict[str, Genre]):
    band = unsaved()

    with pytest.raises(Genre.DoesNotExist, match=r"^Cannot add to Band.genres: there is no Genre with id \[4711\]\.$"):
        band.genres.add(genres["jazz"], 4711)

    assert names(band) == ["folk", "rock"]


def test_an_object_of_another_model_is_a_type_error_and_changes_nothing():
    band = unsaved()

    with pytest.raises(TypeError, match=r"^'Genre' instance expected, got <Label: x>$"):
        band.genres.set([Label(name="x")])

    assert names(band) == ["folk", "rock"]


@pytest.mark.parametrize(("value", "error"), [("no key", ValueError), (object(), TypeError), ([], TypeError)])
@pytest.mark.parametrize("call", ["add", "remove", "set"])
def test_a_value_that_cannot_be_a_key_is_djangos_own_error(value: object, error: type[Exception], call: str):
    band = held()
    change = getattr(band.genres, call)

    with pytest.raises(error, match=r"^Field 'id' expected a number but got "):
        change([value] if call == "set" else value)

    assert names(band) == ["folk", "rock"]


def test_an_object_of_another_model_cannot_be_removed():
    band = held()
    rock = band.genres.get(name="rock")

    with pytest.raises(TypeError, match=r"^'Genre' instance expected, got <Label: x>$"):
        band.genres.remove(rock, Label(pk=rock.pk, name="x"))

    assert names(band) == ["folk", "rock"]


def test_through_defaults_reach_the_rows_of_the_through_model():
    bands = [Band.objects.create(name=name) for name in "abc"]
    festival = Festival(name="x")

    festival.bands.add(bands[0], through_defaults={"stage": "left"})
    festival.bands.add(bands[1], through_defaults={"stage": lambda: "right"})
    festival.bands.add(bands[2])
    festival.save()

    stages = Appearance.objects.order_by("band__name").values_list("band__name", "stage")
    assert list(stages) == [("a", "left"), ("b", "right"), ("c", "main")]


def test_set_keeps_the_rows_of_what_stays_linked():
    bands = [Band.objects.create(name=name) for name in "ab"]
    festival = Festival.objects.create(name="x")
    Appearance.objects.create(festival=festival, band=bands[0], stage="left", fee=10)
    kept = Appearance.objects.get()

    festival.bands.set(bands, through_defaults={"stage": "right"})
    festival.save()

    assert Appearance.objects.get(band=bands[0]).pk == kept.pk
    assert Appearance.objects.get(band=bands[0]).stage == "left"
    assert Appearance.objects.get(band=bands[1]).stage == "right"


def reader_of_articles() -> Reader:
    """Return a saved reader with two links, of which one is to an article that the default manager hides."""
    magazine = Magazine.objects.create(title="x")
    reader = Reader.objects.create(name="x")
    for title in ("hidden", "shown"):
        article = Article.everything.create(magazine=magazine, title=title, published=title == "shown")
        Reader.favourites.through.objects.create(reader=reader, article=article)
    return reader


def titles_linked() -> list[str]:
    return sorted(link.article.title for link in Reader.favourites.through.objects.select_related("article"))


@pytest.mark.parametrize(
    "declare",
    [lambda reader: reader.favourites.clear(), lambda reader: reader.favourites.set([], clear=True)],
    ids=["clear", "set"],
)
def test_links_to_what_the_default_manager_hides_stay_as_in_django(declare: Callable[[Reader], None]):
    reader = reader_of_articles()

    declare(reader)
    plan = reader.plan_save()
    reader.save()

    assert titles_linked() == ["hidden"]
    assert len(plan.unlinks) == 1


def test_what_the_default_manager_hides_can_be_declared():
    reader = reader_of_articles()
    hidden = Article.everything.get(title="hidden")

    reader.favourites.set([hidden])
    reader.save()
    kept = Reader.favourites.through.objects.get()
    reader.favourites.set([hidden], clear=True, through_defaults={"article": hidden})
    reader.save()

    assert titles_linked() == ["hidden"]
    assert Reader.favourites.through.objects.get().pk != kept.pk


def unlink_and_add(bands: Any, band: Band, defaults: dict[str, Any]) -> None:
    bands.remove(band)
    bands.add(band, through_defaults=defaults)


def clear_and_add(bands: Any, band: Band, defaults: dict[str, Any]) -> None:
    bands.clear()
    bands.add(band, through_defaults=defaults)


def unlink_and_set(bands: Any, band: Band, defaults: dict[str, Any]) -> None:
    bands.remove(band)
    bands.set([band], through_defaults=defaults)


def set_with_clear(bands: Any, band: Band, defaults: dict[str, Any]) -> None:
    bands.set([band], clear=True, through_defaults=defaults)


@pytest.mark.parametrize("is_heard", [False, True], ids=["unheard", "heard"])
@pytest.mark.parametrize("link", [unlink_and_add, clear_and_add, unlink_and_set, set_with_clear])
def test_an_object_that_is_linked_anew_has_a_new_row_between(link: Callable[..., None], is_heard: bool):
    """As in Django, where taking out and adding are a DELETE and an INSERT."""
    band, festival = Band.objects.create(name="x"), Festival.objects.create(name="x")
    Appearance.objects.create(festival=festival, band=band, stage="left", fee=10)
    actions: list[str] = []

    def receive(action: str, **kwargs: Any) -> None:
        actions.append(action)

    link(festival.bands, band, {"stage": "right"})
    plan = festival.plan_save()
    if is_heard:
        m2m_changed.connect(receive, sender=Appearance)
    try:
        festival.save()
    finally:
        m2m_changed.disconnect(receive, sender=Appearance)

    assert list(Appearance.objects.values_list("stage", "fee")) == [("right", None)]
    assert [len(plan.links), len(plan.unlinks)] == [1, 1]
    assert actions == (["pre_remove", "post_remove", "pre_add", "post_add"] if is_heard else [])


def test_an_object_that_is_taken_out_and_comes_back_as_it_was_keeps_its_row():
    band, festival = Band.objects.create(name="x"), Festival.objects.create(name="x")
    Appearance.objects.create(festival=festival, band=band, stage="left")

    festival.bands.remove(band)
    festival.bands.add(band)

    assert not festival.plan_save().links
    festival.save()
    assert Appearance.objects.get().stage == "left"


def test_setting_leaves_what_is_held_linked_as_it_was_to_be():
    bands = [Band.objects.create(name=name) for name in "abc"]
    festival = Festival(name="x")
    festival.bands.add(bands[0], through_defaults={"stage": "left"})
    festival.bands.add(bands[1])

    festival.bands.set(Band.objects.order_by("name"), through_defaults={"stage": "right"})
    festival.save()

    stages = Appearance.objects.order_by("band__name").values_list("band__name", "stage")
    assert list(stages) == [("a", "left"), ("b", "main"), ("c", "right")]


@pytest.mark.parametrize("make", ["bulk_create", "create of a queryset"])
def test_objects_made_through_a_queryset_of_the_relation_are_saved_with_it(make: str):
    band = Band(name="x")

    if make == "bulk_create":
        band.genres.bulk_create([Genre(name="ska"), Genre(name="dub")])
    else:
        for name in ("ska", "dub"):
            band.genres.all().create(name=name)
    band.save()

    assert [genre.name for genre in Band.objects.get().genres.all()] == ["dub", "ska"]


def test_an_object_made_through_the_relation_is_saved_with_it():
    band = Band(name="x")
    band.genres.create(name="ska")

    band.save()

    assert [genre.name for genre in Band.objects.get().genres.all()] == ["ska"]


def test_symmetrical_links_are_stored_in_both_directions():
    other = Node.objects.create(name="other")
    node = Node(name="node", friends=[other])

    node.save()

    assert list(other.friends.all()) == [node]
    node.friends.remove(other)
    node.save()
    assert list(other.friends.all()) == []


def test_one_sided_links_to_itself_are_stored_in_one():
    other = Node.objects.create(name="other")
    node = Node(name="node", follows=[other])

    node.save()

    assert list(other.follows.all()) == []
    assert list(other.followers.all()) == [node]


def test_committing_links_of_an_unsaved_instance_names_the_way_out():
    with pytest.raises(UnsavedParentError, match=r"genres.*unsaved"):
        unsaved().genres.commit()


def test_commit_writes_the_links_alone(genres: dict[str, Genre]):
    band = live()
    band.name = "changed"
    band.genres.add(genres["jazz"])

    band.genres.commit()

    assert set(names(Band.objects.get())) == {"folk", "jazz", "rock"}
    assert Band.objects.get().name == "x"


def test_the_field_gives_a_form_the_held_objects():
    field = Band._meta.get_field("genres")

    assert [genre.name for genre in field.value_from_object(unsaved())] == ["folk", "rock"]
    assert field.value_from_object(Band()) == []


def test_live_links_are_counted_without_a_join_as_in_django():
    band = live()

    with logged_statements() as log:
        found = (band.genres.count(), band.genres.exists())

    assert found == (2, True)
    assert (len(log.of("SELECT")), len([each for each in log.statements if "JOIN" in each])) == (2, 0)


def test_the_names_of_the_through_models_keys_are_those_of_djangos_manager():
    links = Node(name="x").follows

    assert (links.source_field_name, links.target_field_name) == ("from_node", "to_node")
    assert links.prefetch_cache_name == "follows"


def test_the_through_model_can_be_reached():
    assert unsaved().genres.through is Band.genres.through
    assert Band.genres.rel is Band._meta.get_field("genres").remote_field


@every_state
def test_removing_a_key_that_is_not_linked_is_passed_over(build: Callable[[], Band], genres: dict[str, Genre]):
    band = build()

    band.genres.remove(genres["jazz"].pk, genres["rock"].pk)

    assert names(band) == ["folk"]


@every_state
def test_what_is_found_is_neither_made_nor_linked_again(build: Callable[[], Band], genres: dict[str, Genre]):
    band = build()

    got = band.genres.get_or_create(name="rock")
    updated = band.genres.update_or_create(name="folk", defaults={"name": "folk rock"})

    assert got == (genres["rock"], False)
    assert updated == (genres["folk"], False)
    assert names(band) == ["folk rock", "rock"]


def test_an_object_is_made_with_what_its_link_is_to_have():
    festival = Festival(name="x")

    festival.bands.create(name="Led", through_defaults={"stage": "left"})
    festival.bands.get_or_create(name="Zep", through_defaults={"stage": lambda: "right"})
    festival.bands.update_or_create(name="Pelin", through_defaults={"stage": "back"})
    festival.save()

    assert list(Appearance.objects.order_by("pk").values_list("band__name", "stage")) == [
        ("Led", "left"),
        ("Zep", "right"),
        ("Pelin", "back"),
    ]


def test_links_are_set_by_the_base_method_as_by_set():
    festival = Festival(name="x")

    festival.bands.set_base([Band.objects.create(name="Led")], through_defaults={"stage": "left"})
    before = Appearance.objects.count()
    festival.save()

    assert before == 0
    assert Appearance.objects.get().stage == "left"


def test_raw_links_are_written_at_once():
    band = held()
    band.genres.clear()

    band.genres.set_base([Genre.objects.get(name="jazz")], raw=True)

    assert not band.genres.is_deferring
    assert names(Band.objects.get()) == ["jazz"]
