"""Side by side in one go: this package, django-modelcluster, and the same by hand.

``python -m tests.benchmarks`` makes a virtual environment with the peer in a temporary directory and prints a table.
``--peer`` takes the Python of an environment that has it already. Every module of this package that has ``CASES`` is a
suite; name some to run only those.
"""

from __future__ import annotations

import argparse
import json
import pkgutil
import subprocess
import sys
import tempfile
import venv
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
PEER = "django-modelcluster"
SUBJECTS = ("cluster", "modelcluster", "floor")
NOT_SUITES = {"__main__", "collector", "measuring", "worker", "schema"}
# A relation whose time does not depend on its length may still differ by what the cache of the processor makes of it.
FLAT = 2.0


@dataclass(frozen=True, slots=True)
class Result:
    """One case at one size: seconds of CPU and statements by subject, and how the ratio compares with the goal."""

    suite: str
    name: str
    n: int
    seconds: dict[str, float]
    statements: dict[str, int]
    ratio: float
    goal: float | None
    kind: str
    held_to: float | None = None

    @property
    def holds(self) -> bool:
        return self.is_within(1.0)

    def is_within(self, tolerance: float) -> bool:
        """Say whether the goal is met, or missed by no more than a factor."""
        return self.goal is None or self.ratio <= self.goal * tolerance

    def is_no_worse(self, tolerance: float) -> bool:
        """Say whether a case is within a factor of its goal, or of what it is held to where it misses the goal."""
        return self.is_within(tolerance) or (self.held_to is not None and self.ratio <= self.held_to)


class Worker:
    """A process that times cases for one subject."""

    def __init__(self, python: str, subject: str) -> None:
        self.process = subprocess.Popen(
            [python, HERE / "worker.py", subject], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )

    def ask(self, **question: Any) -> Any:
        """Send a question and return the answer."""
        asked: IO[str] = self.process.stdin  # type: ignore[assignment]
        answered: IO[str] = self.process.stdout  # type: ignore[assignment]
        asked.write(json.dumps(question) + "\n")
        asked.flush()
        line = answered.readline()
        if not line:
            raise SystemExit(f"The worker ended while it was asked {question}.")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


@contextmanager
def environment_with_peer(given: str | None, django: str) -> Iterator[str]:
    """Give the Python of an environment that has the peer, made for this run unless one was given."""
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory() as directory:
        venv.create(directory, with_pip=True)
        python = str(Path(directory) / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", PEER, f"Django{django}"], check=True)
        yield python


@contextmanager
def workers(python: str) -> Iterator[dict[str, Worker]]:
    """Give a worker for every subject, in one environment."""
    with ExitStack() as stack:
        made = {}
        for subject in SUBJECTS:
            made[subject] = Worker(python, subject)
            stack.callback(made[subject].close)
        yield made


def suites(chosen: list[str]) -> list[str]:
    """Return the suites that were asked for, or all."""
    return chosen or sorted(
        info.name
        for info in pkgutil.iter_modules([str(HERE)])
        if info.name not in NOT_SUITES and not info.name.startswith("test_")
    )


def measure(by_subject: dict[str, Worker], suite: str, case: dict[str, Any], n: int, rounds: int) -> Result:
    """Time a case by all subjects in turn, and keep the best of the rounds, which others disturbed least."""
    subjects = [subject for subject in SUBJECTS if subject != "floor" or case["floor"]]
    question = {"suite": suite, "case": case["name"], "n": n}
    seconds = {subject: float("inf") for subject in subjects}
    statements = {subject: by_subject[subject].ask(**question, statements=True) for subject in subjects}
    for turn in range(rounds):
        # To and fro, so that nobody always comes after the same other.
        for subject in subjects if turn % 2 == 0 else reversed(subjects):
            seconds[subject] = min(seconds[subject], by_subject[subject].ask(**question))
    ratio = seconds["cluster"] / seconds["modelcluster"]
    return Result(suite, case["name"], n, seconds, statements, ratio, case["goal"], "of the peer's", case["held_to"])


def measure_at_sizes(
    by_subject: dict[str, Worker], suite: str, case: dict[str, Any], n: int, rounds: int
) -> list[Result]:
    """Time a case at its own small sizes, where it must be no slower than the peer, and at ``n``."""
    small = [measure(by_subject, suite, {**case, "goal": 1.0}, size, rounds) for size in case["sizes"]]
    large = measure(by_subject, suite, case, n, rounds)
    if case["flat"]:
        growth = large.seconds["cluster"] / small[0].seconds["cluster"]
        large = Result(**{**asdict(large), "ratio": growth, "goal": FLAT, "kind": f"of its own at {small[0].n}"})
    return [*small, large]


def shown(results: list[Result]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"{'':44} {'n':>6} {'cluster':>18} {'modelcluster':>18} {'by hand':>18} {'ratio':>8}   goal"
    for result in results:
        cells = " ".join(f"{cell_of(result, subject):>18}" for subject in SUBJECTS)
        yield f"{result.name:44} {result.n:6} {cells} {result.ratio:8.3f} {verdict_on(result)}"


def cell_of(result: Result, subject: str) -> str:
    """Return milliseconds and statements."""
    if subject not in result.seconds:
        return ""
    return f"{result.seconds[subject] * 1e3:.3f} ms {result.statements[subject]:4}"


def verdict_on(result: Result) -> str:
    """Return the goal, and whether it was missed."""
    goal = "" if result.goal is None else f"{result.goal:6.2f}"
    note = "" if result.kind == "of the peer's" else f"  ({result.kind})"
    return f"{goal}{note}{'' if result.holds else '  MISSED'}"


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("suites", nargs="*", help="which to run (default: all)")
    parser.add_argument("-n", type=int, default=1000, help="the number of children (default: 1000)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is timed (default: 5)")
    parser.add_argument("--peer", metavar="PYTHON", help="the Python of an environment that has the peer")
    parser.add_argument("--django", default="~=5.2.0", help="the Django for the environment that is made")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the results, too")
    parser.add_argument(
        "--check",
        type=float,
        metavar="FACTOR",
        help="fail when a goal is missed by more than a factor, and by more than the case is held to",
    )
    return parser.parse_args()


def main() -> int:
    arguments = parsed_arguments()
    results: list[Result] = []
    with environment_with_peer(arguments.peer, arguments.django) as python, workers(python) as by_subject:
        for suite in suites(arguments.suites):
            for case in by_subject["cluster"].ask(suite=suite):
                results += measure_at_sizes(by_subject, suite, case, arguments.n, arguments.rounds)
    print(*shown(results), sep="\n")
    missed = [result for result in results if not result.holds]
    print(f"{len(results) - len(missed)} of {len(results)} goals hold")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results], indent=2), encoding="utf-8")
    return 1 if arguments.check and not all(result.is_no_worse(arguments.check) for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
