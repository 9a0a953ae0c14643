"""What a cluster would be if its form were saved."""

from __future__ import annotations

import copy
from typing import Any


def preview(form: Any) -> Any:
    """Return an unsaved copy of the form's cluster with the submitted data applied; see ``ClusterForm.preview``."""
    twin = twin_of(form, copy.copy(form.instance))
    return twin.save(commit=False)


def twin_of(form: Any, instance: Any) -> Any:
    """Return a form like ``form`` that was not cleaned yet, for another instance; whatever else it has is shared."""
    twin = _uncleaned(form, {"changed_data", "_changed_formsets", "_is_broken_beyond", "cleaned_data", "save_m2m"})
    twin.instance = instance
    twin.fields = copy.deepcopy(form.fields)
    twin._bound_fields_cache = {}
    twin.formsets = {name: _twin_formset(formset, instance) for name, formset in form.formsets.items()}
    return twin


def _twin_formset(formset: Any, instance: Any) -> Any:
    twin = _uncleaned(formset, {"forms", "matches", "children", "untouched_children", "dropped_children", "_queryset"})
    twin._non_form_errors = None
    twin.take_instance(instance)
    return twin


def _uncleaned(original: Any, found_out: set[str]) -> Any:
    twin = copy.copy(original)
    for name in found_out & set(twin.__dict__):
        del twin.__dict__[name]
    twin._errors = None
    return twin
