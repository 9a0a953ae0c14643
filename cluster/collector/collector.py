"""The collector: what a user declares, and the way in to everything else."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, router
from django.db.models import Model, QuerySet
from django.db.models.manager import BaseManager

from cluster.collector.book import RuleBook, find_model
from cluster.collector.collection import Collection
from cluster.collector.declarations import declared
from cluster.collector.edge_reader import Limits
from cluster.collector.edges import concrete
from cluster.collector.erasing import erase_collected
from cluster.collector.erasure_log import ErasureLog
from cluster.collector.held import HeldWalk
from cluster.collector.ids import Ids
from cluster.collector.keys import checked_chunk_size
from cluster.collector.literals import among
from cluster.collector.manifest import Manifest
from cluster.collector.report import Report
from cluster.collector.rules import Erasure, Rule
from cluster.collector.snapshot import snapshot
from cluster.collector.sources import Source
from cluster.collector.walk import Walk
from cluster.errors import UnsavedParentError
from cluster.relations import Clusterable
from cluster.serialization.options import check_keywords

_registered: weakref.WeakSet[type[Collector]] = weakref.WeakSet()

OPTIONS = ("rules", "lookup_fields", "redact", "erasures", "ids", "sources", "max_objects", "max_depth")


def registered_collectors() -> list[type[Collector]]:
    """Return the classes of collectors that name a model."""
    return sorted((one for one in _registered if one.model is not None), key=lambda one: one.__qualname__)


class Collector:
    """Collects everything that belongs to an object, and what that needs.

    Subclass it to declare what holds for a model, or call it with the same names as keyword arguments.

    Attributes:
        model: The model of the roots.
        rules: By model label, ``Model.relation`` or path from the root (``projects__tasks``) what to do with the rows
            at the end; the most specific key wins.
        lookup_fields: By model label the fields by which a load finds rows that are there already.
        redact: By ``app.Model.field`` a value, or a callable that makes one from the old value, to export instead.
        erasures: By model label what an erasure does with owned rows: ``DELETE``, ``ANONYMIZE`` or ``KEEP("why")``.
            A subclass and a call may name it ``erase`` as well.
        ids: By ``app.Model.field`` the keys that a JSON or text field holds.
        sources: Stores that are no relations: files, other services.
        max_objects: How many rows may be collected; more raise.
        max_depth: How many edges below the root may be followed; more raise.
        strict: Whether the system checks name every reachable model that no rule mentions.
    """

    model: ClassVar[type[Model] | str | None] = None
    rules: Mapping[str, Rule] = {}
    lookup_fields: Mapping[str, Sequence[str]] = {}
    redact: Mapping[str, Any] = {}
    erasures: Mapping[str, Erasure] = {}
    ids: Mapping[str, Ids] = {}
    sources: Sequence[Source] = ()
    max_objects: int | None = None
    max_depth: int | None = None
    strict: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        declared: Any = cls.__dict__.get("erase")
        if isinstance(declared, Mapping):
            cls.erasures = declared
            del cls.erase
        _registered.add(cls)

    def __init__(
        self,
        roots: Model | QuerySet[Any] | BaseManager[Any],
        *,
        using: str | None = None,
        chunk_size: int = 2000,
        **options: Any,
    ) -> None:
        """Say what to collect; reads nothing.

        Args:
            roots: An instance, a queryset, or an unsaved cluster.
            using: The database alias; by default that of the instance or queryset.
            chunk_size: How many keys go into one statement.
            options: Any of the class's attributes but ``model`` and ``strict``, for this call.

        Raises:
            TypeError: The roots, or an option, are no such thing.
            ValueError: ``chunk_size`` is no whole number above zero.
        """
        if "erase" in options:
            options["erasures"] = options.pop("erase")
        check_keywords(type(self).__name__, options, OPTIONS)
        for name, value in options.items():
            setattr(self, name, value)
        if not isinstance(roots, Model | QuerySet | BaseManager):
            raise TypeError(
                f"{type(self).__name__}() takes an instance, a queryset or an unsaved cluster, not {roots!r}. Give a"
                " queryset for several instances."
            )
        self.roots = roots.all() if isinstance(roots, BaseManager) else roots
        self.chunk_size = checked_chunk_size(type(self).__name__, chunk_size)
        self.root_model = concrete(roots if isinstance(roots, Model) else roots.model)
        self.using = using or self._database()
        self._check_model()
        self.book = RuleBook(self.root_model, self.rules, self.using)
        self.declarations = declared(self)

    def _check_model(self) -> None:
        declared = self.declared_model()
        if declared is not None and not issubclass(self.root_model, concrete(declared)):
            raise ImproperlyConfigured(
                f"{type(self).__name__} collects {declared._meta.label}, not {self.root_model._meta.label}."
            )

    @classmethod
    def declared_model(cls) -> type[Model] | None:
        """Return the model that the class names, by class or by label."""
        model = find_model(cls.model) if isinstance(cls.model, str) else cls.model
        if isinstance(cls.model, str) and model is None:
            raise ImproperlyConfigured(f"{cls.__name__}.model names no model: {cls.model!r}.")
        return model

    def _database(self) -> str:
        if isinstance(self.roots, Model):
            return self.roots._state.db or router.db_for_read(self.root_model) or DEFAULT_DB_ALIAS
        return self.roots.db

    @property
    def limits(self) -> Limits:
        """How far the walk may go."""
        return Limits(self.chunk_size, self.max_objects, self.max_depth)

    def root_rows(self) -> QuerySet[Any]:
        """Return the roots as a queryset on this database that no default manager filters."""
        rows = self.root_model._base_manager.using(self.using)
        if isinstance(self.roots, Model):
            return rows.filter(pk=self.roots.pk)
        return rows.filter(among("pk", list(self.roots.using(self.using).values_list("pk", flat=True))))

    def collect(self) -> Collection:
        """Find everything, by key; one query per edge, level and chunk, inside one snapshot of the database.

        Raises:
            CollectionLimitError: There is more than ``max_objects``, or it is deeper than ``max_depth``.
            UnsavedParentError: The root has no key, or a cluster in memory points at an unsaved row outside of it.
        """
        with snapshot(self.using):
            return Collection(self._walked(), self.declarations)

    @property
    def _is_held(self) -> bool:
        """Whether the root is an unsaved cluster."""
        return isinstance(self.roots, Clusterable) and self.roots._state.adding

    def _walked(self) -> Walk:
        roots: Any = self.roots
        if self._is_held:
            held = HeldWalk(self.book, self.limits)
            held.run_over(roots)
            return held
        if isinstance(roots, Model) and roots.pk is None:
            raise UnsavedParentError(
                f"Cannot collect {roots!r}: it has no key, and is no cluster that is held in memory."
            )
        walk = Walk(self.book, self.limits)
        walk.run(self.root_rows())
        return walk

    def plan(self) -> Report:
        """Count what would be collected, without reading whole rows."""
        return self.collect().report

    def dump(self, target: Any, *, progress: Any = None) -> Manifest:
        """Collect and write inside one snapshot; see ``Collection.dump()``."""
        with snapshot(self.using):
            return self.collect().dump(target, progress=progress)

    def erase(self, *, dry_run: bool = False, log: Any = None, progress: Any = None) -> Report:
        """Erase everything that belongs to the roots, in one transaction.

        Rows are deleted unless ``erasures`` says otherwise for their model. What points at a deleted row without
        belonging to the roots is treated as its ``on_delete`` asks.

        Args:
            dry_run: Do everything, then roll back; sources are not touched.
            log: The path of a file that notes which roots were erased, for ``replay()``; keys only, no data.
            progress: Called with the number of rows after each chunk that was deleted.

        Returns:
            What was done; ``total, by_label = report`` as with Django's ``delete()``.

        Raises:
            KeptRowsError: A row that stays needs one that goes.
            ProtectedError: A row that is not collected protects one that is.
            UnsavedParentError: The root was never saved.
        """
        if self._is_held:
            raise UnsavedParentError(f"Cannot erase {self.roots!r}: it is not saved.")
        return erase_collected(self, dry_run=dry_run, log=log, progress=progress)

    def replay(self, log: Any, *, dry_run: bool = False, progress: Any = None) -> Report:
        """Erase again what a log says was erased, after a backup came back.

        Only roots that are in this collector's queryset are erased. Erasures that were begun and never committed are
        left alone and named in the report.

        Args:
            log: The path that was given to ``erase()``.
            dry_run: Do everything, then roll back; sources are not touched.
            progress: Called with the number of rows after each chunk that was deleted.

        Raises:
            SerializedDataError: A line of the log cannot be read; nothing was erased.
        """
        report = Report()
        label = self.root_model._meta.label_lower
        keys: list[Any] = []
        for entry in ErasureLog(log).entries():
            if entry.model != label:
                continue
            if entry.is_done:
                keys += entry.keys_of(self.root_model)
            else:
                report.note(f"The erasure {entry.number} of {label} {entry.keys} was begun and not finished.")
        rows = self.root_rows().filter(among("pk", keys))
        again = type(self)(rows, using=self.using, chunk_size=self.chunk_size, **self._options())
        return report + again.erase(dry_run=dry_run, progress=progress)

    def _options(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name in OPTIONS}
