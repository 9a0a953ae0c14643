"""Targets of foreign keys that are known by a name while they have no key, as Django's fixtures name them.

A class says by ``natural_key_fields`` which of its fields tell its rows apart, as django-taggit's tags do.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db.models import ForeignKey, Model

from cluster.relations.describe import ParentalField


def natural_fields(model: Any) -> tuple[Any, ...]:
    """Return the fields by whose values an unsaved object of a model is named; none where it cannot be.

    A child of a cluster cannot: it is known by its place, and another of the same name may be elsewhere.
    """
    names = getattr(model, "natural_key_fields", ())
    known = {field.name: field for field in model._meta.concrete_fields}
    fields = tuple(known[name] for name in names if name in known and not known[name].is_relation)
    is_child = any(isinstance(field, ParentalField) for field in known.values())
    return () if is_child or len(fields) != len(names) else fields


def takes_names(field: Any) -> bool:
    """Whether a field is a foreign key whose target can be named."""
    return (
        isinstance(field, ForeignKey)
        and not isinstance(field, ParentalField)
        and not field.primary_key
        and bool(natural_fields(field.related_model))
    )


@cache
def keys_by_name(model: type[Model]) -> tuple[Any, ...]:
    """Return the foreign keys of a model whose targets can be named."""
    return tuple(field for field in model._meta.concrete_fields if takes_names(field))


def natural_key_of(target: Model) -> tuple[Any, ...] | None:
    """Return the values that name an object; ``None`` where it cannot be named, or a value is missing."""
    values = tuple(getattr(target, field.attname) for field in natural_fields(type(target)))
    return None if not values or any(value is None for value in values) else values
