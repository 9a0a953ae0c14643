"""``clean_cluster()`` validates parent and children against what the tables will hold, and writes nothing."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import models
from django.test.utils import isolate_apps

from cluster.fields import ParentalKey
from cluster.models import ClusterableModel
from cluster.saving.frozen import frozen
from cluster.testing import logged_statements
from tests.faults.app.models import Binder, Box, Flag, Label, Lid, Poster, Sheet, Shelf, Sticker, Thing, Visit
from tests.support import build_band, build_full_band, stored_rows
from tests.testapp.models import (
    Album,
    Attachment,
    Band,
    City,
    Country,
    Dance,
    Hall,
    Member,
    Show,
    Song,
    Stop,
    Ticket,
    Tour,
    Verse,
)
from tests.testapp.models import Label as RecordLabel

pytestmark = pytest.mark.django_db


def problems(root: Any, **options: Any) -> dict[str, list[str]]:
    """Return the errors by path; see that nothing was written."""
    rows = stored_rows(), stored_rows(app_label="faults")
    try:
        root.clean_cluster(**options)
    except ValidationError as error:
        found: dict[str, list[str]] = error.message_dict
    else:
        found = {}
    assert (stored_rows(), stored_rows(app_label="faults")) == rows
    return found


def stored_shelf(**relations: Any) -> Shelf:
    Shelf(name="s", **relations).save()
    return Shelf.objects.get()


def test_a_valid_cluster_passes() -> None:
    assert problems(build_band()) == {}


def test_errors_of_fields_have_paths_to_any_depth() -> None:
    band = build_band(name="", members=1)
    band.members.get_object_list()[0].name = "x" * 81
    band.albums.get_object_list()[1].songs.get_object_list()[0].title = ""

    assert problems(band) == {
        "name": ["This field cannot be blank."],
        "members[0].name": ["Ensure this value has at most 80 characters (it has 81)."],
        "albums[1].songs[0].title": ["This field cannot be blank."],
    }


def test_excluded_fields_of_the_root_are_not_validated() -> None:
    assert problems(Band(name=""), exclude=["name"]) == {}


@pytest.mark.parametrize(
    ("second", "path", "message"),
    [
        ({"code": "a"}, "boxes[1].code", "Box with this Code already exists."),
        ({"tag": 1}, "boxes[1].tag", "Box with this Tag already exists."),
        ({"position": 1}, "boxes[1].__all__", "Box with this Shelf and Position already exists."),
    ],
    ids=["unique", "unique with nulls", "unique together"],
)
def test_siblings_of_a_new_parent_must_differ(second: dict[str, Any], path: str, message: str) -> None:
    other = {"code": "b", "position": 2, "tag": None, **second}
    shelf = Shelf(name="s", boxes=[Box(code="a", position=1, tag=1), Box(**other)])

    assert problems(shelf) == {path: [message]}


def test_constraints_with_expressions_and_conditions_are_checked_among_siblings() -> None:
    shelf = Shelf(name="s", labels=[Label(text="A", is_main=True), Label(text="a"), Label(text="b", is_main=True)])

    assert problems(shelf) == {
        "labels[1].__all__": ["Constraint “label_text_once” is violated."],
        "labels[2].__all__": ["Constraint “label_one_main” is violated."],
    }


def test_checks_are_evaluated_in_memory(django_assert_num_queries: Any) -> None:
    show = Show(title="s", tickets=[Ticket(seat="A", price=-1), Ticket(seat="B", price=0)])

    with django_assert_num_queries(1), pytest.raises(ValidationError) as caught:
        show.clean_cluster()

    assert caught.value.message_dict == {"tickets[0].__all__": ["Constraint “ticket_price_not_negative” is violated."]}


def test_messages_are_worded_and_placed_as_django_does() -> None:
    alike = {"number": 1, "slug": "a"}
    held = problems(Binder(sheets=[Sheet(**alike), Sheet(**alike)]))
    stored = Binder.objects.create()
    Sheet.objects.create(binder=stored, **alike)
    with pytest.raises(ValidationError) as told:
        Sheet(binder=stored, **alike).full_clean()

    assert held == {f"sheets[1].{name}": messages for name, messages in told.value.message_dict.items()}


def test_a_row_with_one_error_is_checked_for_others() -> None:
    show = Show(title="s", tickets=[Ticket(seat="A"), Ticket(seat="A", price=-1)])

    assert problems(show) == {
        "tickets[1].__all__": [
            "Ticket with this Show and Seat already exists.",
            "Constraint “ticket_price_not_negative” is violated.",
        ]
    }


def test_rows_that_are_neither_held_nor_removed_count() -> None:
    stored_shelf(boxes=[Box(code="a", position=1)], labels=[Label(text="A", is_main=True)])
    shelf = Shelf.objects.get()
    shelf.boxes.add(Box(code="b", position=2))

    assert problems(Shelf(name="t", boxes=[Box(code="a", position=1)])) == {
        "boxes[0].code": ["Box with this Code already exists."]
    }
    assert problems(shelf) == {}
    shelf.boxes = [Box(code="a", position=1)]
    shelf.labels = [Label(text="a", is_main=True)]
    assert problems(shelf) == {}


def test_rows_that_another_writer_added_count() -> None:
    shelf = stored_shelf(labels=[Label(text="A", is_main=True)])
    shelf.labels.get_object_list()
    Label.objects.create(shelf_id=shelf.pk, text="B")

    shelf.labels.add(Label(text="b"))

    assert problems(shelf) == {"labels[1].__all__": ["Constraint “label_text_once” is violated."]}


def test_values_may_be_swapped() -> None:
    shelf = stored_shelf(boxes=[Box(code="a", position=1), Box(code="b", position=2)])
    first, second = shelf.boxes.get_object_list()
    first.code, second.code = second.code, first.code
    first.position, second.position = second.position, first.position

    assert problems(shelf) == {}
    second.code = first.code
    assert problems(shelf) == {"boxes[1].code": ["Box with this Code already exists."]}


def test_values_that_must_differ_in_a_day_a_month_or_a_year_are_checked() -> None:
    stored_shelf(visits=[Visit(name="stored", slug="s", theme="t", day=date(2024, 1, 1))])
    shelf = Shelf(
        name="t",
        visits=[
            Visit(name="stored", slug="s", theme="t", day=date(2024, 1, 1)),
            Visit(name="mine", slug="m", theme="u", day=date(2024, 2, 1)),
            Visit(name="mine", slug="m", theme="u", day=date(2024, 2, 2)),
            Visit(name="mine", slug="m", theme="u", day=date(2025, 2, 2)),
        ],
    )

    assert problems(shelf) == {
        "visits[0].name": ["Name must be unique for Day date."],
        "visits[0].slug": ["Slug must be unique for Day month."],
        "visits[0].theme": ["Theme must be unique for Day year."],
        "visits[2].slug": ["Slug must be unique for Day month."],
        "visits[2].theme": ["Theme must be unique for Day year."],
        "visits[3].slug": ["Slug must be unique for Day month."],
    }


def test_targets_of_keys_are_looked_up_at_once() -> None:
    label = RecordLabel.objects.create(name="sun")
    albums = [Album(title=str(number), label=label) for number in range(20)]
    albums[7].label_id = 77
    band = Band(name="b", albums=albums)

    with logged_statements() as log, pytest.raises(ValidationError) as caught:
        band.clean_cluster()

    assert caught.value.message_dict == {"albums[7].label": ["label instance with id 77 is not a valid choice."]}
    assert len(log.statements) == 1


def test_links_are_not_looked_at() -> None:
    build_full_band().save()
    draft = Band.from_json(Band.objects.get().to_json())

    with logged_statements() as log:
        draft.clean_cluster()

    assert [statement for statement in log.statements if "_genres" in str(statement)] == []


def test_keys_to_unsaved_siblings_are_fine_and_missing_ones_are_not() -> None:
    thing = Thing(name="t")
    box = Box(code="a", position=1, things=[thing], lids=[Lid(thing=thing), Lid()])

    with pytest.raises(ValidationError) as caught:
        Shelf(name="s", boxes=[box]).clean_cluster()

    assert caught.value.message_dict == {"boxes[0].lids[1].thing": ["This field cannot be null."]}
    assert [each.code for each in caught.value.error_dict["boxes[0].lids[1].thing"]] == ["null"]


def test_uniqueness_below_several_new_parents_is_kept_apart() -> None:
    band = build_band(albums=2, songs=2)
    for album in band.albums.all():
        for song in album.songs.all():
            song.verses = [Verse(position=1), Verse(position=2)]

    assert problems(band) == {}
    song.verses.add(Verse(position=2))
    assert problems(band) == {
        "albums[1].songs[1].verses[2].__all__": ["Verse with this Song and Position already exists."]
    }


def test_a_new_root_with_the_key_of_another_row_is_told() -> None:
    Country.objects.create(code="de", name="Germany")

    assert problems(Country(code="de", name="again", cities=[City(slug="bonn", name="Bonn")])) == {
        "code": ["Country with this Code already exists."]
    }


def test_the_number_of_queries_does_not_grow_with_the_rows() -> None:
    def queries(count: int) -> int:
        shelf = Shelf(name="s", boxes=[Box(code=str(number), position=number) for number in range(count)])
        with logged_statements() as log:
            shelf.clean_cluster()
        return len(log.statements)

    assert queries(2) == queries(50)


def test_rows_of_several_tables_are_validated() -> None:
    assert problems(Hall(name="h", acts=[Dance(title="", style="slow")])) == {
        "acts[0].title": ["This field cannot be blank."]
    }


def test_uniqueness_and_constraints_can_be_left_out() -> None:
    shelf = Shelf(name="s", boxes=[Box(code="a", position=1), Box(code="a", position=1)])
    show = Show(title="s", tickets=[Ticket(seat="A", price=-1)])

    assert problems(shelf, validate_unique=False) == {}
    assert problems(show, validate_constraints=False) == {}


def test_a_class_that_validates_itself_is_asked() -> None:
    shelf = Shelf(name="s", visits=[Visit(name="rude", slug="s", theme="t", day=date(2024, 1, 1))])

    assert problems(shelf) == {
        "visits[0].__all__": ["Mind your language."],
        "visits[0].name": ["Rude names are taken."],
    }


def test_an_unchanged_cluster_is_valid() -> None:
    build_band(members=3).save()
    stored_shelf(flags=[Flag(is_up=True)], labels=[Label(text="a", is_main=True)])
    band, shelf = Band.objects.get(), Shelf.objects.get()
    band.members.get_object_list()
    shelf.flags.get_object_list()
    shelf.labels.get_object_list()

    assert problems(band) == {}
    assert problems(shelf) == {}
    assert (Member.objects.count(), Song.objects.count()) == (3, 4)


def test_a_constraint_that_memory_cannot_check_is_asked_itself() -> None:
    shelf = Shelf(name="s", stickers=[Sticker(size=1), Sticker(size=2)])

    assert problems(shelf) == {"stickers[1].__all__": ["Sizes are odd."]}


def test_children_with_composite_keys_and_with_links_are_validated() -> None:
    tour = Tour(name="t", stops=[Stop(number=1), Stop(number=1)])
    band = build_full_band()

    assert problems(tour) == {"stops[1].__all__": ["Stop with this Tour and Number already exists."]}
    assert problems(band) == {}


def test_a_new_child_that_names_a_row_of_its_parent_is_no_conflict_with_that_row() -> None:
    """The save writes the row."""
    Tour(name="t", stops=[Stop(number=1), Stop(number=2)]).save()
    Shelf(name="s", boxes=[Box(code="a", position=1), Box(code="b", position=2)]).save()
    tour, shelf, box = Tour.objects.get(), Shelf.objects.get(), Box.objects.get(code="a")
    tour.stops.add(Stop(number=1, place="new"))
    shelf.boxes.set([Box(pk=box.pk, code="a", position=1, note="new"), Box(code="b", position=3)])

    assert problems(tour) == {}
    assert problems(shelf) == {}
    tour.save()
    shelf.save()
    assert set(Stop.objects.values_list("number", "place")) == {(1, "new"), (2, "")}
    assert set(Box.objects.values_list("code", "note")) == {("a", "new"), ("b", "")}


def test_a_key_that_is_excluded_is_not_compared_with_other_rows() -> None:
    Country.objects.create(code="de", name="Germany")

    assert problems(Country(code="de", name="again"), exclude=["code"]) == {}


def test_dates_that_are_missing_or_of_other_days_are_no_conflict() -> None:
    stored_shelf(visits=[Visit(name="same", slug="s", theme="t", day=date(2024, 1, 1))])
    missing = Shelf(name="t", visits=[Visit(name="same", slug="s", theme="t", day=None)])
    other = Shelf(name="t", visits=[Visit(name="same", slug="s", theme="t", day=date(2025, 2, 2))])

    assert problems(missing) == {"visits[0].day": ["This field cannot be null."]}
    assert problems(other) == {}


@isolate_apps("tests.testapp")
def test_rows_that_are_alike_in_their_nulls_meet_where_nulls_are_not_distinct():
    class Group(ClusterableModel):
        name = models.CharField(max_length=80)
        facts = models.JSONField(default=dict, blank=True)

        class Meta:
            app_label = "testapp"
            db_table = Band._meta.db_table

    class Player(models.Model):
        band = ParentalKey(Group, related_name="players")
        name = models.CharField(max_length=80)
        instrument = models.CharField(max_length=80, blank=True)
        born = models.DateField(null=True, blank=True)

        class Meta:
            app_label = "testapp"
            db_table = Member._meta.db_table
            constraints = [
                models.UniqueConstraint(fields=["instrument", "born"], nulls_distinct=False, name="one_of_a_kind")
            ]

    Member.objects.create(band=Band.objects.create(name="x"), name="a", instrument="drums")
    group = Group(name="y", players=[Player(name="b", instrument="drums"), Player(name="c", instrument="bass")])

    with pytest.raises(ValidationError) as raised:
        group.clean_cluster(validate_constraints=True)

    assert list(raised.value.message_dict) == ["players[0].__all__"]


def test_unique_values_that_cannot_be_hashed_are_compared() -> None:
    shelf = stored_shelf(posters=[Poster(words=["art", "deco"], motto=["so", "be", "it"], day=date(2024, 1, 1))])
    (stored,) = shelf.posters.get_object_list()
    other = Shelf(name="t")
    other.posters = [
        Poster(words=["art", "deco"], motto=["so", "be", "it"], day=date(2024, 1, 1)),
        Poster(words=["art"], motto=["so"], day=date(2024, 1, 1)),
        Poster(words=["art"], motto=["so"], day=date(2024, 1, 1)),
        Poster(words=["deco"], motto=["so", "be", "it"], day=date(2024, 1, 2)),
    ]

    found = problems(other)

    assert list(found) == ["posters[0].words", "posters[0].motto", "posters[2].words", "posters[2].motto"]
    stored.words = ["deco", "art"]
    assert problems(shelf) == {}


def test_a_key_that_is_no_key_at_all_is_told() -> None:
    assert list(problems(Band(name="b", albums=[Album(title="a", label_id=[1])]))) == ["albums[0].label"]


@isolate_apps("tests.testapp")
def test_unique_json_is_compared_by_its_meaning():
    class Board(ClusterableModel):
        name = models.CharField(max_length=80)
        facts = models.JSONField(default=dict, blank=True)

        class Meta:
            app_label = "testapp"
            db_table = Band._meta.db_table

    class Pin(models.Model):
        board = ParentalKey(Board, related_name="pins", db_column="band_id")
        details = models.JSONField(unique=True)

        class Meta:
            app_label = "testapp"
            db_table = Attachment._meta.db_table

    stored = [Attachment(details=details) for details in ({"x": 1, "y": [1, 2]}, [True], "text")]
    Band(name="b", attachments=stored).save()
    places = ({"x": 1, "y": [1, 2]}, [1], [True], "text", {"x": {"1": 2}}, {"x": {"1": 2}})

    with pytest.raises(ValidationError) as caught:
        Board(name="b", pins=[Pin(details=details) for details in places]).clean_cluster()

    assert list(caught.value.message_dict) == [f"pins[{index}].details" for index in (0, 2, 3, 5)]


def test_frozen_values_are_equal_where_their_values_are() -> None:
    assert frozen("text") == "text"
    assert frozen({"a": [1, {2}]}) == frozen({"a": [1, {2}]})
    assert frozen([1]) != frozen([True])
    assert frozen([1]) != [1]
    assert frozen([bytearray(b"a")]) == frozen([bytearray(b"a")])
    assert len({frozen([1]), frozen([1]), frozen([2])}) == 2
