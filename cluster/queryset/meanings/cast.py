"""``Cast`` as PostgreSQL casts: fractions are rounded, text must read as the type, ranges hold."""

from __future__ import annotations

import datetime
import json
import math
import re
import uuid
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import DataError
from django.db.models import Field, IntegerField
from django.db.models import functions as db

from cluster.errors import NotInMemoryError
from cluster.queryset.columns import concrete_target
from cluster.queryset.meanings.casting import as_text
from cluster.queryset.meanings.json_values import JSON_NULL, JsonNullType, from_python
from cluster.queryset.meanings.numbers import EXACT, bits_of, check_range, exact, unsigned_zero
from cluster.queryset.registry import Evaluator, compiles

if TYPE_CHECKING:
    from cluster.queryset.compiling import Compiler
    from cluster.queryset.rows import Row

Caster = Callable[[Any, Any, Any], Any]

_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*")
_NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")


class CastEvaluator:
    """Turns the values of one field's type into those of another's."""

    __slots__ = ("caster", "from_field", "source", "to_field")

    def __init__(self, expression: Any, compiler: Compiler) -> None:
        (source,) = expression.get_source_expressions()
        self.source = compiler.compile(source)
        self.from_field = concrete_target(source.output_field)
        self.to_field = concrete_target(expression.output_field)
        self.caster = _caster(self.to_field)

    def __call__(self, row: Row) -> Any:
        value = self.source(row)
        return None if value is None else self.caster(value, self.from_field, self.to_field)


def _caster(field: Field[Any, Any]) -> Caster:
    kind = field.get_internal_type()
    if isinstance(field, IntegerField):
        return _to_integer
    caster = _CASTERS.get(kind)
    if caster is None:
        raise NotInMemoryError(f"Cannot cast to a {type(field).__name__} in memory: the databases disagree on it.")
    return caster


def refused(value: Any, field: Any) -> NotInMemoryError:
    """Return the refusal of a cast on which the databases disagree."""
    return NotInMemoryError(
        f"Cannot cast {value!r} to a {type(field).__name__} in memory: the databases disagree on it."
    )


def invalid(value: Any, field: Any) -> DataError:
    """Return the error of PostgreSQL for a text that does not read as a type."""
    return DataError(f"invalid input syntax for type {field.get_internal_type()}: {value!r}")


def _to_text(value: Any, source: Any, target: Any) -> Any:
    text = as_text(value, source)
    return text if target.max_length is None else text[: target.max_length]


def _to_integer(value: Any, source: Any, target: Any) -> Any:
    number = _integer(value, target)
    check_range(number, bits_of(target))
    return number


def _integer(value: Any, target: Any) -> int:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return round(value)
    if isinstance(value, Decimal):
        return int(value.to_integral_value(ROUND_HALF_UP))
    if not isinstance(value, str):
        raise refused(value, target)
    if _INTEGER.fullmatch(value) is None:
        raise invalid(value, target)
    return int(value)


def _to_float(value: Any, source: Any, target: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        raise refused(value, target)
    if isinstance(value, str) and _NUMBER.fullmatch(value) is None:
        raise invalid(value, target)
    return float(value)


def _to_decimal(value: Any, source: Any, target: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        raise refused(value, target)
    if isinstance(value, str) and _NUMBER.fullmatch(value) is None:
        raise invalid(value, target)
    number = Decimal(exact(value))
    if target.decimal_places is None or target.max_digits is None:
        return number
    number = unsigned_zero(number.quantize(Decimal(1).scaleb(-target.decimal_places), ROUND_HALF_UP, EXACT))
    if number and number.adjusted() >= target.max_digits - target.decimal_places:
        raise DataError("numeric field overflow")
    return number


def _to_boolean(value: Any, source: Any, target: Any) -> Any:
    if not isinstance(value, int):
        raise refused(value, target)
    return bool(value)


def _to_date(value: Any, source: Any, target: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return _in_utc(value).date()
    if isinstance(value, datetime.date):
        return value
    return _parsed(datetime.date.fromisoformat, value, target)


def _to_datetime(value: Any, source: Any, target: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value
    if isinstance(value, datetime.date):
        return datetime.datetime.combine(value, datetime.time(), datetime.UTC if settings.USE_TZ else None)
    raise refused(value, target)


def _to_time(value: Any, source: Any, target: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return _in_utc(value).time()
    if isinstance(value, datetime.time):
        return value
    raise refused(value, target)


def _in_utc(value: datetime.datetime) -> datetime.datetime:
    return value.astimezone(datetime.UTC) if value.tzinfo is not None else value


def _to_uuid(value: Any, source: Any, target: Any) -> Any:
    return value if isinstance(value, uuid.UUID) else _parsed(uuid.UUID, value, target)


def _to_json(value: Any, source: Any, target: Any) -> Any:
    if source.get_internal_type() == "JSONField" or isinstance(value, JsonNullType):
        return from_python(value, getattr(source, "encoder", None))
    loaded = _parsed(json.loads, value, target)
    return JSON_NULL if loaded is None else loaded


def _to_duration(value: Any, source: Any, target: Any) -> Any:
    if not isinstance(value, datetime.timedelta):
        raise refused(value, target)
    return value


def _parsed(parse: Callable[[str], Any], value: Any, target: Any) -> Any:
    if not isinstance(value, str):
        raise refused(value, target)
    try:
        return parse(value)
    except ValueError as error:
        raise invalid(value, target) from error


_CASTERS: dict[str, Caster] = {
    "CharField": _to_text,
    "SlugField": _to_text,
    "TextField": _to_text,
    "FloatField": _to_float,
    "DecimalField": _to_decimal,
    "BooleanField": _to_boolean,
    "DateField": _to_date,
    "DateTimeField": _to_datetime,
    "TimeField": _to_time,
    "UUIDField": _to_uuid,
    "JSONField": _to_json,
    "DurationField": _to_duration,
}


@compiles(db.Cast)
def compile_cast(expression: Any, compiler: Compiler) -> Evaluator:
    """``CAST``."""
    return CastEvaluator(expression, compiler)
