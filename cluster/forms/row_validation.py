"""Puts what is wrong among the rows of a cluster's form on the right rows, in Django's words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from cluster.forms.rules import Rule, rules_of
from cluster.forms.siblings import Entry, Violation, constraint_violations, stored_violations, unique_violations


def formset_rules(formset: Any) -> list[Rule]:
    """Return the rules for the rows of a formset; a key that nobody types is unique by itself."""
    hidden = (formset.key_name,) if formset.has_hidden_key else ()
    return [rule for rule in rules_of(formset.model) if not hidden or rule.fields != hidden]


def is_scoped(formset: Any, rule: Rule) -> bool:
    """Whether a rule holds among the children of one parent alone."""
    return formset.fk is not None and formset.fk.name in rule.names()


@dataclass(frozen=True, slots=True, eq=False)
class JudgedRow:
    """A row that is judged, with the form and the formset to which its errors go."""

    entry: Entry
    form: Any
    formset: Any


def judged_rows(formset: Any) -> list[JudgedRow]:
    """Return the rows of a formset that are judged.

    Fields that are wrong are left out, as Django does. A row whose key is wrong may stand for any child, and is not
    judged.
    """
    scope = {formset.fk.name} if formset.fk is not None else set()
    forms = [form for form in formset.forms if formset.is_kept(form) and formset.key_name not in form.errors]
    return [JudgedRow(_entry(form, scope), form, formset) for form in forms]


def _entry(form: Any, scope: set[str]) -> Entry:
    exclude = frozenset(form._get_validation_exclusions() - scope)
    return Entry(form.instance, form.match.child, exclude, is_sound=not form.errors)


def untouched_entries(formset: Any) -> list[Entry]:
    """Return the children that no row stands for."""
    return [Entry(child, child, is_checked=False) for child in formset.untouched_children]


def validate_siblings(formset: Any) -> list[ValidationError]:
    """Judge the rows of one formset by what concerns the children of one parent; return what concerns no single row."""
    rules = [rule for rule in formset_rules(formset) if is_scoped(formset, rule)]
    rows, using = judged_rows(formset), formset.place.pool.database_of(formset.model)
    broken = list(constraint_violations(formset.model, [row.entry for row in rows], using))
    if broken:
        # Such an error concerns one row: it leaves nothing for the formset.
        _report(broken, rows)
        # They are sound no longer.
        rows = judged_rows(formset)
    entries = [*(row.entry for row in rows), *untouched_entries(formset)]
    violations = list(unique_violations(rules, entries))
    if not formset.is_complete:
        violations += stored_violations(rules, entries, leaving_children(formset), using)
    return [error for _, error in _report(violations, rows)]


def validate_beyond(formsets: Iterable[Any]) -> bool:
    """Judge the rows of all formsets of a form by what concerns the whole table; return whether something was wrong."""
    found = False
    by_model: dict[Any, list[Any]] = {}
    for formset in formsets:
        by_model.setdefault(formset.model, []).append(formset)
    for together in by_model.values():
        found |= _validate_table(together)
    return found


def _validate_table(formsets: list[Any]) -> bool:
    rules = [rule for rule in formset_rules(formsets[0]) if not is_scoped(formsets[0], rule)]
    if not rules:
        return False
    rows = [row for formset in formsets for row in judged_rows(formset)]
    untouched = [entry for formset in formsets for entry in untouched_entries(formset)]
    entries = [*(row.entry for row in rows), *untouched]
    leaving = [child for formset in formsets for child in leaving_children(formset)]
    using = formsets[0].place.pool.database_of(formsets[0].model)
    violations = [*unique_violations(rules, entries), *stored_violations(rules, entries, leaving, using)]
    for formset, error in _report(violations, rows):
        formset.non_form_errors().append(error)
    return bool(violations)


def leaving_children(formset: Any) -> Iterator[Any]:
    """Yield the children whose rows the submission deletes."""
    for form in formset.forms:
        if form.match.child is not None and formset.is_deleted(form):
            yield form.match.child


def _report(violations: Iterable[Violation], rows: Iterable[JudgedRow]) -> list[tuple[Any, ValidationError]]:
    """Put errors on the rows; return those that concern no single row, each with its formset."""
    by_entry = {id(row.entry): row for row in rows}
    left = []
    for violation in violations:
        row, rule = by_entry[id(violation.entry)], violation.rule
        if violation.is_duplicate and rule is not None and rule.is_plain:
            left.append((row.formset, ValidationError(_duplicate_message(row.formset, rule), code="unique")))
            row.form.add_error(None, ValidationError(row.formset.get_form_error(), code="unique"))
        else:
            field = violation.field or NON_FIELD_ERRORS
            shown = field if field in row.form.fields else NON_FIELD_ERRORS
            row.form._update_errors(ValidationError({shown: [violation.error]}))
    return left


def _duplicate_message(formset: Any, rule: Rule) -> str:
    if rule.date_check is not None:
        kind, name, date_name = rule.date_check
        return str(formset.get_date_error_message((rule.model, kind, name, date_name)))
    names = [name for name in rule.fields if formset.fk is None or name != formset.fk.name]
    return str(
        formset.get_unique_error_message(names) if names else formset.error_messages["too_many_forms"] % {"num": 1}
    )
