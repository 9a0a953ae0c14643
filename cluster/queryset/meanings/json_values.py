"""JSON values as PostgreSQL's ``jsonb`` sees them: equality, containment, order and text."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from cluster.errors import NotInMemoryError


class JsonNullType:
    """The type of ``JSON_NULL``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "JSON_NULL"

    def __bool__(self) -> bool:
        return False

    def __copy__(self) -> JsonNullType:
        return self

    def __deepcopy__(self, memo: Any) -> JsonNullType:
        return self

    def __reduce__(self) -> str:
        return "JSON_NULL"


JSON_NULL: Final = JsonNullType()
"""A JSON null that is a value of its own, where ``None`` is SQL's NULL; within lists and dicts it is ``None``."""

_PLAIN = (str, bool, int, float)


def from_python(value: Any, encoder: type[json.JSONEncoder] | None = None) -> Any:
    """Return a field's Python value as the JSON that would be stored.

    Args:
        value: What a JSONField holds; not SQL's NULL. ``None`` is a JSON null.
        encoder: The encoder of the field.
    """
    if value is None or value is JSON_NULL:
        return JSON_NULL
    if type(value) in _PLAIN:
        return value
    return json.loads(json.dumps(value, cls=encoder))


def to_python(value: Any) -> Any:
    """Return a JSON value as callers see it: a JSON null is ``None``."""
    return None if value is JSON_NULL else value


def canonical(value: Any) -> Any:
    """Return something hashable that is equal for JSON values that ``jsonb`` takes for equal."""
    if value is None or value is JSON_NULL:
        return ("null",)
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, str):
        return ("string", value)
    if isinstance(value, (int, float)):
        return ("number", Decimal(repr(value)))
    if isinstance(value, dict):
        return ("object", frozenset((key, canonical(item)) for key, item in value.items()))
    return ("array", tuple(canonical(item) for item in value))


def json_equal(left: Any, right: Any) -> bool:
    """``=`` of two JSON values."""
    return bool(canonical(left) == canonical(right))


def json_contains(whole: Any, part: Any) -> bool:
    """``@>``: an array also contains a scalar that is one of its elements."""
    if isinstance(whole, list) and not isinstance(part, (list, dict)):
        return any(json_equal(item, part) for item in whole)
    return _contains(whole, part)


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(key in whole and _contains(whole[key], item) for key, item in part.items())
    if isinstance(whole, list) and isinstance(part, list):
        return all(any(_contains(candidate, item) for candidate in whole) for item in part)
    return type(whole) is not list and type(part) is not list and json_equal(whole, part)


def has_key(value: Any, key: str) -> bool:
    """``?``: a key of an object, a string in an array, or the string itself."""
    if isinstance(value, dict):
        return key in value
    if isinstance(value, list):
        return any(isinstance(item, str) and item == key for item in value)
    return isinstance(value, str) and value == key


MISSING: Final = object()


def follow(value: Any, keys: list[str]) -> Any:
    """``->`` and ``#>``: return what is under a path, ``MISSING`` where there is nothing."""
    if len(keys) == 1:
        return _step_by_type(value, keys[0])
    for key in keys:
        value = _step_by_value(value, key)
    return value


def _step_by_type(value: Any, key: str) -> Any:
    """``->``: a key that reads as a number is one; it finds nothing in an object, and a scalar is its own only item."""
    index = _as_index(key)
    if index is not None:
        return _item(value if isinstance(value, (list, dict)) else [value], index)
    return value.get(key, MISSING) if isinstance(value, dict) else MISSING


def _step_by_value(value: Any, key: str) -> Any:
    """``#>``: a key is a number where it meets an array."""
    if isinstance(value, dict):
        return value.get(key, MISSING)
    index = _as_index(key)
    return MISSING if index is None else _item(value, index)


def _item(value: Any, index: int) -> Any:
    if not isinstance(value, list) or not -len(value) <= index < len(value):
        return MISSING
    return value[index]


def _as_index(key: str) -> int | None:
    try:
        return int(key)
    except ValueError:
        return None


def json_text(value: Any) -> str:
    """Return a JSON value as ``jsonb::text`` writes it."""
    if value is None or value is JSON_NULL:
        return "null"
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=_stored_order)
        return "{" + ", ".join(f"{json_text(key)}: {json_text(item)}" for key, item in pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(json_text, value)) + "]"
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"
    return json.dumps(value, ensure_ascii=False)


def _stored_order(pair: tuple[str, Any]) -> tuple[int, bytes]:
    key = pair[0].encode()
    return len(key), key


def scalar_text(value: Any) -> str | None:
    """``->>``: a string without its quotes, a JSON null as NULL, anything else as JSON."""
    if value is None or value is JSON_NULL:
        return None
    return value if isinstance(value, str) else json_text(value)


_RANKS: dict[type, int] = {JsonNullType: 0, str: 1, int: 2, float: 2, bool: 3}


@functools.total_ordering
class JsonOrder:
    """A JSON value in the order of ``jsonb``: null, strings, numbers, booleans."""

    __slots__ = ("rank", "value")

    def __init__(self, value: Any) -> None:
        self.value = JSON_NULL if value is None else value
        rank = _RANKS.get(type(self.value))
        if rank is None:
            raise NotInMemoryError(
                f"Cannot order the JSON value {value!r} in memory: the databases order arrays and objects differently."
            )
        self.rank = rank

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonOrder) and json_equal(self.value, other.value)

    def __lt__(self, other: JsonOrder) -> bool:
        if self.rank != other.rank:
            return self.rank < other.rank
        left: Any = self.value
        return left is not JSON_NULL and bool(left < other.value)

    def __hash__(self) -> int:
        return hash(canonical(self.value))


def json_less(left: Any, right: Any) -> bool:
    """``<`` of two JSON values."""
    return JsonOrder(left) < JsonOrder(right)


def build_value(value: Any) -> Any:
    """Return a SQL value as ``jsonb_build_object`` turns it into JSON."""
    if value is None or value is JSON_NULL:
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, (str, bool, int, dict, list)):
        return value
    writer = _BUILDERS.get(type(value).__name__)
    if writer is None:
        raise NotInMemoryError(
            f"Cannot put {value!r} into JSON in memory: the databases write a {type(value).__name__} differently."
        )
    return writer(value)


def _build_decimal(value: Decimal) -> Any:
    return float(value) if value.as_tuple().exponent else int(value)


_BUILDERS: dict[str, Callable[[Any], Any]] = {"Decimal": _build_decimal, "UUID": str, "date": str}
