"""What check constraints say of rows that are not written yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import FieldError
from django.db import NotSupportedError
from django.db.models import BooleanField, CheckConstraint, ExpressionWrapper, Model, Q

from cluster.queryset import FakeQuerySet


def verdicts(model: type[Model], constraint: Any, instances: list[Model]) -> list[bool | None] | None:
    """Return for each instance whether a check holds, ``None`` being SQL's unknown; ``None`` if memory cannot tell."""
    condition = ExpressionWrapper(constraint.condition, output_field=BooleanField())
    try:
        rows = FakeQuerySet(model, instances).annotate(_verdict=condition)
        return list(rows.values_list("_verdict", flat=True))
    except (NotSupportedError, FieldError, TypeError, ValueError):
        return None


def checks_of(model: type[Model]) -> Iterable[tuple[Any, set[str]]]:
    """Return the check constraints of a model and its multi-table parents, with the names of their fields."""
    for each in (model, *model._meta.all_parents):
        for constraint in each._meta.constraints:
            if type(constraint) is CheckConstraint:
                yield constraint, Q(constraint.condition).referenced_base_fields


def may_be_stored(model: type[Model], values: dict[str, Any], changed: Any) -> bool:
    """Whether no check forbids a row, as far as it is known, for the value that one field has in it.

    Args:
        model: The model.
        values: The values of the row by attname.
        changed: The field.
    """
    names = [each.attname for each in model._meta.concrete_fields if each.attname in values]
    known = {each.name for each in model._meta.concrete_fields if each.attname in values}
    for constraint, needed in checks_of(model):
        if changed.name in needed and needed <= known:
            row = model.from_db(None, names, [values[name] for name in names])
            found = verdicts(model, constraint, [row])
            # NULL is neither true nor false, and passes, as in SQL.
            if found is not None and found[0] is False:
                return False
    return True
