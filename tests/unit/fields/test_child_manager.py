"""The manager of a child relation, on unsaved, saved-and-live and held relations alike."""

from __future__ import annotations

import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.test.utils import isolate_apps

from cluster.errors import HeldRelationsError, UnsavedParentError
from cluster.fields import ParentalKey
from cluster.models import ClusterableModel
from cluster.testing import logged_statements
from tests.testapp.models import (
    Album,
    Article,
    Balcony,
    Band,
    Biography,
    BoxSet,
    Catalogue,
    CatalogueItem,
    City,
    Collaboration,
    Country,
    Dance,
    Entry,
    Hall,
    Instrument,
    Magazine,
    Member,
    Movement,
    Node,
    Playlist,
    Rider,
    Room,
    Stop,
    Studio,
    Symphony,
    Take,
    Tour,
    TouringBand,
    Venue,
)

pytestmark = pytest.mark.django_db


def unsaved() -> Band:
    return Band(name="x", members=[Member(name="Ann"), Member(name="Bob")])


def live() -> Band:
    band = Band.objects.create(name="x")
    Member.objects.bulk_create([Member(band=band, name="Ann"), Member(band=band, name="Bob")])
    return Band.objects.get(pk=band.pk)


def held() -> Band:
    band = live()
    band.members.get_object_list()
    return band


every_state = pytest.mark.parametrize("build", [unsaved, live, held])


def names(band: Band) -> list[str]:
    return sorted(band.members.values_list("name", flat=True))


@every_state
def test_all_forms_of_reading_answer(build: Callable[[], Band]):
    band = build()

    assert {member.name for member in band.members.all()} == {"Ann", "Bob"}
    assert band.members.count() == 2
    assert band.members.exists()
    assert band.members.get(name="Ann").band == band
    assert band.members.filter(name__startswith="B").first().name == "Bob"
    assert names(band) == ["Ann", "Bob"]
    assert len(band.members.get_object_list()) == 2
    assert isinstance(band.members, models.Manager)


@every_state
def test_nothing_is_written_before_save_and_an_unsaved_parent_reads_nothing(build: Callable[[], Band]):
    band = build()

    with logged_statements() as log:
        ann = band.members.get(name="Ann")
        band.members.add(Member(name="Cid"))
        band.members.remove(ann)
        band.members.create(name="Dee")
        band.members.get_or_create(name="Eve")
        band.members.update_or_create(name="Eve", defaults={"instrument": "drums"})
        band.members.bulk_create([Member(name="Fay")])
        band.members.update(instrument="bass")

    assert log.writes == []
    assert build is not unsaved or log.statements == []
    assert names(band) == ["Bob", "Cid", "Dee", "Eve", "Fay"]
    assert {member.instrument for member in band.members.all()} == {"bass"}
    assert Member.objects.filter(band=band.pk).count() == (0 if build is unsaved else 2)


@every_state
def test_the_async_forms_do_the_same(build: Callable[[], Band]):
    band = build()

    async def change() -> None:
        ann = await band.members.aget(name="Ann")
        await band.members.aadd(Member(name="Cid"))
        await band.members.aremove(ann)
        await band.members.acreate(name="Dee")
        await band.members.aget_or_create(name="Eve")
        await band.members.aupdate_or_create(name="Eve", defaults={"instrument": "drums"})
        await band.members.abulk_create([Member(name="Fay")])
        await band.members.aupdate(wage=None)

    async_to_sync(change)()

    assert names(band) == ["Bob", "Cid", "Dee", "Eve", "Fay"]
    async_to_sync(band.members.aset)([Member(name="Gus")])
    assert names(band) == ["Gus"]
    async_to_sync(band.members.aclear)()
    assert names(band) == []


def test_bulk_update_of_objects_without_a_key_is_refused_as_in_django():
    band = unsaved()

    with pytest.raises(ValueError, match=r"^All bulk_update\(\) objects must have a primary key set\.$"):
        band.members.bulk_update(list(band.members.all()), ["instrument"])


@pytest.mark.parametrize("build", [live, held])
def test_bulk_update_takes_the_given_values(build: Callable[[], Band]):
    band = build()
    changed = list(band.members.get_object_list())
    changed[0].instrument = "harp"

    band.members.bulk_update(changed, ["instrument"])

    assert band.members.get(instrument="harp") is changed[0]


@every_state
def test_set_and_assignment_declare_the_whole_content_without_a_query(build: Callable[[], Band]):
    band = build()

    with logged_statements() as log:
        band.members.set([Member(name="Cid")])
        first = [member.name for member in band.members.all()]
        band.members = [Member(name="Dee"), Member(name="Eve")]
        second = [member.name for member in band.members.all()]
        band.members.clear()
        third = list(band.members.all())

    assert (first, second, third) == (["Cid"], ["Dee", "Eve"], [])
    assert log.statements == []


@every_state
def test_the_first_change_of_a_live_relation_loads_it_once(build: Callable[[], Band]):
    band = build()

    with logged_statements() as log:
        for n in range(5):
            band.members.add(Member(name=f"m{n}"))

    assert len(log.statements) == (1 if build is live else 0)
    assert band.members.is_deferring


@pytest.mark.parametrize("change", ["add", "remove", "set"])
@every_state
def test_an_object_of_another_model_is_a_type_error_and_changes_nothing(build: Callable[[], Band], change: str):
    band = build()
    good, wrong = Member(name="Cid"), Album(title="no member")
    arguments = ([good, wrong],) if change == "set" else (good, wrong)

    with pytest.raises(TypeError, match=r"^'Member' instance expected, got <Album: no member>$"):
        getattr(band.members, change)(*arguments)

    assert names(band) == ["Ann", "Bob"]


@pytest.mark.parametrize("read", [lambda band: band.members.get_object_list(), lambda band: band.serializable_data()])
def test_children_without_an_ordering_are_read_in_the_order_of_their_keys(read: Callable[[Band], Any]):
    """PostgreSQL gives a row that was updated last."""
    band = live()
    Member.objects.filter(pk=min(Member.objects.values_list("pk", flat=True))).update(instrument="harp")

    with logged_statements() as log:
        found = read(band)

    members = found["members"] if isinstance(found, dict) else [{"pk": member.pk} for member in found]
    assert [member["pk"] for member in members] == sorted(Member.objects.values_list("pk", flat=True))
    assert any("ORDER BY" in sql for sql in log.statements if "testapp_member" in sql)


def test_duplicates_collapse():
    ann = Member(name="Ann")
    band = Band(name="x", members=[ann, ann])

    band.members.add(ann)

    assert list(band.members.all()) == [ann]


def test_an_object_equal_to_a_held_one_takes_its_place():
    band = held()
    ann = band.members.get(name="Ann")

    band.members.add(Member(pk=ann.pk, name="Anne"))

    assert [member.name for member in band.members.all()] == ["Anne", "Bob"]


def test_adding_to_one_parent_takes_the_child_out_of_another():
    first, second = unsaved(), Band(name="y")
    ann = first.members.get(name="Ann")

    second.members.add(ann)

    assert names(first) == ["Bob"]
    assert names(second) == ["Ann"]
    assert ann.band is second


def test_removing_what_is_not_there_changes_nothing():
    band = unsaved()

    band.members.remove(Member(name="Ann"))

    assert names(band) == ["Ann", "Bob"]


def test_a_nullable_key_with_set_null_is_nulled_on_removal():
    guitar = Instrument(name="guitar")
    band = Band(name="x", instruments=[guitar])

    band.instruments.remove(guitar)

    assert guitar.band is None
    assert band.instruments.count() == 0


def test_a_stranger_keeps_its_parent_when_it_is_taken_out_of_where_it_is_not():
    harp = Instrument(name="harp")
    owner = Band(name="owner", instruments=[harp])
    band = Band(name="x", instruments=[Instrument(name="guitar")])

    band.instruments.remove(harp, Instrument(name="new"))

    assert harp.band is owner
    assert band.instruments.count() == 1


def test_is_deferring_tells_whether_changes_wait():
    band = live()
    assert not band.members.is_deferring

    band.members.add(Member(name="Cid"))

    assert band.members.is_deferring
    assert band.members.get_live_queryset().count() == 2
    assert band.members.count() == 3


def test_the_held_lists_are_visible_under_the_name_that_others_know():
    band = live()
    assert not hasattr(band, "_cluster_related_objects")

    band.members.get_object_list()

    assert band._cluster_related_objects == {"members": list(band.members.all())}


def test_committing_a_relation_of_an_unsaved_parent_names_the_way_out():
    band = unsaved()

    with pytest.raises(UnsavedParentError, match=r"members.*unsaved"):
        band.members.commit()

    assert names(band) == ["Ann", "Bob"]


def test_commit_writes_one_relation():
    band = live()
    band.members.add(Member(name="Cid"))
    band.instruments.create(name="harp")

    band.members.commit()

    assert Member.objects.filter(band=band).count() == 3
    assert not band.members.is_deferring
    assert Instrument.objects.count() == 0
    assert band.instruments.count() == 1


def test_a_relation_of_an_instance_without_a_key_has_no_live_queryset():
    with pytest.raises(ValueError, match="needs to have a primary key value before this relationship can be used"):
        Band(name="x").members.get_live_queryset()


def test_another_manager_of_the_child_can_be_used_by_name():
    magazine = Magazine(title="x", articles=[Article(title="a"), Article(title="b", published=False)])

    assert [article.title for article in magazine.articles.all()] == ["a"]
    assert {article.title for article in magazine.articles(manager="everything").all()} == {"a", "b"}

    magazine.save()

    assert {article.title for article in magazine.articles(manager="everything").all()} == {"a", "b"}
    magazine.articles(manager="everything").update(score=3)
    assert [article.score for article in magazine.articles.get_object_list()] == [3, 3]


def unsaved_by_adding() -> Band:
    band = Band(name="x")
    band.members.add(Member(name="added"))
    return band


@pytest.mark.parametrize("build", [unsaved, unsaved_by_adding], ids=["declared", "added"])
def test_bulk_create_of_parents_that_hold_children_is_refused(build: Callable[[], Band]):
    band = build()

    with pytest.raises(HeldRelationsError, match=r"bulk_create\(\) would not write what <Band: x> holds.*members"):
        Band.objects.bulk_create([band])

    assert Band.objects.count() == 0
    assert Band.objects.bulk_create([Band(name="alone")])[0].pk


def test_constructor_keywords_and_unknown_names():
    band = Band(None, "x", members=[Member(name="Ann")])
    assert names(band) == ["Ann"]

    with pytest.raises(TypeError, match=r"Band\(\) got unexpected keyword arguments: 'membres'"):
        Band(name="x", membres=[])


@pytest.mark.parametrize(
    ("parent", "relation", "child", "parent_attribute"),
    [
        pytest.param(lambda: Playlist(title="x"), "entries", lambda: Entry(position=1), "playlist", id="uuid key"),
        pytest.param(lambda: Country(code="fr"), "cities", lambda: City(slug="paris"), "country", id="char key"),
        pytest.param(lambda: Tour(name="x"), "stops", lambda: Stop(number=1), "tour", id="composite key"),
        pytest.param(lambda: Catalogue(code="x"), "items", lambda: CatalogueItem(), "catalogue", id="to_field"),
        pytest.param(lambda: Hall(name="x"), "rooms", lambda: Room(name="r"), "venue", id="relation of an MTI base"),
        pytest.param(lambda: Hall(name="x"), "balconies", lambda: Balcony(), "hall", id="relation of an MTI child"),
        pytest.param(lambda: Venue(name="x"), "acts", lambda: Dance(title="d"), "venue", id="MTI child"),
        pytest.param(lambda: TouringBand(name="x"), "riders", lambda: Rider(demand="tea"), "band", id="proxy parent"),
        pytest.param(lambda: TouringBand(name="x"), "members", lambda: Member(), "band", id="proxy, base's relation"),
        pytest.param(lambda: Band(name="x"), "albums", lambda: BoxSet(title="b"), "band", id="proxy child"),
        pytest.param(lambda: Band(name="x"), "biographies", lambda: Biography(), "band", id="unique key"),
        pytest.param(lambda: Band(name="x"), "visits", lambda: Collaboration(), "guest", id="one of two keys"),
        pytest.param(lambda: Node(name="x"), "children", lambda: Node(name="y"), "parent", id="self relation"),
        pytest.param(lambda: Studio(name="x"), "takes", lambda: Take(title="t"), "studio", id="no objects manager"),
        pytest.param(
            lambda: Symphony(title="x"), "movements", lambda: Movement(), "symphony", id="order_with_respect_to"
        ),
    ],
)
def test_every_kind_of_model_holds_children_without_a_query(parent, relation, child, parent_attribute):
    instance, new = parent(), child()

    with logged_statements() as log:
        manager = getattr(instance, relation)
        manager.add(new)
        found = list(manager.all())
        contained = manager.contains(new) if new._is_pk_set() else True

    assert found == [new] or found[0] is new
    assert contained
    assert getattr(new, parent_attribute) is instance
    assert log.statements == []


def test_the_methods_of_a_custom_manager_and_queryset_work_in_memory():
    band = Band(name="x", albums=[Album(title="Help!", position=2), Album(title="Let It Be", position=1)])

    assert [album.title for album in band.albums.titled("e")] == ["Let It Be", "Help!"]
    assert list(band.albums.dated()) == []
    assert band.albums.all().titled("help").newest_first().get().title == "Help!"


def test_a_missing_child_is_the_models_own_error():
    band = unsaved()

    with pytest.raises(Member.DoesNotExist) as caught:
        band.members.get(name="Zoe")

    assert isinstance(caught.value, ObjectDoesNotExist)


def test_a_manager_pickles():
    band = unsaved()

    members = pickle.loads(pickle.dumps(band.members))

    assert {member.name for member in members.all()} == {"Ann", "Bob"}


def test_templates_may_read_but_not_write():
    band = unsaved()

    assert band.members.do_not_call_in_templates
    for name in ("add", "remove", "set", "clear", "create", "commit", "bulk_create", "update"):
        assert getattr(band.members, name).alters_data


def test_a_child_leaves_a_live_parent_without_a_word_to_it():
    old, new = Band.objects.create(name="old"), Band(name="new")
    member = Member.objects.create(band=old, name="a")

    new.members.add(member)

    assert not old.members.is_deferring
    assert list(new.members.all()) == [member]
    assert member.band is new


def test_commit_and_bulk_update_can_be_awaited():
    band = Band.objects.create(name="x", members=[Member(name="a")])
    member = band.members.get()
    member.name = "b"

    number = async_to_sync(band.members.abulk_update)([member], ["name"])
    before = Member.objects.get().name
    async_to_sync(band.members.acommit)()

    assert (number, before) == (1, "a")
    assert Member.objects.get().name == "b"


@isolate_apps("tests.testapp")
def test_a_manager_that_is_made_in_its_own_way_is_made_so_each_time():
    class Counted(models.Manager):  # type: ignore[type-arg]
        made = 0

        def __init__(self) -> None:
            super().__init__()
            type(self).made += 1

    class Parent(ClusterableModel):
        class Meta:
            app_label = "testapp"

    class Child(models.Model):
        parent = ParentalKey(Parent, related_name="children")

        objects = Counted()

        class Meta:
            app_label = "testapp"

    parent = Parent()

    before = type(parent.children).made
    manager = parent.children

    assert type(manager).made == before + 1


def test_a_parent_that_holds_nothing_to_write_may_be_created_in_bulk():
    band = Band(name="x")
    held = band.members.get_object_list()

    Band.objects.bulk_create([band])

    assert list(held) == []
    assert Band.objects.get().name == "x"


def test_a_manager_keeps_no_instance_alive_but_its_own():
    descriptor = type(Band.members)(Band.members.rel)
    band = Band(name="the first whose relation is used")
    descriptor.__get__(band, Band).all()
    alive = weakref.ref(band)

    del band
    gc.collect()

    assert alive() is None
