"""Which Python meaning each lookup, transform, expression, function and aggregate has in memory.

A class finds its meaning by exact class first, then along its MRO. An ancestor's meaning serves only while the
subclass does not say something else in SQL (``as_sql``, ``as_<vendor>``, ``function``, ``template``, ...), for then
memory would guess.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from cluster.errors import NotInMemoryError
from cluster.queryset.rows import Partition, Row

if TYPE_CHECKING:
    from django.db.models.expressions import Expression
    from django.db.models.lookups import Lookup

    from cluster.queryset.compiling import Compiler

Evaluator = Callable[[Row], Any]
"""Gives the value of an expression for a row; ``None`` is SQL's NULL, conditions have three values."""

LookupTest = Callable[[Any, Any], "bool | None"]
CompileExpression = Callable[[Any, "Compiler"], Evaluator]
BuildLookup = Callable[["Lookup[Any]"], LookupTest]
BuildAggregate = Callable[["Expression"], Callable[[list[Any]], Any]]
BuildWindow = Callable[[Any, "Compiler"], Callable[[Partition], list[Any]]]

Implementation = TypeVar("Implementation", bound=Callable[..., Any])

_SQL_NAMES = frozenset({"as_sql", "function", "template", "arg_joiner", "operator", "bilateral", "lookup_operator"})
_SQL_PREFIXES = ("as_", "process_", "get_rhs_op", "get_bilateral")


class Meanings:
    """The meanings of one kind of class (lookups, functions, ...)."""

    def __init__(self, kind: str, register_name: str) -> None:
        self.kind = kind
        self.register_name = register_name
        self._own: dict[type, Any] = {}
        self._found: dict[type, Any] = {}

    def register(self, classes: tuple[type, ...], meaning: Any) -> None:
        """Give classes a meaning; a later one replaces an earlier one."""
        for cls in classes:
            self._own[cls] = meaning
        self._found.clear()

    def find(self, cls: type) -> Any | None:
        """Return the meaning of a class or ``None``."""
        try:
            return self._found[cls]
        except KeyError:
            meaning = self._found[cls] = self._search(cls)
            return meaning

    def registered(self) -> frozenset[type]:
        """Return the classes that have a meaning of their own."""
        return frozenset(self._own)

    def _search(self, cls: type) -> Any | None:
        for ancestor in cls.__mro__:
            if ancestor in self._own:
                return self._own[ancestor]
            if says_other_sql(ancestor):
                return None
        return None


def says_other_sql(cls: type) -> bool:
    """Tell whether a class itself defines how it is written in SQL."""
    return any(
        name in _SQL_NAMES or (name.startswith(_SQL_PREFIXES) and callable(value)) for name, value in vars(cls).items()
    )


expressions = Meanings("expression", "register_expression")
lookups = Meanings("lookup", "register_lookup")
functions = Meanings("function", "register_function")
aggregates = Meanings("aggregate", "register_aggregate")
windows = Meanings("window function", "register_window_function")


def compiles(*classes: type) -> Callable[[Implementation], Implementation]:
    """Decorate ``def compile_x(expression, compiler) -> Evaluator`` as the meaning of expression classes."""

    def decorate(implementation: Implementation) -> Implementation:
        expressions.register(classes, implementation)
        return implementation

    return decorate


def compiles_lookup(*classes: type, propagate_null: bool = True) -> Callable[[Implementation], Implementation]:
    """Decorate ``def build(lookup) -> test(left, right)`` as the meaning of lookup classes.

    Args:
        classes: The lookup classes.
        propagate_null: Answer NULL without asking the test where either side is NULL.
    """

    def decorate(implementation: Implementation) -> Implementation:
        lookups.register(classes, (implementation, propagate_null))
        return implementation

    return decorate


def compiles_function(*classes: type, propagate_null: bool = True) -> Callable[[Implementation], Implementation]:
    """Decorate ``def impl(*values)`` as the meaning of database functions and transforms.

    Args:
        classes: The ``Func`` or ``Transform`` classes.
        propagate_null: Answer NULL without calling where any value is NULL.
    """

    def decorate(implementation: Implementation) -> Implementation:
        functions.register(classes, (OnFitting(implementation, classes), propagate_null))
        return implementation

    return decorate


class OnFitting:
    """A function of this package, which refuses values of types that it is not made for."""

    __slots__ = ("classes", "implementation")

    def __init__(self, implementation: Callable[..., Any], classes: tuple[type, ...]) -> None:
        self.implementation = implementation
        self.classes = classes

    def __call__(self, *values: Any) -> Any:
        try:
            return self.implementation(*values)
        except (TypeError, AttributeError, ValueError, ArithmeticError) as error:
            names, shown = "/".join(cls.__name__ for cls in self.classes), ", ".join(map(repr, values))
            raise NotInMemoryError(
                f"Cannot work out {names} of {shown} in memory: the databases disagree on values of such types. Cast "
                "them first."
            ) from error


def compiles_aggregate(*classes: type) -> Callable[[Implementation], Implementation]:
    """Decorate ``def build(expression) -> impl(values)``; values come filtered, distinct, ordered, with NULLs."""

    def decorate(implementation: Implementation) -> Implementation:
        aggregates.register(classes, implementation)
        return implementation

    return decorate


def compiles_window(*classes: type) -> Callable[[Implementation], Implementation]:
    """Decorate ``def build(expression, compiler) -> impl(partition)``, which gives one value per row of a partition."""

    def decorate(implementation: Implementation) -> Implementation:
        windows.register(classes, implementation)
        return implementation

    return decorate


def register_lookup(lookup: type, test: LookupTest, *, propagate_null: bool = True) -> None:
    """Give a project's own lookup a meaning in memory.

    Args:
        lookup: The ``Lookup`` class.
        test: Tells from the left value and the prepared right value whether the row matches; ``None`` is unknown.
        propagate_null: Answer NULL without asking where either side is NULL.
    """

    def build(lookup: Lookup[Any]) -> LookupTest:
        return test

    lookups.register((lookup,), (build, propagate_null))


def register_function(function: type, implementation: Callable[..., Any], *, propagate_null: bool = True) -> None:
    """Give a project's own ``Func`` a meaning in memory.

    Args:
        function: The ``Func`` class.
        implementation: Gets the values of the source expressions.
        propagate_null: Answer NULL without calling where any value is NULL.
    """
    functions.register((function,), (implementation, propagate_null))


def register_transform(transform: type, implementation: Callable[[Any], Any], *, propagate_null: bool = True) -> None:
    """Give a project's own ``Transform`` a meaning in memory; the arguments are those of ``register_function``."""
    register_function(transform, implementation, propagate_null=propagate_null)


def register_aggregate(aggregate: type, implementation: Callable[[list[Any]], Any]) -> None:
    """Give a project's own ``Aggregate`` a meaning in memory.

    Args:
        aggregate: The ``Aggregate`` class.
        implementation: Gets the values of a group, filtered, distinct and ordered as the aggregate says, NULLs
            included.
    """

    def build(expression: Expression) -> Callable[[list[Any]], Any]:
        return implementation

    aggregates.register((aggregate,), build)


def register_window_function(function: type, implementation: Callable[[list[tuple[Any, ...]]], list[Any]]) -> None:
    """Give a project's own window function a meaning in memory.

    Args:
        function: The ``Func`` class, which is ``window_compatible``.
        implementation: Gets the rows of a partition in the window's order, each as the tuple of the values of the
            function's arguments, and returns a value for each of them.
    """

    def build(expression: Any, compiler: Any) -> Callable[[Any], list[Any]]:
        arguments = [compiler.compile(argument) for argument in expression.get_source_expressions()]
        return lambda partition: implementation([tuple(each(row) for each in arguments) for row in partition.rows])

    windows.register((function,), build)


def register_expression(expression: type, compile_expression: CompileExpression) -> None:
    """Give a project's own expression a meaning in memory.

    Args:
        expression: The expression class.
        compile_expression: Gets the resolved expression and the compiler, whose ``compile()`` gives the evaluators
            of sub-expressions, and returns a function from a row to the value.
    """
    expressions.register((expression,), compile_expression)


def refuse(node: object, kind: Meanings) -> NotInMemoryError:
    """Return the error for a class without a meaning in memory."""
    cls = type(node)
    return NotInMemoryError(
        f"{cls.__module__}.{cls.__qualname__} has no meaning in memory. Give this {kind.kind} one with "
        f"cluster.queryset.{kind.register_name}(), or ask the database: save the cluster and query the live relation."
    )
