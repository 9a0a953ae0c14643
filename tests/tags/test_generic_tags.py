"""Tags whose tagged items point at what is tagged by a content type and a key."""

from __future__ import annotations

import copy
import io
import json
import pickle

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.migrations.state import ProjectState
from django.test.utils import isolate_apps
from taggit.models import Tag, TaggedItem

from cluster.collector import Collector, load
from cluster.comparing import apply, diff
from cluster.contrib.taggit import ClusterTaggableManager
from cluster.contrib.taggit.generic import fill_content_types
from cluster.errors import ForeignChildError, SerializedDataError
from cluster.forms import clusterform_factory
from cluster.models import ClusterableModel
from cluster.testing import InjectedFault, fail_at, logged_statements
from tests.support import stored_rows, submission
from tests.tags.app.models import Animal, Cruise, Flavour, Note, Sighting, Stay, Trip

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_content_type_is_known():
    """Each test begins as a process does, before Django knows a content type."""
    ContentType.objects.clear_cache()


def unsaved():
    trip = Trip(name="alps", tags=["quiet", "old"], notes=["salty", "bitter"])
    trip.stays = [Stay(town="Chur", tags=["quiet", "cold"])]
    return trip


def live():
    unsaved().save()
    return Trip.objects.get()


def held():
    trip = live()
    trip.tags.add("new")
    trip.tags.remove("new")
    trip.stays.get_object_list()
    return trip


every_state = pytest.mark.parametrize("build", [unsaved, live, held])


def tags_of(trip):
    return list(trip.tags.names()), list(trip.notes.names()), list(trip.stays.get().tags.names())


TAGS = (["quiet", "old"], ["bitter", "salty"], ["quiet", "cold"])


def test_nothing_is_read_or_written_before_the_save():
    with logged_statements() as log:
        trip = unsaved()
        trip.tags.add("third")
        trip.tags.remove("third")
        trip.tags.set(["quiet", "old"])
        found = tags_of(trip)
        trip.serializable_data()
        trip.copy_cluster()
        diff(trip, unsaved())

    assert found == TAGS
    assert log.statements == []


def test_the_save_looks_all_names_up_in_one_query_and_writes_the_items_in_one_statement_per_model():
    Tag.objects.create(name="old", slug="old")
    trip = unsaved()
    ContentType.objects.get_for_models(Trip, Stay, TaggedItem)

    with logged_statements() as log:
        trip.save()

    # The names, and the slugs of those that are new.
    assert len([sql for sql in log.of("SELECT", "taggit_tag") if "taggeditem" not in sql]) == 2
    # Parents and children.
    assert len(log.of("INSERT", "taggit_taggeditem")) == 2
    assert len([sql for sql in log.of("INSERT", "taggit_tag") if "taggeditem" not in sql]) == 1
    assert tags_of(Trip.objects.get()) == TAGS
    assert Tag.objects.count() == 3


@every_state
def test_tags_are_read_and_changed_in_every_state(build):
    trip = build()

    trip.tags.add("third", Tag.objects.get_or_create(name="quiet", defaults={"slug": "quiet"})[0])
    trip.tags.remove("old")
    trip.notes.set(["sweet"])
    trip.stays.get_object_list()[0].tags.clear()

    assert tags_of(trip) == (["quiet", "third"], ["sweet"], [])
    trip.save()
    assert tags_of(Trip.objects.get()) == (["quiet", "third"], ["sweet"], [])
    assert TaggedItem.objects.count() == 2


def test_items_that_stay_keep_their_rows():
    trip = live()
    before = dict(TaggedItem.objects.filter(content_type__model="trip").values_list("tag__name", "pk"))

    trip.tags.set(["new", "quiet"])
    with logged_statements() as log:
        trip.save()

    after = dict(TaggedItem.objects.filter(content_type__model="trip").values_list("tag__name", "pk"))
    assert after["quiet"] == before["quiet"]
    assert set(after) == {"new", "quiet"}
    assert [len(log.of(kind, "taggit_taggeditem")) for kind in ("INSERT", "UPDATE", "DELETE")] == [1, 0, 1]


def test_an_unchanged_cluster_writes_no_item():
    trip = held()

    with logged_statements() as log:
        trip.save()

    assert [sql for sql in log.writes if "tagged" in sql or "note" in sql] == []


def of_one_key():
    """A stored trip and its stay that have the same key."""
    trip = Trip(pk=1000, name="alps", tags=["quiet", "old"])
    trip.stays = [Stay(pk=1000, town="Chur", tags=["quiet", "cold"])]
    trip.save()
    return Trip.objects.get()


def test_items_of_other_models_with_the_same_key_stay_apart():
    trip = of_one_key()

    trip.tags.clear()
    trip.save()

    assert list(Trip.objects.get().tags.names()) == []
    assert list(Stay.objects.get().tags.names()) == ["quiet", "cold"]


def test_through_defaults_and_columns_of_the_through_model_are_kept():
    trip = Trip(name="x")
    trip.notes.add("salty", through_defaults={"weight": 5})

    trip.save()

    assert list(Note.objects.values_list("tag__name", "weight", "content_type__model", "object_id")) == [
        ("salty", 5, "trip", trip.pk)
    ]


def test_parents_keyed_by_uuid_are_tagged():
    animal = Animal(tags=["wild"])

    animal.save()
    animal.tags.add("grey")
    animal.save()

    assert list(Animal.objects.get().tags.names()) == ["wild", "grey"]
    assert {item.object_id for item in Sighting.objects.all()} == {animal.pk}
    assert list(Animal.objects.prefetch_related("tags").get().tags.names()) == ["wild", "grey"]


@every_state
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda trip: pickle.loads(pickle.dumps(trip))])
def test_an_instance_copied_by_python_or_pickled_keeps_its_tags(build, copied):
    trip = build()

    other = copied(trip)
    other.tags.add("new")

    assert list(other.tags.names()) == ["quiet", "old", "new"]
    assert list(trip.tags.names()) == ["quiet", "old"]
    other.save()
    assert set(Trip.objects.get(pk=other.pk).tags.names()) == {"quiet", "old", "new"}


@every_state
def test_a_copied_cluster_has_the_tags_of_all_levels(build):
    trip = build()

    copied, _ = trip.copy_cluster()
    copied.tags.add("copied")

    assert tags_of(copied) == (["quiet", "old", "copied"], *TAGS[1:])
    copied.save()
    trip.save()
    assert tags_of(Trip.objects.get(pk=copied.pk)) == (["quiet", "old", "copied"], *TAGS[1:])
    assert tags_of(Trip.objects.get(pk=trip.pk)) == TAGS
    assert TaggedItem.objects.count() == 5 + 4
    assert Tag.objects.count() == 4


@every_state
def test_a_snapshot_keeps_the_tags(build):
    trip = build()

    data = trip.to_json()
    restored = Trip.from_json(data)

    assert not diff(json.loads(data), trip)
    assert tags_of(restored) == TAGS
    restored.save()
    assert tags_of(Trip.objects.get()) == TAGS
    assert Tag.objects.count() == 3
    assert TaggedItem.objects.count() == 4
    assert Note.objects.count() == 2


def test_a_snapshot_has_no_content_type_as_its_key_differs_between_databases():
    trip = live()

    data = trip.serializable_data()

    item = TaggedItem.objects.filter(content_type__model="trip").order_by("pk")[0]
    assert data["tagged_items"][0] == {"pk": item.pk, "tag": item.tag_id, "object_id": trip.pk}
    assert len(data["notes_items"]) == 2


def test_a_restored_snapshot_brings_deleted_items_back():
    trip = live()
    data = trip.serializable_data()
    TaggedItem.objects.all().delete()

    Trip.from_serializable_data(data).save()

    assert tags_of(Trip.objects.get()) == TAGS


def test_data_that_names_the_item_of_another_object_is_refused():
    trip, other = live(), Trip.objects.create(name="other")
    data = other.serializable_data()
    theirs = TaggedItem.objects.filter(content_type__model="trip", object_id=trip.pk)[0]
    of_stay = TaggedItem.objects.filter(content_type__model="stay")[0]
    assert of_stay.object_id != other.pk

    for item in (theirs, of_stay):
        with pytest.raises(ForeignChildError):
            Trip.from_serializable_data({**data, "tagged_items": [{"pk": item.pk, "tag": ["x"]}]})


def test_data_that_names_the_item_of_another_model_with_the_same_key_is_refused():
    trip = of_one_key()
    item = TaggedItem.objects.filter(content_type__model="stay")[0]
    data = {"pk": trip.pk, "name": "x", "tagged_items": [{"pk": item.pk, "tag": ["x"]}]}

    with pytest.raises(ForeignChildError):
        Trip.from_serializable_data(data)
    unchecked = Trip(pk=trip.pk, name="x")
    unchecked._state.adding = False
    unchecked.tagged_items = [TaggedItem(pk=item.pk, tag=item.tag)]
    with pytest.raises(ForeignChildError):
        unchecked.save()


def test_a_loaded_item_may_be_moved_to_an_object_of_another_model():
    trip = live()
    item = trip.tagged_items.get_object_list()[0]
    stay = trip.stays.get_object_list()[0]
    stay.tags.clear()
    trip.tagged_items.remove(item)
    stay.tagged_items.add(item)

    trip.save()

    assert list(Trip.objects.get().tags.names()) == ["old"]
    assert list(Stay.objects.get().tags.names()) == ["quiet"]
    assert TaggedItem.objects.get(pk=item.pk).content_type.model == "stay"


def test_a_loaded_item_may_be_moved_to_another_object_of_its_model():
    trip, other = live(), Trip(name="other")
    other.save()
    item = trip.tagged_items.get_object_list()[0]

    other.tagged_items.add(item)
    other.save()

    assert list(Trip.objects.get(pk=other.pk).tags.names()) == ["quiet"]
    assert list(Trip.objects.get(pk=trip.pk).tags.names()) == ["old"]
    assert TaggedItem.objects.get(pk=item.pk).object_id == other.pk


def test_an_item_that_nothing_holds_keeps_its_content_type():
    kind = ContentType.objects.get_for_model(Stay)
    item = TaggedItem(content_type=kind, object_id=1, tag=Tag.objects.create(name="x", slug="x"))

    fill_content_types([item], "default")

    assert item.content_type == kind


@isolate_apps("tests.tags.app")
def test_a_plain_model_has_djangos_manager_of_tagged_items():
    class Plain(models.Model):
        tags = ClusterTaggableManager()

        class Meta:
            app_label = "tags"

    manager = Plain(pk=1).tagged_items

    assert not hasattr(manager, "is_deferring")
    assert manager.core_filters["object_id"] == 1


def test_bad_data_is_an_error_with_its_path():
    with pytest.raises(SerializedDataError, match=r"\$\.tagged_items\[0\]\.object_id"):
        Trip.from_serializable_data({"name": "x", "tagged_items": [{"object_id": "x", "tag": ["a"]}]})


@pytest.mark.django_db(transaction=True)
def test_a_failed_save_leaves_nothing_and_can_be_repeated():
    failed = 0

    for number in range(1, 200):
        trip, before = unsaved(), stored_rows(app_label="taggit")
        try:
            with fail_at(number):
                trip.save()
            break
        except InjectedFault:
            failed += 1
            assert stored_rows(app_label="taggit") == before
            assert tags_of(trip) == TAGS
    else:
        pytest.fail("The save never came to its end.")

    assert failed > 8
    assert tags_of(Trip.objects.get()) == TAGS


def test_prefetching_asks_once_for_all_live_instances():
    live()
    unsaved().save()

    with logged_statements() as log:
        found = [list(trip.tags.all()) for trip in Trip.objects.prefetch_related("tags")]

    assert [[tag.name for tag in tags] for tags in found] == [["quiet", "old"]] * 2
    assert len(log.of("SELECT", "taggit_tag")) == 1


def test_prefetching_mixes_instances_that_hold_their_tags_with_others():
    trip, other = live(), live_again()
    other.tags.add("new")

    models.prefetch_related_objects([trip, other], "tags")

    assert list(trip.tags.names()) == ["quiet", "old"]
    assert list(other.tags.names()) == ["quiet", "old", "new"]


def live_again():
    trip = unsaved()
    trip.save()
    return Trip.objects.get(pk=trip.pk)


def test_tagged_items_are_prefetched_for_held_and_live_instances():
    trip, other = live(), live_again()
    other.tags.add("new")

    models.prefetch_related_objects([trip, other], "tagged_items__tag", "stays__tagged_items")

    with logged_statements() as log:
        found = [[item.tag.name for item in each.tagged_items.all()] for each in (trip, other)]
        below = [len(stay.tagged_items.all()) for stay in trip.stays.all()]
    assert found == [["quiet", "old"], ["quiet", "old", "new"]]
    assert below == [2]
    assert log.statements == []


@pytest.mark.django_db(databases=["default", "other"])
def test_a_cluster_is_saved_to_another_database_with_its_content_types():
    # The keys of content types differ between databases.
    ContentType.objects.using("other").filter(app_label="tags").delete()

    unsaved().save(using="other")
    trip = Trip.objects.using("other").get()
    trip.tags.add("new")
    trip.save()

    assert list(Trip.objects.using("other").get().tags.names()) == ["quiet", "old", "new"]
    kinds = TaggedItem.objects.using("other").values_list("content_type__model", flat=True)
    assert sorted(kinds) == ["stay", "stay", "trip", "trip", "trip"]
    assert not TaggedItem.objects.exists()


def test_a_difference_of_tags_is_applied_without_writing():
    trip, other = live(), unsaved()
    other.tags.add("new")
    other.stays.get_object_list()[0].tags.remove("cold")
    target = Trip.objects.get()

    with logged_statements() as log:
        apply(diff(trip, other), target)

    assert log.writes == []
    assert set(target.tags.names()) == {"quiet", "old", "new"}
    target.save()
    assert set(Trip.objects.get().tags.names()) == {"quiet", "old", "new"}
    assert list(Stay.objects.get().tags.names()) == ["quiet"]


def test_refreshing_drops_what_is_held():
    trip = live()
    trip.tags.add("new")

    trip.refresh_from_db()

    assert list(trip.tags.names()) == ["quiet", "old"]


def test_similar_objects_are_of_all_models():
    trip, other = live(), Trip(name="other", tags=["old"])
    other.save()
    gone = ContentType.objects.create(app_label="gone", model="gone")
    TaggedItem.objects.create(content_type=gone, object_id=1, tag=Tag.objects.get(name="old"))

    similar = trip.tags.similar_objects()

    assert set(similar) == {other, Stay.objects.get()}
    assert {each.similar_tags for each in similar} == {1}
    assert Trip(name="x", tags=["old"]).tags.similar_objects() == [trip, other]


def test_most_common_counts_the_items_of_the_model():
    live()

    assert [(tag.name, tag.num_times) for tag in Trip.tags.most_common().order_by("name")] == [("old", 1), ("quiet", 1)]


# Taggit calls it.
@pytest.mark.filterwarnings(r"ignore:SQLCompiler.quote_name_unless_alias\(\) is deprecated")
def test_objects_are_found_by_their_tags():
    trip = live()

    assert list(Trip.objects.filter(tags__name="old")) == [trip]
    assert list(Stay.objects.filter(tags__name="old")) == []


def test_rows_of_an_inheriting_model_have_tags_of_their_own_content_type():
    cruise = Cruise(name="x", ship="Aurora", tags=["sea"])
    cruise.stays = [Stay(town="Bergen", tags=["rain"])]

    cruise.save()
    cruise = Cruise.objects.get()
    cruise.tags.add("north")
    cruise.save()

    assert list(Cruise.objects.get().tags.names()) == ["sea", "north"]
    assert set(TaggedItem.objects.values_list("content_type__model", "tag__name")) == {
        ("cruise", "sea"),
        ("cruise", "north"),
        ("stay", "rain"),
    }
    restored = Cruise.from_json(Cruise.objects.get().to_json())
    restored.save()
    assert list(Cruise.objects.get().tags.names()) == ["sea", "north"]


def test_forms_edit_generic_tags_at_every_level():
    form_class = clusterform_factory(
        Trip, fields=["name", "tags", "notes"], formsets={"stays": {"fields": ["town", "tags"]}}
    )
    data = submission("stays", {"town": "Chur", "tags": "quiet, cold"}, name="alps", tags="quiet, old", notes="salty")

    with logged_statements() as log:
        trip = form_class(data).save(commit=False)
        preview = form_class(data).preview()
    assert [sql for sql in log.writes if "tag" in sql] == []
    assert set(preview.tags.names()) == {"old", "quiet"}
    trip.save()
    stay = trip.stays.get()
    edited = data | {"tags": "", "stays-0-id": str(stay.pk), "stays-INITIAL_FORMS": "1", "stays-0-tags": "warm"}
    form = form_class(edited, instance=Trip.objects.get())
    assert form.is_valid(), form.cluster_errors
    form.save()

    assert set(Trip.objects.get().tags.names()) == set()
    assert set(Stay.objects.get().tags.names()) == {"warm"}
    assert set(Trip.objects.get().notes.names()) == {"salty"}


def test_rows_with_a_generic_key_have_no_formset():
    form_class = clusterform_factory(Trip, fields=["name"], exclude_formsets=[])

    assert list(form_class.formsets) == ["stays"]


def test_a_held_cluster_with_generic_tags_can_be_validated():
    unsaved().clean_cluster()
    held().clean_cluster()


def test_deleting_the_object_deletes_its_items():
    live().delete()

    assert not TaggedItem.objects.exists()
    assert not Note.objects.exists()


def test_the_case_insensitive_setting_holds(settings):
    settings.TAGGIT_CASE_INSENSITIVE = True
    Tag.objects.create(name="Old", slug="old")
    trip = Trip(name="x", tags=["old", "OLD", "new"])

    trip.save()

    assert list(Trip.objects.get().tags.names()) == ["Old", "new"]
    assert Tag.objects.count() == 2


def test_items_are_made_through_their_relation():
    trip = Trip(name="x")
    tag = Tag(name="made", slug="made")

    trip.tagged_items.create(tag=tag)
    _, created = trip.tagged_items.get_or_create(tag=tag)

    assert not created
    assert list(trip.tags.names()) == ["made"]
    trip.save()
    assert list(Trip.objects.get().tags.names()) == ["made"]
    assert trip.tagged_items.get().content_object == trip


def test_queries_in_memory_reach_the_tags():
    trip = unsaved()

    assert list(trip.tagged_items.filter(tag__name="old").values_list("tag__name", flat=True)) == ["old"]
    assert [stay.town for stay in trip.stays.filter(tagged_items__tag__name="cold")] == ["Chur"]


def test_historical_models_have_plain_tagged_items():
    live()
    history = ProjectState.from_apps(apps).apps

    assert history.get_model("tags", "Trip").objects.get().name == "alps"


def test_tags_that_were_fetched_with_flavours_are_of_their_model():
    live()

    assert sorted(Flavour.objects.values_list("name", flat=True)) == ["bitter", "salty"]


def test_an_unsaved_cluster_is_exported_with_its_tags():
    quiet, old = (Tag.objects.create(name=name, slug=name) for name in ("quiet", "old"))
    trip, stream = Trip(name="x", tags=[quiet, old]), io.StringIO()
    trip.stays = [Stay(town="Chur", tags=[quiet])]

    manifest = Collector(trip).dump(stream)
    load(io.StringIO(stream.getvalue()), "copy", manifest=manifest)

    assert list(Trip.objects.get().tags.names()) == ["quiet", "old"]
    assert list(Stay.objects.get().tags.names()) == ["quiet"]


def test_a_stored_cluster_is_exported_with_its_tags():
    trip, stream = live(), io.StringIO()

    manifest = Collector(trip).dump(stream)
    trip.delete()
    load(io.StringIO(stream.getvalue()), "copy", manifest=manifest)

    assert tags_of(Trip.objects.get()) == TAGS


@isolate_apps("tests.tags.app")
def test_a_key_that_the_items_cannot_hold_is_an_error():
    class Thing(ClusterableModel):
        id = models.UUIDField(primary_key=True)
        tags = ClusterTaggableManager()

        class Meta:
            app_label = "tags"

    class Base(ClusterableModel):
        class Meta:
            app_label = "tags"

    class Fitting(Base):
        tags = ClusterTaggableManager()

        class Meta:
            app_label = "tags"

    (error,) = (each for each in Thing._meta.get_field("tags").check() if each.id == "cluster.E005")

    assert error.msg == "The object_id of taggit.TaggedItem cannot hold the primary key of Thing."
    assert error.hint == "Give the field a through model whose object_id is of the kind of Thing's primary key."
    assert [each for each in Fitting._meta.get_field("tags").check() if each.id == "cluster.E005"] == []
