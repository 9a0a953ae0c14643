"""What memory asks of the database while it answers, and whose instances it gives."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Count, Q, QuerySet

from cluster.queryset import FakeQuerySet
from tests.differential.aggregate_cells import aggregate_cells
from tests.differential.app.models import Specimen
from tests.differential.conftest import Both
from tests.differential.expression_cells import expression_cells
from tests.differential.lookup_cells import lookup_cells

pytestmark = pytest.mark.django_db

RELATIONS = ("origin", "parts", "tags", "badge", "related")
OWN = [
    *(cell for cell in lookup_cells() if cell.form == "filtered" and not cell.path.startswith(RELATIONS)),
    *(
        cell
        for cell in expression_cells()
        if cell.form == "selected" and not any(name in cell.label for name in RELATIONS)
    ),
    *(
        cell
        for cell in aggregate_cells()
        if cell.form == "overall" and not any(name in cell.label for name in RELATIONS)
    ),
]
TRAVERSED: dict[str, tuple[Any, int]] = {
    "a key forwards": (lambda queryset: queryset.filter(origin__name="Mine"), 1),
    "a key forwards twice": (lambda queryset: queryset.filter(origin__parent__name="Mine"), 2),
    "a key backwards": (lambda queryset: queryset.filter(parts__size__gt=1), 1),
    "a key backwards, in several conditions": (
        lambda queryset: queryset.filter(Q(parts__size__gt=1) | Q(parts__name="part 0")),
        1,
    ),
    "one to one": (lambda queryset: queryset.order_by("badge__number"), 1),
    "an aggregate": (lambda queryset: queryset.annotate(number=Count("parts")), 1),
    "the key itself": (lambda queryset: queryset.filter(origin__isnull=True), 0),
}


def fresh(both: Both) -> QuerySet[Any]:
    """Return a queryset over instances on which no relation is cached."""
    return FakeQuerySet(Specimen, list(both.live()))


def test_questions_on_own_fields_ask_nothing_of_the_database(both: Both, django_assert_num_queries: Any) -> None:
    held = fresh(both)

    with django_assert_num_queries(0):
        answered = sum(is_answered(cell.ask, held) for cell in OWN)

    assert answered > 1000


def is_answered(ask: Any, queryset: QuerySet[Any]) -> bool:
    """Evaluate a question and say whether it had an answer."""
    try:
        list(ask(queryset))
    except Exception:  # noqa: BLE001
        return False
    return True


@pytest.mark.parametrize(("ask", "queries"), TRAVERSED.values(), ids=TRAVERSED.keys())
def test_a_relation_that_is_not_in_memory_takes_one_query(
    both: Both, django_assert_num_queries: Any, ask: Any, queries: int
) -> None:
    held = fresh(both)

    with django_assert_num_queries(queries):
        list(ask(held))


@pytest.mark.parametrize(
    "ask",
    [
        lambda queryset: queryset.filter(integer=42).order_by("-pk"),
        lambda queryset: queryset.filter(parts__size__gte=0),
        lambda queryset: queryset.annotate(number=Count("tags")).distinct(),
        lambda queryset: queryset.only("char").select_for_update().reverse(),
    ],
    ids=["own field", "join", "annotation", "only"],
)
def test_the_instances_that_come_out_are_those_that_went_in(both: Both, ask: Any) -> None:
    instances = list(both.live())
    known = {id(instance) for instance in instances}

    found = list(ask(FakeQuerySet(Specimen, instances)))

    assert found
    assert {id(instance) for instance in found} <= known
