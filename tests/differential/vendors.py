"""Where the databases themselves differ: the cells concerned and the rule that memory follows.

The table is part of the documentation; ``docs/reference/lookups.md`` shows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a vendor differs from the rule that memory follows.

    Attributes:
        name: What it is about.
        rule: What memory does.
        cells: For each vendor that does otherwise, an expression that matches the names of the cells concerned.
    """

    name: str
    rule: str
    cells: dict[str, str]


TEXT_FIELDS = "(char|text|slug|email|url|generated|file|uuid)"
PATTERNS = "i?(contains|startswith|endswith|regex|exact)"
# The databases of the tests are set up so that no cell shows the difference.
NO_CELL = r"(?!)"

DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "a condition that no row can meet, selected",
        "memory gives False; Django selects the number 0 for it, which PostgreSQL returns as a number",
        {"postgresql": r"(in=\[(None)?\]|=-?[0-9]{5,}|^positive.*=-1) annotated$"},
    ),
    Difference(
        "the case of letters in `contains`, `startswith` and `endswith`",
        "letters are compared as they are written; SQLite takes ASCII letters of both cases for equal",
        {"sqlite": rf"^({TEXT_FIELDS}|json__s)__(contains|startswith|endswith)='"},
    ),
    Difference(
        "the order and the equality of text",
        "letter by letter, in the order of code points, as SQLite and PostgreSQL's collation C; other collations order "
        "as a dictionary does, and MariaDB's usual ones take both cases, accents and blanks at the end for equal",
        {"postgresql": NO_CELL, "mariadb": NO_CELL},
    ),
    Difference(
        "letters beyond ASCII in case-insensitive lookups",
        "every letter has two cases; SQLite knows those of ASCII only",
        {"sqlite": r"__i(contains|startswith|endswith|exact)='[^']*[^\x00-\x7f]"},
    ),
    Difference(
        "case-insensitive lookups under a binary collation",
        "letters are compared without regard to case; MariaDB leaves it to the collation of the column",
        {"mariadb": rf"^{TEXT_FIELDS}__i(contains|startswith|endswith|exact|regex)="},
    ),
    Difference(
        "booleans as text",
        "`true` and `false`; SQLite and MariaDB store 1 and 0",
        {"sqlite": rf"^boolean__{PATTERNS}='", "mariadb": rf"^boolean__{PATTERNS}='"},
    ),
    Difference(
        "bytes as text",
        "`\\x` and hexadecimal digits; SQLite and MariaDB compare the bytes themselves",
        {"sqlite": rf"^binary__{PATTERNS}='", "mariadb": rf"^binary__{PATTERNS}='"},
    ),
    Difference(
        "a number of more than 64 bits in a list",
        "no row equals it; SQLite raises OverflowError",
        {"sqlite": r"__in=\[.*[0-9]{19,}"},
    ),
    Difference(
        "JSON `contains` and `contained_by`",
        "containment of `jsonb`; MariaDB also looks for a scalar in nested arrays",
        {"mariadb": r"^json.*__(contains|contained_by)="},
    ),
    Difference(
        "`has_key` on arrays, strings and missing values",
        "a string in an array and the string itself count as keys, of NULL the answer is NULL, and no keys at all are "
        "there; SQLite and MariaDB know keys of objects only, answer false and fail on an empty list",
        {"sqlite": r"^json.*__has_(any_)?keys?=", "mariadb": r"^json.*__has_(any_)?keys?="},
    ),
    Difference(
        "a JSON null as text",
        "NULL; SQLite and MariaDB give the text `null`",
        {"sqlite": r"^json__n__", "mariadb": r"^json__n__"},
    ),
    Difference(
        "an index into a JSON scalar",
        "the scalar is its own first item at the top level; SQLite finds nothing, MariaDB finds it, "
        "and an object too, at any level",
        {"sqlite": r"^json__0", "mariadb": r"^json__0"},
    ),
    Difference(
        "JSON numbers of the same value",
        "5 and 5.0 are equal, the text '5' is not; SQLite and MariaDB compare how numbers are written, "
        "MariaDB also with texts",
        {"sqlite": r"^json__exact=5\.0", "mariadb": r"^json__(exact|a)=.*"},
    ),
    Difference(
        "the order of JSON values of different types",
        "null, strings, numbers, booleans; SQLite and MariaDB have other orders or convert",
        {
            "sqlite": r"^json__.*__(gt|gte|lt|lte)=",
            "mariadb": r"^json__.*__(gt|gte|lt|lte)=|^json__b__c__0='1'",
        },
    ),
    Difference(
        "a lookup on a negated condition",
        "the lookup is asked of the negated condition; Django writes NOT without brackets, so that a "
        "database negates the lookup",
        dict.fromkeys(("sqlite", "postgresql", "mariadb"), r"^condition: ~Q\(.*\) filtered"),
    ),
    Difference(
        "the digits of decimals",
        "the places of PostgreSQL's numeric; SQLite computes with floats, and remainders with integers, MariaDB has "
        "four places more than "
        "the dividend",
        {
            "sqlite": r"^(arithmetic|math|cast): .*decimal|^arithmetic: .*(/ 3.0|\* 1.25)",
            "mariadb": r"^(arithmetic|math|cast): .*decimal|^arithmetic: .*(/ 3.0|\* 1.25)",
        },
    ),
    Difference(
        "an exponential that is too large",
        "no result; SQLite gives infinity, MariaDB an error",
        {"sqlite": r"^math: Exp\(small\)", "mariadb": r"^math: Exp\(small\)"},
    ),
    Difference(
        "division of integers",
        "cut towards zero; MariaDB gives a fraction, which shows where it is filtered on or ordered by",
        {"mariadb": r"^arithmetic: (integer|small|positive) / (small|4)"},
    ),
    Difference(
        "arithmetic that takes a positive field below zero",
        "the negative number; MariaDB raises IntegrityError, for it stores `PositiveIntegerField` unsigned",
        {"mariadb": r"^arithmetic: (-positive|positive - 11)"},
    ),
    Difference(
        "moments where `USE_TZ` is off",
        "wall clocks; PostgreSQL keeps the offset of the zone, writes it in a text and counts the time that has passed "
        "between two, and `Now` is UTC for SQLite and the server's time for MariaDB",
        {"sqlite": NO_CELL, "postgresql": NO_CELL, "mariadb": NO_CELL},
    ),
    Difference("a constant date, selected", "a date; MariaDB gives its text", {"mariadb": NO_CELL}),
    Difference(
        "a date plus a duration",
        "a timestamp without a zone; SQLite and MariaDB give midnight in UTC, and SQLite drops the time",
        {"sqlite": r"^temporal: date [+-]", "mariadb": r"^temporal: date [+-]"},
    ),
    Difference(
        "a time plus a duration",
        "the clock turns round at midnight; SQLite gives NULL, MariaDB goes beyond 24 hours",
        {
            "sqlite": r"^temporal: time [+-] (day|second|duration)",
            "mariadb": r"^temporal: time [+-] (day|second|duration)",
        },
    ),
    Difference(
        "letters beyond ASCII in `Lower` and `Upper`",
        "every letter has two cases; SQLite knows those of ASCII only",
        {"sqlite": r"^text: (Lower|Upper)\(|^aggregate: Min of text"},
    ),
    Difference(
        "`Chr` of NULL and `Ord` of an empty text or beyond ASCII",
        "NULL, 0 and the code point; SQLite gives the character 0 and NULL, MariaDB nothing and the bytes",
        {"sqlite": r"^text: (Chr|Ord)\(", "mariadb": r"^text: (Chr|Ord)\("},
    ),
    Difference(
        "numbers, booleans and keys as text",
        "decimals with all their places, floats without a zero after the point, `true`, hyphens in UUIDs, "
        "cut to the length "
        "of a CharField; the others store and write them otherwise",
        {
            "sqlite": r"^text: Concat\(char, decimal\)|^cast: Cast\(.*, (char|text)\)",
            "mariadb": r"^cast: Cast\(.*, (char|text)\)",
        },
    ),
    Difference(
        "casts of fractions to integers",
        "rounded, halves of a decimal away from zero, of a float to even; SQLite cuts them, MariaDB rounds "
        "away from zero",
        {"sqlite": r"^cast: Cast\(.*, integer\)", "mariadb": r"^cast: Cast\(.*, integer\)"},
    ),
    Difference(
        "the text of JSON",
        "that of `jsonb`; SQLite writes no blanks and leaves numbers numbers, MariaDB keeps the text that was stored",
        {"sqlite": r"^json: json(->>|#>>)|^json: Length", "mariadb": r"^json: json(->>|#>>)|^json: Length"},
    ),
    Difference(
        "NULL, floats and nested objects in `JSONObject` and `JSONArray`",
        "a whole float is written as an integer, as `jsonb` does",
        {"sqlite": r"^json: JSON(Object|Array)", "mariadb": r"^json: JSON(Object|Array)"},
    ),
    Difference(
        "NULL in `Greatest` and `Least`",
        "NULLs do not count; SQLite and MariaDB give NULL when any value is",
        {"sqlite": r"^comparison: (Greatest|Least)", "mariadb": r"^comparison: (Greatest|Least)"},
    ),
    Difference(
        "a duration times a number",
        "the product; Django's SQLite backend knows IntegerField but not its subclasses there, MariaDB has "
        "no such product",
        {"sqlite": r"^temporal: duration \* small", "mariadb": r"^temporal: duration \*"},
    ),
    Difference(
        "a string under a key of JSON that looks like JSON",
        "the string; Django decodes it a second time on SQLite",
        {"sqlite": r"^json: json->a selected"},
    ),
    Difference(
        "other time zones on a MariaDB server without the tables of time zones",
        "the moment in the zone; MariaDB gives NULL until mysql_tzinfo_to_sql has been run",
        {"mariadb": r"^extract: (Trunc\w+\(datetime|\w+\(datetime, [+-])"},
    ),
    Difference(
        "JSON under a key compared with JSON under a key",
        "equality of `jsonb`; before Django 6.1 SQLite fails to decode what is no JSON text",
        {"sqlite": r"^json: json->\w+ filtered"},
    ),
    Difference(
        "halves of floats",
        "a float is rounded as the decimal that it shows, halves away from zero; MariaDB rounds to even",
        {"mariadb": r"^math: Round\(float, 1\)"},
    ),
    Difference("the digits of pi", "those of a double; MariaDB returns six", {"mariadb": r"^math: Pi"}),
    Difference(
        "standard deviation and variance",
        "NULLs are left out, with the places of PostgreSQL's numeric; Django's functions for SQLite fail on NULL, "
        "MariaDB rounds to four places",
        {"sqlite": r"^(aggregate|window): (StdDev|Variance)", "mariadb": r"^(aggregate|window): (StdDev|Variance)"},
    ),
    Difference(
        "the places of an average",
        "those of PostgreSQL's numeric; MariaDB rounds to four places more than the column has",
        {"mariadb": r"^(aggregate|window): Avg"},
    ),
    Difference(
        "bit aggregates of no values",
        "NULL; MariaDB gives the neutral number of 64 bits",
        {"mariadb": r"^aggregate: Bit(And|Or|Xor)"},
    ),
    Difference(
        "the digits of shares of ranks",
        "those of a double; MariaDB returns ten",
        {"mariadb": r"^window: (PercentRank|CumeDist)"},
    ),
    Difference(
        "the default of `Lag` and `Lead`",
        "the default; MariaDB does not know it",
        {"mariadb": r"^window: Lead"},
    ),
    Difference(
        "SHA digests",
        "the digest; PostgreSQL has them where the extension pgcrypto is installed",
        {"postgresql": r"^hash: SHA"},
    ),
)


MISSING_FEATURE = Difference(
    "what a database does not have",
    "memory answers; the database raises NotSupportedError (JSON `contains` on SQLite, `AnyValue` before "
    "PostgreSQL 16, "
    "frame exclusions on MariaDB, the order of aggregates before SQLite 3.44, ...)",
    {},
)


def difference_of(cell: str, vendor: str) -> Difference | None:
    """Return the difference that a cell is an example of on a vendor."""
    name = "mariadb" if vendor == "mysql" else vendor
    for difference in DIFFERENCES:
        pattern = difference.cells.get(name)
        if pattern is not None and re.search(pattern, cell):
            return difference
    return None
