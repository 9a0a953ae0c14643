"""The statements that code executes: seen, counted, and made to fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE")


class InjectedFault(DatabaseError):  # noqa: N818 - a fault of the database, and no error of the code
    """The failure that a test asked for.

    A ``DatabaseError``, as Django undoes a savepoint that cannot be released for no other error.
    """


class FailAt:
    """An execute wrapper that raises at one statement and lets all others through.

    Args:
        nth: Which statement fails, counted from 1.
        error: What is raised.

    Attributes:
        seen: How many statements came by.
    """

    def __init__(self, nth: int, error: type[Exception] = InjectedFault) -> None:
        self.nth = nth
        self.error = error
        self.seen = 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's
        self.seen += 1
        if self.seen == self.nth:
            raise self.error(f"statement {self.nth}: {sql}")
        return execute(sql, params, many, context)


@contextmanager
def fail_at(nth: int, *, error: type[Exception] = InjectedFault, using: str = DEFAULT_DB_ALIAS) -> Iterator[FailAt]:
    """Fail the ``nth`` statement on a database inside the block, those of transactions and savepoints included.

    With ``nth`` from 1 upwards, until no statement fails any more, each of them has failed once.

    Args:
        nth: Which statement fails, counted from 1.
        error: What is raised in its place.
        using: The database alias.
    """
    wrapper = FailAt(nth, error)
    with connections[using].execute_wrapper(wrapper):
        yield wrapper


class StatementLog:
    """An execute wrapper that keeps the text of every statement.

    Attributes:
        statements: The texts in order.
    """

    def __init__(self) -> None:
        self.statements: list[str] = []

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's
        self.statements.append(sql)
        return execute(sql, params, many, context)

    def of(self, verb: str, table: str = "") -> list[str]:
        """Return the statements that start with a verb and name a table."""
        return [sql for sql in self.statements if sql.lstrip().upper().startswith(verb) and table in sql]

    @property
    def writes(self) -> list[str]:
        """The statements that change rows."""
        return [sql for sql in self.statements if sql.lstrip().upper().startswith(WRITES)]


@contextmanager
def logged_statements(*, using: str = DEFAULT_DB_ALIAS) -> Iterator[StatementLog]:
    """Log what is executed on a database inside the block."""
    log = StatementLog()
    with connections[using].execute_wrapper(log):
        yield log
