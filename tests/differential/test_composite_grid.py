"""Composite primary keys, answered by the database and by memory."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Count, Max, Q

from tests.differential.app.models import Seat
from tests.differential.conftest import Both
from tests.differential.outcomes import Tally

pytestmark = pytest.mark.django_db

KEYS: list[Any] = [(1, 1), (1, 2), (2, 2), (9, 9), ("1", "2"), (2, None)]
CONDITIONS: list[tuple[str, Any]] = [
    *((f"pk__{lookup}", key) for lookup in ("exact", "gt", "gte", "lt", "lte") for key in KEYS),
    *(("pk__in", keys) for keys in (KEYS, KEYS[:1], [], [(2, None)])),
    ("pk__isnull", True),
    ("pk__isnull", False),
    ("pk", 1),
    ("pk", (1, 2, 3)),
    ("pk__contains", (1, 2)),
    ("row", 2),
    ("guest__isnull", True),
]
ENDINGS = {
    "list": lambda queryset: list(queryset.order_by("pk")),
    "reversed": lambda queryset: list(queryset.order_by("-pk")),
    "keys": lambda queryset: list(queryset.order_by("pk").values_list("pk", "guest")),
    "flat keys": lambda queryset: list(queryset.order_by("pk").values_list("pk", flat=True)),
    "count": lambda queryset: queryset.count(),
    "first": lambda queryset: queryset.first(),
    "in_bulk": lambda queryset: queryset.in_bulk([(1, 1), (2, 2)]),
    "aggregate": lambda queryset: queryset.aggregate(Count("pk"), Max("number")),
    "group": lambda queryset: list(queryset.values("row").annotate(seats=Count("pk")).order_by("row")),
}


def test_memory_answers_questions_on_composite_keys_as_the_database_does(both: Both) -> None:
    tally = Tally()

    for path, value in CONDITIONS:
        for method in ("filter", "exclude"):
            for name, ending in ENDINGS.items():
                tally.compare(
                    f"composite: {path}={value!r} {method} {name}",
                    Question(method, Q(**{path: value}), ending).ask,
                    both.live(Seat),
                    both.memory(Seat),
                )

    tally.report("composite keys")
    tally.check()


class Question:
    """A condition on a composite key, and what is asked of the rows that are left."""

    def __init__(self, method: str, condition: Q, ending: Any) -> None:
        self.method = method
        self.condition = condition
        self.ending = ending

    def ask(self, queryset: Any) -> Any:
        """Put the question to a queryset."""
        return self.ending(getattr(queryset, self.method)(self.condition))
