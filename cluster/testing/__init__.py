"""Help for the tests of projects that use clusters."""

from __future__ import annotations

from cluster.testing.assertions import assert_answers_as_database, assert_same_cluster
from cluster.testing.statements import FailAt, InjectedFault, StatementLog, fail_at, logged_statements

__all__ = [
    "FailAt",
    "InjectedFault",
    "StatementLog",
    "assert_answers_as_database",
    "assert_same_cluster",
    "fail_at",
    "logged_statements",
]
