"""What a question gives in the database and in memory, and how the two are compared."""

from __future__ import annotations

import json
import math
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import NotSupportedError, connection, transaction
from django.db.models import Model, QuerySet

from cluster.errors import NotInMemoryError
from tests.differential.vendors import MISSING_FEATURE, Difference, difference_of

FLOAT_TOLERANCE = 1e-12
LONGEST_DECIMAL = 28


@dataclass(frozen=True, slots=True)
class Failed:
    """An exception instead of an answer."""

    error: Exception

    @property
    def is_refusal(self) -> bool:
        """Whether memory said that only the database can answer."""
        return isinstance(self.error, NotInMemoryError)


def outcome(ask: Callable[[Any], Any], queryset: QuerySet[Any]) -> Any:
    """Return the answer of a queryset to a question as plain data, or how it failed."""
    try:
        # A savepoint, for on PostgreSQL an error ends the transaction.
        with warnings.catch_warnings(), transaction.atomic():
            warnings.simplefilter("ignore")
            return plain(ask(queryset))
    except Exception as error:  # noqa: BLE001
        return Failed(error)


def plain(answer: Any) -> Any:
    """Return an answer as data that can be compared: an instance becomes its class and key."""
    if isinstance(answer, Model):
        return (type(answer).__name__, answer.pk)
    if isinstance(answer, dict):
        return {key: plain(value) for key, value in answer.items()}
    if isinstance(answer, (QuerySet, list)):
        return [plain(item) for item in answer]
    if isinstance(answer, tuple):
        return tuple(plain(item) for item in answer)
    if isinstance(answer, memoryview):
        return bytes(answer)
    return answer


def same(left: Any, right: Any, *, exact: bool) -> bool:
    """Say whether two answers are equal, types and (when ``exact``) decimal places included."""
    if isinstance(left, Failed) or isinstance(right, Failed):
        return isinstance(left, Failed) and isinstance(right, Failed) and type(left.error) is type(right.error)
    if isinstance(left, (list, tuple)):
        return type(left) is type(right) and len(left) == len(right) and all(map_same(left, right, exact=exact))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key], exact=exact) for key in left)
    return _same_values(left, right, exact=exact)


def map_same(left: Iterable[Any], right: Iterable[Any], *, exact: bool) -> list[bool]:
    """Compare the items of two answers of the same length one by one."""
    return [same(one, other, exact=exact) for one, other in zip(left, right, strict=True)]


def _same_values(left: Any, right: Any, *, exact: bool) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return math.isclose(left, right, rel_tol=FLOAT_TOLERANCE, abs_tol=FLOAT_TOLERANCE)
    if isinstance(left, Decimal):
        # More digits than these are those of a float turned into a decimal, as PostgreSQL gives for trigonometry.
        exact = exact and len(left.as_tuple().digits) <= LONGEST_DECIMAL
        return (
            str(left) == str(right)
            if exact
            else math.isclose(left, right, rel_tol=FLOAT_TOLERANCE, abs_tol=FLOAT_TOLERANCE)
        )
    return bool(left == right)


@dataclass(slots=True)
class Tally:
    """What was seen while many cells were compared."""

    equal: int = 0
    errors: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    differing: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """What one comparison came to, for the statistics of hypothesis."""
        if self.refused:
            return "refused"
        return "the same error" if self.errors else "equal" if self.equal else "differing"

    @property
    def cells(self) -> int:
        """How many cells were compared."""
        return self.equal + self.refused.total() + self.differing.total() + len(self.problems)

    def compare(self, name: str, ask: Callable[[Any], Any], live: QuerySet[Any], held: QuerySet[Any]) -> None:
        """Put one question to the database and to memory and note how the answers relate."""
        stored, remembered = outcome(ask, live), outcome(ask, held)
        if same(stored, remembered, exact=connection.vendor == "postgresql"):
            self.equal += 1
            self.errors += isinstance(stored, Failed)
        elif isinstance(remembered, Failed) and remembered.is_refusal:
            self.refused[str(remembered.error).split(" in memory")[0][:60]] += 1
        else:
            self._note(name, known_difference(name, stored), stored, remembered)

    def _note(self, name: str, difference: Difference | None, stored: Any, remembered: Any) -> None:
        if difference is None:
            self.problems.append(f"{name}\n    database: {shown(stored)}\n    memory:   {shown(remembered)}")
        else:
            self.differing[difference.name] += 1

    def report(self, name: str) -> None:
        """Add the counts to the file that ``CLUSTER_TALLY`` names, for the table in the documentation."""
        path = os.environ.get("CLUSTER_TALLY")
        if path:
            counts = {
                "vendor": connection.vendor,
                "name": name,
                "cells": self.cells,
                "equal": self.equal,
                "errors": self.errors,
            }
            counts |= {"refused": dict(self.refused), "differing": dict(self.differing), "problems": len(self.problems)}
            with Path(path).open("a") as file:
                file.write(json.dumps(counts) + "\n")

    def check(self) -> None:
        """Fail with every cell in which memory and database differ without a rule that says so."""
        if self.problems:
            raise AssertionError(f"{len(self.problems)} of {self.cells} cells differ:\n" + "\n".join(self.problems))


def known_difference(name: str, stored: Any) -> Difference | None:
    """Return the difference between vendors that explains what a database gave for a cell."""
    if isinstance(stored, Failed) and type(stored.error) is NotSupportedError:
        return MISSING_FEATURE
    return difference_of(name, connection.vendor)


def shown(answer: Any) -> str:
    """Return an answer for a message."""
    if isinstance(answer, Failed):
        return f"{type(answer.error).__module__}.{type(answer.error).__name__}: {str(answer.error)[:160]}"
    return repr(answer)[:400]
