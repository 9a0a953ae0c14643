"""Working out the difference of two snapshots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from cluster.comparing.changes import LinkDifference, ListDifference, RowDifference, changes_of
from cluster.comparing.matching import Matching, match_rows, moved_pairs
from cluster.comparing.shape import Layout, Row, Shape, same_value, shape_of
from cluster.comparing.trails import Trail, check_below, checked_list, checked_row, checked_rows, root_trail, step_to

ABSENT = object()


@dataclass(frozen=True, slots=True)
class Pair:
    """A row in both snapshots that is still to be compared."""

    shape: Shape
    parent_name: str | None
    trail: Trail
    before: Row
    after: Row


def diff_rows(model: type[Model], before: Row, after: Row) -> list[RowDifference]:
    """Return the differences of two snapshots row by row, parents before their children.

    Names that only one of the two has (a relation that was left out, a field of another version) are not compared.

    Raises:
        SerializedDataError: A relation is not a list of rows.
    """
    shape = shape_of(model)
    for each in (before, after):
        checked_row(root_trail(shape, each))
    return list(_differences(shape, None, before, after))


def is_changed(shape: Shape, parent_name: str | None, before: Row, after: Row) -> bool:
    """Whether there is a change, in a row or below it, that people would call one."""
    return any(any(True for _ in changes_of(each)) for each in _differences(shape, parent_name, before, after))


def _differences(shape: Shape, parent_name: str | None, before: Row, after: Row) -> Iterator[RowDifference]:
    pairs = [Pair(shape, parent_name, root_trail(shape, before), before, after)]
    while pairs:
        difference, below = _compare(pairs.pop())
        pairs += reversed(below)
        if difference is not None:
            yield difference


def _compare(pair: Pair) -> tuple[RowDifference | None, list[Pair]]:
    """Compare two rows; return their difference and the pairs of their children."""
    layout, other = pair.shape.layout_of(pair.before), pair.shape.layout_of(pair.after)
    values, silent = _compare_values(pair, layout, other)
    links = {name: links for name in layout.links if (links := _compare_links(pair, name)) is not None}
    children, below = _compare_children(pair, layout)
    if not (values or silent or links or children):
        return None, below
    key = pair.shape.key_of(pair.before)
    key = pair.shape.key_of(pair.after) if key is None else key
    return RowDifference(pair.trail.steps(), pair.shape.model, key, values, silent, children, links), below


def _compare_values(pair: Pair, layout: Layout, other: Layout) -> tuple[dict[str, tuple[Any, Any]], dict[str, Any]]:
    before, after = pair.before, pair.after
    values: dict[str, tuple[Any, Any]] = {}
    silent: dict[str, Any] = {}
    shape, is_alike = pair.shape, layout.own is other.own and layout.values(before) == layout.values(after)
    if is_alike and shape.is_json_equal(before, after):
        return values, silent
    for name in layout.own:
        new = after.get(name, ABSENT)
        old = before[name]
        if new is ABSENT or shape.are_equal(name, old, new):
            continue
        if _means_no_change(pair, name, old, new):
            silent[name] = new
        else:
            values[name] = (old, new)
    return values, silent


def _means_no_change(pair: Pair, name: str, old: Any, new: Any) -> bool:
    if name == pair.parent_name or pair.shape.is_note(name):
        return True
    if name == "pk" and (old is None or new is None):
        return True
    return same_value(pair.shape.fields.get(name), old, new)


def _compare_links(pair: Pair, name: str) -> LinkDifference | None:
    before, after = pair.before[name], pair.after.get(name, ABSENT)
    if after is ABSENT or before == after:
        return None
    before, after = (checked_list(pair.trail, name, each) for each in (before, after))
    target = pair.shape.target(name)
    old = {target.comparable_key(key): key for key in before}
    new = {target.comparable_key(key): key for key in after}
    unlinked = tuple(given for key, given in old.items() if key not in new)
    linked = tuple(given for key, given in new.items() if key not in old)
    return LinkDifference(unlinked, linked, tuple(after))


def _compare_children(pair: Pair, layout: Layout) -> tuple[dict[str, ListDifference], list[Pair]]:
    differences: dict[str, ListDifference] = {}
    below: list[Pair] = []
    for name in layout.children:
        if name not in pair.after:
            continue
        before, after = (checked_rows(pair.trail, name, each[name]) for each in (pair.before, pair.after))
        shape, parent_name = pair.shape.child(name), pair.shape.parent_name(name)
        matching = match_rows(shape, parent_name, before, after)
        below += [
            Pair(shape, parent_name, Trail(pair.trail, name, first, before[first], shape), before[first], after[second])
            for first, second in matching.pairs
            if not is_same_leaf(shape, before[first], after[second])
        ]
        for rows, alone in ((before, matching.removed), (after, matching.added)):
            for index in alone:
                check_below(Trail(pair.trail, name, index, rows[index], shape))
        difference = _list_difference(shape, name, before, after, matching)
        if difference is not None:
            differences[name] = difference
    return differences, below


def is_same_leaf(shape: Shape, before: Row, after: Row) -> bool:
    """Whether two rows with nothing below them are equal; most rows are, and need no more than this."""
    if shape.layout_of(before).children or shape.layout_of(after).children:
        return False
    return before == after and shape.is_json_equal(before, after)


def _list_difference(
    shape: Shape, name: str, before: Sequence[Row], after: Sequence[Row], matching: Matching
) -> ListDifference | None:
    moved = moved_pairs(matching.pairs)
    if not (moved or matching.removed or matching.added):
        return None
    return ListDifference(
        shape.model,
        tuple((step_to(shape, name, index, before[index]), before[index]) for index in matching.removed),
        tuple((step_to(shape, name, index, after[index]), after[index]) for index in matching.added),
        tuple((step_to(shape, name, first, before[first]), second) for first, second in moved),
    )
