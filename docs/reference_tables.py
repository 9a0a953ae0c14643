"""Write the tables of ``reference/queryset.md`` and ``reference/lookups.md`` from the code.

Run ``python docs/reference_tables.py`` to write them anew. They list what the newest supported Django has; the tests
compare them with what is there, so that nothing new in Django can be missing from them.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"

SAME, NOTHING, REFUSED = "same", "means nothing in memory", "refused"

# Methods whose effect is on how rows are fetched: held rows are there already.
WITHOUT_EFFECT = {
    "select_related": "related objects that are cached or held are used as they are",
    "only": "held instances stay whole",
    "defer": "held instances stay whole",
    "select_for_update": "there is no row to lock before a save",
    "using": "names the database that is asked for relations that are neither held nor cached",
    "fetch_mode": "fields and relations are there already",
}
REFUSED_METHODS = {
    "raw": "SQL needs the database",
    "extra": "SQL needs the database",
    "explain": "there is no plan to explain",
}
NOTES = {
    "create": "adds to the held list; saving the cluster writes it",
    "get_or_create": "adds to the held list; saving the cluster writes it",
    "update_or_create": "changes the held list; saving the cluster writes it",
    "bulk_create": "adds to the held list; saving the cluster writes it",
    "update": "changes the held instances; saving the cluster writes them; another parent is refused",
    "bulk_update": "changes the held instances; saving the cluster writes them; another parent is refused",
    "delete": "takes instances out of the held list; saving the cluster deletes their rows",
    "prefetch_related": "related objects are fetched in one query per relation, but for held relations",
    "in_bulk": "without ids it raises `NotInMemoryError` if an object has no key yet",
    "iterator": "`chunk_size` and prefetching as in Django",
    "union": "with held and live querysets; a live one is asked once",
    "intersection": "with held and live querysets; a live one is asked once",
    "difference": "with held and live querysets; a live one is asked once",
    "distinct": "with field names too, on every database",
    "order_by": "NULLs are placed as by the connected database; `'?'` is random",
}


def rows_of(*columns: str) -> str:
    """Return one row of a table."""
    return "| " + " | ".join(columns) + " |"


def method_names() -> list[str]:
    """Return the public names of QuerySet."""
    from django.db.models import QuerySet

    return sorted(name for name in dir(QuerySet) if not name.startswith("_"))


def is_async_twin(name: str) -> bool:
    """Say whether a method is the asynchronous form of another one."""
    return name.startswith("a") and name[1:] in method_names()


def status_of_method(name: str) -> str:
    """Return what a method of QuerySet does in memory."""
    from cluster.queryset import FakeQuerySet

    if name in REFUSED_METHODS:
        return REFUSED
    if name in WITHOUT_EFFECT:
        return NOTHING
    return SAME if hasattr(FakeQuerySet, name) else REFUSED


def methods() -> Iterator[str]:
    """Give the table of the methods of QuerySet."""
    yield rows_of("name", "in memory", "notes")
    yield rows_of("---", "---", "---")
    for name in method_names():
        if is_async_twin(name):
            continue
        twin = f", `a{name}`" if f"a{name}" in method_names() else ""
        notes = REFUSED_METHODS.get(name) or WITHOUT_EFFECT.get(name) or NOTES.get(name, "")
        yield rows_of(f"`{name}`{twin}", status_of_method(name), notes)


def operators() -> Iterator[str]:
    """Give the table of what Python's syntax does with a queryset."""
    yield rows_of("syntax", "in memory")
    yield rows_of("---", "---")
    uses = (
        "len(queryset)",
        "bool(queryset)",
        "iteration",
        "queryset[5]",
        "queryset[5:10]",
        "queryset[::2]",
        "a & b",
        "a \\| b",
    )
    for use in (*uses, "a ^ b", "async for", "pickle.dumps(queryset)", "copy.deepcopy(queryset)", "repr(queryset)"):
        yield rows_of(f"`{use}`" if use != "iteration" else use, SAME)


def built_in_fields() -> list[type]:
    """Return Django's own field classes."""
    from django.db import models

    found = [cls for cls in vars(models).values() if inspect.isclass(cls) and issubclass(cls, models.Field)]
    return sorted(found, key=_name)


def _name(cls: type) -> str:
    return cls.__name__


def lookup_owners() -> list[tuple[str, type]]:
    """Return what lookups are registered for: fields, relations, transforms and tuples of columns."""
    from django.db.models import functions
    from django.db.models.fields import json, related

    owners: list[tuple[str, type]] = [(cls.__name__, cls) for cls in built_in_fields()]
    owners += [("relations", related.ForeignObject), ("keys in JSON", json.KeyTransform)]
    return [*owners, ("ExtractYear", functions.ExtractYear), ("ExtractIsoYear", functions.ExtractIsoYear)]


def lookups_by_class() -> dict[type, tuple[str, list[str]]]:
    """Return every lookup and transform class with its name and what it is registered for."""
    from django.db.models.fields.tuple_lookups import tuple_lookups

    found: dict[type, tuple[str, list[str]]] = {}
    for owner, cls in lookup_owners():
        own = vars(cls).get("class_lookups", {})
        for name, lookup in ((name, lookup) for name, lookup in own.items() if lookup.__module__.startswith("django.")):
            found.setdefault(lookup, (name, []))[1].append(owner)
    for name, lookup in tuple_lookups.items():
        found.setdefault(lookup, (name, []))[1].append("composite keys")
    return found


def has_meaning(cls: type) -> bool:
    """Say whether a lookup, transform, expression or function has a meaning in memory."""
    from cluster.queryset import registry

    kinds = (registry.lookups, registry.expressions, registry.functions, registry.aggregates, registry.windows)
    return any(kind.find(cls) is not None for kind in kinds)


def lookups() -> Iterator[str]:
    """Give the table of the lookups and of the transforms that are registered for fields."""
    yield rows_of("lookup", "for", "class", "in memory", "notes")
    yield rows_of("---", "---", "---", "---", "---")
    found = sorted(lookups_by_class().items(), key=lambda item: (item[1][0], _name(item[0])))
    for cls, (name, owners) in found:
        status = SAME if has_meaning(cls) else REFUSED
        yield rows_of(
            f"`{name}`", ", ".join(sorted(set(owners))), f"`{cls.__name__}`", status, LOOKUP_NOTES.get(cls.__name__, "")
        )


LOOKUP_NOTES = {
    "Regex": "what PostgreSQL, MariaDB and Python read alike, see below",
    "IRegex": "what PostgreSQL, MariaDB and Python read alike, see below",
    "KeyTransformRegex": "what PostgreSQL, MariaDB and Python read alike, see below",
    "KeyTransformIRegex": "what PostgreSQL, MariaDB and Python read alike, see below",
    "KeyTransformGt": "arrays and objects refused",
    "KeyTransformGte": "arrays and objects refused",
    "KeyTransformLt": "arrays and objects refused",
    "KeyTransformLte": "arrays and objects refused",
    "HasKey": 'keys that are no text refused; the key may be a path such as `F("data__a__b")`',
    "HasKeys": "keys that are no text refused",
    "HasAnyKeys": "keys that are no text refused",
}


def expression_classes() -> list[type]:
    """Return the expressions of Django that can stand in a query."""
    from django.db.models import expressions

    found = [
        cls for cls in vars(expressions).values() if inspect.isclass(cls) and cls.__module__ == expressions.__name__
    ]
    kept = [cls for cls in found if issubclass(cls, (expressions.BaseExpression, expressions.Combinable))]
    return sorted((cls for cls in kept if cls.__name__ not in NOT_WRITTEN), key=_name)


# What users of Django do not write: bases and parts of other expressions.
NOT_WRITTEN = frozenset(
    {
        "BaseExpression",
        "Col",
        "ColPairs",
        "Combinable",
        "CombinedExpression",
        "DatabaseDefault",
        "DurationExpression",
        "Expression",
        "ExpressionList",
        "Func",
        "NegatedExpression",
        "OrderByList",
        "Ref",
        "ResolvedOuterRef",
        "Sliced",
        "Star",
        "TemporalSubtraction",
        "WindowFrame",
    }
)
# Resolved to a column, compiled as part of Case or Window, or given with the query to Subquery and Exists.
BY_OTHERS = frozenset({"F", "OuterRef", "RowRange", "ValueRange", "When"})
TIED = "of held and live querysets; a live one tied to the row by equality takes one query for all rows"
EXPRESSION_NOTES = {
    "RawSQL": "SQL needs the database",
    "Subquery": TIED,
    "Exists": TIED,
    "OuterRef": "within `Subquery` and `Exists`",
    "ValueRange": "bounds that are distances of values refused",
    "F": "through relations, transforms and keys of JSON; slices too",
}
REFUSED_EXPRESSIONS = frozenset({"RawSQL", "Collate"})


def expressions() -> Iterator[str]:
    """Give the table of the expressions."""
    yield rows_of("expression", "in memory", "notes")
    yield rows_of("---", "---", "---")
    for cls in expression_classes():
        name = cls.__name__
        known = name in BY_OTHERS or (has_meaning(cls) and name not in REFUSED_EXPRESSIONS)
        yield rows_of(f"`{name}`", SAME if known else REFUSED, EXPRESSION_NOTES.get(name, ""))
    yield rows_of("`Q`, lookups and `FilteredRelation`", SAME, "also as expressions")
    yield rows_of(
        "`+ - * / % **` and the bit operators", SAME, "the types of Django, the numbers of PostgreSQL, see below"
    )


def functions() -> Iterator[str]:
    """Give the table of the database functions."""
    from django.db.models import functions as module

    yield rows_of("function", "in memory", "notes")
    yield rows_of("---", "---", "---")
    for name in sorted(module.__all__, key=str.lower):
        cls = getattr(module, name)
        known = has_meaning(cls) and name not in REFUSED_EXPRESSIONS
        yield rows_of(f"`{name}`", SAME if known else REFUSED, FUNCTION_NOTES.get(name, ""))


FUNCTION_NOTES = {
    "Cast": "between text, numbers, booleans, dates, times, UUIDs and JSON; what the databases disagree on refused",
    "Collate": "collations are the database's",
    "Concat": "floats of 10^15 and more, durations refused",
    "Exp": "decimals refused",
    "Extract": "parts of durations refused",
    "Ln": "decimals refused",
    "Log": "decimals refused",
    "Now": "one moment for a whole query",
    "Power": "decimals refused",
    "Random": "another number for every row",
    "Sqrt": "decimals refused",
    "UUID4": "another key for every row",
    "UUID7": "where Python has it (3.14); a shift refused",
}


def aggregates() -> Iterator[str]:
    """Give the table of the aggregates."""
    from django.db.models import aggregates as module

    yield rows_of("aggregate", "in memory", "notes")
    yield rows_of("---", "---", "---")
    for name in sorted(set(module.__all__) - {"Aggregate"}):
        yield rows_of(
            f"`{name}`", SAME if has_meaning(getattr(module, name)) else REFUSED, AGGREGATE_NOTES.get(name, "")
        )


AGGREGATE_NOTES = {
    "Avg": "also of durations",
    "Max": "numbers, text, dates, times and durations",
    "Min": "numbers, text, dates, times and durations",
    "StringAgg": "with DISTINCT and no order: sorted",
    "AnyValue": "the first in the order of the rows",
    "Sum": "also of durations",
}


def differences() -> Iterator[str]:
    """Give the table of the differences between databases."""
    from tests.differential.vendors import DIFFERENCES, MISSING_FEATURE

    yield rows_of("what", "in memory; where a database differs", "databases that differ")
    yield rows_of("---", "---", "---")
    names = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB"}
    for difference in (*DIFFERENCES, MISSING_FEATURE):
        yield rows_of(
            difference.name,
            difference.rule,
            ", ".join(names[vendor] for vendor in difference.cells) or "each in its way",
        )


TABLES: dict[str, dict[str, Callable[[], Iterator[str]]]] = {
    "queryset.md": {"methods": methods, "operators": operators},
    "lookups.md": {
        "lookups": lookups,
        "expressions": expressions,
        "functions": functions,
        "aggregates": aggregates,
        "differences": differences,
    },
}


def region(name: str) -> re.Pattern[str]:
    """Return the expression that finds a table in a page."""
    return re.compile(rf"(<!-- table: {name} -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def written_table(page: str, name: str) -> list[str]:
    """Return the rows that a page has for a table."""
    match = region(name).search((REFERENCE / page).read_text(encoding="utf-8"))
    return match[2].strip().splitlines() if match else []


def write(page: str) -> None:
    """Write the tables of a page anew."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    for name, table in TABLES[page].items():
        rows = "\n".join(table())
        start, end = region(name).search(text).span(2)
        text = f"{text[:start]}\n{rows}\n\n{text[end:]}"
    (REFERENCE / page).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    for each in TABLES:
        write(each)
