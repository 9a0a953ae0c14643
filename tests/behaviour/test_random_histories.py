"""Random histories of two parents and their children, beside a model in plain Python."""

from __future__ import annotations

import copy
import os
import pickle
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.support import rolled_back
from tests.testapp.models import Band, Genre, Member

GENRES = ("folk", "jazz", "rock")
INSTRUMENTS = ("", "bass", "drums", "harp")

parents = st.integers(0, 1)
instruments = st.sampled_from(INSTRUMENTS)
picks = st.integers(0, 10)
CHANGES = ("add", "remove", "edit", "set", "clear", "link", "unlink", "save")
genre_sets = st.sets(st.sampled_from(GENRES))


@dataclass
class Expected:
    """What one parent should show: held content by name, or ``None`` while the database answers."""

    members: dict[str, str] | None = field(default_factory=dict)
    genres: set[str] | None = field(default_factory=set)
    is_stored: bool = False
    # Children moved to the other parent, as long as their rows may still be this one's.
    given_away: set[str] = field(default_factory=set)
    # Those of them of which a copy does not know whether the other parent holds them.
    untraced: set[str] = field(default_factory=set)


class Histories(RuleBasedStateMachine):
    """Every rule does the same to the bands and to what is expected of them; the invariants compare."""

    def __init__(self) -> None:
        super().__init__()
        Member.objects.all().delete()
        Band.objects.all().delete()
        self.bands = [Band(name="first"), Band(name="second")]
        self.expected = [Expected(), Expected()]
        self.stored_members: dict[str, tuple[int, str]] = {}
        self.stored_genres: list[set[str]] = [set(), set()]
        self.count = 0

    # What is expected

    def members_of(self, which: int) -> dict[str, str]:
        held = self.expected[which].members
        if held is not None:
            return held
        return {name: instrument for name, (band, instrument) in self.stored_members.items() if band == which}

    def hold_members(self, which: int) -> dict[str, str]:
        self.expected[which].members = held = dict(self.members_of(which))
        return held

    def genres_of(self, which: int) -> set[str]:
        held = self.expected[which].genres
        return self.stored_genres[which] if held is None else held

    def pick(self, which: int, number: int) -> str | None:
        names = sorted(self.members_of(which))
        return names[number % len(names)] if names else None

    def new_name(self) -> str:
        self.count += 1
        return f"member {self.count:04}"

    # Children

    @rule(which=parents, instrument=instruments)
    def add(self, which: int, instrument: str) -> None:
        name = self.new_name()
        self.hold_members(which)[name] = instrument
        self.bands[which].members.add(Member(name=name, instrument=instrument))

    @rule(which=parents, number=picks)
    def remove(self, which: int, number: int) -> None:
        name = self.pick(which, number)
        if name is not None:
            band = self.bands[which]
            band.members.remove(band.members.get(name=name))
            del self.hold_members(which)[name]

    @rule(which=parents, number=picks)
    def move(self, which: int, number: int) -> None:
        name, other = self.pick(which, number), 1 - which
        if name is None:
            return
        source = self.hold_members(which)
        member = next(each for each in self.bands[which].members.get_object_list() if each.name == name)
        self.bands[other].members.add(member)
        self.hold_members(other)[name] = source.pop(name)
        self.expected[which].given_away.add(name)
        self.expected[other].given_away.discard(name)
        self.expected[which].untraced.discard(name)

    @rule(which=parents, numbers=st.sets(picks), new=st.integers(0, 2))
    def set(self, which: int, numbers: set[int], new: int) -> None:
        names = sorted(self.members_of(which))
        kept = [name for number, name in enumerate(names) if number in numbers]
        objects = [each for each in self.bands[which].members.all() if each.name in kept]
        fresh = [Member(name=self.new_name()) for _ in range(new)]
        values = self.members_of(which)
        self.bands[which].members.set([*objects, *fresh])
        self.expected[which].members = {name: values[name] for name in kept} | {each.name: "" for each in fresh}

    @rule(which=parents)
    def clear(self, which: int) -> None:
        self.bands[which].members.clear()
        self.expected[which].members = {}

    @rule(which=parents, number=picks, instrument=instruments)
    def edit(self, which: int, number: int, instrument: str) -> None:
        name = self.pick(which, number)
        if name is not None:
            self.hold_members(which)[name] = instrument
            for member in self.bands[which].members.get_object_list():
                if member.name == name:
                    member.instrument = instrument

    # Links

    @rule(which=parents, names=genre_sets)
    def link(self, which: int, names: set[str]) -> None:
        self.expected[which].genres = set(self.genres_of(which)) | names
        self.bands[which].genres.add(*Genre.objects.filter(name__in=names))

    @rule(which=parents, names=genre_sets)
    def unlink(self, which: int, names: set[str]) -> None:
        self.expected[which].genres = set(self.genres_of(which)) - names
        self.bands[which].genres.remove(*Genre.objects.filter(name__in=names))

    @rule(which=parents, names=genre_sets)
    def assign_links(self, which: int, names: set[str]) -> None:
        self.expected[which].genres = set(names)
        self.bands[which].genres = [genre.pk for genre in Genre.objects.filter(name__in=names)]

    # The whole

    @rule(which=parents)
    def save(self, which: int) -> None:
        is_giving = bool(self.expected[which].given_away)
        self.bands[which].save()
        self.expect_saved(which)
        if is_giving:
            # Until the other parent is saved too, the row would be shown by both.
            self.save(1 - which)

    @rule(which=parents)
    def save_and_roll_back(self, which: int) -> None:
        with rolled_back():
            self.bands[which].save()

    @rule(
        which=parents, changes=st.lists(st.tuples(st.sampled_from(CHANGES), picks, instruments, genre_sets), max_size=4)
    )
    def change_after_a_save_that_is_rolled_back(self, which: int, changes: list[Any]) -> None:
        """What was changed after the save is as if it had been changed without it."""
        with rolled_back():
            self.bands[which].save()
            for change in changes:
                self.change(which, *change)

    def change(self, which: int, kind: str, number: int, instrument: str, names: set[str]) -> None:
        if kind == "add":
            self.add(which, instrument)
        elif kind == "remove":
            self.remove(which, number)
        elif kind == "edit":
            self.edit(which, number, instrument)
        elif kind == "set":
            self.set(which, {number, number + 1}, 1)
        elif kind == "clear":
            self.clear(which)
        elif kind == "unlink":
            self.unlink(which, names)
        elif kind == "save":
            self.bands[which].save()
        else:
            self.link(which, names)

    @rule(which=parents)
    def save_twice_and_roll_back_the_second(self, which: int) -> None:
        with transaction.atomic():
            self.bands[which].save()
            with rolled_back():
                self.bands[which].members.add(Member(name="never stored"))
                self.bands[which].save()
            self.bands[which].refresh_from_db(fields=["members"])
        is_giving = bool(self.expected[which].given_away)
        self.expect_saved(which)
        if is_giving:
            self.save(1 - which)

    def expect_saved(self, which: int) -> None:
        expected = self.expected[which]
        expected.is_stored = True
        if expected.members is not None:
            on_their_way = expected.given_away & (expected.untraced | set(self.expected[1 - which].members or ()))
            kept_out = {
                name: row for name, row in self.stored_members.items() if row[0] != which or name in on_their_way
            }
            self.stored_members = kept_out | {name: (which, value) for name, value in expected.members.items()}
        if expected.genres is not None:
            self.stored_genres[which] = expected.genres
        expected.members = expected.genres = None
        expected.given_away, expected.untraced = set(), set()

    @precondition(lambda self: any(self.can_refresh(which) for which in (0, 1)))
    @rule(which=parents)
    def refresh(self, which: int) -> None:
        if self.can_refresh(which):
            self.bands[which].refresh_from_db()
            self.expected[which] = Expected(None, None, is_stored=True)

    def can_refresh(self, which: int) -> bool:
        """Whether no child is on its way from or to this parent: else one row would be shown by both."""
        foreign = {name for name in self.members_of(which) if self.stored_members.get(name, (which,))[0] != which}
        return self.expected[which].is_stored and not self.expected[which].given_away and not foreign

    @rule(which=parents, duplicate=st.sampled_from(["copy", "deepcopy", "pickle"]))
    def replace_by_a_duplicate(self, which: int, duplicate: str) -> None:
        duplicates: dict[str, Any] = {
            "copy": copy.copy,
            "deepcopy": copy.deepcopy,
            "pickle": lambda band: pickle.loads(pickle.dumps(band)),
        }
        self.bands[which] = duplicates[duplicate](self.bands[which])
        other = self.expected[1 - which]
        other.untraced |= other.given_away & set(self.expected[which].members or ())
        if duplicate != "copy":
            self.expected[which].untraced |= self.expected[which].given_away

    # The comparison

    @invariant()
    def memory_shows_what_is_expected(self) -> None:
        for which, band in enumerate(self.bands):
            assert {each.name: each.instrument for each in band.members.all()} == self.members_of(which)
            assert {each.name for each in band.genres.all()} == self.genres_of(which)
            if self.expected[which].members is not None:
                assert all(each.band is band for each in band.members.all())

    @invariant()
    def the_database_has_what_was_saved(self) -> None:
        keys = {band.pk: which for which, band in enumerate(self.bands) if band.pk is not None}
        rows = {row.name: (keys[row.band_id], row.instrument) for row in Member.objects.all()}
        assert rows == self.stored_members
        assert Band.objects.count() == sum(expected.is_stored for expected in self.expected)


@pytest.mark.django_db(transaction=True)
def test_random_histories_agree_with_a_plain_model():
    """At least 2,000 steps in CI; each step compares memory and the database with the model."""
    for name in GENRES:
        Genre.objects.create(name=name)
    examples = 80 if os.environ.get("CI") == "true" else 15

    run_state_machine_as_test(
        Histories, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None)
    )
