"""What is wrong with the rows of a formset, each by itself and all together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.forms.formsets import ORDERING_FIELD_NAME
from django.utils.functional import cached_property

from cluster._compat import is_pk_set
from cluster.forms.matched_rows import MatchedRows
from cluster.forms.row_validation import validate_beyond, validate_siblings


class CheckedRows(MatchedRows):
    """A formset that judges the children that there would be, and never raises for what was submitted."""

    def management_problem(self) -> ValidationError | None:
        """Return the error of a management form that is missing or garbled."""
        if not self.is_bound or self.management_form.is_valid():
            return None
        names = ", ".join(self.management_form.add_prefix(name) for name in self.management_form.errors)
        message = self.error_messages["missing_management_form"]
        return ValidationError(message, code="missing_management_form", params={"field_names": names})

    def is_kept(self, form: Any) -> bool:
        """Whether a row stands for a child of the resulting cluster: it is neither blank nor to be deleted."""
        return not self.is_deleted(form) and not form.is_blank

    def is_deleted(self, form: Any) -> bool:
        """Whether a row is marked for deletion and may be."""
        form.errors  # noqa: B018 - cleans the form
        return bool(self.can_delete and self._should_delete_form(form))

    @property
    def deleted_forms(self) -> list[Any]:
        """The rows marked for deletion; none while the formset is not valid."""
        if not self.is_valid() or not self.can_delete:
            return []
        return [form for form in self.forms if not form.is_blank and self.is_deleted(form)]

    @property
    def ordered_forms(self) -> list[Any]:
        """The rows that are kept, in the order asked for."""
        if not self.is_valid() or not self.can_order:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute 'ordered_forms'")
        return self._in_order([form for form in self.forms if self.is_kept(form)])

    def _in_order(self, forms: list[Any]) -> list[Any]:
        if not self.can_order:
            return forms
        asked = [form.cleaned_data.get(ORDERING_FIELD_NAME) for form in forms]
        order = sorted(range(len(forms)), key=lambda at: (asked[at] is None, asked[at] or 0))
        return [forms[at] for at in order]

    def full_clean(self) -> None:
        """Clean all rows, then what concerns them together."""
        self._errors = []
        self._non_form_errors = self.error_class(error_class="nonform", renderer=self.renderer, field_id=self.html_id)
        if not self.is_bound:
            return
        problem = self.management_problem()
        if problem is not None:
            self._non_form_errors.extend(problem.error_list)
            return
        for form in self.forms:
            # Found out here for all, so that saving does not read the data once more.
            form.has_changed()
            if not self.is_deleted(form):
                self._errors.append(form.errors)
        for check in (self._check_numbers, self.clean):
            try:
                check()
            except ValidationError as error:
                self._non_form_errors.extend(error.error_list)
        if self.place.is_top:
            validate_beyond(self.all_formsets())

    def all_formsets(self) -> Iterator[Any]:
        """Yield the formset and those of its rows that are kept, to any depth."""
        yield self
        for form in self.forms:
            if self.is_kept(form):
                for formset in form.formsets.values():
                    yield from formset.all_formsets()

    def validate_unique(self) -> None:
        """Judge the rows against each other and the children that no row stands for: uniqueness and constraints.

        Raises:
            ValidationError: What concerns no single row; the rows' own errors are on the rows.
        """
        errors = validate_siblings(self)
        if errors:
            raise ValidationError(errors)

    @property
    def is_complete(self) -> bool:
        """Whether the children that there are, are known in full."""
        return True

    def _check_numbers(self) -> None:
        """Compare the children that there would be with the limits."""
        number = sum(map(self.is_kept, self.forms)) + len(self.untouched_children)
        limit = self.max_num if self.validate_max else self.absolute_max
        if self.claims_too_many or number > min(limit, self.absolute_max):
            raise ValidationError(self.error_messages["too_many_forms"] % {"num": self.max_num}, code="too_many_forms")
        if self.validate_min and number < self.min_num:
            raise ValidationError(self.error_messages["too_few_forms"] % {"num": self.min_num}, code="too_few_forms")

    @cached_property
    def untouched_children(self) -> list[Any]:
        """The children that no row stands for, and that stay as they are."""
        return [child for child in self._unmatched(self.matches) if is_pk_set(child)]

    @cached_property
    def dropped_children(self) -> list[Any]:
        """The children without key that no row stands for: they were in the page, and are no longer."""
        return [child for child in self._unmatched(self.matches) if not is_pk_set(child)]

    def is_valid(self) -> bool:
        """Return whether all rows, and the rows together, are without errors; those to be deleted do not count."""
        if not self.is_bound:
            return False
        self.errors  # noqa: B018 - cleans the formset
        verdicts = [form.is_valid() for form in self.forms if not self.is_deleted(form)]
        return all(verdicts) and not self.non_form_errors()
