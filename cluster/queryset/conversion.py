"""Values as the database backend would give them back."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models.expressions import Col, ColPairs
from django.db.models.functions.datetime import TruncBase

from cluster.errors import NotInMemoryError
from cluster.queryset.columns import concrete_target, prepared_value
from cluster.queryset.meanings.json_values import to_python

Converter = Callable[[Any], Any]


def converter(expression: Any, connection: Any) -> Converter | None:
    """Return the function that converts the values of an expression for the caller, or ``None`` where none is needed.

    Args:
        expression: A resolved expression.
        connection: The connection whose conversions are followed.
    """
    if isinstance(expression, ColPairs):
        return None
    # Raises where Django cannot tell the type of what is selected.
    field = expression.output_field
    own = getattr(concrete_target(field), "from_db_value", None)
    if own is not None and not own.__module__.startswith("django."):
        return _from_database(own, expression, connection)
    if isinstance(expression, TruncBase):
        return _trunc_converter(expression, connection)
    if isinstance(expression, Col):
        return to_python if isinstance(field, models.JSONField) else None
    return _kind_converter(field)


def _trunc_converter(expression: Any, connection: Any) -> Converter:
    """Return Django's own conversion, which gives the wall clock of a truncated moment its zone."""

    def convert(value: Any) -> Any:
        return expression.convert_value(value, expression, connection)

    return convert


def _from_database(own: Any, expression: Any, connection: Any) -> Converter:
    def convert(value: Any) -> Any:
        return own(value, expression, connection)

    return convert


def _kind_converter(field: Any) -> Converter | None:
    target = concrete_target(field)
    if isinstance(target, models.DecimalField):
        return _to_decimal
    if isinstance(target, models.FloatField):
        return _to_float
    if isinstance(target, models.BooleanField):
        return bool
    if isinstance(target, models.IntegerField):
        return _to_integer
    if isinstance(target, models.DateTimeField):
        return _datetime_converter(target)
    if isinstance(target, models.JSONField):
        return _json_converter(target)
    return None


def _json_converter(field: Any) -> Converter:
    """Return the conversion of JSON made by expressions: a JSON null is ``None``, and the field's decoder is used."""

    def convert(value: Any) -> Any:
        value = to_python(value)
        return value if field.decoder is None else json.loads(json.dumps(value, cls=field.encoder), cls=field.decoder)

    return convert


def _to_integer(value: Any) -> Any:
    return int(value) if isinstance(value, (bool, float, Decimal)) else value


def _to_float(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise _refusal(value, "float") from error


def _to_decimal(value: Any) -> Any:
    try:
        return value if isinstance(value, Decimal) else Decimal(value)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise _refusal(value, "decimal") from error


def _refusal(value: Any, kind: str) -> NotInMemoryError:
    return NotInMemoryError(
        f"Cannot read {value!r} as a {kind} in memory: what the expression gives is not of the type of its "
        "output_field. Cast it instead."
    )


def _datetime_converter(field: Any) -> Converter:
    def convert(value: Any) -> Any:
        # A date plus a duration has no zone: PostgreSQL gives a timestamp without one.
        return prepared_value(value, field) if getattr(value, "tzinfo", None) is not None else value

    return convert
