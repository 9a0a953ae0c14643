"""Snapshots: a whole cluster as plain data or JSON, and back."""

from __future__ import annotations

from cluster.serialization.api import (
    check_serialized,
    from_serializable_data_many,
    get_field_value,
    get_serializable_data_for_fields,
    model_from_serializable_data,
    serializable_data_for,
)
from cluster.serialization.encoding import ClusterJSONEncoder
from cluster.serialization.mixin import Serializable
from cluster.serialization.options import LoadReport

__all__ = [
    "ClusterJSONEncoder",
    "LoadReport",
    "Serializable",
    "check_serialized",
    "from_serializable_data_many",
    "get_field_value",
    "get_serializable_data_for_fields",
    "model_from_serializable_data",
    "serializable_data_for",
]
