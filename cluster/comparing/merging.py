"""``merge()``: joining two versions of one cluster that started from the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from django.db.models import Model

from cluster.comparing.changes import path_of
from cluster.comparing.conflicts import Conflict, Prefer, Side
from cluster.comparing.diff import Comparable, model_of, snapshot_of
from cluster.comparing.diffing import ABSENT, is_changed, is_same_leaf
from cluster.comparing.rows import CONTAINERS, copied_row, copied_value
from cluster.comparing.shape import Row, Shape, same_value, shape_of
from cluster.comparing.siblings import Sibling, Siblings, ordered_siblings, siblings_of
from cluster.comparing.trails import Trail, checked_list, checked_row, checked_rows, root_trail

NOTHING: Row = {}


@dataclass(frozen=True, slots=True)
class Merge:
    """Two versions as one.

    Attributes:
        model: The model of the root.
        data: The merged snapshot.
        conflicts: What the versions did not agree about, in the order of the cluster; empty where they did.
    """

    model: type[Model]
    data: dict[str, Any]
    conflicts: tuple[Conflict, ...]


def merge(
    base: Comparable,
    mine: Comparable,
    theirs: Comparable,
    *,
    model: type[Model] | None = None,
    prefer: Prefer = "mine",
    using: str | None = None,
) -> Merge:
    """Join two versions of a cluster: what either changed since ``base`` is changed, to any depth.

    Merging with a version that changed nothing gives the other one, and the same change on both sides is no conflict.
    Links never conflict: what either linked is linked, what either unlinked is not. To have the result as a cluster,
    apply ``diff(cluster, merge(...).data)`` to it.

    Args:
        base: The cluster or snapshot that both started from.
        mine: One version.
        theirs: The other.
        model: The model of the root; needed where all are snapshots.
        prefer: Whose version a conflict takes: ``"mine"``, ``"theirs"``, or a function from the conflict to either.
        using: The database alias for live relations; the router's choice for reading by default.

    Raises:
        TypeError: As for ``diff()``.
        SerializedDataError: A relation of a snapshot is not a list of rows.
    """
    model = model_of(base, mine, theirs, model=model)
    rows = [snapshot_of(each, using=using) for each in (base, mine, theirs)]
    merger = Merger(prefer)
    data = merger.merge(shape_of(model), *rows)
    return Merge(model, data, tuple(merger.conflicts))


class Task(NamedTuple):
    """A row in both versions that is to be merged into ``result``."""

    shape: Shape
    parent_name: str | None
    trail: Trail
    base: Row
    mine: Row
    theirs: Row
    result: dict[str, Any]


@dataclass(slots=True)
class Merger:
    """The state of one merge: how conflicts are settled, and those met so far."""

    prefer: Prefer
    conflicts: list[Conflict] = field(default_factory=list)

    def merge(self, shape: Shape, base: Row, mine: Row, theirs: Row) -> dict[str, Any]:
        """Return the merged rows."""
        for each in (base, mine, theirs):
            checked_row(root_trail(shape, each))
        result: dict[str, Any] = {}
        tasks = [Task(shape, None, root_trail(shape, base), base, mine, theirs, result)]
        while tasks:
            tasks += reversed(self._merge_row(tasks.pop()))
        return result

    def _merge_row(self, task: Task) -> list[Task]:
        layout = task.shape.layout_of(task.mine)
        if layout is task.shape.layout_of(task.theirs):
            names, links, children = layout.own, layout.links, layout.children
        else:
            other = task.shape.layout_of(task.theirs)
            names, links, children = (
                tuple(dict.fromkeys((*getattr(layout, kind), *getattr(other, kind))))
                for kind in ("own", "links", "children")
            )
        self._merge_values(task, names)
        for name in links:
            task.result[name] = self._merge_links(task, name)
        return [below for name in children for below in self._merge_children(task, name)]

    # Values

    def _merge_values(self, task: Task, names: Sequence[str]) -> None:
        base, mine, theirs, result = task.base, task.mine, task.theirs, task.result
        json_names = task.shape.json_names
        for name in names:
            value = mine.get(name, ABSENT)
            other = theirs.get(name, ABSENT)
            if value is not other and (value != other or name in json_names):
                value = self._merged_value(task, name, base.get(name, ABSENT), value, other)
            result[name] = value if type(value) not in CONTAINERS else copied_value(value)

    def _merged_value(self, task: Task, name: str, base: Any, mine: Any, theirs: Any) -> Any:
        are_equal = task.shape.are_equal
        if mine is ABSENT or are_equal(name, mine, base):
            return theirs
        if theirs is ABSENT or are_equal(name, theirs, base):
            return mine
        value_field = task.shape.fields.get(name)
        if same_value(value_field, mine, theirs) or task.shape.is_note(name):
            return mine
        if name in {"pk", task.parent_name} and (mine is None or theirs is None):
            return theirs if mine is None else mine
        if base is not ABSENT and same_value(value_field, base, mine):
            return theirs
        if base is not ABSENT and same_value(value_field, base, theirs):
            return mine
        conflict = Conflict(
            kind="changed",
            path=path_of(task.trail.steps(), name),
            model=task.shape.model,
            key=task.shape.key_of(task.mine),
            base=None if base is ABSENT else base,
            mine=mine,
            theirs=theirs,
            taken="mine",
        )
        return mine if self._settle(conflict) == "mine" else theirs

    def _settle(self, conflict: Conflict) -> Side:
        side: Side = self.prefer(conflict) if callable(self.prefer) else self.prefer
        if side not in {"mine", "theirs"}:
            raise ValueError(f"A conflict takes 'mine' or 'theirs', not {side!r}.")
        self.conflicts.append(replace(conflict, taken=side))
        return side

    # Links

    def _merge_links(self, task: Task, name: str) -> list[Any]:
        sides = [each.get(name) for each in (task.base, task.mine, task.theirs)]
        base, mine, theirs = (None if each is None else checked_list(task.trail, name, each) for each in sides)
        if mine is None or theirs is None:
            return list(mine or theirs or ())
        if mine == base:
            return list(theirs)
        if theirs == base:
            return list(mine)
        target = task.shape.target(name)
        old, my, their = ({target.comparable_key(key): key for key in each} for each in (base or (), mine, theirs))
        kept = {key: given for key, given in my.items() if key in their or key not in old}
        new = {key: given for key, given in their.items() if key not in old and key not in kept}
        return list((kept | new).values())

    # Children

    def _merge_children(self, task: Task, name: str) -> list[Task]:
        shape, parent_name = task.shape.child(name), task.shape.parent_name(name)
        present = [each for each in (task.mine, task.theirs) if name in each]
        if len(present) == 1:
            rows = checked_rows(task.trail, name, present[0][name])
            task.result[name] = [copied_row(each) for each in task.trail.below(name, rows)]
            return []
        base, mine, theirs = (
            checked_rows(task.trail, name, each.get(name, [])) for each in (task.base, task.mine, task.theirs)
        )
        siblings = siblings_of(shape, parent_name, base, mine, theirs)
        tasks = []
        for sibling in siblings.all:
            below = self._merge_sibling(task, name, sibling)
            if below is not None:
                tasks.append(below)
        primary = self._settle_order(task, name, siblings) if siblings.orders_differ else siblings.primary
        ordered = ordered_siblings(siblings, primary)
        task.result[name] = [each.result for each in ordered]
        return tasks

    def _merge_sibling(self, task: Task, name: str, sibling: Sibling) -> Task | None:
        """Decide whether a sibling is in the result; return what is still to be merged of it."""
        shape, parent_name = task.shape.child(name), task.shape.parent_name(name)
        index, row = sibling.where
        trail = Trail(task.trail, name, index, row, shape)
        if sibling.mine is not None and sibling.theirs is not None:
            if is_same_leaf(shape, sibling.mine[1], sibling.theirs[1]):
                sibling.result = copied_row(replace(trail, row=sibling.mine[1]))
                return None
            sibling.result = {}
            base = NOTHING if sibling.base is None else sibling.base[1]
            return Task(shape, parent_name, trail, base, sibling.mine[1], sibling.theirs[1], sibling.result)
        kept: Row = (sibling.mine or sibling.theirs)[1]  # type: ignore[index]
        if sibling.base is None or self._is_kept(trail, parent_name, sibling, kept):
            sibling.result = copied_row(replace(trail, row=kept))
        return None

    def _is_kept(self, trail: Trail, parent_name: str | None, sibling: Sibling, kept: Row) -> bool:
        """Whether a row that one side removed stays: only if the other changed it and is preferred."""
        base: Row = sibling.base[1]  # type: ignore[index]
        if not is_changed(trail.shape, parent_name, base, kept):
            return False
        conflict = Conflict(
            kind="removed",
            path=path_of(trail.steps()),
            model=trail.shape.model,
            key=trail.shape.key_of(base),
            base=base,
            mine=kept if sibling.mine else None,
            theirs=kept if sibling.theirs else None,
            taken="mine",
        )
        side = self._settle(conflict)
        return (sibling.mine if side == "mine" else sibling.theirs) is not None

    def _settle_order(self, task: Task, name: str, siblings: Siblings) -> Side:
        shape = task.shape.child(name)
        orders = {
            side: [shape.key_of(getattr(each, side)[1]) for each in siblings.common_in(side)]
            for side in ("base", "mine", "theirs")
        }
        path = path_of(task.trail.steps(), name)
        return self._settle(Conflict(kind="moved", path=path, model=shape.model, key=None, taken="mine", **orders))
