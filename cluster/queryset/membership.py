"""Held querysets of several lists, and slices of them, as one query: each row says whether it is among a queryset's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db.models import BooleanField, Expression, Model
from django.db.models.sql.where import AND

from cluster._compat import is_pk_set
from cluster.queryset.registry import Evaluator, compiles
from cluster.queryset.rows import Row
from cluster.queryset.source import Source


class Among(Expression):
    """Tells whether the instance of a table is one of those that a held queryset gives.

    Args:
        column: Any column of the table.
        queryset: The held queryset; it is run when the condition is.
    """

    def __init__(self, column: Any, queryset: Any) -> None:
        super().__init__(output_field=BooleanField())
        self.column = column
        self.queryset = queryset

    def get_source_expressions(self) -> list[Any]:
        """Return the column, so that it follows the renaming of its table."""
        return [self.column]

    def set_source_expressions(self, exprs: Any) -> None:
        """Take the column of the renamed table."""
        (self.column,) = exprs


@compiles(Among)
def compile_among(node: Among, compiler: Any) -> Evaluator:
    """Tell by key, or by identity while there is none: another list may have another instance of a row."""
    alias = node.column.alias
    query = node.queryset.query.chain()
    members = {mark_of(instance) for instance, _ in query.get_compiler(node.queryset.db).instances()}

    def evaluate_among(row: Row) -> bool:
        instance = row.tables[alias]
        assert instance is not None
        return mark_of(instance) in members

    return evaluate_among


def mark_of(instance: Model) -> Any:
    """Return what instances of one row have in common: the key, or the identity of one that has none."""
    return ("key", instance.pk) if is_pk_set(instance) else ("id", id(instance))


class MergedSource:
    """The instances of two sources; new ones go to the first."""

    def __init__(self, first: Source, second: Source) -> None:
        self._first = first
        self._second = second

    @property
    def hints(self) -> dict[str, Any]:
        """What the database router is told of the first source."""
        return self._first.hints

    @property
    def linked_by(self) -> Collection[Any]:
        """The relations of both."""
        return (*self._first.linked_by, *self._second.linked_by)

    def instances(self) -> list[Model]:
        """Return the instances of both, each row once."""
        rows: dict[Any, Model] = {}
        for instance in (*self._first.instances(), *self._second.instances()):
            rows.setdefault(mark_of(instance), instance)
        return list(rows.values())

    def in_key_order(self) -> bool:
        """Return ``False``, as nobody has looked."""
        return False

    def by_key(self, key: Any) -> Model | None:
        """Return the first instance with this primary key, or ``None``."""
        return self._first.by_key(key) or self._second.by_key(key)

    def build(self, **kwargs: Any) -> Model:
        """Return a new instance as the first source makes it."""
        return self._first.build(**kwargs)

    def refuse_moves(self, changes: Sequence[tuple[Model, str, Any]]) -> None:
        """Refuse what either source refuses."""
        self._first.refuse_moves(changes)
        self._second.refuse_moves(changes)

    def add(self, instances: Iterable[Model]) -> None:
        """Add instances to the first source."""
        self._first.add(instances)

    def remove(self, instances: Iterable[Model]) -> None:
        """Take instances out of both."""
        gone = list(instances)
        self._first.remove(gone)
        self._second.remove(gone)


def of_one_source(left: Any, right: Any) -> tuple[Any, Any]:
    """Return two held querysets over the instances of both, each with the rows that it had."""
    if left._source is right._source:
        return left, right
    source = MergedSource(left._source, right._source)
    return _narrowed(left._over(source), whole(left)), _narrowed(right._over(source), whole(right))


def unsliced(queryset: Any) -> Any:
    """Return a queryset of the rows of a slice that can be filtered further; others as they are."""
    return _narrowed(whole(queryset), queryset) if queryset.query.is_sliced else queryset


def whole(queryset: Any) -> Any:
    """Return a queryset of everything in the source of another one."""
    return type(queryset)(model=queryset.model, using=queryset._db)._over(queryset._source)


def _narrowed(queryset: Any, members: Any) -> Any:
    narrowed = queryset._chain()
    query = narrowed.query
    column = queryset.model._meta.pk_fields[0].get_col(query.get_initial_alias())
    query.where.add(Among(column, members), AND)
    return narrowed
