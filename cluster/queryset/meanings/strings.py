"""Functions of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import DataError
from django.db.models import functions as db

from cluster.errors import NotInMemoryError
from cluster.queryset.meanings.casting import as_text, lower, upper
from cluster.queryset.registry import Evaluator, compiles, compiles_function

if TYPE_CHECKING:
    from cluster.queryset.compiling import Compiler
    from cluster.queryset.rows import Row

_LARGEST_CHARACTER = 0x10FFFF


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise NotInMemoryError(
        f"Cannot use {value!r} as text in memory: the databases disagree on text functions of a "
        f"{type(value).__name__}. Cast it to a TextField first."
    )


@compiles_function(db.Lower)
def lower_case(value: Any) -> str:
    """``LOWER``."""
    return lower(_text(value))


@compiles_function(db.Upper)
def upper_case(value: Any) -> str:
    """``UPPER``."""
    return upper(_text(value))


@compiles_function(db.Length)
def length(value: Any) -> int:
    """``CHAR_LENGTH``: characters, not bytes."""
    return len(_text(value))


@compiles_function(db.Trim)
def trim(value: Any) -> str:
    """``TRIM``: blanks only, no other white space."""
    return _text(value).strip(" ")


@compiles_function(db.LTrim)
def trim_left(value: Any) -> str:
    """``LTRIM``."""
    return _text(value).lstrip(" ")


@compiles_function(db.RTrim)
def trim_right(value: Any) -> str:
    """``RTRIM``."""
    return _text(value).rstrip(" ")


@compiles_function(db.Reverse)
def reverse(value: Any) -> str:
    """``REVERSE``: character by character."""
    return _text(value)[::-1]


@compiles_function(db.Repeat)
def repeat(value: Any, number: Any) -> str:
    """``REPEAT``: nothing for a negative number."""
    return _text(value) * max(int(number), 0)


@compiles_function(db.Replace)
def replace(value: Any, old: Any, new: Any) -> str:
    """``REPLACE``: an empty text is found nowhere."""
    return _text(value).replace(_text(old), _text(new)) if old else _text(value)


@compiles_function(db.StrIndex)
def position_of(value: Any, part: Any) -> int:
    """``STRPOS``: counted from 1, 0 where it is not found."""
    return _text(value).find(_text(part)) + 1


@compiles_function(db.Left)
def left(value: Any, number: Any) -> str:
    """``LEFT``: a negative number takes all but so many from the end."""
    return _text(value)[:number]


@compiles_function(db.Right)
def right(value: Any, number: Any) -> str:
    """``RIGHT``: a negative number takes all but so many from the start."""
    return _text(value)[-number:] if number else ""


@compiles_function(db.Substr)
def substring(value: Any, start: Any, number: Any = None) -> str:
    """``SUBSTRING``: counted from 1; what lies before the first character counts into the number."""
    text = _text(value)
    first = max(start - 1, 0)
    if number is None:
        return text[first:]
    if number < 0:
        raise DataError("negative substring length not allowed")
    return text[first : max(start - 1 + number, 0)]


@compiles_function(db.LPad)
def pad_left(value: Any, number: Any, fill: Any) -> str:
    """``LPAD``: what is too long is cut at its end."""
    text = _text(value)
    return _padding(text, number, fill) + text[: max(number, 0)]


@compiles_function(db.RPad)
def pad_right(value: Any, number: Any, fill: Any) -> str:
    """``RPAD``: what is too long is cut at its end."""
    text = _text(value)
    return text[: max(number, 0)] + _padding(text, number, fill)


def _padding(text: str, number: int, fill: str) -> str:
    missing = max(number - len(text), 0)
    return (fill * missing)[:missing] if fill else ""


@compiles_function(db.Chr)
def character(value: Any) -> str:
    """``CHR``: the character with a code point."""
    if not 0 < value <= _LARGEST_CHARACTER:
        raise DataError(f"requested character {value!r} is not valid for encoding")
    return chr(value)


@compiles_function(db.Ord)
def code_point(value: Any) -> int:
    """``ASCII``: the code point of the first character, 0 for an empty text."""
    return ord(_text(value)[0]) if value else 0


class ConcatEvaluator:
    """Joins two values as text; NULL counts as empty."""

    __slots__ = ("fields", "sources")

    def __init__(self, expression: Any, compiler: Compiler) -> None:
        sources = expression.get_source_expressions()
        self.sources = [compiler.compile(source) for source in sources]
        self.fields = [source.output_field for source in sources]

    def __call__(self, row: Row) -> str:
        values = [source(row) for source in self.sources]
        return "".join(
            as_text(value, field) for value, field in zip(values, self.fields, strict=True) if value is not None
        )


@compiles(db.ConcatPair)
def compile_concat_pair(expression: Any, compiler: Compiler) -> Evaluator:
    """``COALESCE(a, '') || COALESCE(b, '')``."""
    return ConcatEvaluator(expression, compiler)


@compiles(db.Concat)
def compile_concat(expression: Any, compiler: Compiler) -> Evaluator:
    """The pairs into which Django cuts a ``Concat``."""
    (pairs,) = expression.get_source_expressions()
    return compiler.compile(pairs)
