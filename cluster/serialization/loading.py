"""Loading snapshots: read, check, build, in this order, so that nothing is built from data that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.db.models import Model

from cluster.errors import SerializedDataError
from cluster.serialization.asking import Asked, asked_for
from cluster.serialization.building import Builder
from cluster.serialization.checking import check
from cluster.serialization.options import LoadOptions, LoadReport
from cluster.serialization.reading import Reading, read
from cluster.serialization.wording import shown


def load_one(model: type[Model], data: Any, options: LoadOptions) -> Any:
    """Build one cluster; ``None`` where ``strict_fks`` drops it."""
    asked = asked_for(model)
    if asked is None:
        return _load(read(model, [data], options), options)[0]
    return _load_as_read(asked) if asked.is_for(data) else _load_again(asked, data)


def load_many(model: type[Model], items: Iterable[Any], options: LoadOptions) -> list[Any]:
    """Build many clusters with the query counts of one; ``None`` for those that ``strict_fks`` drops."""
    if isinstance(items, str | bytes | Mapping) or not isinstance(items, Iterable):
        raise SerializedDataError(f"The data of many objects must be a list, and is {shown(items)}.")
    return _load(read(model, list(items), options, is_many=True), options)


def _load(reading: Reading, options: LoadOptions) -> list[Any]:
    builder = Builder(options, reading.nodes)
    if options.check_fks:
        builder.objects = check(reading, options).objects
    builder.build_all()
    return [root.instance for root in reading.roots]


def _load_as_read(asked: Asked) -> Any:
    """Build a node whose class passed on what it was given."""
    found = asked.node.report or LoadReport()
    if found.problems:
        raise SerializedDataError(found.problems)
    asked.builder.options.report.take(found)
    return asked.builder.build(asked.node)


def _load_again(asked: Asked, data: Any) -> Any:
    """Build a node from other data than was read, in its place in the cluster; ``None`` where that drops it."""
    builder, node, report = asked.builder, asked.node, LoadReport()
    options = replace(builder.options, report=report)
    reading = Reading(options)
    reading.run_again(node, data, asked.unchanged_children())
    if options.check_fks:
        builder.objects.update(check(reading, options, builder.tree).objects)
    builder.options.report.take(report)
    below = reading.nodes[1:]
    builder.nodes += below
    builder.build_each(below)
    return None if node.is_dropped else builder.build(node)


def report_on(model: type[Model], data: Any, options: LoadOptions) -> LoadReport:
    """Return what loading would report, the problems that would stop it among it, without building anything."""
    options = replace(options, strict_fks=True)
    reading = Reading(options)
    reading.run(model, [data], is_many=False)
    options.report.problems += reading.problems
    for node in reading.nodes:
        if node.report is not None:
            options.report.take(node.report)
    if options.check_fks and not options.report.problems:
        try:
            check(reading, options)
        except SerializedDataError as error:
            options.report.problems += error.problems
    return options.report
