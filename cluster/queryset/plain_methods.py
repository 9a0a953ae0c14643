"""The methods of a held queryset that know the short way, and fall back to Django's where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.db import connections, router
from django.db.models.query import MAX_GET_RESULTS, FlatValuesListIterable, ValuesIterable, ValuesListIterable

from cluster.queryset.plain import UNORDERED, PlainQuery, plain_shown
from cluster.queryset.plain_lookups import plain_filter
from cluster.queryset.plain_orders import asked_order
from cluster.queryset.private import DjangoQuerySet
from cluster.queryset.source import Source

_STYLES: dict[str, type[Any]] = {"dict": ValuesIterable, "list": ValuesListIterable, "flat": FlatValuesListIterable}


class PlainMethods(DjangoQuerySet):
    """The short way through QuerySet, as long as all that is asked for is plain."""

    # What was asked for while all of it is plain; ``None`` once there is a query.
    _plain: PlainQuery | None = None
    _source: Source
    _with_plain: Callable[[PlainQuery], Any]
    _leave_plain: Callable[[PlainQuery], None]

    @property
    def db(self) -> str:
        """The database alias by which missing related rows are fetched."""
        if self._db:
            return self._db
        choose = router.db_for_write if self._for_write else router.db_for_read
        return str(choose(self.model, **{**self._source.hints, **self._hints}))

    def _nulls_first(self) -> bool:
        """Tell whether the vendor counts NULL as smaller than all values."""
        return bool(connections[self.db].features.order_by_nulls_first)

    def _get_using(self) -> str:
        """Return the database alias by which missing related rows are fetched."""
        return self.db

    # Results ---------------------------------------------------------------------------------------------------------

    def _fetch_all(self) -> None:
        plain = self._plain
        if self._result_cache is None and plain is not None:
            # Most relations are read whole, and most have a few rows: that way is the shortest.
            self._result_cache = self._source.instances() if plain is UNORDERED else plain.results(self)
        if self._result_cache is None or self._prefetch_related_lookups:
            super()._fetch_all()

    # Django's two, which ask _fetch_all() each time: list() calls both.

    def __iter__(self) -> Iterator[Any]:
        if self._result_cache is None or self._prefetch_related_lookups:
            self._fetch_all()
        return iter(self._result_cache)  # type: ignore[arg-type]

    def __len__(self) -> int:
        if self._result_cache is None or self._prefetch_related_lookups:
            self._fetch_all()
        return len(self._result_cache)  # type: ignore[arg-type]

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
            return len(plain.selected(self._source, self._get_using)[plain.low : plain.high])
        return len(self._source.instances())

    def exists(self) -> bool:
        """Tell whether there is any instance; plain filters stop at the first match."""
        plain = self._plain
        if plain is None or self._result_cache is not None:
            return super().exists()
        if plain.is_sliced:
            return self.count() > 0
        return next(plain.matching(self._source, self._get_using), None) is not None

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
        found = plain.selected(self._source, self._get_using)[:MAX_GET_RESULTS]
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
        terms = None if plain is None or self._result_cache is not None else plain.terms_for(self.model)
        # What order_by() left without an order is ordered by key in some versions of Django and in others as it comes.
        if plain is None or terms is None or plain.is_sliced or plain.order == ():
            return super().first()
        if terms:
            return self._first_of(plain)
        if not self._source.in_key_order():
            return self._first_by_key(plain, "pk")
        found = next(plain.matching(self._source, self._get_using), None)
        return found if found is None or plain.shown is None else plain.shown.of([found])[0]

    def last(self) -> Any:
        """Return the last instance, or ``None``."""
        plain = self._plain
        terms = None if plain is None or self._result_cache is not None else plain.terms_for(self.model)
        if plain is None or terms is None or plain.is_sliced or plain.order == ():
            return super().last()
        return self._first_of(plain.turned()) if terms else self._first_by_key(plain, "-pk")

    def _first_by_key(self, plain: PlainQuery, order: str) -> Any:
        terms = asked_order(self.model, (order,))
        if terms is not None:
            return self._first_of(plain.ordered((order,), terms))
        return super().first() if order == "pk" else super().last()

    def _first_of(self, plain: PlainQuery) -> Any:
        results = plain.sliced(None, 1).results(self)
        return results[0] if results else None

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

    def _filter_or_exclude_inplace(self, *args: Any) -> None:
        # Django's own asks ``_query`` for what is not there yet; ``query`` may be what calls it.
        if self._plain is not None:
            self._leave_plain(self._plain)
        super()._filter_or_exclude_inplace(*args)

    def order_by(self, *field_names: Any) -> Any:
        """Return the same instances in another order."""
        plain = self._plain
        terms = None if plain is None or plain.is_sliced else asked_order(self.model, field_names)
        if plain is None or terms is None:
            return super().order_by(*field_names)
        return self._with_plain(plain.ordered(field_names, terms))

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


def _is_plain_slice(k: Any) -> bool:
    if isinstance(k, slice):
        return all(bound is None or (type(bound) is int and bound >= 0) for bound in (k.start, k.stop))
    return type(k) is int and k >= 0
