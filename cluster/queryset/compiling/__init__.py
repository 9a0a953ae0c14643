"""From Django's resolved expressions to functions over rows."""

from __future__ import annotations

from cluster.queryset.compiling import conditions, expressions
from cluster.queryset.compiling.compiler import Compiler

__all__ = ["Compiler", "conditions", "expressions"]
