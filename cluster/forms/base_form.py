"""What every form of a cluster does, the root and the rows of formsets alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model
from django.forms.models import construct_instance
from django.forms.renderers import get_default_renderer
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from cluster.forms.choices import is_shared
from cluster.forms.error_paths import errors_by_path
from cluster.forms.matching import NEW, Match
from cluster.forms.place import Place
from cluster.forms.row_validation import validate_beyond
from cluster.forms.saved_form import SavedForm
from cluster.forms.storable import can_be_stored
from cluster.saving.ways import overrides


class BaseClusterForm(SavedForm):
    """A model form with formsets below it.

    Stands between a form's own class and Django's ``BaseModelForm``, so that a plain ``ModelForm`` becomes a row of a
    cluster's form with all that its class overrides.

    Attributes:
        formsets: On an instance the formsets by name, on a class their classes. Names may be deleted: what is not here
            is neither shown, nor validated, nor saved.
        place: Where the form is in the form of the whole cluster.
        match: What a row stands for.
    """

    place: Place | None = None
    match: Match = NEW

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if self.place is None:
            data = args[0] if args else kwargs.get("data")
            self.place = Place.top(data or {}, kwargs.get("prefix") or self.prefix, kwargs.get("instance"))
        pool, pattern = self.place.pool, self.place.pattern
        self.base_fields = pool.fields_for(type(self), pattern, is_row=self.is_row)
        super().__init__(*args, **kwargs)
        self._compare_with_the_instance()
        made = {name: self._make_formset(name, cls, kwargs) for name, cls in type(self).formsets.items()}
        self.formsets: dict[str, Any] = made  # type: ignore[misc]

    def _make_formset(self, name: str, formset_class: type[Any], kwargs: dict[str, Any]) -> Any:
        assert self.place is not None
        prefix = self.add_prefix(name)
        formset = formset_class(
            data=self.data if self.is_bound else None,
            files=self.files if self.is_bound else None,
            instance=self.instance,
            prefix=prefix,
            auto_id=self.auto_id,
            error_class=self.error_class,
            # A field of the same name has an initial value of its own there.
            initial=None if name in self.fields else self.initial.get(name),
            form_kwargs=self._inherited(formset_class, kwargs),
        )
        formset.place = self.place.of_formset(prefix, name)
        formset.use_required_attribute = bool(kwargs.get("use_required_attribute"))
        if formset.form_renderer is None and self.renderer is not get_default_renderer():
            formset.form_renderer = formset.renderer = self.renderer
        return formset

    def _inherited(self, formset_class: type[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the keyword arguments that the rows of a formset take over from this form."""
        inherited = {name: getattr(self, name) for name in formset_class.inherit_kwargs or ()}
        if kwargs.get("label_suffix") is not None:
            inherited.setdefault("label_suffix", kwargs["label_suffix"])
        return inherited

    # Changes

    def _compare_with_the_instance(self) -> None:
        """Judge by the stored value what changed in fields that are not submitted with what was shown.

        Browsers send that for fields whose default is a callable; documents and other clients do not, and a value
        that they clear would not be seen to change.
        """
        is_new = self.instance._state.adding and self.match.child is None
        if not self.is_bound or is_new:
            return
        for name, field in self.fields.items():
            if field.show_hidden_initial:
                shown = self.add_initial_prefix(name)
                widget = field.hidden_widget()
                field.show_hidden_initial = not widget.value_omitted_from_data(self.data, self.files, shown)

    @cached_property
    def changed_data(self) -> list[str]:
        """The names of the fields whose data differ from what was shown; at the top also those of formsets.

        Of a row these are its own fields alone: the classes of rows judge by them who changed what of the child itself.
        """
        own: list[str] = super().changed_data
        return own if self.is_row else [*own, *self._changed_formsets]

    @cached_property
    def _changed_formsets(self) -> list[str]:
        return [name for name, formset in self.formsets.items() if formset.has_changed()]

    def has_changed(self) -> bool:
        """Return whether the data of the form, or of a formset below it, differ from what was shown."""
        return bool(self.changed_data or self._changed_formsets)

    # Validation

    @property
    def is_row(self) -> bool:
        """Whether the form is a row of a formset, which then checks uniqueness and constraints for all its rows."""
        return self.place is not None and self.place.formset is not None

    @property
    def is_blank(self) -> bool:
        """Whether the form is a submitted row for a new child in which nothing was filled."""
        return self.is_row and self.is_bound and self.match.child is None and not self.has_changed()

    def full_clean(self) -> None:
        """Clean the form's own data, and find out whether the formsets can be read at all."""
        super().full_clean()
        for problem in getattr(self.data, "problems", ()) if self.is_bound and not self.is_row else ():
            self.add_error(None, ValidationError(problem, code="invalid_document"))
        if not self.is_bound or self.is_blank:
            return
        for formset in self.formsets.values():
            problem = formset.management_problem()
            if problem is not None:
                self.add_error(None, problem)

    def is_valid(self) -> bool:
        """Return whether the form and all formsets below it are without errors."""
        own: bool = super().is_valid()
        if not self.is_bound or self.is_blank:
            return own
        below = [formset.is_valid() for formset in self.formsets.values()]
        return bool(all(below) and own and not self._is_broken_beyond)

    @cached_property
    def _is_broken_beyond(self) -> bool:
        """Whether rows collide with rows of the database or of other formsets; found out once, at the top."""
        if self.place is None or not self.place.is_top:
            return False
        return validate_beyond(each for formset in self.formsets.values() for each in formset.all_formsets())

    @property
    def cluster_errors(self) -> dict[str, Any]:
        """All errors of the form and of everything below it by path, such as ``albums[2].songs[0].title``.

        What concerns no single field is under ``__all__`` at the end of the path of a form or formset.
        """
        return dict(errors_by_path(self))

    def total_error_count(self) -> int:
        """Return the number of errors of the form and of everything below it."""
        return sum(len(errors) for errors in self.cluster_errors.values())

    def _clean_fields(self) -> None:
        """Refuse also what no database can have or be asked for."""
        super()._clean_fields()
        for name, value in list(self.cleaned_data.items()):
            if not can_be_stored(value):
                self.add_error(name, ValidationError(_("Enter a valid value."), code="invalid"))

    def _post_clean(self) -> None:
        self._fill_defaults()
        if not self.is_row:
            super()._post_clean()
            return
        # As Django's, but for what its rows would ask the database one by one: the formset checks that for all of them.
        hidden = self._hidden_key_names()
        exclude = self._get_validation_exclusions() | set(self._known_targets())
        try:
            without = [*(self._meta.exclude or ()), *hidden]
            self.instance = construct_instance(self, self.instance, self._meta.fields, without)
        except ValidationError as error:
            self._update_errors(error)
        try:
            self.instance.full_clean(exclude=exclude, validate_unique=False, validate_constraints=False)
        except ValidationError as error:
            self._update_errors(error)
        if self._validate_unique:
            self.validate_unique()
        # Django before 6.1 validates constraints with the fields, and always.
        if getattr(self, "_validate_constraints", True):
            self.validate_constraints()

    def _fill_defaults(self) -> None:
        """Give the default for what was emptied in a column that is not nullable, which Django leaves to the database.

        Such is a ``JSONField(blank=True, default=dict)``: Django's forms make ``None`` of an empty text for it.
        """
        for field in self.instance._meta.concrete_fields:
            is_plain = not (field.null or field.is_relation or field.primary_key)
            if is_plain and field.has_default() and self.cleaned_data.get(field.name, field) is None:
                self.cleaned_data[field.name] = field.get_default()

    def _hidden_key_names(self) -> list[str]:
        assert self.place is not None
        return [self.place.formset.key_name] if self.place.formset.has_hidden_key else []

    def _known_targets(self) -> Iterator[str]:
        """Yield the foreign keys of which it is known that their target is there and may be chosen."""
        for field in self.instance._meta.concrete_fields:
            form_field = self.fields.get(field.name)
            if field.many_to_one and is_shared(form_field) and isinstance(self.cleaned_data.get(field.name), Model):
                custom = field.remote_field.model._meta.base_manager_name or field.validators
                if not custom and field.name not in self.declared_fields:
                    yield field.name

    def validate_unique(self) -> None:
        """Check the uniqueness of the form's own instance; of a row, the formset does, unless its class does itself."""
        if not self.is_row or overrides(self.instance.__class__, "validate_unique"):
            super().validate_unique()

    def validate_constraints(self) -> None:
        """Check the constraints of the form's own instance; of a row, the formset does, unless its class does."""
        if not self.is_row:
            super().validate_constraints()
        elif overrides(self.instance.__class__, "validate_constraints"):
            try:
                self.instance.validate_constraints(exclude=self._get_validation_exclusions())
            except ValidationError as error:
                self._update_errors(error)
