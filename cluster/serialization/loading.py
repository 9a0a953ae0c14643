"""Loading snapshots: read, check, build, in this order, so that nothing is built from data that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db.models import Model

from cluster.errors import SerializedDataError
from cluster.serialization.building import Builder, node_asked_for
from cluster.serialization.checking import check
from cluster.serialization.options import LoadOptions, LoadReport
from cluster.serialization.reading import Reading, read


def load_one(model: type[Model], data: Any, options: LoadOptions) -> Any:
    """Build one cluster; ``None`` where ``strict_fks`` drops it."""
    asked = node_asked_for(data)
    if asked is not None:
        builder, node = asked
        return builder.build(node)
    return _load(read(model, [data], options), Builder(options))[0]


def load_many(model: type[Model], items: Sequence[Any], options: LoadOptions) -> list[Any]:
    """Build many clusters with the query counts of one; ``None`` for those that ``strict_fks`` drops."""
    return _load(read(model, items, options, is_many=True), Builder(options, asks_roots=True))


def _load(reading: Reading, builder: Builder) -> list[Any]:
    if builder.options.check_fks:
        builder.objects = check(reading, builder.options).objects
    builder.build_all(reading.nodes)
    return [root.instance for root in reading.roots]


def report_on(model: type[Model], data: Any, options: LoadOptions) -> LoadReport:
    """Return what loading would report, the problems that would stop it among it, without building anything."""
    options = replace(options, strict_fks=True)
    reading = Reading(options)
    reading.run(model, [data], is_many=False)
    options.report.problems += reading.problems
    if options.check_fks and not reading.problems:
        try:
            check(reading, options)
        except SerializedDataError as error:
            options.report.problems += error.problems
    return options.report
