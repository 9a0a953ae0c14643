"""A process that is killed in the middle of a save leaves nothing half-written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys, django
from tests import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from tests.concurrency.killed_writer import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL.")
def test_a_writer_that_is_killed_after_any_statement_has_written_nothing(transactional_db: Any, tmp_path: Path) -> None:
    is_file = connection.vendor == "sqlite"
    name = str(tmp_path / "killed.sqlite3") if is_file else connection.settings_dict["NAME"]

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    *killed, last = json.loads(done.stdout)
    assert len(killed) > 8
    assert all(rows == killed[0] for rows in killed)
    assert not any("new" in member for member in killed[0]["testapp_member"])
    assert sum("new" in member for member in last["testapp_member"]) == 1
