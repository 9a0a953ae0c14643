"""The formsets of a cluster's form."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import prefetch_related_objects
from django.forms import BooleanField, HiddenInput, IntegerField
from django.forms.formsets import (
    DELETION_FIELD_NAME,
    INITIAL_FORM_COUNT,
    ORDERING_FIELD_NAME,
    TOTAL_FORM_COUNT,
)
from django.forms.models import BaseModelFormSet
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from cluster.forms.matching import (
    ABSENT,
    NEW,
    KeyReader,
    Match,
    RowKeyField,
    is_hidden_key,
    key_text,
    match_by_identity,
    match_keys,
)
from cluster.forms.place import Place
from cluster.forms.rendering import Rendered
from cluster.forms.row_validation import validate_beyond, validate_siblings
from cluster.queryset import FakeQuerySet

# The stubs leave out much of what Django's own subclasses use.
ModelFormSetBase: Any = BaseModelFormSet


def shown_relations(form_class: Any) -> list[str]:
    """Return the lookups of all to-many relations that a form shows, its own and those of the formsets below."""
    meta = form_class._meta.model._meta
    names = [field.name for field in meta.many_to_many if field.name in form_class.base_fields]
    for formset_class in form_class.formsets.values():
        accessor = formset_class.fk.remote_field.get_accessor_name()
        names += [accessor, *(f"{accessor}__{name}" for name in shown_relations(formset_class.form))]
    return names


class BaseTransientModelFormSet(Rendered, ModelFormSetBase):  # type: ignore[misc]
    """A model formset whose objects may be in memory only.

    Attributes:
        place: Where the formset is in the form of the whole cluster.
        use_required_attribute: Whether rows that must be filled say so to the browser.
    """

    place: Place
    use_required_attribute = False
    fk: ClassVar[Any] = None

    template_name_div = "cluster/forms/formsets/div.html"
    template_name_p = "cluster/forms/formsets/p.html"
    template_name_table = "cluster/forms/formsets/table.html"
    template_name_ul = "cluster/forms/formsets/ul.html"
    template_name = "cluster/forms/formsets/formset.html"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.place = Place.top(self.data, self.prefix)

    # Which rows there are

    @property
    def key_name(self) -> str:
        """The name of the field with a row's key."""
        return str(self.model._meta.pk.name)

    @cached_property
    def has_hidden_key(self) -> bool:
        """Whether a row's key is in a hidden field, being none that people type."""
        return self.key_name not in self.form.base_fields or is_hidden_key(self.model._meta.pk)

    def get_queryset(self) -> Any:
        """Return the children as they are now, held or of the database."""
        queryset: Any = self.queryset
        if isinstance(queryset, FakeQuerySet) or getattr(queryset, "_result_cache", None) is not None:
            return queryset
        return super().get_queryset()

    @cached_property
    def children(self) -> list[Any]:
        """The children that there are, as the submission found them; forms work on copies of these.

        Reads one query, and one for each relation that forms of the rows show, at any depth.
        """
        children = list(self.get_queryset())
        stored = [child for child in children if not child._state.adding]
        prefetch_related_objects(stored, *shown_relations(self.form))
        return children

    @cached_property
    def matches(self) -> list[Match]:
        """What each submitted row stands for."""
        texts = [self._submitted_key(index) for index in range(self.total_form_count())]
        matches = match_keys(texts, self.initial_form_count(), self.children, KeyReader(self.model))
        # Rows are made to look closer at them, and ask for their match while they are.
        self.__dict__["matches"] = matches
        self._match_by_identity(matches)
        self._match_unsaved(matches)
        return matches

    def _match_by_identity(self, matches: list[Match]) -> None:
        """Match rows without key by a natural key, or by what is unique within the parent."""
        left, ways = self._unmatched(matches), self.ways_to_match()
        if not left or not ways:
            return
        forms = {index: self._construct_form(index) for index, match in enumerate(matches) if match is NEW}
        filled = {index: form for index, form in forms.items() if form.has_changed()}
        for index, child in match_by_identity(filled, left, ways).items():
            matches[index] = Match(child)

    def _match_unsaved(self, matches: list[Match]) -> None:
        """Match rows that were shown for children without key to these in turn, if there are as many as were shown."""
        unsaved = [child for child in self._unmatched(matches) if not child._is_pk_set()]
        shown = [index for index in range(self.initial_form_count()) if matches[index] is NEW]
        if len(shown) == len(unsaved):
            for index, child in zip(shown, unsaved, strict=True):
                matches[index] = Match(child)

    def _unmatched(self, matches: list[Match]) -> list[Any]:
        matched = {id(match.child) for match in matches}
        return [child for child in self.children if id(child) not in matched]

    def ways_to_match(self) -> list[tuple[Any, ...]]:
        """Return the sets of fields by which a row without key is found among the children."""
        return []

    def _submitted_key(self, index: int) -> Any:
        name = f"{self.add_prefix(index)}-{self.key_name}"
        text = self.data.get(name, ABSENT)
        return text if self.has_hidden_key or text is not ABSENT else None

    def _match_at(self, index: int | None) -> Match:
        if index is None:
            return NEW
        if self.is_bound:
            return self.matches[index]
        return Match(self.children[index]) if index < len(self.children) else NEW

    def initial_form_count(self) -> int:
        """Return how many rows stand for children: as shown, or as the submission claims, which decides little."""
        if not self.is_bound:
            return len(self.children)
        claimed: int = self.management_form.cleaned_data[INITIAL_FORM_COUNT]
        return max(0, min(claimed, self.total_form_count()))

    def total_form_count(self) -> int:
        """Return the number of rows; there is one for every initial value given."""
        total: int = super().total_form_count()
        if not self.is_bound and self.initial_extra:
            total = max(total, self.initial_form_count() + len(self.initial_extra))
        return max(0, total)

    @property
    def initial_forms(self) -> list[Any]:
        """The rows that stand for children."""
        return [form for index, form in enumerate(self.forms) if self._match_at(index).child is not None]

    @property
    def extra_forms(self) -> list[Any]:
        """The rows for new children."""
        return [form for index, form in enumerate(self.forms) if self._match_at(index).child is None]

    # Making forms

    def _construct_form(self, i: int, **kwargs: Any) -> Any:
        match = self._match_at(i)
        defaults = self._form_defaults(self.add_prefix(i))
        if self.is_bound:
            defaults |= {"data": self.data, "files": self.files}
        if match.child is not None:
            defaults["instance"] = copy.copy(match.child)
        else:
            defaults |= self._new_row_defaults(i)
        return self._new_form({**defaults, **kwargs}, i)

    def _form_defaults(self, prefix: str) -> dict[str, Any]:
        return {
            "auto_id": self.auto_id,
            "prefix": prefix,
            "error_class": self.error_class,
            "use_required_attribute": self.use_required_attribute,
            "renderer": self.form_renderer,
        }

    def _new_row_defaults(self, index: int) -> dict[str, Any]:
        shown = self.initial_form_count()
        given = self.initial_extra[index - shown : index - shown + 1] if self.initial_extra and index >= shown else ()
        defaults: dict[str, Any] = {"initial": given[0]} if given else {}
        if index >= shown and index >= self.min_num:
            defaults |= {"empty_permitted": True, "use_required_attribute": False}
        return defaults

    def _new_form(self, arguments: dict[str, Any], index: int | None) -> Any:
        form: Any = self.form.__new__(self.form)
        # Set before the form's own __init__(), which takes shared fields and makes the formsets of the row.
        form.place = self.place.of_rows(self)
        form.match = self._match_at(index)
        form.row_number = None if index is None else index + 1
        form.__init__(**arguments)
        self.add_fields(form, index)
        return form

    @property
    def empty_form(self) -> Any:
        """A row without number, for scripts to make new rows of: its prefix ends in ``__prefix__``."""
        arguments = self._form_defaults(self.add_prefix("__prefix__"))
        arguments |= {"empty_permitted": True, "use_required_attribute": False, **self.get_form_kwargs(None)}
        return self._new_form(arguments, None)

    def add_fields(self, form: Any, index: int | None) -> None:
        """Add the fields of the key, the order and the deletion to a row."""
        match = form.match
        if self.has_hidden_key:
            widget = (form._meta.widgets or {}).get(self.key_name, HiddenInput)
            initial = None if match.child is None else key_text(match.child)
            form.fields[self.key_name] = RowKeyField(match, initial=initial, widget=widget)
        if self.can_order:
            position = None if match.child is None or index is None else index + 1
            form.fields[ORDERING_FIELD_NAME] = IntegerField(
                label=_("Order"), initial=position, required=False, widget=self.get_ordering_widget()
            )
        if self.can_delete and (self.can_delete_extra or match.child is not None):
            form.fields[DELETION_FIELD_NAME] = BooleanField(
                label=_("Delete"), required=False, widget=self.get_deletion_widget()
            )

    # Validation

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
        submitted = self.management_form.cleaned_data[TOTAL_FORM_COUNT]
        if (self.validate_max and number > self.max_num) or max(submitted, number) > self.absolute_max:
            raise ValidationError(self.error_messages["too_many_forms"] % {"num": self.max_num}, code="too_many_forms")
        if self.validate_min and number < self.min_num:
            raise ValidationError(self.error_messages["too_few_forms"] % {"num": self.min_num}, code="too_few_forms")

    @cached_property
    def untouched_children(self) -> list[Any]:
        """The children that no row stands for, and that stay as they are."""
        return [child for child in self._unmatched(self.matches) if child._is_pk_set()]

    @cached_property
    def dropped_children(self) -> list[Any]:
        """The children without key that no row stands for: they were in the page, and are no longer."""
        return [child for child in self._unmatched(self.matches) if not child._is_pk_set()]

    def is_valid(self) -> bool:
        """Return whether all rows, and the rows together, are without errors; those to be deleted do not count."""
        if not self.is_bound:
            return False
        self.errors  # noqa: B018 - cleans the formset
        verdicts = [form.is_valid() for form in self.forms if not self.is_deleted(form)]
        return all(verdicts) and not self.non_form_errors()

    # Rendering

    @property
    def label(self) -> str:
        """The heading of the formset."""
        return capfirst(str(self.model._meta.verbose_name_plural))

    @property
    def html_id(self) -> str | None:
        """The ``id`` of the element around the formset."""
        return f"{self.auto_id % self.prefix}_set" if self.auto_id and "%s" in str(self.auto_id) else None

    @property
    def shown_errors(self) -> Any:
        """The errors that concern no single row, without those that the form above shows already."""
        errors = self.non_form_errors()
        if self.place.is_top or self.management_problem() is None:
            return errors
        return self.error_class(error_class="nonform", renderer=self.renderer)

    @property
    def errors_html_id(self) -> str | None:
        """The ``id`` of the list of errors that concern no single row; ``None`` while there is none."""
        return f"{self.html_id}_error" if self.html_id and self.shown_errors else None

    # Saving

    def save(self, commit: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - Django's signature
        """Save the rows as Django does.

        Raises:
            ValueError: The formset is not valid; nothing is changed.
        """
        if not self.is_valid():
            raise ValueError(
                f"The {self.model._meta.object_name} formset could not be saved because the data didn't validate."
            )
        saved: list[Any] = super().save(commit=commit)
        return saved

    save.alters_data = True  # type: ignore[attr-defined]

    def save_existing_objects(self, commit: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - Django's signature
        """Save the rows that stand for children of the database."""
        self.new_objects: list[Any] = []
        self.changed_objects: list[tuple[Any, list[str]]] = []
        self.deleted_objects: list[Any] = []
        saved = []
        for form in self.initial_forms:
            child = form.instance
            if child._state.adding:
                continue
            if self.is_deleted(form):
                self.deleted_objects.append(child)
                self.delete_existing(child, commit=commit)
            elif form.has_changed():
                self.changed_objects.append((child, form.changed_data))
                saved.append(self.save_existing(form, child, commit=commit))
                self._note_saved(form, commit=commit)
        return saved

    def save_new_objects(self, commit: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - Django's signature
        """Save the rows for new children, and for those that were never saved."""
        for form in self.forms:
            if form.instance._state.adding and form.has_changed() and not self.is_deleted(form):
                self.new_objects.append(self.save_new(form, commit=commit))
                self._note_saved(form, commit=commit)
        return self.new_objects

    def _note_saved(self, form: Any, *, commit: bool) -> None:
        if not commit:
            self.saved_forms.append(form)
