"""The laws of differences: what a diff says is all there is, and merging is what two people expect of it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cluster.comparing import apply, diff, merge
from tests.roundtrip.snapshots import bands, edited
from tests.testapp.models import Band


@st.composite
def versions(draw: st.DrawFn, number: int) -> list[dict[str, Any]]:
    """A snapshot and versions of it, edited or altogether different."""
    base = draw(bands)
    return [base, *(draw(edited(base) | bands) for _ in range(number))]


@given(versions(1))
def test_applying_the_difference_of_two_snapshots_to_the_first_gives_the_second(pair):
    before, after = pair
    untouched = deepcopy(pair)

    result = apply(diff(before, after, model=Band), before)

    assert result == after
    assert pair == untouched


@given(bands)
def test_a_snapshot_does_not_differ_from_its_copy(snapshot):
    assert not diff(snapshot, deepcopy(snapshot), model=Band)


@given(versions(1))
def test_what_is_applied_shares_nothing_that_can_change_with_what_it_was_made_of(pair):
    before, after = pair
    untouched = deepcopy(pair)
    result = apply(diff(before, after, model=Band), before)

    result["genres"].append(9)
    for album in result["albums"]:
        album["songs"].append({"pk": 9})
        album["genres"].append(9)

    assert pair == untouched


@given(versions(1))
def test_merging_with_a_version_without_change_gives_the_other(pair):
    base, changed = pair

    mine, theirs = merge(base, changed, base, model=Band), merge(base, base, changed, model=Band)

    assert (mine.data, mine.conflicts) == (changed, ())
    assert (theirs.data, theirs.conflicts) == (changed, ())


@given(versions(1))
def test_the_same_change_on_both_sides_is_no_conflict(pair):
    base, changed = pair

    merged = merge(base, changed, deepcopy(changed), model=Band)

    assert (merged.data, merged.conflicts) == (changed, ())


@given(versions(2))
def test_swapping_the_sides_finds_the_same_conflicts(trio):
    base, mine, theirs = trio

    conflicts = merge(base, mine, theirs, model=Band).conflicts
    swapped = merge(base, theirs, mine, model=Band).conflicts

    assert sorted((each.kind, str(each.model)) for each in conflicts) == sorted(
        (each.kind, str(each.model)) for each in swapped
    )


@given(versions(2))
def test_merging_changes_none_of_the_versions(trio):
    untouched = deepcopy(trio)

    merged = merge(*trio, model=Band)
    merged.data["genres"].append(9)
    for album in merged.data["albums"]:
        album["songs"].append({"pk": 9})

    assert trio == untouched


@given(versions(2))
def test_what_both_versions_left_alone_is_as_in_the_base(trio):
    base, mine, theirs = trio

    merged = merge(base, mine, theirs, model=Band).data

    for name in ("name", "facts"):
        if base[name] == mine[name] == theirs[name]:
            assert merged[name] == base[name]
    linked_in_all = set(base["genres"]) & set(mine["genres"]) & set(theirs["genres"])
    assert linked_in_all <= set(merged["genres"])
