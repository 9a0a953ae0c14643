"""What two versions of a cluster do not agree about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import Model

Side = Literal["mine", "theirs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A place that both versions changed, each in its own way.

    Attributes:
        kind: ``changed`` (a value), ``removed`` (a row that one removed and the other changed) or ``moved`` (the order
            of a relation).
        path: The place, such as ``albums[2].title``, by places in the base (in mine for rows that both added).
        model: The model of the row; for an order, of the rows that are ordered.
        key: The row's primary key; ``None`` for an order.
        base: The value in the base; ``None`` where there was none.
        mine: My value, or the row; ``None`` for a row that I removed. For an order, the keys of the rows.
        theirs: The same of the other version.
        taken: Whose version the merged data has.
    """

    kind: Literal["changed", "removed", "moved"]
    path: str
    model: type[Model]
    key: Any
    base: Any
    mine: Any
    theirs: Any
    taken: Side

    def __str__(self) -> str:
        match self.kind:
            case "changed":
                text = f"{self.base!r} became {self.mine!r} in mine and {self.theirs!r} in theirs"
            case "removed":
                text = f"removed in {'mine' if self.mine is None else 'theirs'} and changed in the other"
            case _:
                text = "put in two different orders"
        return f"{self.path}: {text}; {self.taken} taken"

    def as_data(self) -> dict[str, Any]:
        """Return the conflict as plain data."""
        names = ("kind", "path", "key", "base", "mine", "theirs", "taken")
        return {**{name: getattr(self, name) for name in names}, "model": self.model._meta.label_lower}


Prefer = Side | Callable[[Conflict], Side]
