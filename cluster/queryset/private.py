"""The private names of Django that the package relies on here, and their types.

``tests/unit/queryset/test_private.py`` fails where a version of Django lacks one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler

NAMES: dict[str, tuple[str, ...]] = {
    "django.db.models.query.QuerySet": (
        "_annotate", "_chain", "_check_bulk_create_options", "_check_operator_queryset", "_clone", "_combinator_query",
        "_extract_model_params", "_fetch_all", "_filter_or_exclude", "_filter_or_exclude_inplace", "_insert",
        "_iterator", "_not_support_combined_queries",
        "_add_hints", "_merge_known_related_objects", "_prefetch_related_objects", "_raw_delete", "_update", "_values",
    ),
    "django.db.models.query": (
        "MAX_GET_RESULTS", "FlatValuesListIterable", "ModelIterable", "ValuesIterable", "ValuesListIterable",
    ),
    "django.db.models.utils": ("resolve_callables",),
    "django.db.models.sql.query.Query": (
        "_gen_cols", "add_annotation", "add_fields", "add_filter", "add_ordering", "add_q", "append_annotation_mask",
        "base_table", "build_lookup", "chain", "change_aliases", "check_alias", "clear_limits", "clear_ordering",
        "clear_select_clause", "clone", "get_aggregation", "get_compiler", "get_count",
        "get_initial_alias", "get_select_mask", "has_select_fields", "is_sliced", "reset_refcounts", "resolve_ref",
        "set_annotation_mask", "set_limits", "set_values", "setup_joins", "split_exclude", "trim_joins", "trim_start",
    ),
    "django.db.models.sql.subqueries.UpdateQuery": ("add_update_values",),
    "django.db.models.sql.compiler.SQLCompiler": (
        "_order_by_pairs", "_setup_joins", "as_sql", "execute_sql", "explain_query", "get_related_selections",
        "has_results", "results_iter",
    ),
    "django.db.models.sql.compiler": ("PositionRef",),
    "django.db.models.sql.where": ("ExtraWhere", "NothingNode", "WhereNode"),
    "django.db.models.sql.where.WhereNode": ("replace_expressions", "split_having_qualify"),
    "django.db.models.options.Options": ("_reverse_one_to_one_field_names", "all_parents", "pk_fields"),
    "django.db.models.base.Model": ("_is_pk_set",),
}  # fmt: skip
"""Classes and modules with the names that are overridden or called."""

QUERYSET_ATTRIBUTES = frozenset(
    {
        "_db", "_deferred_filter", "_fields", "_for_write", "_hints", "_iterable_class", "_known_related_objects",
        "_prefetch_done", "_prefetch_related_lookups", "_query", "_result_cache", "_sticky_filter", "model",
    }
)  # fmt: skip
"""What Django keeps on a queryset."""

QUERY_ATTRIBUTES = frozenset(
    {
        "alias_map", "alias_refcount", "annotation_select", "annotation_select_mask", "annotations", "combined_queries",
        "combinator", "combinator_all", "default_cols", "default_ordering", "distinct", "distinct_fields",
        "external_aliases", "extra", "group_by", "high_mark", "low_mark", "order_by", "select", "select_related",
        "selected", "standard_ordering", "subquery", "where", "_filtered_relations",
    }
)  # fmt: skip
"""What Django keeps on a query."""


def queryset_defaults() -> dict[str, Any]:
    """Return what Django, of whatever version, sets on each new queryset; no mapping in it can be changed."""
    attributes = vars(QuerySet(query=Query(None)))
    nothing: Mapping[Any, Any] = MappingProxyType({})
    return {**attributes, "_query": None, "_hints": nothing, "_known_related_objects": nothing}


if TYPE_CHECKING:

    class DjangoQuerySet(QuerySet[Any]):
        """QuerySet with its private names typed."""

        _db: str | None
        _fields: Any
        _for_write: bool
        _hints: Mapping[str, Any]
        _iterable_class: Any
        _known_related_objects: Mapping[Any, dict[Any, Any]]
        _prefetch_done: bool
        _prefetch_related_lookups: tuple[Any, ...]
        _query: Any
        _result_cache: list[Any] | None
        _sticky_filter: bool

        @property
        def query(self) -> Any: ...
        @query.setter
        def query(self, value: Any) -> None: ...
        def _chain(self) -> Any: ...
        def _check_operator_queryset(self, other: Any, operator_: str) -> None: ...
        def _clone(self) -> Any: ...
        def _fetch_all(self) -> None: ...
        def _filter_or_exclude_inplace(self, negate: bool, args: Any, kwargs: Any) -> None: ...  # noqa: FBT001
        def _merge_known_related_objects(self, other: Any) -> None: ...
        def _not_support_combined_queries(self, operation_name: str) -> None: ...
        def _check_bulk_create_options(self, *args: Any) -> Any: ...
        def _extract_model_params(self, defaults: Any, **kwargs: Any) -> dict[str, Any]: ...

    # The stubs of these leave most names out.
    DjangoQuery = Any
    DjangoCompiler = Any
else:
    DjangoQuerySet = QuerySet
    DjangoQuery = Query
    DjangoCompiler = SQLCompiler
