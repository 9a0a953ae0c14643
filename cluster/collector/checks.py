"""The system check of strict collectors: no model is reached that no rule mentions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model

from cluster.collector.book import RuleBook, Step
from cluster.collector.collector import Collector, registered_collectors
from cluster.collector.declarations import declared
from cluster.collector.edges import Edge, Kind, edges_of
from cluster.collector.rules import Role


def check_collectors(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Check what every collector declares, and name the relations that a strict one has no rule for."""
    return [message for collector in registered_collectors() for message in check_collector(collector)]


def check_collector(collector: type[Collector]) -> list[checks.CheckMessage]:
    """Check one collector."""
    try:
        model = collector.declared_model()
        assert model is not None
        book = RuleBook(model, collector.rules, DEFAULT_DB_ALIAS)
        declared(collector)
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), obj=collector, id="cluster.E101")]
    if not collector.strict:
        return []
    found = {model: edge for edge, model in unmentioned(book)}
    return [
        checks.Error(
            f"{collector.__name__} is strict, and no rule mentions {target._meta.label}, which it reaches by"
            f" {edge.label}.",
            hint=f"Add a rule for {target._meta.label!r} or for {edge.label!r}: OWN, REF, LINK or SKIP.",
            obj=collector,
            id="cluster.E102",
        )
        for target, edge in sorted(found.items(), key=lambda item: item[0]._meta.label)
    ]


def unmentioned(book: RuleBook) -> Iterator[tuple[Edge, type[Model]]]:
    """Yield the edges that are followed only because nothing says otherwise, and the models at their ends."""
    waiting: list[tuple[type[Model], Step | None, bool]] = [(book.model, book.start, True)]
    seen = set()
    while waiting:
        model, step, is_owned = waiting.pop()
        if (model, id(step) if step else None, is_owned) in seen:
            continue
        seen.add((model, id(step) if step else None, is_owned))
        for edge in edges_of(model):
            if edge.target is None or (edge.is_down and not is_owned):
                continue
            resolved = book.resolve(edge, step)
            if not resolved.key and not resolved.reason and edge.kind is not Kind.PARENT and not is_known(book, edge):
                yield edge, edge.target
            if resolved.role in (Role.OWN, Role.REF):
                waiting.append((edge.target, resolved.step, is_owned and resolved.role is Role.OWN))


def is_known(book: RuleBook, edge: Edge) -> bool:
    """Whether the model at the end of an edge is the source, the root, or mentioned by a rule of its own."""
    return edge.target in (edge.source, book.model) or edge.target in book.by_model
