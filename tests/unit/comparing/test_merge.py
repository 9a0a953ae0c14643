from __future__ import annotations

from copy import deepcopy

import pytest

from cluster.comparing import apply, diff, merge
from tests.support import build_band
from tests.testapp.models import Band, Member, Node, Show


def band(**values):
    return {"pk": 1, "name": "The Band", "genres": [], "members": [], "albums": [], **values}


def member(key, name="Rick", **values):
    return {"pk": key, "name": name, "instrument": "piano", **values}


def test_true_in_place_of_one_in_json_is_a_change():
    one, other = band(facts={"a": 1}), band(facts={"a": True})

    assert merge(one, one, other, model=Band).data == other
    assert merge(one, one, other, model=Band).data["facts"]["a"] is True
    assert merge(one, other, one, model=Band).data["facts"]["a"] is True
    assert len(merge(band(facts={"a": 2}), one, other, model=Band).conflicts) == 1


def test_what_either_side_changed_is_changed():
    base = band(members=[member(1), member(2)], genres=[1, 2], albums=[{"pk": 5, "title": "a", "songs": []}])
    mine = band(name="Hawks", members=[member(1, "Richard"), member(2)], genres=[1, 2, 3], albums=base["albums"])
    theirs = band(
        formed="1967-01-01",
        members=[member(1), member(2, instrument="drums")],
        genres=[2],
        albums=[{"pk": 5, "title": "a", "songs": [{"pk": None, "title": "new"}]}],
    )

    merged = merge(base, mine, theirs, model=Band)

    assert merged.conflicts == ()
    assert merged.data == band(
        name="Hawks",
        formed="1967-01-01",
        members=[member(1, "Richard"), member(2, instrument="drums")],
        genres=[2, 3],
        albums=theirs["albums"],
    )


@pytest.mark.parametrize(
    ("prefer", "taken"),
    [("mine", "Hawks"), ("theirs", "Squires"), (lambda conflict: "theirs", "Squires")],
    ids=["mine", "theirs", "function"],
)
def test_a_value_changed_on_both_sides_is_a_conflict(prefer, taken):
    merged = merge(band(), band(name="Hawks"), band(name="Squires"), model=Band, prefer=prefer)

    (conflict,) = merged.conflicts
    assert (conflict.kind, conflict.path, conflict.key) == ("changed", "name", 1)
    assert (conflict.base, conflict.mine, conflict.theirs) == ("The Band", "Hawks", "Squires")
    assert merged.data["name"] == taken


def test_a_conflict_is_a_line_of_text_and_plain_data():
    (conflict,) = merge(band(), band(name="Hawks"), band(name="Squires"), model=Band).conflicts

    assert str(conflict) == "name: 'The Band' became 'Hawks' in mine and 'Squires' in theirs; mine taken"
    assert conflict.as_data() == {
        "kind": "changed",
        "path": "name",
        "model": "testapp.band",
        "key": 1,
        "base": "The Band",
        "mine": "Hawks",
        "theirs": "Squires",
        "taken": "mine",
    }


@pytest.mark.parametrize("prefer", ["mine", "theirs"])
@pytest.mark.parametrize("remover", ["mine", "theirs"])
def test_a_row_removed_on_one_side_and_changed_on_the_other_is_a_conflict(prefer, remover):
    base, without, changed = band(members=[member(1)]), band(), band(members=[member(1, "Richard")])
    versions = (without, changed) if remover == "mine" else (changed, without)

    merged = merge(base, *versions, model=Band, prefer=prefer)

    (conflict,) = merged.conflicts
    assert (conflict.kind, conflict.path, conflict.taken) == ("removed", "members[0]", prefer)
    assert str(conflict) == f"members[0]: removed in {remover} and changed in the other; {prefer} taken"
    assert merged.data["members"] == ([] if prefer == remover else [member(1, "Richard")])


def test_a_row_removed_on_one_side_and_untouched_on_the_other_is_removed():
    base = band(members=[member(1), member(2)])

    merged = merge(base, band(members=[member(2)]), band(members=[member(1)]), model=Band)

    assert merged.conflicts == ()
    assert merged.data["members"] == []


def test_rows_added_on_both_sides_are_both_there_and_the_same_row_once():
    shared = member(None, "shared")

    merged = merge(
        band(),
        band(members=[member(None, "mine"), shared]),
        band(members=[deepcopy(shared), member(None, "theirs")]),
        model=Band,
    )

    assert merged.conflicts == ()
    assert [each["name"] for each in merged.data["members"]] == ["mine", "shared", "theirs"]


def test_rows_added_on_both_sides_in_one_place_that_must_be_unique_are_one_row_in_conflict():
    def show(price):
        return {"pk": 1, "tickets": [{"pk": None, "seat": "A1", "price": price}]}

    merged = merge({"pk": 1, "tickets": []}, show(5), show(6), model=Show)

    assert [(each.path, each.base, each.mine, each.theirs) for each in merged.conflicts] == [
        ("tickets[0].price", None, 5, 6)
    ]
    assert merged.data == show(5)


def test_the_order_of_the_side_that_moved_rows_holds_and_new_rows_stay_beside_their_neighbours():
    rows = {key: member(key, str(key)) for key in (1, 2, 3, 4)}
    base = band(members=list(rows.values()))
    mine = band(members=[rows[1], rows[2], member(None, "new"), rows[3], rows[4]])
    theirs = band(members=[rows[4], rows[3], rows[2], rows[1]])

    merged = merge(base, mine, theirs, model=Band)

    assert merged.conflicts == ()
    assert [each["name"] for each in merged.data["members"]] == ["4", "3", "2", "new", "1"]


@pytest.mark.parametrize(("prefer", "order"), [("mine", [2, 1, 3]), ("theirs", [3, 1, 2])])
def test_two_different_orders_are_a_conflict(prefer, order):
    rows = {key: member(key) for key in (1, 2, 3)}

    merged = merge(
        *(band(members=[rows[key] for key in keys]) for keys in ([1, 2, 3], [2, 1, 3], [3, 1, 2])),
        model=Band,
        prefer=prefer,
    )

    (conflict,) = merged.conflicts
    assert (conflict.kind, conflict.path) == ("moved", "members")
    assert (conflict.base, conflict.mine, conflict.theirs) == ([1, 2, 3], [2, 1, 3], [3, 1, 2])
    assert str(conflict) == f"members: put in two different orders; {prefer} taken"
    assert [each["pk"] for each in merged.data["members"]] == order


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "merged"),
    [
        ("1.0", "2.0", "2.00", "2.0"),
        ("1.0", "1.00", "2.0", "2.0"),
        ("1.0", "2.0", "1.00", "2.0"),
    ],
    ids=["both the same", "mine as it was", "theirs as it was"],
)
def test_the_same_value_written_in_two_ways_is_one(base, mine, theirs, merged):
    versions = (band(albums=[{"pk": 1, "price": price}]) for price in (base, mine, theirs))

    result = merge(*versions, model=Band)

    assert (result.data["albums"][0]["price"], result.conflicts) == (merged, ())


def test_a_key_that_one_side_has_got_meanwhile_is_kept():
    versions = (band(members=[{**member(key), "band": parent}]) for key, parent in ((None, None), (None, 1), (4, 2)))

    result = merge(*versions, model=Band)

    assert [each["pk"] for each in result.data["members"]] == [4]


def test_a_relation_that_one_side_left_out_is_as_in_the_other():
    base = band(members=[member(1)])
    without = {name: value for name, value in band(name="Hawks").items() if name not in {"members", "genres"}}

    merged = merge(base, without, band(members=[member(1, "Richard")], genres=[2]), model=Band)

    assert merged.conflicts == ()
    assert (merged.data["members"], merged.data["genres"]) == ([member(1, "Richard")], [2])
    assert merged.data["name"] == "Hawks"


def test_two_answers_only_are_taken_from_a_function():
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared
        merge(band(), band(name="a"), band(name="b"), model=Band, prefer=lambda conflict: "base")

    assert str(error.value) == "A conflict takes 'mine' or 'theirs', not 'base'."


def test_a_thousand_levels_are_merged():
    def chain(root, leaf):
        node = {"pk": 1000, "name": leaf, "children": []}
        for key in range(999, 0, -1):
            node = {"pk": key, "name": root if key == 1 else str(key), "children": [node]}
        return node

    merged = merge(chain("root", "leaf"), chain("trunk", "leaf"), chain("root", "bud"), model=Node)

    assert merged.conflicts == ()
    assert not diff(merged.data, chain("trunk", "bud"), model=Node)


@pytest.mark.django_db
def test_two_drafts_of_one_object_are_joined_and_saved():
    band = build_band()
    band.save()
    base, mine, theirs = (Band.objects.get(pk=band.pk) for _ in range(3))
    mine.members.get_object_list()[0].name = "Rick"
    theirs.members.add(Member(name="Levon"))
    theirs.name = "Hawks"

    merged = merge(base, mine, theirs)
    apply(diff(base, merged.data), base).save()

    assert merged.conflicts == ()
    assert Band.objects.get().name == "Hawks"
    assert sorted(Member.objects.values_list("name", flat=True)) == ["Levon", "Rick", "member 1"]
