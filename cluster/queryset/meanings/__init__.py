"""The meanings of Django's own lookups, transforms, expressions, functions, aggregates and window functions.

Importing the package registers them all. Where databases differ, the meaning is PostgreSQL's.
"""

from __future__ import annotations

from cluster.queryset.meanings import (
    aggregates,
    arithmetic,
    cast,
    conditional,
    dates,
    hashes,
    json_functions,
    json_keys,
    json_lookups,
    lookups,
    numbers,
    strings,
    temporal,
    texts,
    tuples,
    uuids,
    windows,
)

__all__ = [
    "aggregates",
    "arithmetic",
    "cast",
    "conditional",
    "dates",
    "hashes",
    "json_functions",
    "json_keys",
    "json_lookups",
    "lookups",
    "numbers",
    "strings",
    "temporal",
    "texts",
    "tuples",
    "uuids",
    "windows",
]
