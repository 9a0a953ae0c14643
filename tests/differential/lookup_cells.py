"""The grid of lookups: every field, every lookup that Django registers for it, values and NULL, in five positions."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, F, Field, Q, QuerySet, Transform

from tests.differential.app.models import Specimen
from tests.differential.rows import FIRST_UUID, SECOND_UUID, UTC

TEXTS = ("char", "text", "slug", "email", "url", "generated", "file")
ORDERED = ("exact", "gt", "gte", "lt", "lte")
PATTERNS = ("iexact", "contains", "icontains", "startswith", "istartswith", "endswith", "iendswith")
REGEXES = ("regex", "iregex")
PIECES = ("alpha", "Alpha", "a", "%", "_", "\\", "", "É", "7", "2", "é", "ß", 5)
OTHER_PIECES = ("2", "TRUE", "192.168.0.1", "-2222-", "a", "")
EXPRESSIONS = (
    "^Alpha",
    "a.*b",
    "[0-9]+",
    r"\d\d",
    "x$",
    "^$",
    "(quick|QUICK) b",
    "[^a-z ]",
    r"\S\s\S",
    "a{2}",
    r"\bx",
    "[[:digit:]]",
)

VALUES: dict[str, list[Any]] = {
    **{name: ["Alpha beta", "alpha-beta", "", "the", "Ünïcode ß", "https://example.com/a", 5] for name in TEXTS},
    "boolean": [True, False],
    "small": [7, -7, 0, 32767, 32768, 10**12, -(10**20), "7", 7.0],
    "integer": [42, -42, 0, 2147483647, 2147483648, 10**20, -(10**20), "42", 41.5],
    "big": [5_000_000_000, 0, -9_000_000_000_000, 10**20, "0"],
    "positive_small": [3, -1, 40000],
    "positive": [10, -1, 10**12],
    "positive_big": [12, 0],
    "float": [1.5, -2.25, 0, 0.0, 1e10, "1.5", Decimal("1.5")],
    "decimal": [Decimal("12.50"), Decimal("12.5"), 0, "-0.05", 12.5, Decimal("99999.99")],
    "date": [datetime.date(2024, 2, 29), datetime.date(2021, 1, 3), "2023-12-31"],
    "datetime": [
        datetime.datetime(2024, 2, 29, 23, 30, 15, 250000, tzinfo=UTC),
        datetime.datetime(2023, 12, 31, 23, 30, tzinfo=UTC),
        datetime.datetime(2021, 1, 3, 2, 0, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
    ],
    "time": [datetime.time(13, 45, 30), datetime.time(0, 0), "23:59:59.999999"],
    "duration": [datetime.timedelta(days=1, hours=2), datetime.timedelta(hours=-3), datetime.timedelta(0)],
    "uuid": [FIRST_UUID, str(SECOND_UUID), "11111111222243338444aaaaaaaaaaaa"],
    "binary": [b"\x00\x01abc", b""],
    "ip": ["192.168.0.1", "10.0.0.12", "2001:db8::1"],
    "json": [{"a": 2, "s": "text", "b": {"c": []}, "t": False}, [1, 2, {"a": 1}], "string", 5, 5.0, True, 1, None, {}],
}
JSON_PATHS: dict[str, list[Any]] = {
    "json__a": [1, 2, "1", [1], None, 1.0, True],
    "json__b__c": [[1, 2, "x"], [], None],
    "json__b__c__0": [1, "1", None],
    "json__n": [None, 1],
    "json__missing": [None, 1],
    "json__s": ["Text", "text", "tex"],
    "json__t": [True, False, 1],
    "json__0": [1, ["x"]],
    "json__2__a": [1],
    "json__1": ["one", 2],
    "json__d": [1.5, 1],
}
TO_MANY = ("parts", "tags")
FORMS: dict[str, Callable[[QuerySet[Any], Q], Any]] = {}


def form(function: Callable[[QuerySet[Any], Q], Any]) -> Callable[[QuerySet[Any], Q], Any]:
    """Add a position in which a condition can stand."""
    FORMS[function.__name__] = function
    return function


@form
def filtered(queryset: QuerySet[Any], condition: Q) -> Any:
    return queryset.filter(condition).values_list("pk", flat=True)


@form
def excluded(queryset: QuerySet[Any], condition: Q) -> Any:
    return queryset.exclude(condition).values_list("pk", flat=True)


@form
def either(queryset: QuerySet[Any], condition: Q) -> Any:
    return queryset.filter(condition | Q(integer=7)).values_list("pk", flat=True)


@form
def neither(queryset: QuerySet[Any], condition: Q) -> Any:
    return queryset.filter(~(condition & Q(small=7)), ~Q(integer=0)).values_list("pk", flat=True)


@form
def annotated(queryset: QuerySet[Any], condition: Q) -> Any:
    wrapped = ExpressionWrapper(condition, output_field=BooleanField(null=True))
    return queryset.annotate(answer=wrapped).values_list("pk", "answer")


@dataclass(frozen=True, slots=True)
class LookupCell:
    """One lookup with one value in one position."""

    path: str
    value: Any
    form: str

    @property
    def name(self) -> str:
        """The cell as it is called in messages and in the table of differences."""
        return f"{self.path}={self.value!r} {self.form}"

    def ask(self, queryset: QuerySet[Any]) -> Any:
        """Put the question to a queryset."""
        answer = FORMS[self.form](queryset.order_by("pk"), Q(**{self.path: self.value}))
        # Rows that a to-many join repeats come in any order.
        return sorted(answer, key=repr) if self.path.split("__")[0] in TO_MANY else answer


def lookup_cells() -> Iterator[LookupCell]:
    """Give all cells."""
    for path, value in questions():
        for name in FORMS:
            yield LookupCell(path, value, name)


def questions() -> Iterator[tuple[str, Any]]:
    """Give every lookup path with every value asked for it."""
    for field in Specimen._meta.concrete_fields:
        if field.name in VALUES:
            yield from field_questions(field.name, field, VALUES[field.name])
    for path, values in JSON_PATHS.items():
        yield from json_path_questions(path, values)
    yield from relation_questions()


def field_questions(path: str, field: Field[Any, Any], values: list[Any]) -> Iterator[tuple[str, Any]]:
    """Give the lookups that Django registers for a field."""
    for name, lookup in sorted(field.get_lookups().items()):
        if issubclass(lookup, Transform):
            yield from transform_questions(f"{path}__{name}", name)
        else:
            yield from ((f"{path}__{name}", value) for value in lookup_values(name, field, values))


def lookup_values(name: str, field: Field[Any, Any], values: list[Any]) -> list[Any]:
    """Return the values to ask one lookup for."""
    if name in ORDERED:
        return [*values, F(other_of(field))]
    if name == "in":
        return [values[:2], values, [], [values[0], None], [None]]
    if name == "range":
        return [(values[0], values[-1]), (values[-1], values[0]), (values[0], values[0])]
    if name == "isnull":
        return [True, False]
    if field.name not in TEXTS and (name in REGEXES or (name in PATTERNS and field.name != "json")):
        return ["2", "[0-9]+$", "^-?[12]"] if name in REGEXES else list(OTHER_PIECES)
    return SPECIAL.get((field.get_internal_type(), name)) or SPECIAL.get(("", name), [])


SPECIAL: dict[tuple[str, str], list[Any]] = {
    **{("", name): list(PIECES) for name in PATTERNS},
    **{("", name): list(EXPRESSIONS) for name in REGEXES},
    ("JSONField", "contains"): [
        {"a": 1},
        {"b": {"c": [1]}},
        [1],
        [{"a": 1}],
        "string",
        5,
        {},
        [],
        {"a": "1"},
        [["x"]],
        True,
    ],
    ("JSONField", "contained_by"): [
        {"a": 2, "s": "text", "b": {"c": []}, "t": False, "z": 0},
        [1, 2, 3, {"a": 1, "b": 2}],
        5,
    ],
    ("", "has_key"): ["a", "string", "0", 1, "n"],
    ("", "has_keys"): [["a", "b"], ["a", "x"], []],
    ("", "has_any_keys"): [["x", "a"], ["x"], []],
}


def other_of(field: Field[Any, Any]) -> str:
    """Return a field to compare a field with: another one of its type, or itself."""
    pairs = {
        "char": "text",
        "text": "char",
        "small": "integer",
        "integer": "small",
        "big": "integer",
        "float": "integer",
    }
    return {**pairs, "decimal": "integer", "positive": "small", "datetime": "datetime"}.get(field.name, field.name)


PARTS: dict[str, list[Any]] = {
    "year": [2024, 2023, 2021, 2020],
    "iso_year": [2024, 2023, 2020],
    "month": [2, 12, 1],
    "day": [29, 31, 1],
    "week": [9, 52, 53],
    "week_day": [1, 5, 6],
    "iso_week_day": [4, 7],
    "quarter": [1, 4],
    "hour": [23, 0, 13],
    "minute": [30, 45],
    "second": [15, 0, 59],
    "date": [datetime.date(2024, 3, 1), datetime.date(2024, 2, 29)],
    "time": [datetime.time(0, 30, 15, 250000), datetime.time(0, 30)],
}


def transform_questions(path: str, name: str) -> Iterator[tuple[str, Any]]:
    """Give a transform followed by comparisons."""
    values = PARTS.get(name, [])
    for lookup in ("exact", "gt", "gte", "lt", "lte"):
        yield from ((f"{path}__{lookup}", value) for value in values)
    if values:
        yield f"{path}__in", values
        yield f"{path}__range", (values[-1], values[0])
        yield f"{path}__isnull", True
    if name == "date":
        yield from ((f"{path}__{part}", value) for part in ("year", "month", "week_day") for value in PARTS[part])


def json_path_questions(path: str, values: list[Any]) -> Iterator[tuple[str, Any]]:
    """Give the lookups of what is under a key."""
    yield from ((path, value) for value in values)
    yield f"{path}__in", [value for value in values if not isinstance(value, list)]
    yield from ((f"{path}__isnull", value) for value in (True, False))
    scalars = [value for value in values if isinstance(value, (int, float, str)) and not isinstance(value, bool)]
    yield from ((f"{path}__{name}", value) for name in ("gt", "gte", "lt", "lte") for value in scalars)
    for name in (*PATTERNS, "regex", "iregex"):
        if name != "contains":
            yield from ((f"{path}__{name}", piece) for piece in ("te", "1", "x", ""))
    yield f"{path}__iexact", None
    yield from ((f"{path}__contains", value) for value in values if value is not None)
    yield f"{path}__has_key", "c"


def relation_questions() -> Iterator[tuple[str, Any]]:
    """Give lookups through relations, forwards and backwards."""
    yield from ((f"origin__name__{name}", "Mine") for name in ("exact", "iexact", "gt", "contains"))
    yield from ((f"origin__rating__{name}", 3) for name in ORDERED)
    yield from (
        (f"origin__{name}", value) for name, value in (("isnull", True), ("isnull", False), ("rating__isnull", True))
    )
    yield from ((f"origin__parent__name__{name}", "Mine") for name in ("exact", "startswith"))
    yield from ((f"origin__founded__year__{name}", 1900) for name in ORDERED)
    yield from (
        (f"parts__{name}", value)
        for name, value in (("size", 4), ("size__gt", 3), ("name__contains", "1"), ("isnull", True))
    )
    yield from (
        (f"tags__{name}", value)
        for name, value in (("name", "red"), ("weight__gte", 1), ("weight__isnull", True), ("isnull", True))
    )
    yield from ((f"badge__{name}", value) for name, value in (("number", 5), ("number__in", [1, 3]), ("isnull", False)))


def zone_cells() -> Iterator[LookupCell]:
    """Give the cells whose answer depends on the current time zone."""
    for path, value in field_questions("datetime", Specimen._meta.get_field("datetime"), VALUES["datetime"]):
        if path.count("__") > 1:
            yield LookupCell(path, value, "filtered")
