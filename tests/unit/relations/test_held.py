from __future__ import annotations

import copy
import pickle

import pytest

from cluster.relations import HeldLinks, HeldList
from cluster.relations.held import key_of
from tests.support import seconds_of
from tests.testapp.models import Band, Genre, Hall, Member, Stop, Venue


def test_it_reads_like_a_list():
    first, second = Member(name="a"), Member(name="b")

    held = HeldList([first, second])

    assert len(held) == 2
    assert held[0] is first
    assert held[-1:] == [second]
    assert held == [first, second]
    assert held != [second, first]
    assert held != "ab"
    assert first in held
    assert Member(name="a") not in held
    assert "a" not in held
    assert repr(held) == repr([first, second])


def test_it_can_be_changed_by_whoever_goes_through_it():
    members = [Member(name="a"), Member(name="b"), Member(name="c")]
    held = HeldList(members)

    gone_through = [held.discard(member) for member in held]

    assert gone_through == members
    assert list(held) == []


def test_the_list_that_was_read_stays_as_it_was():
    first, second, equal = Member(pk=1, name="first"), Member(name="second"), Member(pk=1, name="equal")
    held = HeldList([first])

    read = held.objects()
    held.add(second)
    held.add(equal)
    held.discard(second)

    assert [each is first for each in read] == [True]
    assert [each is equal for each in held.objects()] == [True]


def test_it_reads_the_same_whatever_was_changed_after_it_was_read():
    first, equal, last = Member(name="first"), Member(pk=1, name="equal"), Member(name="last")
    held = HeldList([first, Member(pk=1, name="replaced")])

    assert held[0] is first
    assert held.add(last) is None
    assert [held[0], held[2]] == [first, last]
    held.add(equal)
    assert held[1] is equal
    held.discard(first)
    assert [held[0], held[1]] == [equal, last]
    last.pk = 1
    held.forget_index()
    assert held[:] == [last]


def test_adding_an_equal_object_puts_it_in_the_place_of_the_held_one():
    old, other, new = Member(pk=1, name="old"), Member(pk=2), Member(pk=1, name="new")
    held = HeldList([old, other])

    replaced = held.add(new)

    assert replaced is old
    assert [id(member) for member in held] == [id(new), id(other)]


def test_adding_the_same_object_twice_changes_nothing():
    member = Member(name="a")
    held = HeldList([member])

    replaced = held.add(member)

    assert replaced is None
    assert len(held) == 1


def test_equal_objects_that_come_together_collapse_to_the_last_in_the_place_of_the_first():
    old, other, new = Member(pk=1, name="old"), Member(pk=2), Member(pk=1, name="new")

    held = HeldList([old, other, new])

    assert [id(member) for member in held] == [id(new), id(other)]
    assert len(HeldList([old, new])) == 1


def test_an_object_is_found_by_a_key_that_it_was_given_after_it_was_added():
    member = Member(name="late")
    held = HeldList([member])

    member.pk = 7

    loaded = Member(pk=7)
    loaded._state.adding = False
    assert held.find(loaded) is member
    assert held.by_key((Member, 7)) is member
    assert held.by_key((Member, 8)) is None


def test_discarding_goes_by_identity_or_by_key_and_returns_what_was_held():
    keyless, keyed = Member(name="a"), Member(pk=1)
    held = HeldList([keyless, keyed])

    assert held.discard(Member(name="a")) is None
    assert held.discard(keyless) is keyless
    assert held.discard(Member(pk=1)) is keyed
    assert len(held) == 0


def test_an_object_whose_key_changed_can_still_be_taken_out():
    member = Member(pk=1)
    held = HeldList([member])
    assert held.by_key((Member, 1)) is member

    member.pk = 2
    held.discard(member)

    assert held.by_key((Member, 1)) is None
    assert len(held) == 0


def test_instances_of_a_parent_and_of_its_multi_table_child_with_one_key_are_different():
    venue, hall = Venue(pk=1), Hall(pk=1)

    held = HeldList([venue, hall])

    assert len(held) == 2
    assert held.by_key((Hall, 1)) is hall


def test_a_composite_key_that_is_not_whole_is_no_key():
    assert key_of(Stop(number=1)) is None
    assert key_of(Stop(tour_id=3, number=1)) == (Stop, (3, 1))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda held: pickle.loads(pickle.dumps(held))])
def test_a_deep_copy_is_independent(duplicate):
    held = HeldList([Member(name="a")])

    copied = duplicate(held)
    copied.add(Member(name="b"))

    assert [member.name for member in copied] == ["a", "b"]
    assert [member.name for member in held] == ["a"]


def test_through_defaults_stay_with_their_object():
    rock, folk = Genre(pk=1), Genre(pk=2)
    held = HeldLinks([rock, folk])
    held.give_defaults(rock, {"stage": "left"})

    copied, pickled = held.copy(), pickle.loads(pickle.dumps(held))
    held.discard(rock)
    held.add(rock)

    assert held.defaults_of(rock) == {}
    assert copied.defaults_of(rock) == {"stage": "left"}
    assert pickled.defaults_of(pickled[0]) == {"stage": "left"}
    assert pickled.defaults_of(pickled[1]) == {}


def test_an_object_that_takes_the_place_of_its_equal_takes_what_is_noted_of_it():
    rock, again = Genre(pk=1), Genre(pk=1)
    held = HeldLinks([rock])
    held.give_defaults(rock, {"stage": "left"})

    held.add(again)

    assert held.defaults_of(again) == {"stage": "left"}
    assert held.defaults_of(rock) == {}


def test_ten_thousand_additions_take_linear_time():
    def seconds(count: int) -> float:
        held, members = HeldList(), [Member(pk=n) if n % 2 else Member() for n in range(count)]
        return seconds_of(lambda: [held.add(member) for member in members])

    few, many = min(seconds(1_000) for _ in range(5)), min(seconds(10_000) for _ in range(3))

    # A quadratic one would take a hundred times as long.
    assert many < 50 * few


def test_stored_objects_are_added_to_many_new_ones_in_linear_time():
    def seconds(count: int) -> float:
        held = HeldList(Member() for _ in range(count))
        stored = [Member.from_db("default", ["id"], [n]) for n in range(1, count)]
        assert len(held) == count
        return seconds_of(lambda: [held.add(each) for each in stored])

    few, many = min(seconds(200) for _ in range(5)), min(seconds(3_200) for _ in range(3))

    # A quadratic one would take 256 times as long.
    assert many < 16 * few * 4


def test_a_stored_object_takes_the_slot_of_an_equal_one_that_was_given_its_key_meanwhile():
    first, second, third = Genre(name="a"), Genre(name="b"), Genre(name="c")
    held = HeldLinks([first, second, third])
    held.note_made(first)
    held.give_defaults(second, {"stage": "left"})
    assert len(held) == 3
    first.pk, second.pk = 1, 2
    loaded = [Genre.from_db("default", ["id"], [key]) for key in (2, 3)]

    for each in loaded:
        held.add(each)
    held.add(Genre(pk=3))
    held.add(loaded[1])
    held.note_made(loaded[0])
    new = Genre(pk=1)
    held.add(new)

    assert [id(each) for each in held] == [id(first), id(loaded[0]), id(third), id(loaded[1]), id(new)]
    assert held.find(second) is loaded[0]
    assert held.defaults_of(loaded[0]) == {}
    assert len(held) == 5


def test_a_list_of_new_and_stored_objects_is_indexed_in_linear_time():
    def seconds(count: int) -> float:
        stored = [Member.from_db("default", ["id"], [n]) for n in range(1, count)]
        held = HeldList([*(Member() for _ in stored), *stored])
        return seconds_of(held.objects)

    few, many = min(seconds(200) for _ in range(5)), min(seconds(3_200) for _ in range(3))

    # A quadratic one would take 256 times as long.
    assert many < 16 * few * 4


def test_a_list_is_put_in_order_with_what_is_noted_of_its_objects():
    rock, folk = Genre(pk=1), Genre(pk=2)
    held = HeldLinks([rock, folk])
    held.give_defaults(rock, {"stage": "left"})

    held.put_in_order([folk, rock])

    assert list(held) == [folk, rock]
    assert held.find(Genre(pk=1)) is rock
    assert held.defaults_of(rock) == {"stage": "left"}
    assert held.add(Genre(pk=3)) is None
    assert len(held) == 3


def test_the_band_of_a_held_member_survives_a_pickled_cycle():
    band = Band(name="a", members=[Member(name="b"), Member(pk=4, name="c")])

    restored = pickle.loads(pickle.dumps(band))

    members = restored.members.get_object_list()
    assert [member.name for member in members] == ["b", "c"]
    assert all(member.band is restored for member in members)
    assert members.by_key((Member, 4)) is members[1]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([], True),
        ([1, 2, 5], True),
        ([1, 2, None, None], True),
        ([2, 1], False),
        ([1, None, 2], False),
        ([1, "x"], False),
    ],
)
def test_it_knows_whether_it_is_in_the_order_of_its_keys(keys: list[object], expected: bool):
    held = HeldList([Member(pk=key) for key in keys])

    assert held.is_in_key_order("id") is expected


def test_a_key_given_meanwhile_may_change_the_order():
    first, second = Member(), Member()
    held = HeldList([first, second])
    assert held.is_in_key_order("id")

    second.pk = 1

    assert not held.is_in_key_order("id")


def test_an_object_is_found_by_the_key_that_it_was_given_later():
    member, other = Member(name="a"), Member(name="b")
    held = HeldList([member, other])
    assert len(held) == 2

    member.pk = 5

    assert held.by_key((Member, 5)) is member
    assert held.by_key((Member, 6)) is None
    assert held.add(Member(pk=5, name="new")) is member


def test_links_that_were_made_through_the_relation_are_so_after_pickling():
    links = HeldLinks([Genre(name="made"), Genre(name="linked")])
    links.note_made(links[0])

    restored = pickle.loads(pickle.dumps(links))

    assert [(genre.name, restored.is_made(genre)) for genre in restored] == [("made", True), ("linked", False)]
