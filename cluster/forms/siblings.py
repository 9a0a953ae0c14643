"""Uniqueness and constraints of many rows at once: among each other, and against the rows that the database has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import BaseConstraint, Model, UniqueConstraint

from cluster.forms.rules import Key, Rule
from cluster.saving.uniqueness import Table
from cluster.saving.validation import Checked


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One row of the resulting cluster.

    Attributes:
        instance: The row as it will be.
        before: The row as it is; ``None`` for a new one.
        exclude: The names of the fields that are not to be checked.
        is_checked: Whether the row is judged; the others stay as they are, and are what it is compared with.
        is_sound: Whether nothing is wrong with the row by itself; only such rows are told that they are alike.
    """

    instance: Model
    before: Model | None
    exclude: frozenset[str] = frozenset()
    is_checked: bool = True
    is_sound: bool = True


@dataclass(frozen=True, slots=True)
class Violation:
    """One row that breaks one rule.

    Attributes:
        entry: The row.
        field: The field that the error is about; ``None`` where it is about several.
        error: The error as a model's own validation would raise it.
        rule: The rule; ``None`` for other constraints.
        is_duplicate: Whether another judged row has the same values, and not one that stays as it is.
    """

    entry: Entry
    field: str | None
    error: ValidationError
    rule: Rule | None = None
    is_duplicate: bool = False


def unique_violations(rules: Iterable[Rule], entries: Sequence[Entry]) -> Iterator[Violation]:
    """Yield the rows that collide with another one of the same cluster; no query."""
    for rule in rules:
        pairs = list(_keys(rule, entries))
        taken = {key for entry, key in pairs if not entry.is_checked}
        seen: set[Key] = set()
        for entry, key in pairs:
            is_duplicate = entry.is_sound and key in seen
            if entry.is_checked and (is_duplicate or key in taken):
                yield Violation(entry, *rule.error(entry.instance), rule, is_duplicate=is_duplicate)
            if entry.is_checked and entry.is_sound:
                seen.add(key)


def _keys(rule: Rule, entries: Sequence[Entry]) -> Iterator[tuple[Entry, Key]]:
    names = rule.names()
    for entry in entries:
        if not (entry.exclude & names) and (key := rule.key(entry.instance)) is not None:
            yield entry, key


def stored_violations(
    rules: Iterable[Rule], entries: Sequence[Entry], leaving: Iterable[Model], using: str
) -> Iterator[Violation]:
    """Yield the rows that collide with a row of the database outside the cluster; a query per rule that may be broken.

    Args:
        rules: The rules that reach beyond the cluster.
        entries: The rows of the cluster.
        leaving: The rows that will be deleted.
        using: The database.
    """
    own = {each.pk for each in leaving} | {entry.before.pk for entry in entries if entry.before is not None}
    judged = [entry for entry in entries if entry.is_checked]
    for rule in rules:
        changed = [(entry, key) for entry, key in _keys(rule, judged) if _is_changed(rule, entry, key)]
        taken = rule.stored({key for _, key in changed}, own, using)
        for entry, key in changed:
            if key in taken:
                yield Violation(entry, *rule.error(entry.instance), rule)


def _is_changed(rule: Rule, entry: Entry, key: Key) -> bool:
    """Whether the database does not have the values already in the same row."""
    return entry.before is None or entry.before._state.adding or rule.key(entry.before) != key


def constraint_violations(model: type[Model], entries: Sequence[Entry], using: str) -> Iterator[Violation]:
    """Yield the rows that break a constraint of their model that is no unique one, or of one that it inherits from."""
    judged = [entry for entry in entries if entry.is_checked]
    for owner in (model, *model._meta.all_parents):
        for constraint in owner._meta.constraints:
            if not isinstance(constraint, UniqueConstraint):
                yield from _rows_that_break(constraint, owner, judged, using)


def _rows_that_break(
    constraint: BaseConstraint, owner: type[Model], judged: Sequence[Entry], using: str
) -> Iterator[Violation]:
    items = [Checked(entry.instance, "", entry.exclude) for entry in judged]
    Table(owner, items, set(), using).check_constraint(owner, constraint)
    for entry, item in zip(judged, items, strict=True):
        for name, errors in item.errors.items():
            field = None if name == NON_FIELD_ERRORS else name
            yield from (Violation(entry, field, error) for error in errors)
