"""Dates and times: Extract, Trunc and Now, in the zone that Django would send to the database."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import DateField, DateTimeField, DurationField, Field, TimeField, functions
from django.db.models.functions.datetime import TruncBase

from cluster.errors import NotInMemoryError
from cluster.queryset.registry import Evaluator, compiles

if TYPE_CHECKING:
    from cluster.queryset.compiling import Compiler
    from cluster.queryset.rows import Row

_OFFSET = re.compile(r"(?P<name>.*?)(?P<sign>[+-])(?P<hours>\d{2})(:(?P<minutes>\d{2}))?$")
_DAY_PARTS = ("year", "quarter", "month", "week", "day")
_MIDNIGHT = datetime.time()


def zone_of(expression: Any) -> datetime.tzinfo | None:
    """Return the zone to which Django converts before extracting or truncating; ``None`` without USE_TZ."""
    name = expression.get_tzname()
    return None if name is None else zone_named(name)


def zone_named(name: str) -> datetime.tzinfo:
    """Return the zone with a name as Django sends it: of the zone database or a fixed offset: ``+02:00``, ``-10``."""
    match = _OFFSET.match(name)
    if match is None:
        return zoneinfo.ZoneInfo(name)
    if match["name"] not in ("", "UTC"):
        raise NotInMemoryError(
            f"Cannot convert to the time zone {name!r} in memory: it is an offset from another zone."
        )
    delta = datetime.timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
    return datetime.timezone(-delta if match["sign"] == "-" else delta)


def in_zone(value: Any, zone: datetime.tzinfo | None) -> Any:
    """Return the wall clock of a moment in a zone, without the zone; dates and times stay as they are."""
    if not isinstance(value, datetime.datetime):
        return value
    if value.tzinfo is not None:
        value = value.astimezone(zone or datetime.UTC)
    elif zone is not None:
        value = value.replace(tzinfo=datetime.UTC).astimezone(zone)
    return value.replace(tzinfo=None)


def _week_day(value: datetime.date) -> int:
    return value.isoweekday() % 7 + 1


def _quarter(value: datetime.date) -> int:
    return (value.month + 2) // 3


def _week(value: datetime.date) -> int:
    return value.isocalendar().week


def _iso_year(value: datetime.date) -> int:
    return value.isocalendar().year


_EXTRACTS: dict[str, Callable[[Any], int]] = {
    "week_day": _week_day,
    "iso_week_day": datetime.date.isoweekday,
    "quarter": _quarter,
    "week": _week,
    "iso_year": _iso_year,
}
_DATE_PARTS = frozenset({"year", "month", "day"})
_PLAIN_PARTS = _DATE_PARTS | {"hour", "minute", "second"}
_EXTRACT_CLASSES = (
    functions.Extract,
    functions.ExtractYear,
    functions.ExtractIsoYear,
    functions.ExtractMonth,
    functions.ExtractDay,
    functions.ExtractWeek,
    functions.ExtractWeekDay,
    functions.ExtractIsoWeekDay,
    functions.ExtractQuarter,
    functions.ExtractHour,
    functions.ExtractMinute,
    functions.ExtractSecond,
)


class ExtractEvaluator:
    """Takes one part out of a date, time or moment."""

    __slots__ = ("part", "source", "zone")

    def __init__(self, expression: Any, source: Evaluator) -> None:
        field = expression.lhs.output_field
        if expression.tzinfo is not None and not isinstance(field, DateTimeField):
            raise ValueError("tzinfo can only be used with DateTimeField.")
        self.zone = zone_of(expression) if isinstance(field, DateTimeField) else None
        self.part = expression.lookup_name
        self.source = source
        self._check(field)

    def _check(self, field: Field[Any, Any]) -> None:
        known = self.part in _PLAIN_PARTS or (self.part in _EXTRACTS and isinstance(field, DateField))
        if not known or isinstance(field, DurationField) or (self.part in _DATE_PARTS and isinstance(field, TimeField)):
            raise NotInMemoryError(
                f"Cannot extract {self.part!r} from a {type(field).__name__} in memory: the databases disagree on it."
            )

    def __call__(self, row: Row) -> Any:
        value = in_zone(self.source(row), self.zone)
        if value is None:
            return None
        special = _EXTRACTS.get(self.part)
        return special(value) if special is not None else getattr(value, self.part)


@compiles(*_EXTRACT_CLASSES)
def compile_extract(expression: Any, compiler: Compiler) -> Evaluator:
    """``EXTRACT(... FROM ...)``."""
    return ExtractEvaluator(expression, compiler.compile(expression.lhs))


def truncate(value: Any, kind: str) -> Any:
    """Return a date, time or wall clock cut to the beginning of a year, quarter, month, week, day, hour, ..."""
    if kind in _DAY_PARTS:
        day = _first_day(value.date() if isinstance(value, datetime.datetime) else value, kind)
        return datetime.datetime.combine(day, _MIDNIGHT) if isinstance(value, datetime.datetime) else day
    if kind == "hour":
        return value.replace(minute=0, second=0, microsecond=0)
    if kind == "minute":
        return value.replace(second=0, microsecond=0)
    if kind == "second":
        return value.replace(microsecond=0)
    raise NotInMemoryError(f"Cannot truncate to {kind!r} in memory: Django's backends do not all know it.")


def _first_day(value: datetime.date, kind: str) -> datetime.date:
    if kind == "year":
        return value.replace(month=1, day=1)
    if kind == "quarter":
        return value.replace(month=value.month - (value.month - 1) % 3, day=1)
    if kind == "month":
        return value.replace(day=1)
    if kind == "week":
        return value - datetime.timedelta(days=value.weekday())
    return value


class TruncEvaluator:
    """Cuts a date, time or moment.

    A moment comes out as the wall clock of the zone, which the database takes for UTC where it is compared further, and
    to which Django gives the zone when the value is returned.
    """

    __slots__ = ("kind", "make", "source", "zone")

    def __init__(self, expression: Any, source: Evaluator) -> None:
        if isinstance(expression.lhs.output_field, DateTimeField):
            self.zone = zone_of(expression)
        elif expression.tzinfo is not None:
            raise ValueError("tzinfo can only be used with DateTimeField.")
        else:
            self.zone = None
        self.kind = expression.kind
        self.source = source
        self.make = _maker(expression)

    def __call__(self, row: Row) -> Any:
        value = in_zone(self.source(row), self.zone)
        return None if value is None else self.make(value, self.kind)


def _maker(expression: Any) -> Callable[[Any, str], Any]:
    if isinstance(expression.output_field, DateTimeField):
        return _moment if settings.USE_TZ else truncate
    if isinstance(expression.output_field, DateField):
        return _date
    # Django has refused all other output fields.
    return _time


def _moment(value: Any, kind: str) -> Any:
    cut = truncate(value, kind)
    return cut.replace(tzinfo=datetime.UTC) if isinstance(cut, datetime.datetime) else cut


def _date(value: Any, kind: str) -> Any:
    cut = truncate(value, kind)
    return cut.date() if isinstance(cut, datetime.datetime) else cut


def _time(value: Any, kind: str) -> Any:
    cut = truncate(value, kind)
    return cut.time() if isinstance(cut, datetime.datetime) else cut


@compiles(
    TruncBase,
    functions.Trunc,
    functions.TruncYear,
    functions.TruncQuarter,
    functions.TruncMonth,
    functions.TruncWeek,
    functions.TruncDay,
    functions.TruncHour,
    functions.TruncMinute,
    functions.TruncSecond,
)
def compile_trunc(expression: Any, compiler: Compiler) -> Evaluator:
    """``DATE_TRUNC(...)``."""
    return TruncEvaluator(expression, compiler.compile(expression.lhs))


class CastMomentEvaluator:
    """Takes the date or the time of day of a moment in a zone."""

    __slots__ = ("source", "take", "zone")

    def __init__(self, expression: Any, source: Evaluator, take: Callable[[Any], Any]) -> None:
        self.zone = zone_of(expression)
        self.source = source
        self.take = take

    def __call__(self, row: Row) -> Any:
        value = self.source(row)
        return None if value is None else self.take(in_zone(value, self.zone))


def _date_of(value: Any) -> Any:
    return value.date() if isinstance(value, datetime.datetime) else value


def _time_of(value: Any) -> Any:
    return value.time() if isinstance(value, datetime.datetime) else value


@compiles(functions.TruncDate)
def compile_trunc_date(expression: Any, compiler: Compiler) -> Evaluator:
    """``(... AT TIME ZONE ...)::date``."""
    return CastMomentEvaluator(expression, compiler.compile(expression.lhs), _date_of)


@compiles(functions.TruncTime)
def compile_trunc_time(expression: Any, compiler: Compiler) -> Evaluator:
    """``(... AT TIME ZONE ...)::time``."""
    return CastMomentEvaluator(expression, compiler.compile(expression.lhs), _time_of)


class NowEvaluator:
    """One moment for a whole query."""

    __slots__ = ("compiler",)

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler

    def __call__(self, row: Row) -> Any:
        return self.compiler.now()


@compiles(functions.Now)
def compile_now(expression: Any, compiler: Compiler) -> Evaluator:
    """``STATEMENT_TIMESTAMP()``."""
    return NowEvaluator(compiler)
