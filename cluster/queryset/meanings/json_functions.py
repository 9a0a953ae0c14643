"""The functions that build JSON: objects, arrays and null."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import expressions
from django.db.models import functions as db

from cluster import _compat
from cluster.queryset.meanings.json_values import JSON_NULL, build_value
from cluster.queryset.registry import Evaluator, compiles, compiles_function

if TYPE_CHECKING:
    from cluster.queryset.compiling import Compiler
    from cluster.queryset.rows import Row


@compiles_function(db.JSONObject, propagate_null=False)
def json_object(*values: Any) -> dict[str, Any]:
    """``jsonb_build_object``: keys and values take turns."""
    return {key: build_value(value) for key, value in zip(values[::2], values[1::2], strict=True)}


def json_array(*values: Any) -> list[Any]:
    """``jsonb_build_array``."""
    return [build_value(value) for value in values]


compiles_function(*_compat.classes_of(db, "JSONArray"), propagate_null=False)(json_array)


@compiles(*_compat.classes_of(expressions, "JSONNull"))
def compile_json_null(expression: Any, compiler: Compiler) -> Evaluator:
    """A JSON null."""
    return _json_null


def _json_null(row: Row) -> Any:
    return JSON_NULL
