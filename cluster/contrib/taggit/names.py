"""When two tags are the same tag, before and after they have rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Lower

# Twice this is below the number of parameters that any backend takes in one statement.
CHUNK = 400


def folded(name: str) -> str:
    """Return what is compared of a tag's name; the setting ``TAGGIT_CASE_INSENSITIVE`` decides."""
    return name.casefold() if is_case_insensitive() else name


def is_case_insensitive() -> bool:
    """Whether tags whose names differ in case alone are one tag."""
    return bool(getattr(settings, "TAGGIT_CASE_INSENSITIVE", False))


def give_slug(tag: Any) -> None:
    """Give an unsaved tag the slug that it will be saved with, unless that is taken by then."""
    if tag._state.adding and not tag.slug and tag.name:
        tag.slug = tag.slugify(tag.name)


def stored_tags(tag_model: Any, names: Iterable[str], *, using: str) -> dict[str, Any]:
    """Return the tags that have rows, by folded name: one query for up to 400 names.

    Of several rows whose names differ in case alone the first is taken, as taggit does.
    """
    wanted = sorted(set(names))
    found: dict[str, Any] = {}
    for start in range(0, len(wanted), CHUNK):
        for tag in tags_named(tag_model._default_manager.using(using), wanted[start : start + CHUNK]).order_by("pk"):
            found.setdefault(folded(tag.name), tag)
    return found


def tags_named(tags: Any, names: Sequence[str]) -> Any:
    """Return of a queryset of tags those with these names, in whatever case where the setting says so."""
    if not is_case_insensitive():
        return tags.filter(name__in=names)
    # Not ``iexact``, which follows the collation on MariaDB, and is a condition for each name.
    lowered = {name.lower() for name in names}
    return tags.alias(lowered=Lower("name")).filter(Q(lowered__in=lowered) | Q(name__in=names))
