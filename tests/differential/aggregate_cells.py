"""The grid of aggregates and window functions: over everything, by group, filtered, distinct, with frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.db import models
from django.db.models import (
    Avg,
    Count,
    F,
    Max,
    Min,
    Q,
    QuerySet,
    RowRange,
    StdDev,
    Sum,
    Value,
    ValueRange,
    Variance,
    Window,
)
from django.db.models import functions as fn

from cluster import _compat
from tests.differential.expression_cells import ExpressionCell, Questions

NUMBERS = ("integer", "big", "float", "decimal", "duration")
COMPARED = ("char", "integer", "decimal", "float", "date", "datetime", "time", "duration")


def overall(queryset: QuerySet[Any], aggregate: Any) -> Any:
    return queryset.aggregate(answer=aggregate)


def overall_of_none(queryset: QuerySet[Any], aggregate: Any) -> Any:
    return queryset.filter(pk=0).aggregate(answer=aggregate)


def overall_of_none_at_all(queryset: QuerySet[Any], aggregate: Any) -> Any:
    return queryset.none().aggregate(answer=aggregate)


def by_group(queryset: QuerySet[Any], aggregate: Any) -> Any:
    return queryset.values("boolean").annotate(answer=aggregate).order_by(F("boolean").asc(nulls_first=True))


def by_related_group(queryset: QuerySet[Any], aggregate: Any) -> Any:
    found = queryset.order_by().values("origin__name").annotate(answer=aggregate)
    return found.order_by(F("origin__name").asc(nulls_last=True)).values_list("origin__name", "answer")


def having(queryset: QuerySet[Any], aggregate: Any) -> Any:
    found = queryset.values("small").annotate(answer=aggregate).filter(answer__isnull=False)
    return found.order_by(F("small").asc(nulls_first=True)).values_list("small", "answer")


def by_row(queryset: QuerySet[Any], aggregate: Any) -> Any:
    return queryset.annotate(answer=aggregate).order_by("pk").values_list("pk", "answer")


def ordered(queryset: QuerySet[Any], aggregate: Any) -> Any:
    found = queryset.values("small").annotate(answer=aggregate)
    return found.order_by("answer", F("small").asc(nulls_first=True)).values_list("small", flat=True)


FORMS: dict[str, Callable[[QuerySet[Any], Any], Any]] = {
    function.__name__: function
    for function in (
        overall,
        overall_of_none,
        overall_of_none_at_all,
        by_group,
        by_related_group,
        having,
        by_row,
        ordered,
    )
}


class AggregateCell(ExpressionCell):
    """One aggregate in one position."""

    __slots__ = ()

    def ask(self, queryset: QuerySet[Any]) -> Any:
        """Put the question to a queryset."""
        if self.form == "windowed":
            return by_row(queryset, self.expression)
        return FORMS[self.form](queryset, self.expression)


def aggregate_cells() -> Iterator[AggregateCell]:
    """Give all cells."""
    for label, expression in aggregate_questions():
        for form in FORMS:
            yield AggregateCell("aggregate", label, expression, form)
    for label, expression in window_questions():
        yield AggregateCell("window", label, expression, "windowed")


def aggregate_questions() -> Questions:
    """Give the aggregates."""
    yield "Count(*)", Count("*")
    yield "Count(pk)", Count("pk")
    for name in COMPARED:
        yield f"Count({name})", Count(name)
        yield f"Count({name}, distinct)", Count(name, distinct=True)
        yield f"Max({name})", Max(name)
        yield f"Min({name})", Min(name)
    for name in NUMBERS:
        yield f"Sum({name})", Sum(name)
        yield f"Avg({name})", Avg(name)
        yield f"Sum({name}, distinct)", Sum(name, distinct=True)
        yield f"Sum({name}, filter)", Sum(name, filter=Q(small__gt=0))
    yield from spread_questions()
    yield from option_questions()
    yield from related_questions()
    yield from newer_questions()


def spread_questions() -> Questions:
    """Give the aggregates of statistics."""
    for name in ("integer", "float", "decimal", "small"):
        yield f"StdDev({name})", StdDev(name)
        yield f"StdDev({name}, sample)", StdDev(name, sample=True)
        yield f"Variance({name})", Variance(name)
        yield f"Variance({name}, sample)", Variance(name, sample=True)


def option_questions() -> Questions:
    """Give the options of aggregates and what they can be made of."""
    yield "Sum default", Sum("integer", default=0)
    yield "Avg default filter", Avg("float", default=1.5, filter=Q(char="alpha"))
    yield "Count filter", Count("pk", filter=Q(boolean=True))
    yield "Count filter related", Count("pk", filter=Q(origin__rating__gt=3))
    yield "Avg distinct", Avg("small", distinct=True)
    yield "Sum of expression", Sum(F("small") * 2)
    yield "Max of function", Max(fn.Length("char"))
    yield "expression of aggregates", Sum("small") + Count("pk")
    yield "Coalesce of aggregate", fn.Coalesce(Sum("small", filter=Q(small__gt=1000)), 0)
    yield "Min of text", Min(fn.Lower("char"))


def related_questions() -> Questions:
    """Give aggregates over relations."""
    yield "Count(parts)", Count("parts")
    yield "Count(parts, distinct)", Count("parts", distinct=True)
    yield "Sum(parts__size)", Sum("parts__size")
    yield "Sum(parts__price)", Sum("parts__price")
    yield "Count(tags)", Count("tags")
    yield "Max(tags__weight)", Max("tags__weight")
    yield "Sum(origin__rating)", Sum("origin__rating")
    yield "Count(parts, filter)", Count("parts", filter=Q(parts__size__gt=4))


def newer_questions() -> Questions:
    """Give the aggregates that only newer versions of Django have."""
    for aggregate in _compat.classes_of(models, "StringAgg"):
        yield "StringAgg", aggregate("char", Value("; "), order_by="pk")
        yield "StringAgg down", aggregate("char", Value("; "), order_by=F("char").desc())
    for aggregate in _compat.classes_of(models.aggregates, "BitAnd", "BitOr", "BitXor"):
        yield aggregate.__name__, aggregate("positive")
    for aggregate in _compat.classes_of(models, "AnyValue"):
        yield "AnyValue", aggregate("slug", filter=Q(char="alpha"))


def window_questions() -> Questions:
    """Give the window functions, with partitions, orders and frames."""
    down, by_integer = F("integer").desc(nulls_last=True), F("integer").asc(nulls_first=True)
    ranks = {"Rank": fn.Rank(), "DenseRank": fn.DenseRank(), "PercentRank": fn.PercentRank(), "CumeDist": fn.CumeDist()}
    for label, function in ranks.items():
        yield label, Window(function, order_by=by_integer)
        yield f"{label} by boolean", Window(function, partition_by="boolean", order_by=down)
    rows = {
        "RowNumber": fn.RowNumber(),
        "Ntile": fn.Ntile(5),
        "Lag": fn.Lag("char"),
        "Lead": fn.Lead("char", 2, Value("-")),
    }
    for label, function in rows.items():
        yield label, Window(function, order_by="pk")
        yield f"{label} by origin", Window(function, partition_by=["origin__name"], order_by=F("pk").desc())
    picks = {
        "FirstValue": fn.FirstValue("integer"),
        "LastValue": fn.LastValue("integer"),
        "NthValue": fn.NthValue("integer", 2),
    }
    sums = {
        "Sum": Sum("small"),
        "Avg": Avg("float"),
        "Count": Count("*"),
        "Max": Max("decimal"),
        "StdDev": StdDev("integer"),
    }
    for label, function in picks.items():
        yield from row_frame_questions(label, function)
    for label, function in sums.items():
        yield from row_frame_questions(label, function)
        yield from peer_frame_questions(label, function)
    yield "Sum filter", Window(Sum("small", filter=Q(boolean=True)), partition_by="origin")
    yield "Rank of expression", Window(fn.Rank(), order_by=fn.Length("char").asc(nulls_first=True))


def row_frame_questions(label: str, function: Any) -> Questions:
    """Give a function over frames of rows that have an order without ties."""
    yield f"{label} ordered", Window(function, order_by="pk")
    yield f"{label} rows", Window(function, order_by="pk", frame=RowRange(start=-1, end=1))
    yield f"{label} rows to end", Window(function, order_by="pk", frame=RowRange(start=0, end=None))
    yield f"{label} rows before", Window(function, order_by="pk", frame=RowRange(start=-2, end=-1))
    yield f"{label} by boolean", Window(function, partition_by="boolean", order_by="-pk", frame=RowRange())
    for exclusion in models.WindowFrameExclusion:
        frame = RowRange(start=-1, end=1, exclusion=exclusion)
        yield f"{label} rows excluding {exclusion.name}", Window(function, order_by="pk", frame=frame)


def peer_frame_questions(label: str, function: Any) -> Questions:
    """Give a function for which the order among peers does not matter."""
    yield f"{label} over all", Window(function)
    yield f"{label} by boolean", Window(function, partition_by="boolean")
    yield f"{label} with peers", Window(function, order_by=F("small").asc(nulls_first=True))
    yield f"{label} values", Window(function, order_by="small", frame=ValueRange(start=None, end=0))
