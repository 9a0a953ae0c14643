"""``FakeQuerySet``: Django's QuerySet answered from a list of instances."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from django.db import connections
from django.db.models import Model, Q, QuerySet
from django.db.models.query import (
    MAX_GET_RESULTS,
    FlatValuesListIterable,
    ModelIterable,
    ValuesIterable,
    ValuesListIterable,
)
from django.db.models.sql import Query

from cluster.queryset.held_query import HeldQuery
from cluster.queryset.iterables import HeldModelIterable
from cluster.queryset.merging import HeldMerges
from cluster.queryset.plain import EMPTY, PlainQuery, is_plain_order, plain_filter, plain_shown
from cluster.queryset.source import Source
from cluster.queryset.sources import ListSource
from cluster.queryset.writing import HeldWrites

_STYLES: dict[str, type[Any]] = {"dict": ValuesIterable, "list": ValuesListIterable, "flat": FlatValuesListIterable}


class FakeQuerySet(HeldWrites, HeldMerges):  # type: ignore[override]
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

    # What was asked for while all of it is plain; ``None`` once there is a query.
    _plain: PlainQuery | None = None
    _source: Source
    _cloning_enabled = True

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
        clone = object.__new__(type(self))
        clone.__dict__.update(self.__dict__)
        clone._result_cache = None
        clone._prefetch_done = False
        return clone

    def over(self, source: Source) -> Any:
        """Return the same queryset over another source: the cheap way to many querysets of one kind."""
        clone = self._clone()
        clone._source = source
        if clone._query is not None:
            clone._query.source = source
        return clone

    def _with_plain(self, plain: PlainQuery) -> Any:
        clone = self._chain()
        clone._plain = plain
        return clone

    def _chain(self) -> Any:
        """Return a copy for another operation."""
        return self._clone() if self._plain is not None and self._cloning_enabled else super()._chain()

    def nulls_first(self) -> bool:
        """Tell whether the vendor counts NULL as smaller than all values."""
        return bool(connections[self.db].features.order_by_nulls_first)

    def get_using(self) -> str:
        """Return the database alias by which missing related rows are fetched."""
        return self.db

    # Results ---------------------------------------------------------------------------------------------------------

    def _fetch_all(self) -> None:
        if self._result_cache is None and self._plain is not None:
            self._result_cache = self._plain.results(self)
            if self._result_cache is not None and not self._prefetch_related_lookups:
                return
        super()._fetch_all()

    def __getitem__(self, k: Any) -> Any:
        """Return an item or a slice of the results; a slice is a queryset."""
        plain = self._plain
        if plain is None or self._result_cache is not None or not _is_plain_slice(k):
            return super().__getitem__(k)
        if isinstance(k, slice):
            sliced = self._with_plain(plain.sliced(k.start, k.stop))
            return list(sliced)[:: k.step] if k.step else sliced
        results = plain.sliced(k, k + 1).results(self)
        return super().__getitem__(k) if results is None else results[0]

    def count(self) -> int:
        """Count the instances, without asking the database."""
        plain = self._plain
        if plain is None or self._result_cache is not None:
            return super().count()
        if plain.filters or plain.is_sliced:
            return len(plain.selected(self._source, self.get_using)[plain.low : plain.high])
        return len(self._source.instances())

    def exists(self) -> bool:
        """Tell whether there is any instance; plain filters stop at the first match."""
        plain = self._plain
        if plain is None or self._result_cache is not None:
            return super().exists()
        if plain.is_sliced:
            return self.count() > 0
        return next(plain.matching(self._source, self.get_using), None) is not None

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Return the one instance that matches; a primary key of a whole relation is found in constant time."""
        plain = self._plain
        if plain is None or args or plain.is_sliced:
            return super().get(*args, **kwargs)
        added = plain_filter(self.model, kwargs, negated=False)
        if added is None:
            return super().get(*args, **kwargs)
        if kwargs:
            plain = plain.filtered(added)
        found = plain.selected(self._source, self.get_using)[:MAX_GET_RESULTS]
        if len(found) != 1:
            raise self._not_one(len(found))
        return found[0] if plain.shown is None else plain.shown.of(found)[0]

    def _not_one(self, number: int) -> Any:
        name = self.model._meta.object_name
        if not number:
            return self.model.DoesNotExist(f"{name} matching query does not exist.")
        many = number if number < MAX_GET_RESULTS else f"more than {MAX_GET_RESULTS - 1}"
        return self.model.MultipleObjectsReturned(f"get() returned more than one {name} -- it returned {many}!")

    def first(self) -> Any:
        """Return the first instance, or ``None``."""
        plain = self._plain
        terms = None if plain is None or self._result_cache is not None else plain.terms(self.model)
        if plain is None or terms is None or plain.is_sliced or plain.order == ():
            return super().first()
        if terms:
            return self._first_of(plain)
        if not self._is_in_key_order():
            return self._first_by_key(plain, "pk")
        found = next(plain.matching(self._source, self.get_using), None)
        return found if found is None or plain.shown is None else plain.shown.of([found])[0]

    def last(self) -> Any:
        """Return the last instance, or ``None``."""
        plain = self._plain
        terms = None if plain is None or self._result_cache is not None else plain.terms(self.model)
        if plain is None or terms is None or plain.is_sliced or plain.order == ():
            return super().last()
        return self._first_of(plain.turned()) if terms else self._first_by_key(plain, "-pk")

    def _first_by_key(self, plain: PlainQuery, order: str) -> Any:
        if is_plain_order(self.model, (order,)):
            return self._first_of(plain.ordered((order,)))
        return super().first() if order == "pk" else super().last()

    def _first_of(self, plain: PlainQuery) -> Any:
        results = plain.sliced(None, 1).results(self)
        return results[0] if results else None

    def _is_in_key_order(self) -> bool:
        in_key_order = getattr(self._source, "in_key_order", None)
        return in_key_order is not None and in_key_order()

    # Methods that return a queryset ----------------------------------------------------------------------------------

    def filter(self, *args: Any, **kwargs: Any) -> Any:
        """Return the instances that match as well."""
        found = self._plain_filter(args, kwargs, negated=False)
        return super().filter(*args, **kwargs) if found is None else found

    def exclude(self, *args: Any, **kwargs: Any) -> Any:
        """Return the instances that do not match."""
        found = self._plain_filter(args, kwargs, negated=True)
        return super().exclude(*args, **kwargs) if found is None else found

    def _plain_filter(self, args: tuple[Any, ...], kwargs: dict[str, Any], *, negated: bool) -> Any | None:
        plain = self._plain
        if plain is None or args or plain.is_sliced or self._sticky_filter or not kwargs:
            return None
        added = plain_filter(self.model, kwargs, negated=negated)
        return None if added is None else self._with_plain(plain.filtered(added))

    def order_by(self, *field_names: Any) -> Any:
        """Return the same instances in another order."""
        plain = self._plain
        if plain is None or plain.is_sliced or not is_plain_order(self.model, field_names):
            return super().order_by(*field_names)
        return self._with_plain(plain.ordered(field_names))

    def reverse(self) -> Any:
        """Return the same instances in reverse order."""
        plain = self._plain
        if plain is None or plain.is_sliced:
            return super().reverse()
        return self._with_plain(plain.turned())

    def values(self, *fields: Any, **expressions: Any) -> Any:
        """Return dictionaries of values instead of instances."""
        found = None if expressions else self._plain_values(fields, "dict")
        return super().values(*fields, **expressions) if found is None else found

    def values_list(self, *fields: Any, flat: bool = False, named: bool = False) -> Any:
        """Return tuples of values instead of instances."""
        if named or (flat and len(fields) != 1):
            return super().values_list(*fields, flat=flat, named=named)
        found = self._plain_values(fields, "flat" if flat else "list")
        return super().values_list(*fields, flat=flat) if found is None else found

    def _plain_values(self, fields: tuple[Any, ...], style: str) -> Any | None:
        plain = self._plain
        shown = None if plain is None else plain_shown(self.model, fields, style)
        if plain is None or shown is None:
            return None
        clone = self._with_plain(plain.showing(shown))
        clone._fields = fields
        clone._iterable_class = _STYLES[style]
        return clone

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """Return a copy that is not evaluated; the instances are the same."""
        return self._clone()

    # Pickling --------------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """Return the evaluated results and a list of the instances, cut off from the relation that held them."""
        state: dict[str, Any] = super().__getstate__()
        source = ListSource(self.model, list(self._source.instances()))
        state["_source"] = source
        state["_query"] = HeldQuery.over(self._clone().query, source)
        state["_plain"] = None
        return state

    def __reduce__(self) -> Any:
        """Pickle by the model's own QuerySet class, for the class made of it has no name to be found by."""
        return _unpickled, (base_class(type(self)),), self.__getstate__()


def _is_plain_slice(k: Any) -> bool:
    if isinstance(k, slice):
        return all(bound is None or (type(bound) is int and bound >= 0) for bound in (k.start, k.stop))
    return type(k) is int and k >= 0


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


def held_queryset(live: QuerySet[Any], source: Source) -> FakeQuerySet:
    """Return a queryset like a live one, answered from a source.

    Args:
        live: A queryset of any class with anything in its query; it is neither evaluated nor changed.
        source: Where the instances come from.
    """
    held = object.__new__(fake_class(type(live)))
    held.__dict__.update(live.__dict__, _result_cache=None, _prefetch_done=False, _source=source)
    if live._iterable_class is ModelIterable:
        held._iterable_class = HeldModelIterable
    if is_untouched(live.query):
        held._query = None
        held._plain = EMPTY
    else:
        held._query = HeldQuery.over(live.query, source)
    return held


def whole_queryset(
    queryset_class: type[QuerySet[Any]],
    model: type[Model],
    source: Source,
    *,
    using: str | None = None,
    hints: dict[str, Any] | None = None,
) -> FakeQuerySet:
    """Return everything in a source: what ``held_queryset`` gives for a new queryset, without making one.

    Args:
        queryset_class: The model's QuerySet class.
        model: The model of the instances.
        source: Where the instances come from.
        using: The database alias by which missing related rows are fetched.
        hints: Hints for the database router.
    """
    held_class, attributes = _whole(queryset_class, model)
    held = object.__new__(held_class)
    held.__dict__.update(attributes, _source=source, _db=using, _hints=hints or {}, _known_related_objects={})
    return held


@functools.cache
def _whole(queryset_class: type[QuerySet[Any]], model: type[Model]) -> tuple[type[FakeQuerySet], dict[str, Any]]:
    held = held_queryset(queryset_class(model=model), ListSource(model, []))
    return type(held), vars(held)


def is_untouched(query: Any) -> bool:
    """Tell whether nothing was asked of a query yet."""
    if query.where.children or query.alias_map or query.annotations or query.extra or query._filtered_relations:
        return False
    return type(query) is Query and _SET_BY_METHODS.isdisjoint(query.__dict__)


_SET_BY_METHODS = frozenset(name for name in vars(Query) if not callable(getattr(Query, name))) - {
    "_annotation_select_cache", "filter_is_sticky", "base_table", "output_field",
}  # fmt: skip
