"""Which field classes are Django's own: only of these is it known what their values are."""

from __future__ import annotations


def is_builtin(field_class: type) -> bool:
    """Whether a class is one of ``django.db.models``, and not one that a project derives from it."""
    return field_class.__module__.startswith("django.db.models.")
