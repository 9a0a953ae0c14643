from __future__ import annotations

import pytest

from cluster.serialization.plans import plan_of
from tests.testapp.models import Album, Band, Country, Genre, Hall, Playlist, Show, Stop, Tour
from tests.upgrade.app.models import Archive, Letter, Paragraph, Polymath, Poster


def test_a_plan_is_made_once_per_class():
    assert plan_of(Band) is plan_of(Band)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (Genre, {"pk", "name"}),
        (Country, {"pk", "name", "cities"}),
        (Hall, {"pk", "name", "seats", "rooms", "acts", "engagements", "balconies", "genres"}),
        (Stop, {"pk", "tour", "number", "place"}),
        (Letter, {"pk", "subject", "paragraphs", "signatures"}),
    ],
)
def test_a_plan_knows_the_names_of_the_data(model, names):
    assert plan_of(model).known_names == names


def test_names_that_are_left_out_of_snapshots_are_known_where_the_database_makes_them():
    plan = plan_of(Show.tickets.rel.related_model)

    assert "total" in plan.known_names
    assert "total" not in {name for name, *_ in plan.written}


@pytest.mark.parametrize(
    ("model", "writes", "reads", "upgrades"),
    [(Band, False, False, False), (Poster, True, True, False), (Letter, False, False, True)],
)
def test_a_plan_knows_which_methods_are_a_classs_own(model, writes, reads, upgrades):
    plan = plan_of(model)

    assert (plan.writes_itself, plan.reads_itself, plan.upgrade is not None) == (writes, reads, upgrades)


def test_a_plain_model_may_upgrade_its_data():
    assert plan_of(Paragraph).upgrade is not None


def test_the_hook_of_the_package_returns_the_data():
    data = {"name": "Blur"}

    assert Band.upgrade_serializable_data(data) is data


def test_a_plan_can_leave_names_out():
    plan = plan_of(Album).without({"songs", "title"}).with_relations(["genres"])

    assert "title" not in {name for name, *_ in plan.written}
    assert plan.children == ()
    assert [relation.name for relation in plan.links] == ["genres"]


def test_further_parents_of_a_model_have_their_keys_filled():
    names = [field.name for field in Polymath._meta.concrete_fields]

    assert [(names[link], names[target]) for link, target in plan_of(Polymath).pointers] == [
        ("painter_ptr", "painter_id")
    ]


@pytest.mark.parametrize(("model", "needs"), [(Band, False), (Archive, True), (Poster, True), (Tour, False)])
def test_rows_tell_enough_unless_a_class_or_a_field_does_something_of_its_own(model, needs):
    assert plan_of(model).needs_instances is needs


def test_keys_convert_both_ways():
    part = plan_of(Playlist).key[0]
    text = "12345678-1234-5678-1234-567812345678"

    assert part.to_data(part.to_python(text)) == text
