"""The grid of expressions: every function on the fields it is for, selected, filtered on and ordered by."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Case, Exists, ExpressionWrapper, F, Q, QuerySet, Value, When
from django.db.models import functions as fn
from django.db.models.fields.json import KT, KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, Coalesce

from cluster import _compat
from tests.differential.app.models import Part

TEXTS = ("char", "text", "slug")
NUMBERS = ("small", "integer", "float", "decimal", "positive")
Questions = Iterator[tuple[str, Any]]


def selected(queryset: QuerySet[Any], expression: Any) -> Any:
    return queryset.annotate(answer=expression).order_by("pk").values_list("pk", "answer")


def filtered(queryset: QuerySet[Any], expression: Any) -> Any:
    found = queryset.annotate(answer=expression).filter(answer__isnull=False, answer__gte=F("answer"))
    return found.order_by("pk").values_list("pk", flat=True)


def ordered(queryset: QuerySet[Any], expression: Any) -> Any:
    return queryset.annotate(answer=expression).order_by("answer", "pk").values_list("pk", flat=True)


def ordered_down(queryset: QuerySet[Any], expression: Any) -> Any:
    return queryset.order_by(
        ExpressionWrapper(expression, expression_field(queryset, expression)).desc(nulls_last=True), "pk"
    )


def expression_field(queryset: QuerySet[Any], expression: Any) -> Any:
    """Return the type of an expression."""
    return queryset.model._default_manager.annotate(answer=expression).query.annotations["answer"].output_field


FORMS: dict[str, Callable[[QuerySet[Any], Any], Any]] = {
    "selected": selected,
    "filtered": filtered,
    "ordered": ordered,
    "ordered_down": ordered_down,
}


@dataclass(frozen=True, slots=True)
class ExpressionCell:
    """One expression in one position."""

    kind: str
    label: str
    expression: Any
    form: str

    @property
    def name(self) -> str:
        """The cell as it is called in messages and in the table of differences."""
        return f"{self.kind}: {self.label} {self.form}"

    def ask(self, queryset: QuerySet[Any]) -> Any:
        """Put the question to a queryset."""
        return FORMS[self.form](queryset, self.expression)


def expression_cells() -> Iterator[ExpressionCell]:
    """Give all cells."""
    for kind, questions in KINDS.items():
        for label, expression in questions():
            for form in FORMS:
                yield ExpressionCell(kind, label, expression, form)


def text_questions() -> Questions:
    """Give the functions of text."""
    simple = (fn.Lower, fn.Upper, fn.Length, fn.Trim, fn.LTrim, fn.RTrim, fn.Reverse, fn.MD5)
    for name in TEXTS:
        yield from ((f"{function.__name__}({name})", function(name)) for function in simple)
        yield f"Left({name})", fn.Left(name, 3)
        yield f"Right({name})", fn.Right(name, 3)
        yield f"Substr({name}, 2)", fn.Substr(name, 2)
        yield f"Substr({name}, 2, 3)", fn.Substr(name, 2, 3)
        yield f"LPad({name})", fn.LPad(name, 12, Value("xy"))
        yield f"LPad({name}, 3)", fn.LPad(name, 3)
        yield f"RPad({name})", fn.RPad(name, 12, Value("xy"))
        yield f"Repeat({name})", fn.Repeat(name, 2)
        yield f"Replace({name})", fn.Replace(name, Value("a"), Value("<>"))
        yield f"StrIndex({name})", fn.StrIndex(name, Value("a"))
        yield f"Concat({name}, -, slug)", fn.Concat(name, Value("-"), "slug", output_field=models.TextField())
    yield "Trim(spaces)", fn.Trim(Value("  a b "))
    yield "Chr(positive + 60)", fn.Chr(F("positive") + 60)
    yield "Ord(slug)", fn.Ord("slug")
    yield "Ord(Ü)", fn.Ord(Value("Ü"))
    yield "Concat(char, integer)", fn.Concat("char", "integer", output_field=models.TextField())
    yield "Concat(char, decimal)", fn.Concat("char", "decimal", output_field=models.TextField())


def hash_questions() -> Questions:
    """Give the digests that PostgreSQL has in an extension."""
    for function in (fn.SHA1, fn.SHA224, fn.SHA256, fn.SHA384, fn.SHA512):
        yield f"{function.__name__}(char)", function("char")


def math_questions() -> Questions:
    """Give the mathematical functions."""
    for name in NUMBERS:
        for function in (fn.Abs, fn.Ceil, fn.Floor, fn.Sign, fn.Round):
            yield f"{function.__name__}({name})", function(name)
        yield f"Round({name}, 1)", fn.Round(name, 1)
        yield f"Mod({name}, 5)", fn.Mod(name, 5)
        for function in (fn.ATan, fn.Cos, fn.Sin, fn.Degrees, fn.Radians):
            yield f"{function.__name__}({name})", function(name)
    for function in (fn.ACos, fn.ASin, fn.Cot, fn.Exp, fn.Ln, fn.Sqrt, fn.Tan):
        yield f"{function.__name__}(0.5)", function(Value(0.5) + F("positive") * 0)
    yield "Exp(small)", fn.Exp("small")
    yield "Ln(positive)", fn.Ln("positive")
    yield "Ln(integer)", fn.Ln("integer")
    yield "Sqrt(positive)", fn.Sqrt("positive")
    yield "Sqrt(decimal)", fn.Sqrt("decimal")
    yield "Sqrt(integer)", fn.Sqrt("integer")
    yield "ACos(float)", fn.ACos("float")
    yield "Log(2, positive)", fn.Log(2, "positive")
    yield "Log(10, positive)", fn.Log(10, "positive")
    yield "Power(positive, 2)", fn.Power("positive", 2)
    yield "Power(float, 2)", fn.Power("float", 2)
    yield "ATan2(float, small)", fn.ATan2("float", "small")
    yield "Pi()", fn.Pi()


def arithmetic_questions() -> Questions:
    """Give the operators."""
    pairs = (
        ("integer", "small"),
        ("integer", "float"),
        ("integer", "decimal"),
        ("float", "float"),
        ("decimal", "decimal"),
    )
    for left, right in pairs:
        yield f"{left} + {right}", F(left) + F(right)
        yield f"{left} - {right}", F(left) - F(right)
        yield f"{left} * {right}", F(left) * F(right)
        yield f"{left} / {right}", F(left) / F(right)
        yield f"{left} % {right}", F(left) % F(right)
    yield from literal_questions()
    yield "small ^ 2", F("small") ** 2
    yield "float ^ 2", F("float") ** 2
    yield "-integer", -F("integer")
    yield "-positive", -F("positive")
    yield "positive - 11", F("positive") - 11
    yield "integer & 7", F("integer").bitand(7)
    yield "positive | 5", F("positive").bitor(5)
    yield "positive # 3", F("positive").bitxor(3)
    yield "positive << 2", F("positive").bitleftshift(2)
    yield "positive >> 1", F("positive").bitrightshift(1)
    yield "small * small", F("small") * F("small")
    yield "NULL + integer", F("integer") + Value(None, output_field=models.IntegerField())


def literal_questions() -> Questions:
    """Give operations with a constant."""
    for name in ("small", "integer", "positive"):
        yield f"{name} / 4", F(name) / 4
        yield f"{name} % 4", F(name) % 4
        yield f"{name} + 1", F(name) + 1
        yield f"{name} / 0", F(name) / 0
    for name in ("integer", "decimal"):
        yield f"{name} / 3.0", F(name) / Value(Decimal("3.0"))
        yield f"{name} * 1.25", F(name) * Value(Decimal("1.25"))
    yield "float / 4", F("float") / 4
    yield "float * 1.5", F("float") * 1.5
    yield "decimal / 3", F("decimal") / 3
    yield "decimal % 7", F("decimal") % 7
    yield "decimal - 0.5", F("decimal") - Value(Decimal("0.5"))


def temporal_questions() -> Questions:
    """Give the arithmetic of dates, times, moments and durations."""
    day, second = datetime.timedelta(days=1), datetime.timedelta(seconds=1, microseconds=5)
    for name in ("date", "datetime", "time", "duration"):
        yield f"{name} + day", F(name) + day
        yield f"{name} - second", F(name) - second
        yield f"{name} + duration", F(name) + F("duration")
        yield f"{name} - {name}", F(name) - F(name)
    yield "datetime - value", F("datetime") - Value(datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC))
    yield "date - value", F("date") - Value(datetime.date(2024, 1, 1))
    yield "time - value", F("time") - Value(datetime.time(12, 0))
    yield "duration * 2", ExpressionWrapper(F("duration") * 2, models.DurationField())
    yield "duration * small", ExpressionWrapper(F("duration") * F("small"), models.DurationField())


def extract_questions() -> Questions:
    """Give Extract and Trunc."""
    dates = (fn.ExtractYear, fn.ExtractIsoYear, fn.ExtractMonth, fn.ExtractDay, fn.ExtractWeek, fn.ExtractWeekDay)
    dates += (fn.ExtractIsoWeekDay, fn.ExtractQuarter)
    times = (fn.ExtractHour, fn.ExtractMinute, fn.ExtractSecond)
    yield from ((f"{f.__name__}({name})", f(name)) for f in dates for name in ("date", "datetime"))
    yield from ((f"{f.__name__}({name})", f(name)) for f in times for name in ("time", "datetime"))
    date_cuts = (fn.TruncYear, fn.TruncQuarter, fn.TruncMonth, fn.TruncWeek, fn.TruncDay)
    time_cuts = (fn.TruncHour, fn.TruncMinute, fn.TruncSecond)
    yield from ((f"{f.__name__}({name})", f(name)) for f in date_cuts for name in ("date", "datetime"))
    yield from ((f"{f.__name__}({name})", f(name)) for f in time_cuts for name in ("time", "datetime"))
    yield "TruncDate(datetime)", fn.TruncDate("datetime")
    yield "TruncTime(datetime)", fn.TruncTime("datetime")
    yield "TruncDay(datetime as date)", fn.TruncDay("datetime", output_field=models.DateField())
    yield "TruncHour(datetime as time)", fn.TruncHour("datetime", output_field=models.TimeField())
    yield (
        "ExtractHour(datetime, +05:45)",
        fn.ExtractHour("datetime", tzinfo=datetime.timezone(datetime.timedelta(hours=5, minutes=45))),
    )
    yield "TruncDay(datetime, -03:00)", fn.TruncDay("datetime", tzinfo=datetime.timezone(datetime.timedelta(hours=-3)))


def comparison_questions() -> Questions:
    """Give the functions that choose among values, Case and conditions."""
    yield "Coalesce(integer, small)", Coalesce("integer", "small")
    yield "Coalesce(char, '-')", Coalesce("char", Value("-"))
    yield "Coalesce(origin__rating, 0)", Coalesce("origin__rating", 0)
    yield "Greatest(integer, small)", fn.Greatest("integer", "small")
    yield "Least(integer, small)", fn.Least("integer", "small")
    yield "Greatest(origin__rating, small)", fn.Greatest("origin__rating", "small")
    yield "Least(origin__rating, small)", fn.Least("origin__rating", "small")
    yield "Greatest(char, text)", fn.Greatest("char", "text", output_field=models.TextField())
    yield "NullIf(integer, 42)", fn.NullIf("integer", Value(42))
    yield "NullIf(char, '')", fn.NullIf("char", Value(""))
    sizes = Case(
        When(integer__gt=10, then=Value("large")), When(integer__lt=0, then=Value("negative")), default=Value("small")
    )
    yield "Case(integer)", sizes
    yield "Case without default", Case(When(Q(boolean=True) & ~Q(char=""), then=F("small")))
    yield (
        "Case of related",
        Case(When(origin__rating__gte=3, then=F("origin__name")), default=F("char"), output_field=models.TextField()),
    )
    yield "ExpressionWrapper", ExpressionWrapper(F("integer") + F("float"), models.FloatField())
    yield "Value", Value(5)
    yield "Coalesce(NULL, integer)", Coalesce(Value(None, output_field=models.IntegerField()), "integer")
    yield "origin__name", F("origin__name")
    yield "origin__parent__name", F("origin__parent__name")
    yield "Sum of parts as condition", Exists(Part.objects.filter(specimen=models.OuterRef("pk"), size__gt=3))


def condition_questions() -> Questions:
    """Give conditions as expressions."""
    conditions = {
        "Q(integer__gt=5)": Q(integer__gt=5),
        "~Q(integer__gt=5)": ~Q(integer__gt=5),
        "Q and Q": Q(integer__gt=5) & Q(boolean=True),
        "Q xor Q": Q(integer__gt=5) ^ Q(boolean=True),
        "Q or related": Q(char="") | Q(origin__rating__gt=3),
    }
    for label, condition in conditions.items():
        yield label, ExpressionWrapper(condition, output_field=models.BooleanField())
        yield f"Case({label})", Case(When(condition, then=1), default=0)


def cast_questions() -> Questions:
    """Give casts."""
    targets: dict[str, Any] = {
        "integer": models.IntegerField(),
        "float": models.FloatField(),
        "decimal": models.DecimalField(max_digits=12, decimal_places=1),
        "char": models.CharField(max_length=5),
        "text": models.TextField(),
    }
    for name in ("small", "integer", "float", "decimal", "boolean"):
        yield from ((f"Cast({name}, {target})", Cast(name, field)) for target, field in targets.items())
    for name in ("char", "date", "uuid", "time"):
        yield f"Cast({name}, text)", Cast(name, models.TextField())
    yield "Cast(char, char)", Cast("char", models.CharField(max_length=5))
    yield "Cast('12', integer)", Cast(Value("12"), models.IntegerField())
    yield "Cast(datetime, date)", Cast("datetime", models.DateField())
    yield "Cast(datetime, time)", Cast("datetime", models.TimeField())
    yield "Cast(date, datetime)", Cast("date", models.DateTimeField())
    yield "Cast(integer, big)", Cast("integer", models.BigIntegerField())


def json_questions() -> Questions:
    """Give what is under the keys of JSON, and JSON made of values."""
    for path in ("a", "n", "s", "t", "d"):
        yield f"json->{path}", KeyTransform(path, "json")
        yield f"json->>{path}", KeyTextTransform(path, "json")
    yield "json#>b,c", F("json__b__c")
    yield "json#>>b,c", KT("json__b__c")
    yield "json#>>b", KT("json__b")
    yield "json->>0", KeyTextTransform(0, "json")
    yield "Length(json->>s)", fn.Length(KT("json__s"))
    yield "JSONObject", fn.JSONObject(name="char", size="integer", nested=fn.JSONObject(flag=Value("x"), price="float"))
    for function in _compat.classes_of(fn, "JSONArray"):
        yield "JSONArray", function("char", "integer", Value(1.5))


KINDS: dict[str, Callable[[], Questions]] = {
    "text": text_questions,
    "hash": hash_questions,
    "math": math_questions,
    "arithmetic": arithmetic_questions,
    "temporal": temporal_questions,
    "extract": extract_questions,
    "comparison": comparison_questions,
    "condition": condition_questions,
    "cast": cast_questions,
    "json": json_questions,
}
