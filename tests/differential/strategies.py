"""Chains of queryset methods, as hypothesis makes them."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import (
    Avg,
    BooleanField,
    Case,
    Count,
    ExpressionWrapper,
    F,
    Max,
    Min,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Length, Lower
from hypothesis import strategies as st

VALUES: dict[str, list[Any]] = {
    "integer": [42, -42, 0, 7],
    "small": [7, -7, 0],
    "char": ["Alpha beta", "alpha", "", "only text"],
    "boolean": [True, False],
    "decimal": [Decimal("12.50"), Decimal("-0.05"), 0],
    "date": [datetime.date(2024, 2, 29), datetime.date(2021, 1, 3)],
    "float": [1.5, -2.25, 0.0],
    "origin__name": ["Mine", "Cave", "River"],
    "origin__rating": [3, 5],
    "origin__parent__name": ["Mine"],
    "parts__size": [1, 4, 5, 10],
    "parts__name": ["part 0", "part 1"],
    "tags__name": ["red", "blue", "green"],
    "tags__weight": [1, 2],
    "badge__number": [1, 3, 5],
    "json__a": [2, 3],
    "origin__specimens__small": [7, -7],
    "origin__branches__name": ["Cave", "River"],
    "tags__specimens__integer": [42, 7],
}
TO_MANY = ("parts", "tags", "origin__specimens", "origin__branches")
PLAIN = [name for name in VALUES if not name.startswith((*TO_MANY, "json"))]
OWN = ["integer", "small", "char", "boolean", "decimal", "date", "float"]
NUMBERS = ["integer", "small", "float", "decimal"]


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a method on a queryset."""

    text: str
    call: Callable[[QuerySet[Any]], Any]

    def __repr__(self) -> str:
        return self.text


@st.composite
def conditions(draw: st.DrawFn, depth: int = 2) -> Q:
    """Make a condition, of several where there is depth left."""
    if depth and draw(st.integers(0, 2)) == 0:
        left, right = draw(conditions(depth - 1)), draw(conditions(depth - 1))
        joined = {"and": left & right, "or": left | right, "xor": left ^ right}[
            draw(st.sampled_from(["and", "or", "xor"]))
        ]
        return ~joined if draw(st.booleans()) else joined
    name = draw(st.sampled_from(list(VALUES)))
    lookup = draw(st.sampled_from(["exact", "gt", "lte", "in", "isnull"]))
    value = draw(st.sampled_from(VALUES[name]))
    if lookup == "isnull":
        value = draw(st.booleans())
    elif lookup == "in":
        value = [value, draw(st.sampled_from([None, *VALUES[name]]))]
    elif name in ("boolean", "json__a"):
        lookup = "exact"
    condition = Q(**{f"{name}__{lookup}": value})
    return ~condition if draw(st.booleans()) else condition


@st.composite
def filters(draw: st.DrawFn) -> Step:
    """Make a filter or an exclude."""
    condition = draw(conditions())
    method = draw(st.sampled_from(["filter", "exclude"]))
    return Step(f".{method}({condition})", lambda queryset: getattr(queryset, method)(condition))


@st.composite
def orders(draw: st.DrawFn) -> Step:
    """Make an order that ends with the key, so that there is only one."""
    names = draw(st.lists(st.sampled_from(PLAIN), max_size=2, unique=True))
    terms: list[Any] = []
    for name in names:
        if draw(st.booleans()):
            terms.append(F(name).desc(nulls_last=True) if draw(st.booleans()) else F(name).asc(nulls_first=True))
        else:
            terms.append(draw(st.sampled_from(["", "-"])) + name)
    return Step(f".order_by({terms}, 'pk')", lambda queryset: queryset.order_by(*terms, "pk"))


EXPRESSIONS: dict[str, Any] = {
    "length": Length("char"),
    "lowered": Lower("char"),
    "twice": F("small") * Value(2) - F("origin__rating"),
    "rated": Coalesce("origin__rating", 0),
    "sized": Case(
        When(integer__gt=10, then=Value("large")), When(boolean=False, then=Value("odd")), default=Value("small")
    ),
    "origin_name": F("origin__name"),
    "big_or_true": ExpressionWrapper(Q(integer__gt=10) | Q(boolean=True), output_field=BooleanField(null=True)),
}
AGGREGATES: dict[str, Any] = {
    "parts_count": Count("parts", distinct=True),
    "parts_size": Sum("parts__size"),
    "tags_weight": Max("tags__weight"),
    "cheapest": Min("parts__price"),
    "rating": Avg("origin__rating"),
    "big_parts": Count("parts", filter=Q(parts__size__gt=4), distinct=True),
}


@st.composite
def annotations(draw: st.DrawFn) -> Step:
    """Make an annotation that may be filtered on at once."""
    name = draw(st.sampled_from([*EXPRESSIONS, *AGGREGATES]))
    expression = {**EXPRESSIONS, **AGGREGATES}[name]
    method = draw(st.sampled_from(["annotate", "alias"]))
    follow = draw(st.sampled_from([None, "isnull", "order"]))

    def call(queryset: QuerySet[Any]) -> Any:
        found = getattr(queryset, method)(**{name: expression})
        if follow == "isnull":
            return found.filter(**{f"{name}__isnull": False})
        return found.order_by(F(name).asc(nulls_first=True), "pk") if follow == "order" else found

    return Step(f".{method}({name}) then {follow}", call)


@st.composite
def shapes(draw: st.DrawFn) -> Step:
    """Make a method that changes the form of the result."""
    choice = draw(
        st.sampled_from(["distinct", "reverse", "all", "select_related", "only", "defer", "none", "prefetch"])
    )
    calls: dict[str, Callable[[QuerySet[Any]], Any]] = {
        "distinct": lambda queryset: queryset.distinct(),
        "reverse": lambda queryset: queryset.reverse(),
        "all": lambda queryset: queryset.all(),
        "select_related": lambda queryset: queryset.select_related("origin"),
        "only": lambda queryset: queryset.only("char"),
        "defer": lambda queryset: queryset.defer("text"),
        "none": lambda queryset: queryset.none(),
        "prefetch": lambda queryset: queryset.prefetch_related("parts"),
    }
    return Step(f".{choice}()", calls[choice])


@st.composite
def endings(draw: st.DrawFn) -> Step:
    """Make the last call, which gives the answer."""
    choice = draw(st.sampled_from(list(ENDINGS)))
    start, stop = draw(st.integers(0, 4)), draw(st.integers(0, 8))
    name, value = draw(st.sampled_from(OWN)), None
    value = draw(st.sampled_from(VALUES[name]))
    return Step(
        f" -> {choice}({start}, {stop}, {name}, {value!r})",
        lambda queryset: ENDINGS[choice](queryset, start, stop, name, value),
    )


ENDINGS: dict[str, Callable[[QuerySet[Any], int, int, str, Any], Any]] = {
    "list": lambda queryset, start, stop, name, value: list(queryset),
    "values": lambda queryset, start, stop, name, value: list(queryset.values("pk", name)),
    "values_list": lambda queryset, start, stop, name, value: list(queryset.values_list("pk", "origin__name", name)),
    "flat": lambda queryset, start, stop, name, value: list(queryset.values_list(name, flat=True)),
    "slice": lambda queryset, start, stop, name, value: list(queryset[start:stop]),
    "step": lambda queryset, start, stop, name, value: queryset[start : stop + 1 : 2],
    "item": lambda queryset, start, stop, name, value: queryset[start],
    "count": lambda queryset, start, stop, name, value: queryset.count(),
    "exists": lambda queryset, start, stop, name, value: queryset.exists(),
    "first": lambda queryset, start, stop, name, value: queryset.first(),
    "last": lambda queryset, start, stop, name, value: queryset.last(),
    "get": lambda queryset, start, stop, name, value: queryset.get(**{name: value}),
    "in_bulk": lambda queryset, start, stop, name, value: queryset.in_bulk(),
    "aggregate": lambda queryset, start, stop, name, value: queryset.aggregate(
        Count("pk"), Sum("small"), Max("integer")
    ),
    "group": lambda queryset, start, stop, name, value: list(
        queryset.order_by().values("boolean").annotate(n=Count("pk")).order_by(F("boolean").asc(nulls_first=True))
    ),
    "dates": lambda queryset, start, stop, name, value: list(queryset.dates("date", "month")),
    "latest": lambda queryset, start, stop, name, value: queryset.filter(date__isnull=False).latest("date", "pk"),
    "contains": lambda queryset, start, stop, name, value: queryset.contains(
        queryset.model._default_manager.order_by("pk")[0]
    ),
    "iterator": lambda queryset, start, stop, name, value: list(queryset.iterator(chunk_size=3)),
    "slice then filter": lambda queryset, start, stop, name, value: list(queryset[:stop].filter(**{name: value})),
    "wrong name": lambda queryset, start, stop, name, value: list(queryset.filter(nothing=value)),
    "wrong lookup": lambda queryset, start, stop, name, value: list(queryset.filter(**{f"{name}__nothing": value})),
}


@st.composite
def chains(draw: st.DrawFn) -> list[Step]:
    """Make a chain: an order first, some methods, and a call that gives the answer."""
    steps = draw(st.lists(st.one_of(filters(), filters(), annotations(), shapes(), orders()), min_size=1, max_size=4))
    return [Step(".order_by('pk')", lambda queryset: queryset.order_by("pk")), *steps, draw(endings())]
