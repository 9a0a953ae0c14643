"""Held querysets made of live ones, and those of everything in a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Model, QuerySet
from django.db.models.query import ModelIterable
from django.db.models.sql import Query

from cluster.queryset.fake import DEFAULTS, FakeQuerySet, fake_class
from cluster.queryset.held_query import HeldQuery
from cluster.queryset.iterables import HeldModelIterable
from cluster.queryset.plain import EMPTY, UNORDERED
from cluster.queryset.source import Source
from cluster.queryset.sources import ListSource


def held_queryset(live: QuerySet[Any], source: Source) -> FakeQuerySet:
    """Return a queryset like a live one, answered from a source.

    Args:
        live: A queryset of any class with anything in its query; it is neither evaluated nor changed.
        source: Where the instances come from.
    """
    held = object.__new__(fake_class(type(live)))
    held.__dict__.update(live.__dict__, _result_cache=None, _prefetch_done=False, _source=source)
    if issubclass(live._iterable_class, ModelIterable):
        # Those of other packages look for the class of each row: held instances are of it already.
        held._iterable_class = HeldModelIterable
    if is_untouched(live.query):
        held._query = None
        held._plain = EMPTY
    else:
        held._query = HeldQuery.over(live.query, source)
    return held


class WholeQuerySets:
    """Makes querysets of everything in a source: what ``held_queryset`` gives for a new queryset, without making one.

    Args:
        new: The held form of a new queryset of which nothing was asked yet.

    Attributes:
        is_ordered: Whether the model has an ordering of its own.
    """

    __slots__ = ("_class", "_model", "_own", "_plain", "is_ordered")

    def __init__(self, new: FakeQuerySet) -> None:
        self._class = type(new)
        self._model = new.model
        self.is_ordered = bool(new.model._meta.ordering)
        self._plain = EMPTY if self.is_ordered else UNORDERED
        # What a constructor of the user's sets besides, or unlike, Django's.
        known = ("model", "_source", "_plain", "_query")
        self._own = {k: v for k, v in vars(new).items() if k not in known and v != DEFAULTS.get(k, self)}

    def over(self, source: Source, using: str | None, hints: Mapping[str, Any]) -> FakeQuerySet:
        """Return a queryset of everything in a source.

        Args:
            source: Where the instances come from.
            using: The database alias by which missing related rows are fetched.
            hints: Hints for the database router.
        """
        queryset = object.__new__(self._class)
        queryset.model = self._model
        queryset._source = source
        queryset._plain = self._plain
        if using or hints or self._own:
            queryset.__dict__.update(self._own, _db=using, _hints=hints)
        return queryset


def whole_querysets(queryset_class: type[QuerySet[Any]], model: type[Model]) -> WholeQuerySets | None:
    """Return what makes querysets of everything, or ``None`` where a constructor of the user's asks for less."""
    new = held_queryset(queryset_class(model=model), ListSource(model, []))
    return None if new._plain is None else WholeQuerySets(new)


def is_untouched(query: Any) -> bool:
    """Tell whether nothing was asked of a query yet."""
    if query.where.children or query.alias_map or query.annotations or query.extra or query._filtered_relations:
        return False
    return type(query) is Query and _SET_BY_METHODS.isdisjoint(query.__dict__)


_SET_BY_METHODS = frozenset(name for name in vars(Query) if not callable(getattr(Query, name))) - {
    "_annotation_select_cache", "filter_is_sticky", "base_table", "output_field",
}  # fmt: skip
