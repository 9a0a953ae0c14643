"""One view of the database for everything that is read inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction


@contextmanager
def snapshot(using: str) -> Iterator[None]:
    """Read inside one transaction, in which others' commits do not show where the database offers that.

    PostgreSQL, MySQL and MariaDB read at REPEATABLE READ; an SQLite transaction is a snapshot of its own. Inside an
    outer ``atomic()`` block the isolation is the block's.
    """
    connection = connections[using]
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(using=using):
        if connection.vendor in ("postgresql", "mysql"):
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield
