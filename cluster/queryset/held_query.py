"""Django's ``sql.Query`` answered from a source of instances."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import connections
from django.db.models import Model
from django.db.models.aggregates import Count
from django.db.models.expressions import ColPairs, Exists, F, OuterRef
from django.db.models.sql import Query
from django.db.models.sql.where import AND, WhereNode

from cluster.errors import NotInMemoryError
from cluster.queryset import registry
from cluster.queryset.aggregation import aggregated
from cluster.queryset.execution import HeldCompiler
from cluster.queryset.keyed import keyed_query
from cluster.queryset.private import DjangoQuery
from cluster.queryset.source import Source
from cluster.queryset.subqueries import compile_scalar_query
from cluster.queryset.unsaved import split_unsaved


class HeldQuery(DjangoQuery):  # type: ignore[misc]
    """A query that Django builds and memory runs.

    Attributes:
        source: Where the instances come from.
        linked_by: The relations by which Django has joined the rows that link the instances to what holds them.
        outer_alias: For a query over one row of an outer query (the inner query of an ``exclude()`` over a to-many
            relation): the alias of the outer table whose instance is the only row.
        reused: For such a query over a relation that the outer query has joined already: the aliases of its table in
            the outer query and in this one, in which the rows must be the same.
        matches_missing: For such a query whether it has a row where neither of these tables has one.
    """

    source: Source | None = None
    linked_by: Collection[Any] = ()
    outer_alias: str | None = None
    reused: tuple[str, str] | None = None
    matches_missing: bool = False

    @classmethod
    def over(cls, query: Query, source: Source) -> HeldQuery:
        """Return a query like another one, answered from a source."""
        held: Any = query.chain()
        held.__class__ = cls
        held.source = source
        held.linked_by = getattr(query, "linked_by", ()) or source.linked_by
        return held  # type: ignore[no-any-return]

    def base_instances(self) -> Collection[Model]:
        """Return the instances of the base table; none where nothing can match, so that nothing is worked out."""
        is_nothing = self.where.connector == AND and self.is_empty()
        return () if self.source is None or is_nothing else self.source.instances()

    def get_compiler(self, using: str | None = None, connection: Any = None, *args: Any, **kwargs: Any) -> HeldCompiler:
        """Return the compiler that runs the query in memory."""
        if using is None and connection is None:
            raise ValueError("Need either using or connection")
        if using:
            connection = connections[using]
        return HeldCompiler(self, connection, using or connection.alias, *args, **kwargs)

    def build_lookup(self, lookups: Any, lhs: Any, rhs: Any) -> Any:
        """Build a lookup; unsaved instances on the right side match by identity, but for keys of several columns."""
        if isinstance(lhs, ColPairs):
            return super().build_lookup(lookups, lhs, rhs)
        rhs, unsaved = split_unsaved(rhs)
        lookup = super().build_lookup(lookups, lhs, rhs)
        if unsaved and lookup is not None:
            lookup.unsaved = unsaved
        return lookup

    def join(self, join: Any, *args: Any, **kwargs: Any) -> Any:
        """Join a table; by the rows that link the instances Django means what it has joined to find them."""
        if join.parent_alias and join.parent_alias == self.base_table and join.join_field in self.linked_by:
            raise NotInMemoryError(
                f"Cannot join {join.join_field.related_model.__name__} with held {self.model._meta.object_name} "
                "objects: Django joins only the rows that link them to what holds them. Save the cluster first, or "
                "query the model's manager."
            )
        return super().join(join, *args, **kwargs)

    def split_exclude(self, filter_expr: Any, can_reuse: Any, names_with_path: Any) -> Any:
        """Return the condition that some related row matches, for an ``exclude()`` over a to-many relation."""
        name, value = filter_expr
        query = self._query_behind_row(name, value)
        reused, matches_missing = reused_alias(query, can_reuse, names_with_path)
        self._refuse_mistaken(name, query, reused)
        position = None if reused is None else list(query.alias_map).index(reused)
        exists: Any = Exists(query).resolve_expression(self, allow_joins=True, reuse=can_reuse)
        exists.query.outer_alias = self.get_initial_alias()
        if position is not None:
            # Resolving it has given its tables other aliases, in the same order.
            exists.query.reused = (reused, list(exists.query.alias_map)[position])
            exists.query.matches_missing = matches_missing
        return WhereNode([self.build_lookup(["exact"], exists, True)], connector=AND), []

    def _query_behind_row(self, name: str, value: Any) -> HeldQuery:
        """Return a query from the same table for what an ``exclude()`` names; its values are of this query's row."""
        if isinstance(value, OuterRef):
            value = OuterRef(value)
        elif isinstance(value, F):
            value = OuterRef(value.name)  # type: ignore[attr-defined]
        query = type(self)(self.model)
        query.linked_by = self.linked_by
        query._filtered_relations = self._filtered_relations
        query.add_filter(name, value)
        query.clear_ordering(force=True)
        return query

    def _refuse_mistaken(self, name: str, query: HeldQuery, reused: str | None) -> None:
        """Refuse to exclude where Django's SQL does not ask what it should."""
        if any(len(join.join_cols) > 1 for join in query.alias_map.values() if join.parent_alias):
            raise NotInMemoryError(
                f"Cannot exclude by {name!r} in memory: of a relation over several columns Django compares the first "
                "one alone. Exclude with ~Exists() and a subquery."
            )
        if reused is not None and not is_same_join(self.alias_map, query.alias_map, reused):
            # Django tells the joined table by its alias, which here is that of another table, and compares their keys.
            raise NotInMemoryError(
                f"Cannot exclude by {name!r} in memory together with the other conditions: Django mistakes one of the "
                "joined tables for another. Exclude by it in a call of its own."
            )

    def change_aliases(self, change_map: dict[str, str]) -> Any:
        """Follow the renaming of the outer query's tables, too."""
        if self.outer_alias is not None:
            self.outer_alias = change_map.get(self.outer_alias, self.outer_alias)
        if self.reused is not None:
            outer, inner = self.reused
            self.reused = (change_map.get(outer, outer), change_map.get(inner, inner))
        return super().change_aliases(change_map)

    def get_aggregation(self, using: str, aggregate_exprs: dict[str, Any]) -> dict[str, Any]:
        """Return the values of aggregates over the rows."""
        return aggregated(self, using, aggregate_exprs) if aggregate_exprs else {}

    def get_count(self, using: str) -> int:
        """Count the rows."""
        return self.clone().get_aggregation(using, {"__count": Count("*")})["__count"]  # type: ignore[no-any-return]

    def resolve_expression(self, query: Query, *args: Any, **kwargs: Any) -> Query:
        """Resolve as part of another query: in memory as it is, in the database as the keys of its rows."""
        if isinstance(query, HeldQuery):
            return super().resolve_expression(query, *args, **kwargs)  # type: ignore[no-any-return]
        return self.keyed().resolve_expression(query, *args, **kwargs)

    def keyed(self) -> Query:
        """Return a query of the database for the rows that this one finds in memory, by their keys."""
        return keyed_query(self)


def is_same_join(tables: Any, others: Any, alias: str | None) -> bool:
    """Tell whether an alias stands for the same way of joins in two queries that start at the same table."""
    if alias is None:
        return True
    return bool(tables[alias] == others[alias]) and is_same_join(tables, others, tables[alias].parent_alias)


def reused_alias(query: Any, can_reuse: Any, names_with_path: Any) -> tuple[str | None, bool]:
    """Return the table of an inner query which the outer query has joined already, so that its row is meant.

    With it comes whether a row of which there is none in that table counts as a match: Django adds that to what it
    excludes where the way to the table may lead nowhere. This asks Django's own way of cutting the joins that the inner
    query shares with the outer one.
    """
    trimmed = query.clone()
    _prefix, may_be_missing = trimmed.trim_start(names_with_path)
    alias: str = trimmed.select[0].alias
    return alias if can_reuse and alias in can_reuse else None, may_be_missing


registry.expressions.register((HeldQuery,), compile_scalar_query)
