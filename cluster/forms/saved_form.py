"""Saving a form of a cluster, and seeing what that would give."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from django.db import router, transaction

from cluster.forms.preview import preview
from cluster.forms.shown_form import ShownForm
from cluster.relations import ParentalField


def is_held(field: Any) -> bool:
    """Say whether a many-to-many kind of field keeps what it is given in memory until its instance is saved."""
    return isinstance(field, ParentalField) or bool(getattr(field, "_need_commit_after_assignment", False))


class SavedForm(ShownForm):
    """A form that applies its data and that of its formsets to one cluster."""

    def save(self, commit: bool = True) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        """Apply the form and its formsets to the cluster, and save it as one.

        Args:
            commit: Whether to write. If not, everything is held by the instance, whose ``save()`` writes it, and
                ``save_m2m()`` then writes the links that only the database can hold.

        Returns:
            The instance.

        Raises:
            ValueError: The form or something below it is not valid; nothing is written.
        """
        self._refuse_invalid()
        self.save_cluster_m2m()
        for formset in self.formsets.values():
            formset.save(commit=False)
        if commit:
            self._write()
        else:
            self.save_m2m = self._save_m2m
        return self.instance

    save.alters_data = True  # type: ignore[attr-defined]

    def _refuse_invalid(self) -> None:
        if self.errors or not self.is_valid():
            done = "created" if self.instance._state.adding else "changed"
            raise ValueError(
                f"The {self.instance._meta.object_name} could not be {done} because the data didn't validate."
            )

    def _write(self) -> None:
        using = router.db_for_write(type(self.instance), instance=self.instance)
        with transaction.atomic(using=using):
            self.instance.save()
            self._save_m2m()

    def preview(self) -> Any:
        """Return the cluster as saving the form would make it, in memory: a copy of the form's instance.

        Nothing is written, and neither the form nor its instance changes. Links that only the database can hold (those
        of a plain ``ManyToManyField``) are as they were.

        Raises:
            ValueError: The form or something below it is not valid.
        """
        return preview(self)

    def save_cluster_m2m(self) -> None:
        """Give the instance the many-to-many data that it holds in memory until it is saved."""
        for field in self._link_fields():
            if is_held(field):
                hold = getattr(field, "hold_form_data", field.save_form_data)
                hold(self.instance, self.cleaned_data[field.name])

    def _save_m2m(self) -> None:
        for field in self._link_fields():
            if not is_held(field):
                field.save_form_data(self.instance, self.cleaned_data[field.name])
        for formset in self.formsets.values():
            formset.save_m2m()

    def _link_fields(self) -> Iterator[Any]:
        """Yield the fields that Django's ``_save_m2m`` would save."""
        meta, options = self.instance._meta, self._meta
        fields: Iterator[Any] = chain(meta.many_to_many, meta.private_fields)
        for field in fields:
            chosen = not options.fields or field.name in options.fields
            left_out = options.exclude and field.name in options.exclude
            if hasattr(field, "save_form_data") and chosen and not left_out and field.name in self.cleaned_data:
                yield field
