"""What ``update_fields`` names: fields of the root, and relations."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Model

from cluster.relations import relations_of


def split_names(instance: Model, names: Iterable[str] | None) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    """Return the names of fields and those of relations among ``update_fields``; ``None`` for all.

    Raises:
        ValueError: A name is neither.
    """
    if names is None:
        return None, None
    given, relations = frozenset(names), relations_of(type(instance))
    fields = given.difference(relations)
    unknown = fields.difference(instance._meta._non_pk_concrete_field_names)  # type: ignore[attr-defined]
    if unknown:
        # Django's own words.
        raise ValueError(
            "The following fields do not exist in this model, are m2m fields, primary keys, or are non-concrete "
            f"fields: {', '.join(sorted(unknown))}"
        )
    return fields, given.intersection(relations)
