"""Which imports a database has seen, so that none is loaded twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, IntegrityError, connections, transaction
from django.utils import timezone

from cluster.collector.report import Report
from cluster.errors import AlreadyLoadedError

TABLE = "cluster_import"
LONGEST = 200


@contextmanager
def enter_import(
    using: str, import_id: str | None, sha256: str, *, dry_run: bool = False
) -> Iterator[Callable[[Report], None]]:
    """Open the transaction of a load; with an import id, enter it first, so that a second load is refused.

    A load that runs at the same time under the same id waits until the first is done, and is refused then, or goes on
    if the first failed. The table is made when the first import id is used; a dry run makes none.

    Raises:
        AlreadyLoadedError: The id is there already.
        ValueError: The id is too long.
    """
    if import_id is not None and len(import_id) > LONGEST:
        raise ValueError(f"An import id has at most {LONGEST} characters, not {len(import_id)}.")
    if dry_run and not has_table(using):
        import_id = None
    if import_id is not None:
        make_table(using)
    with transaction.atomic(using=using):
        if import_id is None:
            yield lambda report: None
            return
        _enter(using, import_id, sha256)
        yield lambda report: _record(using, import_id, report)


def make_table(using: str) -> None:
    """Make the table of imports if it is not there.

    Raises:
        ImproperlyConfigured: A transaction is open that the database would commit by making a table.
    """
    if has_table(using):
        return
    connection = connections[using]
    if connection.in_atomic_block and not connection.features.can_rollback_ddl:
        raise ImproperlyConfigured(
            f"The table {TABLE} cannot be made inside a transaction on {connection.display_name}. Call load() with an"
            " import_id once outside of atomic()."
        )
    try:
        with transaction.atomic(using=using), connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TABLE {TABLE} (import_id varchar({LONGEST}){exact_text(connection.vendor)} PRIMARY KEY,"
                " sha256 varchar(64) NOT NULL, loaded varchar(40) NOT NULL, report text NOT NULL)"
            )
    except DatabaseError:
        # Another load may have made it at the same time.
        if not has_table(using):
            raise


def has_table(using: str) -> bool:
    """Whether the table of imports is there."""
    return TABLE in connections[using].introspection.table_names()


def exact_text(vendor: str) -> str:
    """Return what makes a column tell apart texts that differ in case, where a database does not by itself."""
    return " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" if vendor == "mysql" else ""


def _enter(using: str, import_id: str, sha256: str) -> None:
    try:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {TABLE} (import_id, sha256, loaded, report) VALUES (%s, %s, %s, %s)",  # noqa: S608
                [import_id, sha256, timezone.now().isoformat(), "{}"],
            )
    except IntegrityError as error:
        raise AlreadyLoadedError(
            f"The import {import_id!r} was loaded into this database before. Nothing was written; use another id to"
            " load the file once more."
        ) from error


def _record(using: str, import_id: str, report: Report) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"UPDATE {TABLE} SET report = %s WHERE import_id = %s",  # noqa: S608
            [json.dumps(report.as_dict()), import_id],
        )
