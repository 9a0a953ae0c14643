from __future__ import annotations

import os
import warnings

import pytest
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import Error
from hypothesis import HealthCheck, settings
from pytest_django.plugin import blocking_manager_key

# The same examples on every run, so that a run tells of the change and not of the draw; a nightly one draws others.
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=not os.environ.get("CLUSTER_NIGHTLY"),
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.register_profile("dev", parent=settings.get_profile("ci"), max_examples=30)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "dev")


def pytest_sessionstart(session: pytest.Session) -> None:
    """End the run where the server that ``CLUSTER_TEST_DB`` asks for does not answer: that is never a skip."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor == "sqlite":
        return
    try:
        with session.config.stash[blocking_manager_key].unblock(), warnings.catch_warnings():
            # On PostgreSQL Django warns before it tries another database than "postgres".
            warnings.simplefilter("ignore")
            with connection._nodb_cursor() as cursor:
                cursor.execute("SELECT 1")
    except Error as error:
        message = f"The server for CLUSTER_TEST_DB={os.environ['CLUSTER_TEST_DB']} does not answer: {error}"
        raise pytest.UsageError(message) from error
