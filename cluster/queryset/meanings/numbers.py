"""Mathematical functions, with PostgreSQL's types."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import Any

from django.db import DataError, connection
from django.db.models import Field
from django.db.models import functions as db

from cluster.errors import NotInMemoryError
from cluster.queryset.registry import compiles_function

EXACT = Context(prec=1000)
LARGEST_BITS = 64
_FLOAT_DIGITS = 15
_BITS = {
    "SmallIntegerField": 16,
    "PositiveSmallIntegerField": 16,
    "SmallAutoField": 16,
    "IntegerField": 32,
    "PositiveIntegerField": 32,
    "AutoField": 32,
}


def no_result(message: str) -> None:
    """Answer what has no result as the project's database does: PostgreSQL with an error, the others with NULL.

    Raises:
        DataError: The project runs on PostgreSQL.
    """
    if connection.vendor == "postgresql":
        raise DataError(message)


def in_domain(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a mathematical function so that outside of its domain there is no result."""

    @functools.wraps(function)
    def guarded(*values: Any) -> Any:
        try:
            return function(*values)
        except ValueError:
            return no_result("input is out of range")
        except OverflowError:
            return no_result("value out of range: overflow")
        except ZeroDivisionError:
            return no_result("division by zero")

    return guarded


def bits_of(field: Field[Any, Any]) -> int:
    """Return the number of bits of integers of a field's type in the project's database: 64, but on PostgreSQL."""
    return _BITS.get(field.get_internal_type(), LARGEST_BITS) if connection.vendor == "postgresql" else LARGEST_BITS


def check_range(number: int, bits: int) -> None:
    """Check that an integer fits into a number of bits.

    Raises:
        DataError: It does not.
    """
    if not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
        raise DataError("integer out of range")


def unsigned_zero(value: Any) -> Any:
    """Return a decimal without the minus of a zero, which no database knows."""
    return EXACT.plus(value) if isinstance(value, Decimal) and not value else value


def exact(value: Any) -> Any:
    """Return a float as the decimal to which Django casts it where PostgreSQL has a function for decimals only."""
    return Decimal(f"{value:.{_FLOAT_DIGITS}g}") if isinstance(value, float) else value


def refuse_decimals(name: str, *values: Any) -> None:
    """Refuse what the databases compute to different numbers of places."""
    if any(isinstance(value, Decimal) for value in values):
        raise NotInMemoryError(
            f"Cannot compute {name} of a decimal in memory: the databases return different numbers of places. "
            f"Cast it to a FloatField first."
        )


@compiles_function(db.Abs)
def absolute(value: Any) -> Any:
    """``ABS``."""
    return abs(value)


@compiles_function(db.Ceil)
def ceiling(value: Any) -> Any:
    """``CEILING``, in the type of its argument."""
    if isinstance(value, Decimal):
        return unsigned_zero(value.to_integral_value(ROUND_CEILING))
    return float(math.ceil(value)) if isinstance(value, float) else value


@compiles_function(db.Floor)
def floor(value: Any) -> Any:
    """``FLOOR``, in the type of its argument."""
    if isinstance(value, Decimal):
        return unsigned_zero(value.to_integral_value(ROUND_FLOOR))
    return float(math.floor(value)) if isinstance(value, float) else value


@compiles_function(db.Sign)
def sign(value: Any) -> Any:
    """``SIGN``, in the type of its argument."""
    return type(value)((value > 0) - (value < 0))


@compiles_function(db.Round)
def round_half_away(value: Any, places: Any) -> Any:
    """``ROUND``: halves go away from zero, a float is rounded as the decimal that it shows."""
    quantum = Decimal(1).scaleb(-int(places))
    rounded = unsigned_zero(Decimal(exact(value)).quantize(quantum, ROUND_HALF_UP, EXACT))
    if isinstance(value, Decimal):
        return rounded.quantize(Decimal(1), context=EXACT) if places < 0 else rounded
    return type(value)(rounded)


def _integer_remainder(value: int, divisor: int) -> int:
    """Return the remainder of two integers with the sign of the dividend."""
    remainder = abs(value) % abs(divisor)
    return -remainder if value < 0 else remainder


@compiles_function(db.Mod)
@in_domain
def modulo(value: Any, divisor: Any) -> Any:
    """``MOD``: the remainder has the sign of the dividend."""
    value, divisor = exact(value), exact(divisor)
    if divisor == 0:
        raise ZeroDivisionError
    if isinstance(value, int) and isinstance(divisor, int):
        return _integer_remainder(value, divisor)
    return unsigned_zero(EXACT.remainder(Decimal(value), Decimal(divisor)))


@compiles_function(db.Power)
@in_domain
def power(base: Any, exponent: Any) -> Any:
    """``POWER``, in floating point."""
    refuse_decimals("a power", base, exponent)
    return math.pow(base, exponent)


@compiles_function(db.Log)
@in_domain
def logarithm(base: Any, value: Any) -> Any:
    """``LOG``: the base comes first."""
    refuse_decimals("a logarithm", base, value)
    if base == 10:  # noqa: PLR2004
        return math.log10(value)
    return math.log2(value) if base == 2 else math.log(value) / math.log(base)  # noqa: PLR2004


@compiles_function(db.Ln)
@in_domain
def natural_logarithm(value: Any) -> Any:
    """``LN``."""
    refuse_decimals("a logarithm", value)
    return math.log(value)


@compiles_function(db.Exp)
@in_domain
def exponential(value: Any) -> Any:
    """``EXP``."""
    refuse_decimals("an exponential", value)
    return math.exp(value)


@compiles_function(db.Sqrt)
@in_domain
def square_root(value: Any) -> Any:
    """``SQRT``."""
    refuse_decimals("a square root", value)
    return math.sqrt(value)


@compiles_function(db.Cot)
@in_domain
def cotangent(value: Any) -> Any:
    """``COT``."""
    return 1 / math.tan(value)


@compiles_function(db.Pi)
def pi() -> float:
    """``PI()``."""
    return math.pi


@compiles_function(db.Random)
def random_number() -> float:
    """``RANDOM()``: another number for every row, from 0 up to 1."""
    return random.random()  # noqa: S311


compiles_function(db.ACos)(in_domain(math.acos))
compiles_function(db.ASin)(in_domain(math.asin))
compiles_function(db.ATan)(math.atan)
compiles_function(db.ATan2)(math.atan2)
compiles_function(db.Cos)(in_domain(math.cos))
compiles_function(db.Degrees)(math.degrees)
compiles_function(db.Radians)(math.radians)
compiles_function(db.Sin)(in_domain(math.sin))
compiles_function(db.Tan)(in_domain(math.tan))
