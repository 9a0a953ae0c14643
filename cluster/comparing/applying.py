"""``apply()``: making in a snapshot or a cluster the changes of a diff."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast, overload

from django.db.models import Model

from cluster.comparing.diff import Diff, model_of
from cluster.comparing.instances import apply_to_instance
from cluster.comparing.locating import Located, locate
from cluster.comparing.rows import copied_row, copied_value
from cluster.comparing.shape import Row, shape_of
from cluster.comparing.snapshots import rows_of
from cluster.comparing.trails import root_trail

AnyModel = TypeVar("AnyModel", bound=Model)


@overload
def apply(changes: Diff, target: AnyModel, *, using: str | None = ...) -> AnyModel: ...
@overload
def apply(changes: Diff, target: Mapping[str, Any], *, using: str | None = ...) -> dict[str, Any]: ...
def apply(changes: Diff, target: Any, *, using: str | None = None) -> Any:
    """Make the changes of a diff: ``apply(diff(a, b), a)`` equals ``b``.

    A snapshot is not changed: the result is a new one. A cluster is changed in memory, and written by its ``save()``;
    relations that the changes touch are held afterwards, live ones among them being loaded with one query per relation
    and level. Keys of rows that a cluster has are never changed, and names that a model has no field for are passed
    over, as when a snapshot is loaded.

    Args:
        changes: The diff.
        target: What the diff starts from, or something else in which the rows concerned have the same values.
        using: The database alias for live relations; the router's choice for reading by default.

    Returns:
        The new snapshot, or the cluster.

    Raises:
        DiffMismatchError: Something that the diff removes, moves or changes is missing or has another value, or an
            object to be linked is gone; nothing was changed.
        SerializedDataError: The target is no snapshot: a relation of it is not a list of rows.
    """
    model_of(target, model=changes.model)
    if isinstance(target, Model):
        located = locate(changes.rows, changes.model, rows_of(target, using=using))
        apply_to_instance(target, located, using=using)
        return target
    return apply_to_rows(changes, cast("Row", target))


def apply_to_rows(changes: Diff, target: Row) -> dict[str, Any]:
    """Return a new snapshot with the changes made."""
    result = copied_row(root_trail(shape_of(changes.model), target))
    for located in locate(changes.rows, changes.model, result):
        _change_row(located, cast("dict[str, Any]", located.row))
    return result


def _change_row(located: Located, row: dict[str, Any]) -> None:
    difference, shape = located.difference, located.shape
    row.update({name: copied_value(after) for name, (_, after) in difference.values.items()})
    row.update({name: copied_value(after) for name, after in difference.silent.items()})
    for name, edit in located.lists.items():
        below = shape.child(name)
        row[name] = edit.edited(row[name], [copied_row(root_trail(below, data)) for _, data in edit.added])
    for name, links in difference.links.items():
        row[name] = links.applied(shape.target(name), row[name])
