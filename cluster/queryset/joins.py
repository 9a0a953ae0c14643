"""Rows of joined tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Model
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.db.models.sql.constants import LOUTER
from django.db.models.sql.where import WhereNode

from cluster.queryset.registry import Evaluator
from cluster.queryset.related import is_generic, related_instances, unique_instances
from cluster.queryset.rows import Row

if TYPE_CHECKING:
    from cluster.queryset.compiling import Compiler


def join_rows(rows: Sequence[Row], alias: str, join: Any, compiler: Compiler) -> list[Row]:
    """Return the rows with one more table, repeated or dropped as SQL's join does."""
    parents = unique_instances(row.tables[join.parent_alias] for row in rows)
    matches = compiler.matches.setdefault(join.join_field, {})
    matches.update(
        related_instances(join.join_field, [one for one in parents if id(one) not in matches], compiler.using)
    )
    condition = join_condition(join, compiler)
    is_outer = join.join_type == LOUTER
    result: list[Row] = []
    for row in rows:
        result += _joined(row, alias, matches.get(id(row.tables[join.parent_alias]), ()), condition, is_outer=is_outer)
    return result


def _joined(
    row: Row, alias: str, related: Sequence[Model], condition: Evaluator | None, *, is_outer: bool
) -> list[Row]:
    joined = [Row({**row.tables, alias: instance}) for instance in related]
    if condition is not None:
        joined = [candidate for candidate in joined if condition(candidate)]
    if not joined and is_outer:
        return [Row({**row.tables, alias: None})]
    return joined


def join_condition(join: Any, compiler: Compiler) -> Evaluator | None:
    """Return the condition that a join has besides its keys: of a ``FilteredRelation``, or of its field."""
    field = join.join_field
    conditions = [join.filtered_relation.resolved_condition] if join.filtered_relation else []
    # What an instance holds for a ``GenericRelation`` is of its type, though an unsaved row may not say so yet.
    if not isinstance(field, ForeignObjectRel) or not is_generic(field):
        restriction = field.get_extra_restriction(join.table_alias, join.parent_alias)
        conditions += [] if restriction is None else [restriction]
    return compiler.compile_key(WhereNode(conditions)) if conditions else None
