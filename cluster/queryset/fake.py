"""``FakeQuerySet``: Django's QuerySet answered from a list of instances."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

from django.db.models import Model, Q, QuerySet
from django.db.models.sql import Query

from cluster.errors import NotInMemoryError
from cluster.queryset.held_query import HeldQuery
from cluster.queryset.iterables import HeldModelIterable
from cluster.queryset.merging import HeldMerges
from cluster.queryset.plain import EMPTY, PlainQuery
from cluster.queryset.plain_methods import PlainMethods
from cluster.queryset.private import queryset_defaults
from cluster.queryset.source import Source
from cluster.queryset.sources import ListSource
from cluster.queryset.writing import HeldWrites


class FakeQuerySet(PlainMethods, HeldWrites, HeldMerges):  # type: ignore[override]
    """A QuerySet over instances in memory.

    ``FakeQuerySet(model, instances)`` works alone. A held relation gives a subclass of this class and of the child
    model's own QuerySet class, so that the model's own methods are there and find this class where they would find
    Django's. Nothing reads the database, unless a relation is traversed that is neither held nor cached.

    Args:
        model: The model of the instances.
        instances: The instances, or (as Django's own code passes it) a query.
        using: The database alias by which missing related rows are fetched.
        hints: Hints for the database router.
        query: A query to start from.
    """

    _cloning_enabled = True
    # Whether nobody has this queryset yet but the method that is to change it.
    _is_fresh = False
    # Whether no class of the user's has a say in how a copy is made.
    _is_copied_plainly = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = (FakeQuerySet.__init__, FakeQuerySet._clone, FakeQuerySet._chain)
        cls._is_copied_plainly = (cls.__init__, cls._clone, cls._chain) == own

    def __init__(
        self,
        model: type[Model] | None = None,
        instances: Iterable[Model] | Query | None = None,
        using: str | None = None,
        hints: dict[str, Any] | None = None,
        *,
        query: Query | None = None,
    ) -> None:
        if isinstance(instances, Query):
            instances, query = None, instances
        super().__init__(model, query or HeldQuery(model), using, hints)
        self._iterable_class = HeldModelIterable
        if query is not None:
            self._source = query.source  # type: ignore[attr-defined]
        elif model is not None:
            self._source = ListSource(model, [] if instances is None else instances)
            self._query = None
            self._plain = EMPTY

    def _new_query(self) -> HeldQuery:
        query = HeldQuery(self.model)
        query.source = self._source
        query.linked_by = self._source.linked_by
        return query

    @property
    def query(self) -> HeldQuery:
        """Django's query for what was asked for so far; asking for it leaves the short way."""
        if self._plain is not None:
            self._leave_plain(self._plain)
        return QuerySet.query.fget(self)  # type: ignore[attr-defined,no-any-return]

    @query.setter
    def query(self, value: Query) -> None:
        self._plain = None
        if not isinstance(value, HeldQuery):
            value = HeldQuery.over(value, self._source)
        QuerySet.query.fset(self, value)  # type: ignore[attr-defined]

    def _leave_plain(self, plain: PlainQuery) -> None:
        query = self._new_query()
        for step in plain.filters:
            query.add_q(~Q(**step.kwargs) if step.negated else Q(**step.kwargs))
        if plain.order is not None:
            query.clear_ordering(force=True, clear_default=False)
            query.add_ordering(*plain.order)
        query.standard_ordering = not plain.is_reversed
        if plain.shown is not None:
            query.set_values(plain.shown.fields)
        if plain.is_sliced:
            query.set_limits(plain.low, plain.high)
        self._query = query
        self._plain = None

    def _clone(self) -> Any:
        """Return a copy that is not evaluated."""
        if self._plain is None or type(self).__init__ is not FakeQuerySet.__init__:
            clone = super()._clone()
            clone._source = self._source
            return clone
        return self._plain_copy()

    def _plain_copy(self) -> Any:
        copy = object.__new__(type(self))
        copy.__dict__ = attributes = self.__dict__.copy()
        attributes.pop("_result_cache", None)
        attributes.pop("_prefetch_done", None)
        attributes.pop("_is_fresh", None)
        return copy

    def _over(self, source: Source) -> Any:
        """Return the same queryset over another source: the cheap way to many querysets of one kind."""
        clone = self._clone()
        clone._source = source
        if clone._query is not None:
            clone._query.source = source
            clone._query.linked_by = source.linked_by
        return clone

    def _with_plain(self, plain: PlainQuery) -> Any:
        if not self._is_copied_plainly or not self._cloning_enabled:
            asked = self._chain()
        elif self._is_fresh:
            asked, self._is_fresh = self, False
        else:
            asked = self._plain_copy()
        asked._plain = plain
        return asked

    def _chain(self) -> Any:
        """Return a copy for another operation."""
        return self._clone() if self._plain is not None and self._cloning_enabled else super()._chain()

    def in_bulk(self, id_list: Any = None, *, field_name: str = "pk") -> dict[Any, Any]:
        """Return the instances by their keys.

        Raises:
            NotInMemoryError: No keys are named, and an instance has none before it is saved.
        """
        found = super().in_bulk(id_list, field_name=field_name)
        if id_list is None and _is_key(self.model, field_name) and any(map(_is_missing, found)):
            raise NotInMemoryError(
                f"Cannot run in_bulk() on held {self.model._meta.object_name} objects without naming keys: some have "
                "none before they are saved. Save the cluster first, or name the keys."
            )
        return found

    def contains(self, obj: Any) -> bool:
        """Tell whether an instance is among the results; an unsaved one is found by identity."""
        if isinstance(obj, Model) and obj._state.adding and obj.pk is None and self._fields is None:
            self._not_support_combined_queries("contains")
            return any(instance is obj for instance in self._instances())
        return super().contains(obj)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """Return a copy that is not evaluated; the instances are the same."""
        return self._clone()

    # Pickling --------------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """Return the evaluated results and a list of the instances, cut off from the relation that held them."""
        # The empty mappings that all querysets share cannot be changed, nor pickled.
        state: dict[str, Any] = {
            name: dict(value) if isinstance(value, MappingProxyType) else value
            for name, value in super().__getstate__().items()
        }
        source = ListSource(self.model, list(self._source.instances()))
        state["_source"] = source
        state["_query"] = HeldQuery.over(self._clone().query, source)
        state["_plain"] = None
        return state

    def __reduce__(self) -> Any:
        """Pickle by the model's own QuerySet class, for the class made of it has no name to be found by."""
        return _unpickled, (base_class(type(self)),), self.__getstate__()


def _is_key(model: type[Model], field_name: str) -> bool:
    return field_name == "pk" or bool(getattr(model._meta.get_field(field_name), "primary_key", False))


def _is_missing(key: Any) -> bool:
    return key is None or (isinstance(key, tuple) and None in key)


DEFAULTS = {**queryset_defaults(), "_iterable_class": HeldModelIterable}
# On the class, so that making and copying a queryset touches only what differs.
for _name, _value in DEFAULTS.items():
    setattr(FakeQuerySet, _name, _value)


@functools.cache
def fake_class(queryset_class: type[QuerySet[Any]]) -> type[FakeQuerySet]:
    """Return the class of held querysets whose methods are those of a QuerySet class."""
    if issubclass(queryset_class, FakeQuerySet):
        return queryset_class
    if queryset_class is QuerySet:
        return FakeQuerySet
    name = f"Fake{queryset_class.__name__}"
    return type(name, (queryset_class, FakeQuerySet), {"__module__": __name__, "_base_class": queryset_class})


def base_class(cls: type[FakeQuerySet]) -> type[QuerySet[Any]]:
    """Return the QuerySet class that a class of held querysets was made for."""
    return vars(cls).get("_base_class", cls)  # type: ignore[no-any-return]


def _unpickled(queryset_class: type[QuerySet[Any]]) -> FakeQuerySet:
    return object.__new__(fake_class(queryset_class))
