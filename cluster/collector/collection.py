"""What was collected: keys by model, read again in pieces when rows are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Model, QuerySet

from cluster.collector.declarations import Declarations
from cluster.collector.dumping import dump_collection
from cluster.collector.edges import concrete
from cluster.collector.held import HeldWalk
from cluster.collector.lineage import Lineage, Why
from cluster.collector.literals import among
from cluster.collector.manifest import Manifest
from cluster.collector.order import found_models, rows_in_order
from cluster.collector.report import Report
from cluster.collector.walk import Walk
from cluster.queryset import FakeQuerySet
from cluster.saving.reading import chunks


class Collection:
    """The rows that belong to the roots, and the rows that they need.

    Holds keys, not rows. Iterating yields instances, parents before children, and keeps one chunk of them in memory.
    """

    def __init__(self, walk: Walk, declarations: Declarations | None = None) -> None:
        self.walk = walk
        self.declarations = declarations or Declarations()
        self.using = walk.using

    # What there is ----------------------------------------------------------------------------------------------------

    @property
    def counts(self) -> dict[str, int]:
        """How many rows were collected, owned or referenced, by label."""
        return {label: self.owned.get(label, 0) + self.referenced.get(label, 0) for label in self._labels()}

    @property
    def owned(self) -> dict[str, int]:
        """How many owned rows were collected, by label."""
        return {model._meta.label: len(self.walk.owned[model]) for model in self.models if self.walk.owned[model]}

    @property
    def referenced(self) -> dict[str, int]:
        """How many referenced rows were collected, by label."""
        found = self.walk.referenced
        return {model._meta.label: len(found[model]) for model in self.models if found[model]}

    @property
    def referrers(self) -> dict[str, int]:
        """How many rows point at owned rows without belonging to them, by relation."""
        return dict(sorted(self.walk.referrers.items()))

    @property
    def left_out(self) -> dict[str, str]:
        """Why relations were not followed at all, by relation."""
        return dict(sorted(self.walk.passed_by.items()))

    @property
    def models(self) -> list[type[Model]]:
        """The models of which something was collected."""
        return found_models(self.walk)

    @property
    def report(self) -> Report:
        """The counts as a report."""
        report = Report()
        for label, number in self.counts.items():
            report.count("collected", label, number)
        for label, number in self.referrers.items():
            report.count("skipped", label, number)
        for label, reason in self.left_out.items():
            report.note(f"{label} was not followed: {reason}.")
        return report

    def _labels(self) -> list[str]:
        return [model._meta.label for model in self.models]

    def __len__(self) -> int:
        return self.walk.total

    def __contains__(self, instance: object) -> bool:
        if not isinstance(instance, Model):
            return False
        model, key = concrete(instance), self.walk.key_of(instance)
        return key in self.walk.owned[model] or key in self.walk.referenced[model]

    def is_owned(self, instance: Model) -> bool:
        """Whether an instance's row was collected as one that belongs to the roots."""
        return self.walk.key_of(instance) in self.walk.owned[concrete(instance)]

    # The rows ---------------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Model]:
        for piece in chunks(rows_in_order(self.walk), self.walk.limits.chunk_size):
            found: dict[tuple[type[Model], Any], Model] = {}
            for model in dict.fromkeys(model for model, _ in piece):
                rows = self.walk.read(model, [key for other, key in piece if other is model])
                found.update({(model, key): row for key, row in rows.items()})
            yield from (found[node] for node in piece if node in found)

    def keys(self, model: type[Model], *, owned_only: bool = False) -> set[Any]:
        """Return the keys of the collected rows of a model; known also when the rows are erased."""
        table = concrete(model)
        return set(self.walk.owned[table]) if owned_only else self.walk.owned[table] | self.walk.referenced[table]

    def objects(self, model: type[Model], *, owned_only: bool = False) -> QuerySet[Any]:
        """Return the collected rows of a model as a queryset, in the order of their keys.

        Of an unsaved cluster it is a queryset over the very instances.

        Args:
            model: The model.
            owned_only: Leave out referenced rows.
        """
        keys = self.keys(model, owned_only=owned_only)
        if isinstance(self.walk, HeldWalk) and self.walk.held.get(concrete(model)):
            return FakeQuerySet(model, list(self.walk.read(concrete(model), keys).values()))
        return model._base_manager.using(self.using).filter(among("pk", keys)).order_by("pk")

    def dump(self, target: Any, *, progress: Any = None) -> Manifest:
        """Write the rows as JSON lines that ``loaddata`` reads too, and a manifest beside them.

        What a row needs stands before it. One query per model, many-to-many and chunk; one chunk is in memory.

        Args:
            target: A path, written beside and renamed when whole, compressed if it ends in ``.gz``; or an open file.
                The manifest stands beside the file, ``.manifest.json`` added to its name; for a stream without a name
                keep what is returned, to give it to ``load()``.
            progress: Called with the number of rows after each chunk.

        Raises:
            StaleClusterError: Rows went away since they were collected.
        """
        return dump_collection(self, target, progress)

    # Where it came from -----------------------------------------------------------------------------------------------

    def why(self, instance: Model) -> Why | None:
        """Tell why a row was taken: its role, the rule, and the rows between it and a root; ``None`` if it was not.

        One query for each step.

        Raises:
            StaleClusterError: A row on the way was erased, or points elsewhere, since it was collected.
        """
        return Lineage(self.walk).why(concrete(instance), self.walk.key_of(instance))

    def nested(self, format_callback: Any = None) -> list[Any]:
        """Return the owned rows as nested lists, in the shape of ``NestedObjects.nested()``.

        Each row is followed by a list of what hangs below it, if anything does. All instances are in memory.

        Args:
            format_callback: Called with each instance; its result takes the instance's place.
        """
        return Lineage(self.walk).nested(format_callback)
