"""Tags in memory until the cluster is saved."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from django.apps import apps
from django.core import checks
from django.db import connection, models
from django.db.migrations.state import ProjectState
from django.db.models import prefetch_related_objects
from django.db.models.functions import Lower
from django.db.models.signals import post_save
from django.test.utils import isolate_apps
from taggit.managers import TaggableManager
from taggit.models import ItemBase, Tag, TagBase, TaggedItem

from cluster.contrib.taggit import ClusterTaggableManager
from cluster.fields import ParentalKey
from cluster.models import ClusterableModel
from cluster.testing import InjectedFault, fail_at, logged_statements
from tests.tags.app.models import Cafe, Dish, Flavour, Place, TaggedPlace

pytestmark = pytest.mark.django_db


def unsaved() -> Place:
    place = Place(name="x")
    place.tags.add("quiet", "old")
    return place


def live() -> Place:
    unsaved().save()
    return Place.objects.get()


def held() -> Place:
    place = live()
    place.tagged_items.get_object_list()
    return place


class OtherWriter:
    """An execute wrapper that makes a tag as soon as its slug was found to be free."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_done = False

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if not self.is_done and sql.startswith("SELECT") and "taggit_tag" in sql and sql.rstrip(")").find("slug") < 40:
            self.is_done = True
            Tag.objects.create(name=self.name, slug=self.name)
        return result


every_state = pytest.mark.parametrize("build", [unsaved, live, held])


def names(place: Place) -> list[str]:
    return list(place.tags.names())


@every_state
def test_tags_are_read_in_the_order_in_which_they_were_given(build):
    place = build()

    assert names(place) == ["quiet", "old"]
    assert list(place.tags.slugs()) == ["quiet", "old"]
    assert [tag.name for tag in place.tags.all()] == ["quiet", "old"]
    assert place.tags.count() == 2
    assert place.tags.filter(name__startswith="q").get().name == "quiet"


@every_state
def test_nothing_is_written_before_save(build):
    place = build()

    with logged_statements() as log:
        place.tags.add("new", "quiet")
        place.tags.remove("old")
        changed = names(place)
        place.tags.set(["new", "other"])
        set_to = names(place)
        place.tags.clear()

    assert changed == ["quiet", "new"]
    assert set_to == ["new", "other"]
    assert names(place) == []
    assert log.writes == []
    assert build is not unsaved or log.statements == []


@every_state
def test_saving_writes_new_tags_once_and_keeps_the_items_that_stay(build):
    place = build()
    Tag.objects.get_or_create(name="known", slug="known")
    before = dict(TaggedPlace.objects.values_list("tag__name", "pk"))

    place.tags.set(["quiet", "known", "new"])
    place.save()

    after = dict(TaggedPlace.objects.values_list("tag__name", "pk"))
    assert set(after) == {"quiet", "known", "new"}
    assert not before or after["quiet"] == before["quiet"]
    assert sorted(Tag.objects.values_list("name", flat=True)) == sorted({"known", "new", "quiet", *before})
    assert set(names(Place.objects.get())) == {"quiet", "known", "new"}


def test_fifty_new_tags_cost_one_query_for_names_and_three_to_write():
    place = Place(name="x")
    place.tags.add(*(f"tag {n}" for n in range(50)))
    Tag.objects.create(name="tag 0", slug="tag-0")

    with logged_statements() as log:
        place.save()

    assert len(log.of("SELECT", "taggit_tag")) == 2
    assert len(log.of("INSERT", "taggit_tag")) == 1
    assert len(log.of("INSERT", "tags_taggedplace")) == 1
    assert Tag.objects.count() == 50
    assert Tag.objects.get(name="tag 7").slug == "tag-7"


def test_names_that_make_one_slug_get_slugs_of_their_own():
    Tag.objects.create(name="Rock!", slug="rock")
    place = Place(name="x")

    place.tags.add("rock", "rock?")
    place.save()

    assert len(set(Tag.objects.values_list("slug", flat=True))) == 3
    assert set(names(place)) == {"rock", "rock?"}


def test_tags_of_nested_children_are_of_their_own_model_and_order():
    dish = Dish(name="soup")
    dish.flavours.add("salty", "bitter")
    place = Place(name="x", dishes=[dish], tags=["quiet"])
    assert list(dish.flavours.names()) == ["bitter", "salty"]

    place.save()

    assert list(Dish.objects.get().flavours.names()) == ["bitter", "salty"]
    assert Flavour.objects.count() == 2
    assert [tag.name for tag in Tag.objects.all()] == ["quiet"]


def test_instances_are_taken_and_removed_as_names_are():
    quiet = Tag.objects.create(name="quiet", slug="quiet")
    place = Place(name="x")

    place.tags.add(quiet, "quiet", "old")
    assert names(place) == ["quiet", "old"]
    place.tags.remove(quiet)

    assert names(place) == ["old"]


def test_what_is_no_tag_is_refused_and_nothing_is_added():
    place = unsaved()

    with pytest.raises(ValueError, match=r"^Cannot add 3 \(<class 'int'>\)\. Expected .*Tag.* or str\.$"):
        place.tags.add("new", 3)

    assert names(place) == ["quiet", "old"]


def test_case_decides_unless_the_setting_says_otherwise(settings):
    Tag.objects.create(name="Quiet", slug="quiet")
    place = Place(name="x", tags=["quiet", "QUIET"])
    assert names(place) == ["quiet", "QUIET"]

    settings.TAGGIT_CASE_INSENSITIVE = True
    place = Place(name="y", tags=["quiet", "QUIET", "Old"])
    place.save()

    assert names(place) == ["Quiet", "Old"]
    place.tags.remove("oLD")
    assert names(place) == ["Quiet"]


def test_defaults_reach_the_tagged_items():
    place = Place(name="x")

    place.tags.add("a", through_defaults={"weight": 5})
    place.tags.set(["a", "b"], through_defaults={"weight": 7})
    place.save()

    assert dict(TaggedPlace.objects.values_list("tag__name", "weight")) == {"a": 5, "b": 7}


@every_state
def test_similar_objects_share_tags(build):
    other = Place.objects.create(name="other")
    other.tags.add("quiet", "old")
    other.save()
    third = Place.objects.create(name="third")
    third.tags.add("old")
    third.save()
    place = unsaved()
    if build is not unsaved:
        place.save()

    similar = place.tags.similar_objects()

    assert [(found.name, found.similar_tags) for found in similar] == [("other", 2), ("third", 1)]


def test_most_common_tags_are_counted_by_the_database():
    live()
    other = Place.objects.create(name="other")
    other.tags.add("old")
    other.save()

    counted = {tag.name: tag.num_times for tag in Place.tags.most_common()}

    assert counted == {"old": 2, "quiet": 1}


@every_state
def test_the_most_common_tags_of_one_instance_count_its_own_items(build):
    place = build()
    other = Place(name="other", tags=["quiet"])
    other.save()

    counted = {tag.name: tag.num_times for tag in place.tags.most_common()}

    assert counted == {"quiet": 1, "old": 1}
    assert [tag.name for tag in place.tags.most_common(min_count=2)] == []
    assert [tag.name for tag in place.tags.most_common(1, {"name": "old"})] == ["old"]


def test_held_and_live_instances_are_prefetched_together():
    stored, new = live(), Place(name="new", tags=["fresh", "old"])

    with logged_statements() as log:
        prefetch_related_objects([stored, new], "tags")
        found = [[tag.name for tag in place.tags.all()] for place in (stored, new)]

    assert found == [["quiet", "old"], ["fresh", "old"]]
    assert len(log.statements) == 1


def test_prefetching_over_unsaved_instances_asks_nothing():
    places = [Place(name="x", tags=["fresh"]), Place(name="y")]

    with logged_statements() as log:
        prefetch_related_objects(places, "tags")

    assert [[tag.name for tag in place.tags.all()] for place in places] == [["fresh"], []]
    assert log.statements == []


def test_a_tag_that_another_writer_makes_meanwhile_is_taken():
    writer = OtherWriter("quiet")
    place = unsaved()

    with connection.execute_wrapper(writer):
        place.save()

    assert writer.is_done
    assert set(names(Place.objects.get())) == {"quiet", "old"}
    assert Tag.objects.count() == 2


def test_loading_the_items_of_a_live_instance_takes_two_queries():
    place = live()

    with logged_statements() as log:
        place.tags.add("new")
        names(place)

    assert len(log.statements) == 2


def test_a_copy_has_tags_of_its_own():
    place = unsaved()

    copied = copy.copy(place)
    copied.tags.add("new")

    assert names(place) == ["quiet", "old"]
    assert names(copied) == ["quiet", "old", "new"]


@pytest.mark.django_db(transaction=True)
def test_a_failed_save_leaves_the_tags_and_can_be_repeated():
    # The first save of a process may ask the server for its features, too.
    for _ in range(2):
        Place.objects.all().delete()
        Tag.objects.all().delete()
        with logged_statements() as log:
            unsaved().save()
    Place.objects.all().delete()
    Tag.objects.all().delete()
    for statements in range(1, len(log.statements) + 1):
        place = unsaved()

        with pytest.raises(InjectedFault), fail_at(statements):
            place.save()

        assert Place.objects.count() == Tag.objects.count() == TaggedPlace.objects.count() == 0
        assert names(place) == ["quiet", "old"]
        place.save()
        assert set(Place.objects.get().tags.names()) == {"quiet", "old"}
        Place.objects.all().delete()
        Tag.objects.all().delete()


def test_tags_with_receivers_are_saved_one_by_one():
    saved = []

    def note(instance: Tag, **_kwargs: object) -> None:
        saved.append(instance.name)

    post_save.connect(note, sender=Tag)
    try:
        unsaved().save()
    finally:
        post_save.disconnect(note, sender=Tag)

    assert saved == ["quiet", "old"]


def test_validation_knows_that_an_unsaved_tag_will_be_there():
    unsaved().clean_cluster()


def test_stored_tags_survive_a_snapshot():
    place = live()

    restored = Place.from_json(place.to_json())

    assert names(restored) == ["quiet", "old"]


def test_tags_that_are_not_stored_yet_survive_a_snapshot():
    place = unsaved()

    data = place.to_json()
    restored = Place.from_json(data)

    assert [item["tag"] for item in json.loads(data)["tagged_items"]] == [["quiet"], ["old"]]
    assert Tag.objects.count() == 0
    assert names(restored) == ["quiet", "old"]
    restored.save()
    assert set(Place.objects.get().tags.names()) == {"quiet", "old"}


def test_the_field_deconstructs_to_its_public_name_and_is_sound():
    field = Place._meta.get_field("tags")

    name, path, _args, kwargs = field.deconstruct()

    assert (name, path) == ("tags", "cluster.contrib.taggit.ClusterTaggableManager")
    assert kwargs["through"] == "tags.TaggedPlace"
    assert "manager" not in kwargs
    assert field.check() == []
    assert field._need_commit_after_assignment


@isolate_apps("tests.tags.app")
def test_a_plain_taggable_manager_on_a_cluster_is_one_warning():
    class Thing(ClusterableModel):
        tags = TaggableManager(through=TaggedItem)

        class Meta:
            app_label = "tags"

    warnings = [message for message in Thing.check() if message.id.startswith("cluster.")]

    assert warnings == [
        checks.Warning(
            "Thing.tags is a plain TaggableManager, which needs a saved instance and is written at once.",
            hint="Use cluster.contrib.taggit.ClusterTaggableManager to make the tags a part of the cluster, or silence "
            "cluster.W002.",
            obj=Thing._meta.get_field("tags"),
            id="cluster.W002",
        )
    ]
    assert [message.id for message in (*Place.check(), *Dish.check())] == []


@isolate_apps("tests.tags.app")
def test_a_through_model_that_is_no_child_is_an_error():
    class Thing(ClusterableModel):
        tags = ClusterTaggableManager(through=TaggedPlace)

        class Meta:
            app_label = "tags"

    class Plain(models.Model):
        tags = ClusterTaggableManager(through=TaggedPlace)

        class Meta:
            app_label = "tags"

    found = [
        (message.msg, message.hint)
        for model in (Thing, Plain)
        for field in model._meta.local_many_to_many
        for message in field.check()
        if message.id == "cluster.E005"
    ]

    assert found == [
        (
            "The content_object of tags.TaggedPlace must be a ParentalKey to Thing.",
            "Give TaggedPlace a ParentalKey named content_object to Thing.",
        ),
        (
            "A ClusterTaggableManager must be on a ClusterableModel, and tags.Plain is none.",
            "Derive Plain from cluster.models.ClusterableModel, or use a TaggableManager.",
        ),
    ]


@isolate_apps("tests.tags.app")
def test_a_through_model_that_is_not_there_is_left_to_other_checks():
    class Thing(ClusterableModel):
        tags = ClusterTaggableManager(through="tags.Missing", to="taggit.Tag")

        class Meta:
            app_label = "tags"

    assert "cluster.E005" not in [message.id for message in Thing._meta.get_field("tags").check()]


@isolate_apps("tests.tags.app")
def test_a_tag_model_that_is_not_there_is_left_to_other_checks():
    class Tagged(ItemBase):
        tag = models.ForeignKey("tags.Missing", on_delete=models.CASCADE)
        content_object = ParentalKey("tags.Thing", related_name="tagged_items")

        class Meta:
            app_label = "tags"

    class Thing(ClusterableModel):
        tags = ClusterTaggableManager(through=Tagged, to="taggit.Tag")

        class Meta:
            app_label = "tags"

    assert "cluster.W003" not in [message.id for message in Thing._meta.get_field("tags").check()]


@isolate_apps("tests.tags.app")
@pytest.mark.parametrize(
    ("is_unique", "rules", "expected"),
    [
        (False, [models.UniqueConstraint(fields=["team", "name"], name="in_team")], ["cluster.W003"]),
        (False, [models.UniqueConstraint(Lower("name"), name="any_case")], []),
        (True, [], []),
    ],
    ids=["unique in teams", "unique in any case", "unique"],
)
def test_a_tag_model_whose_names_are_not_unique_is_a_warning(is_unique, rules, expected):
    class Word(TagBase):
        name = models.CharField(max_length=80, unique=is_unique)
        team = models.IntegerField(default=0)

        class Meta:
            app_label = "tags"
            constraints = rules

    class Worded(ItemBase):
        tag = models.ForeignKey(Word, on_delete=models.CASCADE)
        content_object = ParentalKey("tags.Thing", related_name="tagged_items")

        class Meta:
            app_label = "tags"

    class Thing(ClusterableModel):
        tags = ClusterTaggableManager(through=Worded)

        class Meta:
            app_label = "tags"

    assert [message.id for message in Thing._meta.get_field("tags").check()] == expected


@pytest.mark.django_db(databases=["default", "other"])
def test_new_tags_are_made_in_the_database_that_is_saved_to():
    Tag.objects.using("other").create(name="old", slug="old")
    place = Place(name="x", tags=["quiet", "old"], dishes=[Dish(name="soup", flavours=["salty"])])

    place.save(using="other")

    stored = Place.objects.using("other").get()
    assert names(stored) == ["quiet", "old"]
    assert list(stored.dishes.get().flavours.names()) == ["salty"]
    other = Place(name="y", tags=["old"])
    other.save(using="other")
    assert stored.tags.similar_objects() == [other]
    assert not Tag.objects.exists()


@pytest.mark.django_db(databases=["default", "other"])
def test_tags_are_added_to_an_instance_of_another_database():
    Place.objects.using("other").create(name="x")
    place = Place.objects.using("other").get()
    stored = Tag.objects.using("other").create(name="stored", slug="stored")

    place.tags.add("new", Tag(name="unsaved"), stored)
    with pytest.raises(ValueError, match="router prevents this relation"):
        place.tags.add(Tag.objects.create(name="elsewhere", slug="elsewhere"))
    place.save()

    assert names(Place.objects.using("other").get()) == ["new", "unsaved", "stored"]
    assert [tag.name for tag in Tag.objects.all()] == ["elsewhere"]


def test_historical_models_have_tagged_items_that_are_written_at_once():
    Place.objects.create(name="x")
    history = ProjectState.from_apps(apps).apps
    tag = history.get_model("taggit", "Tag").objects.create(name="quiet", slug="quiet")

    history.get_model("tags", "Place").objects.get().tagged_items.create(tag=tag)

    assert names(Place.objects.get()) == ["quiet"]


def test_tags_of_an_inherited_model_are_held_and_saved():
    cafe = Cafe(name="x", seats=4, tags=["quiet"])
    other = Place(name="other", tags=["quiet"])

    cafe.save()
    other.save()
    cafe.tags.add("old")
    restored = Cafe.from_json(cafe.to_json())
    restored.save()

    assert names(Cafe.objects.prefetch_related("tags").get()) == ["quiet", "old"]
    assert names(Place.objects.get(name="x")) == ["quiet", "old"]
    assert cafe.tags.similar_objects() == [other]
