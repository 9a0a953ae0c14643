"""``diff()``: the differences of two clusters, two snapshots, or a cluster and the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from cluster.comparing.changes import Change, RowDifference, changes_of
from cluster.comparing.diffing import diff_rows
from cluster.comparing.html import render_changes
from cluster.comparing.shape import Row
from cluster.comparing.snapshots import rows_of
from cluster.comparing.text import line_of

Comparable = Model | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs between two clusters; false where nothing does.

    Iterating gives the changes; ``str()`` prints them, one a line.

    Attributes:
        model: The model of the root.
        rows: The differences row by row, parents before their children; what ``apply()`` works by.
    """

    model: type[Model]
    rows: tuple[RowDifference, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every change in the order of the cluster, values before links before children before what is below."""
        return tuple(change for row in self.rows for change in changes_of(row))

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def __bool__(self) -> bool:
        return any(True for row in self.rows for _ in changes_of(row))

    def __str__(self) -> str:
        return "\n".join(line_of(change) for change in self.changes)

    def as_data(self) -> list[dict[str, Any]]:
        """Return the changes as plain data, which ``DjangoJSONEncoder`` can write as JSON."""
        return [change.as_data() for change in self.changes]

    def as_html(self, *, template_name: str = "cluster/comparing/diff.html", using: str | None = None) -> str:
        """Render the changes with a template, in the words of the models.

        Objects that foreign keys and links point at are shown by name: one query per model pointed at.

        Args:
            template_name: The template; a project overrides the default by a file of that name.
            using: The database alias that knows the objects; the router's choice for reading by default.
        """
        return render_changes(self.model, self.changes, template_name=template_name, using=using)


def diff(before: Comparable, after: Comparable, *, model: type[Model] | None = None, using: str | None = None) -> Diff:
    """Return what makes ``after`` different from ``before``, to any depth.

    Two instances, two snapshots (the data of ``serializable_data()`` or what ``to_json()`` wrote) or one of each. What
    an instance holds is compared as it is in memory; live relations are read, one query per relation and level.

    Children with keys match by key; a child without one by what is unique among its siblings, by equal content, or by
    likeness. Links have no order. Names that only one side has are not compared.

    Args:
        before: The cluster or snapshot that the changes start from.
        after: The one that they lead to.
        model: The model of the root; needed where both are snapshots.
        using: The database alias for live relations; the router's choice for reading by default.

    Raises:
        TypeError: Neither side is an instance, and ``model`` is not given; or the instances are of different models.
        SerializedDataError: A relation of a snapshot is not a list of rows.
    """
    model = model_of(before, after, model=model)
    rows = diff_rows(model, snapshot_of(before, using=using), snapshot_of(after, using=using))
    return Diff(model, tuple(rows))


def diff_from_database(instance: Model, *, using: str | None = None) -> Diff:
    """Return what differs between the database and a cluster in memory: what a save would change.

    Reads the instance's row and one query per relation and level, and one more for each that is live on the instance,
    whose rows are its side of the comparison; the instance stays as it is.

    Raises:
        DoesNotExist: The instance has no row.
    """
    stored = type(instance)._base_manager.using(using).get(pk=instance.pk)
    return diff(stored, instance, using=using)


def snapshot_of(value: Comparable, *, using: str | None = None) -> Row:
    """Return a snapshot as it is, and a cluster as a snapshot."""
    return rows_of(value, using=using) if isinstance(value, Model) else value


def model_of(*values: Any, model: type[Model] | None) -> type[Model]:
    """Return the model that is compared.

    Raises:
        TypeError: It is not known, or the instances are of models that are no kinds of each other.
    """
    models = [type(each) for each in values if isinstance(each, Model)] + ([model] if model is not None else [])
    if not models:
        raise TypeError("Two snapshots do not tell their model: pass model=, or an instance.")
    concrete = {each._meta.concrete_model for each in models}
    if len(concrete) > 1:
        names = ", ".join(sorted({each._meta.label for each in models}))
        raise TypeError(f"Cannot compare objects of different models: {names}.")
    return models[0]
