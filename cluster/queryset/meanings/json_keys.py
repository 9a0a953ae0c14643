"""Keys and indexes of a JSONField: what is under them, whether they are there, and the lookups of their text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db.models.fields import json as fields

from cluster.errors import NotInMemoryError
from cluster.queryset.meanings.comparing import NullAware
from cluster.queryset.meanings.json_lookups import Encoder, encoder_of
from cluster.queryset.meanings.json_values import JSON_NULL, MISSING, follow, from_python, has_key, scalar_text
from cluster.queryset.meanings.texts import RegexLookup, TextLookup, text_test
from cluster.queryset.registry import Evaluator, LookupTest, compiles, compiles_lookup

if TYPE_CHECKING:
    from cluster.queryset.compiling import Compiler
    from cluster.queryset.rows import Row


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


class HasPathLookup:
    """Whether a JSON value has the last key of a key transform where the other keys lead; its column does not count."""

    __slots__ = ("encoder", "key", "ways")

    def __init__(self, lookup: Any) -> None:
        self.encoder = encoder_of(lookup)
        *self.ways, self.key = path_of(lookup.rhs)[0]

    def __call__(self, left: Any, right: Any) -> bool | None:
        if left is None:
            return None
        value = from_python(left, self.encoder)
        found = follow(value, self.ways) if self.ways else value
        return None if found is MISSING else has_key(found, self.key)


# What is under the path on the right does not matter, be it NULL.
@compiles_lookup(fields.HasKey, propagate_null=False)
def build_has_key(lookup: Any) -> LookupTest:
    """``?``."""
    if isinstance(lookup.rhs, fields.KeyTransform):
        return HasPathLookup(lookup)
    return NullAware(HasKeyLookup(lookup, all))


@compiles_lookup(fields.HasKeys)
def build_has_keys(lookup: Any) -> LookupTest:
    """``?&``."""
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
