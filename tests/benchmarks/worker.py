"""Times cases for one subject, as asked on standard input: a line of JSON for a question, a line for an answer.

Runs in the environment of the peer; the package itself is found in the tree. ``{"suite": ...}`` lists a suite's cases,
``{"suite": ..., "case": ..., "n": ...}`` times one once, and with ``"statements": true`` counts what it executes.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import django
from django.conf import settings

SUBJECTS = ("cluster", "modelcluster", "floor")


def set_up(subject: str) -> None:
    """Configure Django for a subject, and make the tables in memory."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    os.environ["CLUSTER_BENCHMARK_SUBJECT"] = subject
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            *([] if subject == "floor" else [subject]),
            "tests.benchmarks.schema",
        ],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0)


def answer(question: dict[str, Any], subject: str) -> Any:
    """List, count or time."""
    from tests.benchmarks.measuring import count_statements, time_once

    cases = importlib.import_module(f"tests.benchmarks.{question['suite']}").CASES
    if "case" not in question:
        return [
            {
                "name": case.name,
                "goal": case.goal,
                "sizes": case.sizes,
                "flat": case.flat,
                "held_to": case.held_to,
                "floor": bool(case.floor),
            }
            for case in cases
        ]
    case = next(case for case in cases if case.name == question["case"])
    job = case.floor if subject == "floor" else case.cluster
    if question.get("statements"):
        return count_statements(job, question["n"])
    return time_once(job, question["n"])


def serve(subject: str) -> None:
    """Answer questions until there are no more."""
    set_up(subject)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), subject)), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
