"""What is unique in a model, alone or together, and conditions on several columns at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connections
from django.db.models import Model, Q, UniqueConstraint

# SQLite refuses expressions that are nested deeper than 1000, and each alternative nests the others.
MOST_ALTERNATIVES = 400
STRUCTURED = frozenset({"ArrayField", "HStoreField", "JSONField"})


def unique_names(model: type[Model]) -> Iterator[tuple[str, ...]]:
    """Yield the names of fields of a model's own table that are unique, alone or together, the key apart."""
    for field in model._meta.local_concrete_fields:
        if field.unique and not field.primary_key:
            yield (field.name,)
    # Django's checks let no field of a parent's table in here.
    yield from map(tuple, model._meta.unique_together)
    for constraint in model._meta.constraints:
        if isinstance(constraint, UniqueConstraint) and constraint.fields and constraint.condition is None:
            yield tuple(constraint.fields)


def telling_names(model: type[Model]) -> Iterator[tuple[str, ...]]:
    """Yield the names of unique fields by which rows can be looked up."""
    for names in unique_names(model):
        if not any(is_structured(model._meta.get_field(name)) for name in names):
            yield names


def is_structured(field: Any) -> bool:
    """Whether a field holds lists or mappings, which the databases compare each in its own way."""
    return field.get_internal_type() in STRUCTURED


def unique_attnames(model: type[Model]) -> set[str]:
    """Return the attnames of all fields that take part in something unique, conditional or not, the key apart."""
    names = {name for names in unique_names(model) for name in names}
    for constraint in model._meta.constraints:
        if isinstance(constraint, UniqueConstraint):
            names.update(constraint.fields)
            if constraint.expressions or constraint.condition is not None:
                names.update(field.name for field in model._meta.local_concrete_fields)
    return {model._meta.get_field(name).attname for name in names}  # type: ignore[union-attr]


def any_of(names: Sequence[str], values: Sequence[tuple[Any, ...]]) -> Q:
    """Return the condition that some columns together have one of some rows of values."""
    if len(names) == 1:
        return Q(**{f"{names[0]}__in": [one for (one,) in values]})
    condition = Q()
    for row in values:
        condition |= Q(**dict(zip(names, row, strict=True)))
    return condition


def rows_per_statement(using: str, size: int, width: int) -> int:
    """Return how many rows of values fit into the condition of one statement."""
    limit = connections[using].features.max_query_params
    fitting = size if not limit else min(size, (limit - 10) // width)
    return max(1, fitting if width == 1 else min(fitting, MOST_ALTERNATIVES))
