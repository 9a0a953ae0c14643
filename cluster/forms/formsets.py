"""The formsets of a cluster's form."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

from django.forms import BooleanField, HiddenInput, IntegerField
from django.forms.formsets import DELETION_FIELD_NAME, ORDERING_FIELD_NAME
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from cluster.forms.checked_rows import CheckedRows
from cluster.forms.matching import RowKeyField, key_text
from cluster.forms.place import Place
from cluster.forms.rendering import Rendered


class BaseTransientModelFormSet(Rendered, CheckedRows):
    """A model formset whose objects may be in memory only.

    Attributes:
        use_required_attribute: Whether rows that must be filled say so to the browser.
    """

    use_required_attribute = False
    fk: ClassVar[Any] = None
    instance: Any = None

    template_name_div = "cluster/forms/formsets/div.html"
    template_name_p = "cluster/forms/formsets/p.html"
    template_name_table = "cluster/forms/formsets/table.html"
    template_name_ul = "cluster/forms/formsets/ul.html"
    template_name = "cluster/forms/formsets/formset.html"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.place = Place.top(self.data, self.prefix, self.instance)

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
        self.saved_children: dict[int, Any] = {}
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
                saved.append(self._note_saved(form, self.save_existing(form, child, commit=commit), commit=commit))
        return saved

    def save_new_objects(self, commit: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - Django's signature
        """Save the rows for new children, and for those that were never saved."""
        for form in self.forms:
            if form.instance._state.adding and form.has_changed() and not self.is_deleted(form):
                new = self.save_new(form, commit=commit)
                self.new_objects.append(self._note_saved(form, new, commit=commit))
        return self.new_objects

    def _note_saved(self, form: Any, child: Any, *, commit: bool) -> Any:
        """Keep what was made of a row: a class of one's own may return another object than the form's instance."""
        self.saved_children[id(form)] = child
        if not commit:
            self.saved_forms.append(form)
        return child
