"""The collector against the admin's NestedObjects with serialize and loaddata, in one run.

    python tests/benchmarks/collector.py            1,000 tasks, in a second or two
    python tests/benchmarks/collector.py --full     200,000 tasks; the other way takes many minutes
    python tests/benchmarks/collector.py --tasks N

One firm, 50 jobs, N tasks with 3 labels each, in an SQLite file. Time is what the processor worked, so that other
programs do not show in it; memory is what the process grew by at its peak.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
QUERIES_ALLOWED, MIB_ALLOWED, DUMP_FACTOR, LOAD_FACTOR = 20, 64, 10, 5


def main() -> int:
    """Run both ways and print the figures; return 1 if one that was promised is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--full", action="store_true", help="200,000 tasks")
    options = parser.parse_args()
    tasks = 200_000 if options.full else options.tasks
    with tempfile.TemporaryDirectory() as folder:
        set_up(Path(folder))
        firm = build(tasks)
        return compare(firm, tasks, Path(folder), is_full=options.full)


def set_up(folder: Path) -> None:
    """Start Django on a database in a file."""
    sys.path.insert(0, str(ROOT))
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django
    from django.conf import settings

    database = {"ENGINE": "django.db.backends.sqlite3"}
    settings.DATABASES = {alias: {**database, "NAME": folder / f"{alias}.db"} for alias in ("default", "other")}
    django.setup()
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0)


def build(tasks: int) -> Any:
    """Save a firm and its neighbour."""
    from tests.collector.app.models import Chore, Firm, Job, Label

    firm, through = Firm.objects.create(name="firm"), Chore.labels.through
    Firm.objects.create(name="neighbour").jobs.create(name="next door")
    jobs = Job.objects.bulk_create([Job(firm=firm, name=str(number)) for number in range(50)])
    labels = Label.objects.bulk_create([Label(name=str(number)) for number in range(30)])
    for start in range(0, tasks, 5000):
        numbers = range(start, min(tasks, start + 5000))
        chores = Chore.objects.bulk_create(
            [Chore(job=jobs[number % 50], title=f"chore {number}") for number in numbers]
        )
        through.objects.bulk_create(
            [through(chore=chore, label=labels[(chore.pk + step) % 30]) for chore in chores for step in range(3)],
            batch_size=300,
        )
    return firm


class Figure:
    """Seconds of the processor, queries and megabytes of one piece of work."""

    def __init__(self, work: Callable[[], Any]) -> None:
        from django.db import connection

        gc.collect()
        self.queries = 0
        Path("/proc/self/clear_refs").write_text("5")
        before, started = memory("VmRSS"), time.process_time()
        with connection.execute_wrapper(self._count):
            self.result = work()
        self.seconds = time.process_time() - started
        self.mib = max(0.0, memory("VmHWM") - before)

    def _count(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.queries += 1
        return execute(sql, params, many, context)

    def row(self, name: str) -> str:
        """Return a line of the table."""
        return f"{name:<44}{self.queries:>9}{self.seconds:>10.2f} s{self.mib:>9.1f} MiB"


def memory(name: str) -> float:
    """Return a figure of this process's memory in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def compare(firm: Any, tasks: int, folder: Path, *, is_full: bool) -> int:
    """Print both ways side by side."""
    ours, theirs = folder / "ours.jsonl", folder / "theirs.json"
    dump, copy = dump_figure(firm, ours), load_figure(ours)
    print(f"{tasks} tasks{'queries':>47}{'time':>10}{'memory':>13}")
    print(dump.row("Collector(firm).dump()"))
    print(copy.row("load(mode='copy')"))
    collected = Figure(lambda: nested_objects(firm))
    print(collected.row("NestedObjects.collect()"))
    serialized = Figure(lambda: serialize(collected.result, theirs))
    print(serialized.row("serialize()"))
    loaded = Figure(lambda: loaddata(theirs))
    print(loaded.row("loaddata"))
    deep_collector(firm, tasks)
    dump_factor = (collected.seconds + serialized.seconds) / dump.seconds
    load_factor = loaded.seconds / copy.seconds
    print(f"dump {dump_factor:.1f} times faster, load {load_factor:.1f} times faster")
    return judge(tasks, dump, copy, (dump_factor, load_factor), is_full=is_full)


def dump_figure(firm: Any, path: Path) -> Figure:
    """Collect and write by the collector."""
    from cluster.collector import Collector

    return Figure(lambda: Collector(firm).dump(path))


def load_figure(path: Path) -> Figure:
    """Load a copy by the collector."""
    from cluster.collector import load

    return Figure(lambda: load(path, "copy"))


def nested_objects(firm: Any) -> list[Any]:
    """Collect as the admin does; the links it also finds would be exported twice."""
    from django.contrib.admin.utils import NestedObjects

    collector = NestedObjects(using="default")
    collector.collect([firm])
    return [row for model, rows in collector.model_objs.items() if not model._meta.auto_created for row in rows]


def serialize(rows: list[Any], path: Path) -> None:
    """Write as ``dumpdata`` does."""
    from django.core import serializers

    with path.open("w") as stream:
        serializers.serialize("json", rows, stream=stream)


def loaddata(path: Path) -> None:
    """Load over the rows that are there."""
    from django.core.management import call_command

    call_command("loaddata", str(path), verbosity=0)


def deep_collector(firm: Any, tasks: int) -> None:
    """Run django-deep-collector where it is installed."""
    try:
        from deep_collector.core import RelatedObjectsCollector
    except ImportError:
        print("django-deep-collector is not installed, or does not run on this Django")
        return
    collector = RelatedObjectsCollector()
    print(Figure(lambda: collector.collect(firm)).row("deep_collector.collect()"))
    print(Figure(collector.get_json_serialized_objects).row("deep_collector.get_json_serialized_objects()"))
    rows = len(collector.get_collected_objects())
    print(f"deep_collector found {rows} of {1 + 50 + tasks + 30} rows, relations of over 50 rows being left out")


def judge(tasks: int, dump: Figure, copy: Figure, factors: tuple[float, float], *, is_full: bool) -> int:
    """Say which promised figures are missed."""
    misses = []
    if tasks <= 1000 and max(dump.queries, copy.queries) > QUERIES_ALLOWED:
        misses.append(f"more than {QUERIES_ALLOWED} queries")
    if max(dump.mib, copy.mib) > MIB_ALLOWED:
        misses.append(f"more than {MIB_ALLOWED} MiB")
    if is_full and (factors[0] < DUMP_FACTOR or factors[1] < LOAD_FACTOR):
        misses.append(f"not {DUMP_FACTOR} and {LOAD_FACTOR} times faster")
    print("missed: " + ", ".join(misses) if misses else "all promised figures are met")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
