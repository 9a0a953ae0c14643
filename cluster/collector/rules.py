"""What a collector does with the rows at the end of an edge, and with rows that are erased."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from django.db.models import Q


class Role(Enum):
    """What a row is to the collection."""

    OWN = "own"
    REF = "ref"
    LINK = "link"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Rule:
    """A role for the rows at the end of an edge.

    Call ``OWN`` or ``REF`` with a ``Q`` to narrow it on the way down: ``OWN(Q(archived=False))``. Rows that do not
    match are skipped and counted.

    Attributes:
        role: What the rows become.
        condition: What a row must match, as a filter on its model.
    """

    role: Role
    condition: Q | None = None

    def __call__(self, condition: Q) -> Rule:
        return replace(self, condition=condition)

    def __str__(self) -> str:
        return self.role.name if self.condition is None else f"{self.role.name}({self.condition})"

    __repr__ = __str__


OWN = Rule(Role.OWN)
REF = Rule(Role.REF)
LINK = Rule(Role.LINK)
SKIP = Rule(Role.SKIP)
PLAIN_RULES: dict[str, Rule] = {str(rule): rule for rule in (OWN, REF, LINK, SKIP)}


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure does with the owned rows of a model.

    Call one to say more: ``KEEP("tax law, ten years", Q(paid=True))``, ``ANONYMIZE(email=Pseudonym())``.

    Attributes:
        name: ``delete``, ``anonymize`` or ``keep``.
        reason: Why rows are kept.
        condition: Which rows it is for; the others are deleted.
        values: By field name the new value, or a callable that makes it from the old one.
    """

    name: str
    reason: str = ""
    condition: Q | None = None
    values: dict[str, Any] = field(default_factory=dict, hash=False)

    def __call__(self, *arguments: str | Q, **values: Any) -> Erasure:
        reason = next((argument for argument in arguments if isinstance(argument, str)), self.reason)
        condition = next((argument for argument in arguments if isinstance(argument, Q)), self.condition)
        return replace(self, reason=reason, condition=condition, values={**self.values, **values})

    def __str__(self) -> str:
        return f"{self.name.upper()}({self.reason!r})" if self.reason else self.name.upper()

    __repr__ = __str__


DELETE = Erasure("delete")
ANONYMIZE = Erasure("anonymize")
KEEP = Erasure("keep")
