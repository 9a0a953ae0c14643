"""Random keys: UUID4 and, where Python has it, UUID7."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.db.models import functions as db

from cluster import _compat
from cluster.errors import NotInMemoryError
from cluster.queryset.registry import Evaluator, compiles

if TYPE_CHECKING:
    from cluster.queryset.compiling import Compiler
    from cluster.queryset.rows import Row


@compiles(*_compat.classes_of(db, "UUID4"))
def compile_uuid4(expression: Any, compiler: Compiler) -> Evaluator:
    """A new random key for every row."""
    return _uuid4


def _uuid4(row: Row) -> uuid.UUID:
    return uuid.uuid4()


@compiles(*_compat.classes_of(db, "UUID7"))
def compile_uuid7(expression: Any, compiler: Compiler) -> Evaluator:
    """A new key for every row, ordered by time; Python has them from 3.14 on."""
    make = getattr(uuid, "uuid7", None)
    if make is None or any(source is not None for source in expression.get_source_expressions()):
        raise NotInMemoryError(
            "Cannot evaluate UUID7 in memory: it needs Python 3.14 or later, and the shift is known to databases only."
        )
    return _Made(make)


class _Made:
    """Makes a new value for every row."""

    __slots__ = ("make",)

    def __init__(self, make: Any) -> None:
        self.make = make

    def __call__(self, row: Row) -> Any:
        return self.make()
