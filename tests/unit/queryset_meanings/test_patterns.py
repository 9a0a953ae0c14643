from __future__ import annotations

import pytest

from cluster.errors import NotInMemoryError
from cluster.queryset.meanings.patterns import compile_pattern

MATCHES = {
    "a dot is any character": ("a.b", "a\nb", True),
    "a dollar is the end of the text": ("b$", "ab\n", False),
    "a caret is the start of the text": ("^b", "a\nb", False),
    "a class": ("[a-c]+x", "abx", True),
    "a negated class": ("^[^a-c]$", "d", True),
    "an escape within brackets": (r"[\]\d]", "]", True),
    "a count": ("^a{2,3}$", "aaaa", False),
    "a group that is not kept": ("(?:a|b)c", "bc", True),
    "a lookahead": ("a(?!b)", "ab", False),
    "an escaped sign": (r"\.x", "ax", False),
    "a reluctant quantifier": ("a+?b", "aab", True),
}
REFUSED = {
    "word boundary": r"\bword",
    "back reference": r"(a)\1",
    "escape at the end": "a\\",
    "POSIX class": "[[:alpha:]]",
    "bracket that is not closed": "[abc",
    "doubled sign within brackets": "[a&&b]",
    "inline option": "(?i)a",
    "inline option further on": "a(?i)b",
    "named group": "x(?P<name>a)",
    "PostgreSQL's prefix": "***=a.b",
    "brace that is no count": "a{x}",
    "possessive quantifier": "a*+",
    "group that is not closed": "(a",
}


@pytest.mark.parametrize(("pattern", "text", "expected"), MATCHES.values(), ids=MATCHES.keys())
def test_a_pattern_means_what_postgresql_means(pattern: str, text: str, expected: bool) -> None:
    assert (compile_pattern(pattern).search(text) is not None) is expected


def test_a_pattern_can_ignore_case() -> None:
    assert compile_pattern("ÄB", ignore_case=True).search("äb")


@pytest.mark.parametrize("pattern", REFUSED.values(), ids=REFUSED.keys())
def test_a_pattern_that_databases_read_differently_is_refused(pattern: str) -> None:
    with pytest.raises(NotInMemoryError) as caught:
        compile_pattern(pattern)

    assert str(caught.value).startswith(f"Cannot match the regular expression {pattern!r} in memory: ")
