"""Erasing what belongs to the roots: deleted, made anonymous, or kept for a reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Model

from cluster.collector.collection import Collection
from cluster.collector.edges import Edge, Kind, edges_of
from cluster.collector.erasure_log import ErasureLog
from cluster.collector.keys import in_order
from cluster.collector.literals import among
from cluster.collector.removing import Remover
from cluster.collector.report import Report
from cluster.collector.rows import new_value, plain_key
from cluster.collector.rules import ANONYMIZE, DELETE, KEEP, Erasure
from cluster.collector.sources import Source
from cluster.collector.walk import Walk
from cluster.collector.writing import Writer
from cluster.errors import KeptRowsError


class Erasing:
    """One erasure."""

    def __init__(self, collection: Collection, progress: Any = None) -> None:
        self.collection = collection
        self.walk: Walk = collection.walk
        self.declarations = collection.declarations
        self.report = Report()
        self.writer = Writer(self.walk.using, self.report, self.walk.limits.chunk_size)
        self.writer.progress = progress
        self.doomed: dict[type[Model], set[Any]] = defaultdict(set)
        self.staying: dict[type[Model], set[Any]] = defaultdict(set)

    def run(self) -> Report:
        """Erase the rows; nothing is written if a row that stays needs one that goes."""
        self._sort_out()
        self._refuse_kept()
        self._loosen()
        self._anonymize()
        self._keep()
        Remover(self.walk, self.writer).remove(self.doomed)
        return self.report

    def _sort_out(self) -> None:
        for model, keys in self.walk.owned.items():
            erasure = self._erasure_of(model)
            stays = self._matching(model, keys, erasure) if erasure.name != DELETE.name else set()
            self.doomed[model] = keys - stays
            self.staying[model] = stays

    def _erasure_of(self, model: type[Model]) -> Erasure:
        return self.declarations.erasures.get(model, DELETE)

    def _matching(self, model: type[Model], keys: set[Any], erasure: Erasure) -> set[Any]:
        if erasure.condition is None:
            return set(keys)
        found: set[Any] = set()
        for piece in self.walk.chunks(model, in_order(keys)):
            rows = self.walk.rows(model).filter(among("pk", piece)).filter(erasure.condition)
            found.update(rows.values_list("pk", flat=True))
        return found

    def check(self) -> None:
        """Raise what ``run()`` would raise; writes nothing."""
        self._sort_out()
        self._refuse_kept()
        Remover(self.walk, self.writer).check(self.doomed, self.staying)

    def _refuse_kept(self) -> None:
        """Refuse if a key of a row that stays, to one that goes, cannot be null.

        Raises:
            KeptRowsError: It is so.
        """
        problems = [self._needed(edge, rows) for edge, rows in self._pointing() if not edge.field.null]
        if problems:
            raise KeptRowsError("\n".join(problems))

    def _pointing(self) -> Iterator[tuple[Edge, list[tuple[Any, Any]]]]:
        """Yield the keys of rows that stay as far as they point at rows that go."""
        for model, stays in self.staying.items():
            for edge in edges_of(model).keys if stays else ():
                rows = [
                    (key, target) for key, owner, target in self.walk.pointers(model, edge, in_order(stays))
                    if target in self.doomed.get(owner, ())
                ]  # fmt: skip
                if rows:
                    yield edge, rows

    def _loosen(self) -> None:
        """Set the keys of rows that stay to null where they point at rows that go."""
        for edge, rows in self._pointing():
            self.writer.update(edge.source, [(key, {edge.field.attname: None}) for key, _ in rows])

    def pointing_models(self) -> set[type[Model]]:
        """Return the models whose rows may point at rows that go."""
        edges = [edge for model, keys in self.doomed.items() if keys for edge in edges_of(model).down]
        kinds = (Kind.CHILD, Kind.INHERITOR)
        reachable = [edge for edge in edges if edge.kind in kinds and not self.walk.book.resolve(edge, None).reason]
        return {edge.target for edge in reachable if edge.target is not None}

    def _needed(self, edge: Edge, pointing: list[tuple[Any, Any]]) -> str:
        key, target = pointing[0]
        owner: Any = edge.target
        erasure = self._erasure_of(edge.source)
        return (
            f"Cannot erase {owner._meta.label} {target!r}: {edge.source._meta.label} {key!r} stays ({erasure}) and"
            f" points at it by {edge.field.name!r}, as {len(pointing)} in all do. KEEP or ANONYMIZE {owner._meta.label}"
            " as well."
        )

    def _anonymize(self) -> None:
        for model, erasure in self._staying_by(ANONYMIZE):
            self._anonymize_rows(model, erasure)

    def _staying_by(self, kind: Erasure) -> Iterator[tuple[type[Model], Erasure]]:
        """Yield the models of which rows stay by one kind of erasure, and what was said of it."""
        for model, stays in self.staying.items():
            erasure = self._erasure_of(model)
            if stays and erasure.name == kind.name:
                yield model, erasure

    def _anonymize_rows(self, model: type[Model], erasure: Erasure) -> None:
        values = erasure.values or {
            name: value for (table, name), value in self.declarations.redact.items() if table is model
        }
        if not values:
            raise ImproperlyConfigured(
                f"{model._meta.label} is to be anonymized, but nothing says how: write ANONYMIZE(field=value)."
            )
        names = [model._meta.get_field(name).attname for name in values]  # type: ignore[union-attr]
        for piece in self.walk.chunks(model, in_order(self.staying[model])):
            rows = self.walk.rows(model).filter(among("pk", piece)).values_list("pk", *names)
            changed = [
                (key, {name: new_value(new, old) for name, new, old in zip(names, values.values(), olds, strict=True)})
                for key, *olds in rows
            ]
            self.writer.update(model, changed, is_counted=False)
            self.report.count("redacted", model._meta.label, len(changed))

    def _keep(self) -> None:
        for model, erasure in self._staying_by(KEEP):
            self.report.count("kept", model._meta.label, len(self.staying[model]))
            self.report.note(f"{model._meta.label} was kept: {erasure.reason}.")


def erase_collected(collector: Any, *, dry_run: bool, log: Any, progress: Any = None) -> Report:
    """Collect and erase in one transaction; see ``Collector.erase()``."""
    using = collector.using
    with transaction.atomic(using=using):
        collection: Collection = collector.collect()
        if any(source.when == "before" for source in collection.declarations.sources):
            # What is refused is refused before anything is gone that no rollback brings back.
            Erasing(collection).check()
        # A log that cannot be written on is told before anything is gone, too.
        entry = _begin_log(collection, log) if log is not None and not dry_run else None
        report = erase_sources(collection, "before", dry_run=dry_run)
        if report.has_failed:
            report.note("The database was not touched, as a source that is erased before it failed.")
            return report
        erasing = Erasing(collection, progress)
        report += erasing.run()
        if dry_run:
            # What the database checks at the end only would refuse a real erasure.
            erasing.writer.check_constraints(erasing.pointing_models())
            transaction.set_rollback(True, using=using)
        elif entry is not None:
            transaction.on_commit(lambda: entry.finish(report.as_dict()), using=using)
    return report + erase_sources(collection, "after", dry_run=dry_run)


def _begin_log(collection: Collection, log: Any) -> Any:
    walk = collection.walk
    convert = plain_key(walk.book.model)
    keys = [convert(key) for batch in walk.batches if batch.edge is None for key in batch.keys]
    return ErasureLog(log).begin(walk.book.model._meta.label_lower, keys, collection.declarations.name)


def erase_sources(collection: Collection, when: str, *, dry_run: bool) -> Report:
    """Erase the sources of one moment; what fails is in the report."""
    report = Report()
    for source in collection.declarations.sources:
        if source.when != when or type(source).erase is Source.erase:
            continue
        if dry_run:
            report.count_source("skipped", source.name)
            continue
        try:
            report.count_source("deleted", source.name, source.erase(collection))
        except Exception as error:  # noqa: BLE001 - whatever a foreign store raises is reported under its name
            report.errors[source.name] = f"{type(error).__name__}: {error}"
            report.count_source("failed", source.name)
    return report
