"""``|``, ``&`` and ``^`` of querysets, held or live."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.db.models.query import EmptyQuerySet

from cluster.queryset.keyed import held_keys
from cluster.queryset.membership import of_one_source, unsliced
from cluster.queryset.private import DjangoQuerySet


class HeldMerges(DjangoQuerySet):
    """The operators of QuerySet.

    Two held querysets are one query; of two sources it is over the instances of both. With a live queryset a
    held one stands for the keys of its rows, and the database answers.
    """

    _source: Any

    def __or__(self, other: Any) -> Any:
        """Return the rows of either."""
        if self._merges_in_memory(other, "|"):
            left, right = self._mergeable(other)
            return super(HeldMerges, left).__or__(right)
        return self if isinstance(other, EmptyQuerySet) else self._as_live() | other

    def __and__(self, other: Any) -> Any:
        """Return the rows of both."""
        if self._merges_in_memory(other, "&"):
            left, right = self._mergeable(other, may_be_sliced=False)
            return super(HeldMerges, left).__and__(right)
        if self.query.is_sliced:
            raise TypeError("Cannot combine queries once a slice has been taken.")
        return other if isinstance(other, EmptyQuerySet) else self._as_live() & other

    def __xor__(self, other: Any) -> Any:
        """Return the rows of one or the other, not of both."""
        if self._merges_in_memory(other, "^"):
            left, right = self._mergeable(other)
            return super(HeldMerges, left).__xor__(right)
        return self if isinstance(other, EmptyQuerySet) else self._as_live() ^ other

    def __ror__(self, other: Any) -> Any:
        """Return the rows of either, from the database."""
        self._check_operator_queryset(other, "|")
        return self if isinstance(other, EmptyQuerySet) else other | self._as_live()

    def __rand__(self, other: Any) -> Any:
        """Return the rows of both, from the database."""
        self._check_operator_queryset(other, "&")
        return other if isinstance(other, EmptyQuerySet) else other & self._as_live()

    def __rxor__(self, other: Any) -> Any:
        """Return the rows of one or the other, not of both, from the database."""
        self._check_operator_queryset(other, "^")
        return self if isinstance(other, EmptyQuerySet) else other ^ self._as_live()

    def _merges_in_memory(self, other: Any, operator: str) -> bool:
        if not isinstance(other, QuerySet) or isinstance(other, HeldMerges):
            return True
        self._check_operator_queryset(other, operator)
        return False

    def _mergeable(self, other: Any, *, may_be_sliced: bool = True) -> tuple[Any, Any]:
        queries = [queryset.query for queryset in (self, other)]
        if any(query.combinator or query.is_empty() for query in queries) or self.model is not other.model:
            return self, other
        if not may_be_sliced:
            return (self, other) if any(query.is_sliced for query in queries) else of_one_source(self, other)
        return of_one_source(unsliced(self), unsliced(other))

    # Django changes these two mappings, which here may be those of the class.

    def _merge_known_related_objects(self, other: Any) -> None:
        self._known_related_objects = {field: {**known} for field, known in self._known_related_objects.items()}
        super()._merge_known_related_objects(other)

    def _add_hints(self, **hints: Any) -> None:
        self._hints = {**self._hints, **hints}

    def _as_live(self) -> QuerySet[Any]:
        """Return a queryset of the database for the rows found here, by their keys; rows not saved are left out."""
        keys = held_keys(self.query, self.db)
        live: QuerySet[Any] = self.model._base_manager.using(self.db).filter(pk__in=keys)
        # Django merges only querysets that are alike in this.
        live.query.distinct, live.query.distinct_fields = self.query.distinct, self.query.distinct_fields
        return live
