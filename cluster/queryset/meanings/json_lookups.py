"""JSONField: keys and indexes, has_key and containment, and the lookups of what is under a key."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db.models import JSONField, expressions
from django.db.models import functions as db
from django.db.models.fields import json as fields

from cluster import _compat
from cluster.errors import NotInMemoryError
from cluster.queryset.meanings.comparing import equal, less
from cluster.queryset.meanings.json_values import (
    JSON_NULL,
    MISSING,
    build_value,
    canonical,
    follow,
    from_python,
    has_key,
    json_contains,
    json_equal,
    json_less,
    scalar_text,
)
from cluster.queryset.meanings.texts import RegexLookup, TextLookup, text_test
from cluster.queryset.registry import Evaluator, LookupTest, compiles, compiles_function, compiles_lookup

if TYPE_CHECKING:
    from cluster.queryset.compiling import Compiler
    from cluster.queryset.rows import Row

Encoder = type[json.JSONEncoder] | None


class KeyEvaluator:
    """What is under a path of keys and indexes in a JSON column."""

    __slots__ = ("encoder", "finish", "keys", "root")

    def __init__(self, expression: Any, compiler: Compiler, finish: Callable[[Any], Any]) -> None:
        self.keys, root = path_of(expression)
        self.root = compiler.compile(root)
        self.encoder: Encoder = getattr(root.output_field, "encoder", None)
        self.finish = finish

    def __call__(self, row: Row) -> Any:
        value = self.root(row)
        if value is None:
            return None
        found = follow(from_python(value, self.encoder), self.keys)
        return None if found is MISSING else self.finish(found)


def path_of(expression: Any) -> tuple[list[str], Any]:
    """Return the keys of nested key transforms, outermost first, and the expression under them."""
    keys: list[str] = []
    while isinstance(expression, fields.KeyTransform):
        keys.insert(0, expression.key_name)
        expression = expression.lhs
    return keys, expression


def _value_found(value: Any) -> Any:
    return JSON_NULL if value is None else value


@compiles(fields.KeyTransform)
def compile_key(expression: Any, compiler: Compiler) -> Evaluator:
    """``->``: a JSON value; a JSON null is not NULL."""
    return KeyEvaluator(expression, compiler, _value_found)


@compiles(fields.KeyTextTransform)
def compile_key_text(expression: Any, compiler: Compiler) -> Evaluator:
    """``->>``: text; a JSON null is NULL."""
    return KeyEvaluator(expression, compiler, scalar_text)


def encoder_of(lookup: Any) -> Encoder:
    """Return the encoder with which a lookup's values become JSON."""
    return getattr(lookup.lhs.output_field, "encoder", None)


class JsonLookup:
    """A test of two JSON values; NULL on the left is unknown, a plain ``None`` on the right is a JSON null."""

    __slots__ = ("direct", "encoder", "test")

    def __init__(self, lookup: Any, test: Callable[[Any, Any], bool]) -> None:
        self.encoder = encoder_of(lookup)
        self.direct = lookup.rhs_is_direct_value()
        self.test = test
        _refuse_other_types(lookup)

    def __call__(self, left: Any, right: Any) -> bool | None:
        if left is None or (right is None and not self.direct):
            return None
        return self.test(from_python(left, self.encoder), from_python(right, self.encoder))


def _refuse_other_types(lookup: Any) -> None:
    field = None if lookup.rhs_is_direct_value() else getattr(lookup.rhs, "_output_field_or_none", None)
    if field is not None and not isinstance(field, JSONField) and not isinstance(lookup.rhs, expressions.Value):
        raise NotInMemoryError(
            f"Cannot compare JSON with a {type(field).__name__} in memory: the databases disagree on it. "
            "Cast one of them to the type of the other."
        )


class PlainLookup:
    """A test of two values that are no JSON, such as the texts that ``KT()`` gives; NULL makes it unknown."""

    __slots__ = ("test",)

    def __init__(self, test: Callable[[Any, Any], bool]) -> None:
        self.test = test

    def __call__(self, left: Any, right: Any) -> bool | None:
        return None if left is None or right is None else self.test(left, right)


def is_json(lookup: Any) -> bool:
    """Say whether the left side of a lookup is JSON, which ``KT()`` is not."""
    return isinstance(lookup.lhs.output_field, JSONField)


@compiles_lookup(fields.JSONExact, fields.KeyTransformExact, propagate_null=False)
def build_json_exact(lookup: Any) -> LookupTest:
    """``=``; ``None`` as the value asks for a JSON null."""
    if not is_json(lookup):
        return PlainLookup(equal)
    return JsonLookup(lookup, json_equal)


@compiles_lookup(fields.DataContains)
def build_contains(lookup: Any) -> LookupTest:
    """``@>``."""
    return JsonLookup(lookup, json_contains)


def _contained(part: Any, whole: Any) -> bool:
    return json_contains(whole, part)


@compiles_lookup(fields.ContainedBy)
def build_contained_by(lookup: Any) -> LookupTest:
    """``<@``."""
    return JsonLookup(lookup, _contained)


def _json_greater(left: Any, right: Any) -> bool:
    return json_less(right, left)


def _json_greater_or_equal(left: Any, right: Any) -> bool:
    return not json_less(left, right)


def _json_less_or_equal(left: Any, right: Any) -> bool:
    return not json_less(right, left)


_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "lt": json_less,
    "lte": _json_less_or_equal,
    "gt": _json_greater,
    "gte": _json_greater_or_equal,
}


def _greater(left: Any, right: Any) -> bool:
    return less(right, left)


def _greater_or_equal(left: Any, right: Any) -> bool:
    return not less(left, right)


def _less_or_equal(left: Any, right: Any) -> bool:
    return not less(right, left)


_PLAIN_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "lt": less,
    "lte": _less_or_equal,
    "gt": _greater,
    "gte": _greater_or_equal,
}


@compiles_lookup(fields.KeyTransformLt, fields.KeyTransformLte, fields.KeyTransformGt, fields.KeyTransformGte)
def build_json_ordering(lookup: Any) -> LookupTest:
    """``<``, ``<=``, ``>`` and ``>=`` of scalars: null, strings, numbers, booleans."""
    if not is_json(lookup):
        return PlainLookup(_PLAIN_ORDERINGS[lookup.lookup_name])
    return JsonLookup(lookup, _ORDERINGS[lookup.lookup_name])


class JsonIn:
    """``IN`` for JSON values; Django drops ``None`` from the list."""

    __slots__ = ("encoder", "known")

    def __init__(self, lookup: Any) -> None:
        self.encoder = encoder_of(lookup)
        self.known = self._canonical(lookup.rhs) if lookup.rhs_is_direct_value() else None

    def _canonical(self, values: Any) -> frozenset[Any]:
        return frozenset(canonical(from_python(value, self.encoder)) for value in values if value is not None)

    def __call__(self, left: Any, right: Any) -> bool | None:
        known = self._canonical(right) if self.known is None else self.known
        if left is None:
            return None if known else False
        if canonical(from_python(left, self.encoder)) in known:
            return True
        return None if self.known is None and None in right else False


@compiles_lookup(fields.KeyTransformIn, *_compat.classes_of(fields, "JSONIn"), propagate_null=False)
def build_json_in(lookup: Any) -> LookupTest:
    """``IN``."""
    return JsonIn(lookup)


def _text_key(key: Any) -> str:
    if not isinstance(key, str):
        raise NotInMemoryError(
            f"Cannot look for the key {key!r} in memory: the databases disagree on keys that are no text."
        )
    return key


class HasKeyLookup:
    """Whether a JSON value has one, all or any of some keys."""

    __slots__ = ("encoder", "joined", "keys")

    def __init__(self, lookup: Any, joined: Callable[[Any], bool]) -> None:
        if not lookup.rhs_is_direct_value():
            raise NotInMemoryError(
                f"Cannot evaluate {type(lookup).__name__} with an expression as its key in memory. Give a text."
            )
        self.encoder = encoder_of(lookup)
        self.keys = [_text_key(key) for key in (lookup.rhs if isinstance(lookup.rhs, (list, tuple)) else [lookup.rhs])]
        self.joined = joined

    def __call__(self, left: Any, right: Any) -> bool:
        value = from_python(left, self.encoder)
        return self.joined(has_key(value, key) for key in self.keys)


@compiles_lookup(fields.HasKey, fields.HasKeys)
def build_has_keys(lookup: Any) -> LookupTest:
    """``?`` and ``?&``."""
    return HasKeyLookup(lookup, all)


@compiles_lookup(fields.HasAnyKeys)
def build_has_any_keys(lookup: Any) -> LookupTest:
    """``?|``."""
    return HasKeyLookup(lookup, any)


@compiles_lookup(fields.HasKeyOrArrayIndex)
def build_has_key_or_index(lookup: Any) -> LookupTest:
    """Whether there is something under a key or an index."""
    return HasKeyOrIndex(lookup)


class HasKeyOrIndex:
    """Whether a JSON value has something under a key or an index."""

    __slots__ = ("encoder", "key")

    def __init__(self, lookup: Any) -> None:
        self.encoder = encoder_of(lookup)
        self.key = str(lookup.rhs)

    def __call__(self, left: Any, right: Any) -> bool:
        return follow(from_python(left, self.encoder), [self.key]) is not MISSING


class KeyIsNull:
    """Whether there is nothing under a key; a JSON null is something."""

    __slots__ = ("wanted",)

    def __init__(self, lookup: Any) -> None:
        self.wanted = bool(lookup.rhs)

    def __call__(self, left: Any, right: Any) -> bool:
        return (left is None) is self.wanted


@compiles_lookup(fields.KeyTransformIsNull, propagate_null=False)
def build_key_isnull(lookup: Any) -> LookupTest:
    """``IS NULL`` of ``->``."""
    return KeyIsNull(lookup)


@compiles_lookup(fields.KeyTransformStartsWith, fields.KeyTransformEndsWith)
def build_key_text(lookup: Any) -> LookupTest:
    """``LIKE`` on ``->>``."""
    return TextLookup(lookup, text_test(lookup.lookup_name))


@compiles_lookup(
    fields.JSONIContains,
    fields.KeyTransformIContains,
    fields.KeyTransformIStartsWith,
    fields.KeyTransformIEndsWith,
)
def build_key_text_ignoring_case(lookup: Any) -> LookupTest:
    """``UPPER(...) LIKE UPPER(...)`` on ``->>``, or on the text of a whole JSON value."""
    return TextLookup(lookup, text_test(lookup.lookup_name[1:]), ignore_case=True)


@compiles(fields.KeyTransformIExact)
def compile_key_iexact(lookup: Any, compiler: Compiler) -> Evaluator:
    """``UPPER(->>) = UPPER(...)``; ``None`` asks for a JSON null as ``exact`` does."""
    if lookup.rhs is None:
        return KeyEvaluator(lookup.lhs, compiler, _is_json_null)
    return KeyIExactEvaluator(lookup, compiler)


def _is_json_null(value: Any) -> bool:
    return value is None or value is JSON_NULL


class KeyIExactEvaluator:
    """A comparison of the text under a key without regard to case."""

    __slots__ = ("left", "right", "test")

    def __init__(self, lookup: Any, compiler: Compiler) -> None:
        self.test = TextLookup(lookup, text_test("exact"), ignore_case=True)
        self.left = compiler.compile(lookup.lhs)
        self.right = None if lookup.rhs_is_direct_value() else compiler.compile(lookup.rhs)

    def __call__(self, row: Row) -> bool | None:
        left = self.left(row)
        right = "" if self.right is None else self.right(row)
        return None if left is None or right is None else self.test(left, right)


@compiles_lookup(fields.KeyTransformRegex)
def build_key_regex(lookup: Any) -> LookupTest:
    """``~`` on ``->>``."""
    return RegexLookup(lookup, ignore_case=False)


@compiles_lookup(fields.KeyTransformIRegex)
def build_key_iregex(lookup: Any) -> LookupTest:
    """``~*`` on ``->>``."""
    return RegexLookup(lookup, ignore_case=True)


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
