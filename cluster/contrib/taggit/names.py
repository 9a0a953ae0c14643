"""When two tags are the same tag, before and after they have rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db.models import Q

# Below the number of parameters and of OR-ed terms that any backend takes in one statement.
CHUNK = 400


def folded(name: str) -> str:
    """Return what is compared of a tag's name; the setting ``TAGGIT_CASE_INSENSITIVE`` decides."""
    return name.casefold() if is_case_insensitive() else name


def is_case_insensitive() -> bool:
    """Whether tags whose names differ in case alone are one tag."""
    return bool(getattr(settings, "TAGGIT_CASE_INSENSITIVE", False))


def stored_tags(tag_model: Any, names: Iterable[str], *, using: str) -> dict[str, Any]:
    """Return the tags that have rows, by folded name: one query for up to 400 names.

    Of several rows whose names differ in case alone the first is taken, as taggit does.
    """
    wanted = sorted(set(names))
    found: dict[str, Any] = {}
    for start in range(0, len(wanted), CHUNK):
        condition = _named(wanted[start : start + CHUNK])
        for tag in tag_model._default_manager.using(using).filter(condition).order_by("pk"):
            found.setdefault(folded(tag.name), tag)
    return found


def _named(names: list[str]) -> Q:
    if not is_case_insensitive():
        return Q(name__in=names)
    condition = Q()
    for name in names:
        condition |= Q(name__iexact=name)
    return condition
