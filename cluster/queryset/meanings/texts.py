"""Lookups of text: contains, startswith, endswith, regex and their case-insensitive forms."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.db.models import lookups

from cluster.errors import NotInMemoryError
from cluster.queryset.meanings.casting import as_text, upper
from cluster.queryset.meanings.patterns import compile_pattern
from cluster.queryset.registry import LookupTest, compiles_lookup

TextTest = Callable[[str, str], bool]


def _contains(text: str, part: str) -> bool:
    return part in text


def _equals(text: str, other: str) -> bool:
    return text == other


def _is_known(lookup: Any) -> bool:
    return bool(lookup.rhs_is_direct_value() and lookup.rhs is not None and not lookup.bilateral_transforms)


class TextLookup:
    """A test of two texts; the left side is cast to text as PostgreSQL casts it."""

    __slots__ = ("field", "ignore_case", "known", "test")

    def __init__(self, lookup: Any, test: TextTest, *, ignore_case: bool = False) -> None:
        self.field = lookup.lhs.output_field
        self.test = test
        self.ignore_case = ignore_case
        self.known = self._folded(as_text(lookup.rhs)) if _is_known(lookup) else None

    def __call__(self, left: Any, right: Any) -> bool:
        text = as_text(left, self.field)
        part = self.known if self.known is not None else self._folded(as_text(right))
        return self.test(upper(text) if self.ignore_case else text, part)

    def _folded(self, text: str) -> str:
        return upper(text) if self.ignore_case else text


_TESTS: dict[str, TextTest] = {
    "contains": _contains,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "exact": _equals,
}


def text_test(name: str) -> TextTest:
    """Return the test of two texts behind a lookup's name without its leading ``i``."""
    return _TESTS[name]


@compiles_lookup(
    lookups.Contains,
    lookups.StartsWith,
    lookups.EndsWith,
    lookups.UUIDContains,
    lookups.UUIDStartsWith,
    lookups.UUIDEndsWith,
)
def build_pattern(lookup: Any) -> LookupTest:
    """``LIKE`` with the wildcards escaped; letters are compared as they are written, on every database."""
    return TextLookup(lookup, _TESTS[lookup.lookup_name])


@compiles_lookup(
    lookups.IExact,
    lookups.IContains,
    lookups.IStartsWith,
    lookups.IEndsWith,
    lookups.UUIDIExact,
    lookups.UUIDIContains,
    lookups.UUIDIStartsWith,
    lookups.UUIDIEndsWith,
)
def build_case_insensitive_pattern(lookup: Any) -> LookupTest:
    """``UPPER(...) LIKE UPPER(...)``."""
    if lookup.lookup_name == "iexact" and lookup.rhs_is_direct_value() and not isinstance(lookup.rhs, str):
        raise NotInMemoryError(
            f"Cannot compare text with {lookup.rhs!r} in memory: the databases disagree on it. Give the value as text."
        )
    return TextLookup(lookup, _TESTS[lookup.lookup_name[1:]], ignore_case=True)


class RegexLookup:
    """A search for a regular expression that the databases and Python read alike."""

    __slots__ = ("field", "ignore_case", "known")

    def __init__(self, lookup: Any, *, ignore_case: bool) -> None:
        self.field = lookup.lhs.output_field
        self.ignore_case = ignore_case
        self.known = self._compiled(as_text(lookup.rhs)) if _is_known(lookup) else None

    def __call__(self, left: Any, right: Any) -> bool:
        pattern = self.known if self.known is not None else self._compiled(as_text(right))
        return pattern.search(as_text(left, self.field)) is not None

    def _compiled(self, pattern: str) -> re.Pattern[str]:
        return compile_pattern(pattern, ignore_case=self.ignore_case)


@compiles_lookup(lookups.Regex)
def build_regex(lookup: Any) -> LookupTest:
    """``~``."""
    return RegexLookup(lookup, ignore_case=False)


@compiles_lookup(lookups.IRegex)
def build_iregex(lookup: Any) -> LookupTest:
    """``~*``."""
    return RegexLookup(lookup, ignore_case=True)
