from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import Result, shown, suites
from tests.benchmarks.measuring import STRETCH, Job, time_once

HERE = Path(__file__).parent
SIZE = 20


def answers(subject: str, questions: list[dict[str, object]]) -> list[object]:
    """Ask a worker as the script does; both run in this interpreter, which has no peer."""
    done = subprocess.run(
        [sys.executable, HERE / "worker.py", subject],
        input="".join(json.dumps(question) + "\n" for question in questions),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("suite", suites([]))
def test_every_case_runs_on_a_small_cluster_and_by_hand(suite):
    (cases,) = answers("cluster", [{"suite": suite}])
    timed = [{"suite": suite, "case": case["name"], "n": SIZE} for case in cases]
    by_hand = [question for question, case in zip(timed, cases, strict=True) if case["floor"]]

    seconds = [*answers("cluster", timed), *answers("floor", by_hand)]

    assert len(seconds) == len(timed) + len(by_hand)
    assert all(taken >= 0 for taken in seconds)


def test_a_held_cluster_that_did_not_change_is_saved_without_touching_its_children():
    question = {"suite": "foundation", "case": "save, nothing changed", "statements": True}

    few, many = answers("cluster", [{**question, "n": 3}, {**question, "n": 300}])

    assert few == many


def test_a_brief_job_is_called_as_often_as_it_takes_to_read_its_time_off_a_clock():
    calls: list[None] = []

    seconds = time_once(Job(lambda _: calls, lambda made: made.append(None), is_brief=True), 1)

    assert 0 < seconds < STRETCH
    assert seconds * len(calls) > STRETCH


def test_a_job_that_leaves_something_behind_is_called_once():
    calls: list[None] = []

    time_once(Job(lambda _: calls, lambda made: made.append(None)), 1)

    assert calls == [None]


def test_a_missed_goal_is_shown():
    seconds = {"cluster": 0.002, "modelcluster": 0.001}
    result = Result("foundation", "save", 10, seconds, {"cluster": 1, "modelcluster": 1}, 2.0, 1.0, "of the peer's")

    line = list(shown([result]))[1]

    assert line.endswith("MISSED")
    assert "2.000 ms" in line
