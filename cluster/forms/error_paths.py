"""The errors of a cluster's form by path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS


def errors_by_path(form: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and the list of errors of everything that is wrong in a form and below it."""
    form.is_valid()
    for name, errors in form.errors.items():
        yield f"{path}{name}", errors
    if not form.is_bound or form.is_blank:
        return
    for name, formset in form.formsets.items():
        if formset.shown_errors:
            yield f"{path}{name}.{NON_FIELD_ERRORS}", formset.shown_errors
        for index, row in enumerate(formset.forms):
            if not formset.is_deleted(row):
                yield from errors_by_path(row, f"{path}{name}[{index}].")
