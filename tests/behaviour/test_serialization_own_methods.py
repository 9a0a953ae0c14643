"""Classes whose ``from_serializable_data()`` passes on other data than it was given."""

from __future__ import annotations

import datetime as dt

import pytest

from cluster.errors import ForeignChildError, SerializedDataError
from cluster.models import ClusterableModel
from cluster.serialization import LoadReport, check_serialized, from_serializable_data_many
from tests.upgrade.app.models import Flyer, Sticker, Subject, Wall
from tests.upgrade.findings import entries_of, problems_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def pass_on(monkeypatch):
    """Make flyers pass on what a function makes of their data."""
    return lambda change: monkeypatch.setattr(Flyer, "passed_on", staticmethod(change))


def shouting(data):
    return {**data, "title": data["title"].upper()}


def shouting_in_place(data):
    data["title"] = data["title"].upper()
    return data


def wall(*flyers):
    return Wall(name="north", flyers=flyers).serializable_data()


@pytest.mark.parametrize("change", [shouting, shouting_in_place])
def test_other_data_is_read_in_the_place_of_the_object(pass_on, change):
    pass_on(change)
    first = Flyer(title="gig", stickers=[Sticker(text="sold out")])
    data = wall(first, Flyer(title="fair", above=first))

    loaded = Wall.from_serializable_data(data)

    gig, fair = loaded.flyers.get_object_list()
    assert (gig.title, fair.title) == ("GIG", "FAIR")
    assert (gig.wall, fair.above_id) == (loaded, gig.pk)
    assert (gig.stickers.get().text, gig.stickers.get().flyer) == ("sold out", gig)
    loaded.save()
    assert set(Flyer.objects.values_list("title", "stickers__text")) == {("GIG", "sold out"), ("FAIR", None)}


@pytest.mark.parametrize("check_fks", [True, False])
def test_other_children_and_links_are_read_too(pass_on, check_fks):
    subjects = [Subject.objects.create(name="music"), Subject.objects.create(name="noise")]
    extra = {"text": "free entry"}

    def change(data):
        new, old = data["stickers"]
        return {**data, "stickers": [old, extra, {**new, "text": "newer"}], "subjects": [subjects[1].pk]}

    pass_on(change)
    flyer = Flyer(title="gig", subjects=subjects[:1], stickers=[Sticker(text="new"), Sticker(text="old")])

    loaded = Wall.from_serializable_data(wall(flyer), check_fks)

    (flyer,) = loaded.flyers.get_object_list()
    assert [(each.text, each.flyer) for each in flyer.stickers.all()] == [
        ("old", flyer),
        ("free entry", flyer),
        ("newer", flyer),
    ]
    assert list(flyer.subjects.all()) == subjects[1:]
    loaded.save()
    assert Sticker.objects.count() == 3


def test_data_nested_beyond_what_python_compares_is_read(pass_on):
    pass_on(shouting)
    data = {"name": "north", "flyers": [{"title": "gig", "memo": []}]}
    inner = data["flyers"][0]["memo"]
    for _ in range(5000):
        inner.append([])
        inner = inner[0]
    pass_on(lambda data: data)

    assert Wall.from_serializable_data(data).flyers.get().title == "gig"


def test_values_that_only_the_class_can_read_are_no_problem(pass_on):
    pass_on(lambda data: {**data, "day": dt.date.fromordinal(data["day"])})
    data = {"name": "north", "flyers": [{"title": "gig", "day": 730_000}]}

    assert Wall.from_serializable_data(data).flyers.get().day == dt.date(1999, 9, 3)
    assert from_serializable_data_many(Flyer, data["flyers"])[0].day == dt.date(1999, 9, 3)


def test_keys_that_only_the_class_knows_are_not_reported(pass_on):
    pass_on(lambda data: {"title": data["heading"], "mood": "loud"})
    data, report = {"name": "north", "flyers": [{"heading": "gig"}]}, LoadReport()

    loaded = Wall.from_serializable_data(data, report=report)

    assert loaded.flyers.get().title == "gig"
    assert entries_of(report, "unknown") == {"unknown": ["$.flyers[0].mood"]}
    with pytest.raises(SerializedDataError) as caught:
        Wall.from_serializable_data(data, strict=True)
    assert problems_of(caught) == [("$.flyers[0].mood", "Flyer has no 'mood'.")]


@pytest.mark.parametrize("change", [lambda data: data, lambda data: dict(data)])
def test_problems_of_what_the_class_passes_on_are_told(pass_on, change):
    pass_on(change)
    data = {"name": "north", "flyers": [{"title": "gig", "day": "soon"}]}

    with pytest.raises(SerializedDataError) as caught:
        Wall.from_serializable_data(data)

    assert [problem.path for problem in caught.value.problems] == ["$.flyers[0].day"]
    assert entries_of(check_serialized(Wall, data), "problems") == {"problems": ["$.flyers[0].day"]}


def test_values_that_do_not_convert_are_left_out_by_choice(pass_on):
    pass_on(lambda data: data)
    report = LoadReport()
    data = {"name": "north", "flyers": [{"title": "gig", "day": "soon"}]}

    loaded = Wall.from_serializable_data(data, skip_unconvertible=True, report=report)

    assert loaded.flyers.get().day is None
    assert entries_of(report, "unconverted") == {"unconverted": ["$.flyers[0].day"]}


def test_what_other_data_points_at_is_checked(pass_on):
    pass_on(lambda data: {**data, "above": "00000000-0000-4000-8000-000000000000"})
    report = LoadReport()

    loaded = Wall.from_serializable_data(wall(Flyer(title="gig")), report=report)

    assert loaded.flyers.count() == 0
    assert entries_of(report, "dropped") == {"dropped": ["$.flyers[0]"]}


def test_a_row_of_another_parent_is_not_taken_by_other_data(pass_on):
    other = Wall(name="south", flyers=[Flyer(title="theirs")])
    other.save()
    key = str(Flyer.objects.get().pk)
    pass_on(lambda data: {**data, "pk": key})

    with pytest.raises(ForeignChildError) as caught:
        Wall.from_serializable_data(wall(Flyer(title="gig")))

    assert [problem.path for problem in caught.value.problems] == ["$.flyers[0].pk"]


def test_a_class_may_load_objects_of_other_classes_meanwhile(pass_on):
    def change(data):
        assert Wall.from_serializable_data({"name": "south"}).name == "south"
        return data

    pass_on(change)

    assert Wall.from_serializable_data(wall(Flyer(title="gig"))).flyers.get().title == "gig"


def test_a_class_may_change_its_mind(pass_on):
    def change(data):
        other = {"title": "fair", "stickers": [*data["stickers"], {"text": "free entry"}]}
        assert ClusterableModel.from_serializable_data.__func__(Flyer, other).title == "fair"
        return {**data, "title": "match"}

    pass_on(change)
    flyer = Flyer(title="gig", stickers=[Sticker(text="sold out")])

    loaded = Wall.from_serializable_data(wall(flyer))

    assert loaded.flyers.get().title == "match"
    assert [each.text for each in loaded.flyers.get().stickers.all()] == ["sold out"]


def test_a_class_that_upgrades_its_data_passes_on_older_data():
    data = {"name": "north", "banners": [{"heading": "gig", "pins": [{"colour": "red"}]}]}

    loaded = Wall.from_serializable_data(data)

    assert loaded.banners.get().title == "gig!"
    assert [pin.colour for pin in loaded.banners.get().pins.all()] == ["red"]
