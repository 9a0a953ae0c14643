"""Regular expressions: the part of the language on which PostgreSQL, MariaDB and Python agree.

PostgreSQL has its own expressions, MariaDB those of PCRE, SQLite those of Python. A pattern is taken when all three
read it alike, with PostgreSQL's view of line ends: ``.`` is any character, ``^`` and ``$`` are the ends of the text.
"""

from __future__ import annotations

import functools
import re

from cluster.errors import NotInMemoryError

_SAFE_ESCAPES = frozenset("dDwWsSntrfv")
_QUANTIFIER = re.compile(r"\{\d+(,\d*)?\}")
_GROUPS = ("(?:", "(?=", "(?!")
_BRACKET = re.compile(r"\[\^?(?:\\[dwsntrfv\\\]\[^.$*+?(){}|/-]|[^\\\[\]])+\]")
_DOUBLED_QUANTIFIER = re.compile(r"(?<!\\)[*+?}][*+]")


@functools.lru_cache(maxsize=512)
def compile_pattern(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Return the Python expression that matches what the databases match.

    Raises:
        NotInMemoryError: The pattern has a part that the databases and Python read differently, or that is wrong.
    """
    translated = _Translation(pattern).run()
    try:
        return re.compile(translated, re.DOTALL | (re.IGNORECASE if ignore_case else 0))
    except re.error as error:
        raise refused(pattern, str(error)) from error


def refused(pattern: str, reason: str) -> NotInMemoryError:
    """Return the refusal of a pattern."""
    return NotInMemoryError(f"Cannot match the regular expression {pattern!r} in memory: {reason}.")


class _Translation:
    """One walk over a pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.position = 0
        self.out: list[str] = []

    def run(self) -> str:
        if self.pattern.startswith(("***", "(?")) and not self.pattern.startswith(_GROUPS):
            raise refused(self.pattern, "its leading option is not the same for all databases")
        if _DOUBLED_QUANTIFIER.search(self.pattern):
            raise refused(self.pattern, "its doubled quantifier is not the same for all databases")
        while self.position < len(self.pattern):
            self._step(self.pattern[self.position])
        return "".join(self.out)

    def _step(self, character: str) -> None:
        if character == "\\":
            self._escape()
        elif character == "[":
            self._bracket()
        elif character == "(":
            self._group()
        elif character == "{":
            self._count()
        else:
            self._take("\\Z" if character == "$" else character, length=1)

    def _take(self, text: str, *, length: int) -> None:
        self.out.append(text)
        self.position += length

    def _escape(self) -> None:
        character = self.pattern[self.position + 1 : self.position + 2]
        if (character.isalnum() and character not in _SAFE_ESCAPES) or not character or not character.isascii():
            raise refused(self.pattern, f"the escape '\\{character}' is not the same for all databases")
        self._take(f"\\{character}", length=2)

    def _group(self) -> None:
        start = self.pattern[self.position : self.position + 3]
        if start[1:2] == "?" and start not in _GROUPS:
            raise refused(self.pattern, f"the group {start!r} is not the same for all databases")
        self._take(start if start in _GROUPS else "(", length=3 if start in _GROUPS else 1)

    def _count(self) -> None:
        match = _QUANTIFIER.match(self.pattern, self.position)
        if match is None:
            raise refused(self.pattern, "a '{' that is no count is an error on PostgreSQL")
        self._take(match.group(), length=len(match.group()))

    def _bracket(self) -> None:
        match = _BRACKET.match(self.pattern, self.position)
        if match is None or any(doubled in match.group() for doubled in ("--", "&&", "~~", "||")):
            raise refused(self.pattern, "its bracket expression is not the same for all databases")
        self._take(match.group(), length=len(match.group()))
