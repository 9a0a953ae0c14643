"""Arithmetic with SQL's types: integers stay integers, and decimals keep PostgreSQL's places."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Field, expressions
from django.db.models.expressions import Combinable

from cluster.errors import NotInMemoryError
from cluster.queryset.meanings.numbers import (
    EXACT,
    LARGEST_BITS,
    bits_of,
    check_range,
    in_domain,
    modulo,
    power,
    unsigned_zero,
)
from cluster.queryset.meanings.temporal import Operation, temporal
from cluster.queryset.registry import Evaluator, compiles

if TYPE_CHECKING:
    from cluster.queryset.compiling import Compiler
    from cluster.queryset.rows import Row

_SMALLEST_LITERAL_BITS = 32
_DIGITS_PER_WORD = 4
_SIGNIFICANT_DIGITS = 16


def divide(left: Any, right: Any) -> Any:
    """``/``: integers are cut towards zero, decimals get as many places as PostgreSQL's numeric."""
    if right == 0:
        raise ZeroDivisionError
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    left, right = _alike(left, right)
    return _divide_decimals(left, right) if isinstance(left, Decimal) else left / right


def _divide_decimals(left: Decimal, right: Decimal) -> Decimal:
    scale = division_scale(left, right)
    exact = EXACT.divide(left, right)
    return exact.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, EXACT)


def division_scale(left: Decimal, right: Decimal) -> int:
    """Return the number of places of a quotient of numerics, as ``select_div_scale`` of PostgreSQL counts it."""
    left_weight, left_first = _first_word(left)
    right_weight, right_first = _first_word(right)
    weight = left_weight - right_weight - (1 if left_first <= right_first else 0)
    return max(_SIGNIFICANT_DIGITS - weight * _DIGITS_PER_WORD, _places(left), _places(right), 0)


def _first_word(value: Decimal) -> tuple[int, int]:
    """Return the position and the content of the first word of four digits that is not zero."""
    if value == 0:
        return 0, 0
    weight = value.adjusted() // _DIGITS_PER_WORD
    return weight, int(abs(value).scaleb(-weight * _DIGITS_PER_WORD, EXACT))


def _places(value: Decimal) -> int:
    return max(-int(value.as_tuple().exponent), 0)


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Return two numbers in the type in which PostgreSQL computes with them."""
    if isinstance(left, float) or isinstance(right, float):
        return float(left), float(right)
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return Decimal(left), Decimal(right)
    return left, right


def add(left: Any, right: Any) -> Any:
    """``+``."""
    left, right = _alike(left, right)
    return EXACT.add(left, right) if isinstance(left, Decimal) else left + right


def subtract(left: Any, right: Any) -> Any:
    """``-``."""
    left, right = _alike(left, right)
    return EXACT.subtract(left, right) if isinstance(left, Decimal) else left - right


def multiply(left: Any, right: Any) -> Any:
    """``*``."""
    left, right = _alike(left, right)
    return EXACT.multiply(left, right) if isinstance(left, Decimal) else left * right


def remainder(left: Any, right: Any) -> Any:
    """``%``: the remainder has the sign of the dividend."""
    if isinstance(left, float) or isinstance(right, float):
        raise NotInMemoryError("Cannot compute the remainder of a float in memory: the databases disagree on it.")
    return modulo(left, right)


def shift_left(left: int, right: int) -> int:
    """``<<``, where no bit is lost."""
    _check_shift(left, right)
    return left << right


def shift_right(left: int, right: int) -> int:
    """``>>``."""
    _check_shift(left, right)
    return left >> right


def _check_shift(left: int, right: int) -> None:
    if left < 0 or not 0 <= right < _SMALLEST_LITERAL_BITS - 1 or (left << right) >= 1 << (_SMALLEST_LITERAL_BITS - 1):
        raise NotInMemoryError(
            f"Cannot shift {left!r} by {right!r} in memory: the databases keep different numbers of bits."
        )


def bit_and(left: int, right: int) -> int:
    """``&``."""
    return left & right


def bit_or(left: int, right: int) -> int:
    """``|``."""
    return left | right


def bit_xor(left: int, right: int) -> int:
    """``#``."""
    return left ^ right


_NUMERIC: dict[str, Operation] = {
    Combinable.ADD: add,
    Combinable.SUB: subtract,
    Combinable.MUL: multiply,
    Combinable.DIV: divide,
    Combinable.MOD: remainder,
    Combinable.POW: power,
    Combinable.BITAND: bit_and,
    Combinable.BITOR: bit_or,
    Combinable.BITXOR: bit_xor,
    Combinable.BITLEFTSHIFT: shift_left,
    Combinable.BITRIGHTSHIFT: shift_right,
}


class ArithmeticEvaluator:
    """An operation on two values, NULL where either is."""

    __slots__ = ("bits", "left", "left_is_literal", "operation", "right", "right_is_literal")

    def __init__(self, expression: Any, compiler: Compiler, operation: Operation) -> None:
        self.left = compiler.compile(expression.lhs)
        self.right = compiler.compile(expression.rhs)
        self.left_is_literal = is_float_literal(expression.lhs)
        self.right_is_literal = is_float_literal(expression.rhs)
        self.operation = in_domain(operation)
        self.bits = integer_bits(expression)

    def __call__(self, row: Row) -> Any:
        left, right = self.left(row), self.right(row)
        if left is None or right is None:
            return None
        if self.left_is_literal and isinstance(right, Decimal):
            left = Decimal(repr(left))
        elif self.right_is_literal and isinstance(left, Decimal):
            right = Decimal(repr(right))
        result = self.operation(left, right)
        if type(result) is int:
            check_range(result, self.bits)
        return unsigned_zero(result)


def is_float_literal(expression: Any) -> bool:
    """Tell whether an operand is a float as it stands in SQL, which beside a numeric is a numeric as well."""
    value = expression.value if isinstance(expression, expressions.Value) else None
    return isinstance(value, float) and math.isfinite(value)


def integer_bits(expression: Any) -> int:
    """Return the number of bits in which the database computes with integers: 64, but on PostgreSQL."""
    if connection.vendor != "postgresql":
        return LARGEST_BITS
    if isinstance(expression, expressions.CombinedExpression):
        return max(integer_bits(expression.lhs), integer_bits(expression.rhs))
    if isinstance(expression, expressions.Value) and isinstance(expression.value, int):
        return _SMALLEST_LITERAL_BITS if expression.value.bit_length() < _SMALLEST_LITERAL_BITS else LARGEST_BITS
    field = expression._output_field_or_none
    field = getattr(field, "target_field", field)
    return bits_of(field) if isinstance(field, Field) else LARGEST_BITS


@compiles(expressions.CombinedExpression)
def compile_combined(expression: Any, compiler: Compiler) -> Evaluator:
    """Two numbers, or two durations, and an operator."""
    return ArithmeticEvaluator(expression, compiler, _operation(expression))


def _operation(expression: Any) -> Operation:
    operation = _NUMERIC.get(expression.connector)
    if operation is None:
        raise NotInMemoryError(f"Cannot evaluate the operator {expression.connector!r} in memory: it is not known.")
    return temporal(operation, expression.connector)


@compiles(expressions.DurationExpression, expressions.TemporalSubtraction)
def compile_temporal(expression: Any, compiler: Compiler) -> Evaluator:
    """A duration and a moment, or two moments."""
    return ArithmeticEvaluator(expression, compiler, _operation(expression))
