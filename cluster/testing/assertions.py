"""Assertions about clusters and about queries in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from cluster.comparing import diff
from cluster.comparing.diff import Comparable
from cluster.queryset import ListSource, held_queryset


def assert_same_cluster(found: Comparable, expected: Comparable, *, using: str | None = None) -> None:
    """Assert that two clusters or snapshots have the same values, children and links; keys need not be equal.

    One query per relation and level that is live.

    Args:
        found: A cluster or a snapshot.
        expected: Another one; at least one of the two is an instance.
        using: The database alias for live relations; the router's choice for reading by default.

    Raises:
        AssertionError: They differ; the message has each difference on a line, as ``diff()`` prints them.
    """
    differences = diff(expected, found, using=using)
    if differences:
        raise AssertionError(f"The clusters differ (- expected, + found):\n{differences}")


def assert_answers_as_database(rows: QuerySet[Any], ask: Callable[[QuerySet[Any]], Any]) -> None:
    """Assert that memory answers a question about rows as the database does.

    For meanings of your own (``register_lookup()`` and its kin), and for methods of your querysets. ``rows`` are read
    once; then ``ask`` gets them as a live queryset and as a held one.

    Args:
        rows: The rows to ask about, on the database whose answer counts.
        ask: Asks a queryset: returns a queryset or any other result. The rows of an unordered queryset may come in any
            order.

    Raises:
        AssertionError: The answers differ.
        NotInMemoryError: Memory refuses to answer.
    """
    held = held_queryset(type(rows)(rows.model, using=rows.db), ListSource(rows.model, list(rows)))
    expected, found = _answer(ask(rows.all())), _answer(ask(held))
    if found != expected:
        raise AssertionError(f"The database answers {expected!r}, and memory {found!r}.")


def _answer(result: Any) -> Any:
    if not isinstance(result, QuerySet):
        return result
    return list(result) if result.ordered else sorted(result, key=repr)
