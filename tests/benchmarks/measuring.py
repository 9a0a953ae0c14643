"""What a benchmark is made of, and how one is timed."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection


@dataclass(frozen=True, slots=True)
class Job:
    """Something to time.

    Attributes:
        prepare: Makes, untimed, what ``run`` works on; gets the number of children.
        run: The timed part; what it did may be left behind.
        repeat: How many times ``run`` is called on one preparation, for jobs that take microseconds.
    """

    prepare: Callable[[int], Any]
    run: Callable[[Any], Any]
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the result.

    Attributes:
        name: What is done.
        cluster: The job for this package and for the peer, which share the API.
        floor: The same by hand on plain Django, or ``None`` where there is no such thing.
        goal: The highest ratio to the peer that is good enough, at the full number of children.
        sizes: Numbers of children, instead of the one asked for; a small relation must be no slower than the peer's.
        flat: Whether time must not depend on the number of children: the ratio to the smallest size is compared.
        held_to: The ratio that ``--check`` holds a case to which misses its goal, so that it gets no worse.
    """

    name: str
    cluster: Job
    floor: Job | None = None
    goal: float | None = None
    sizes: tuple[int, ...] = ()
    flat: bool = False
    held_to: float | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """What one run of a job took: seconds of this thread's CPU, for one call."""

    seconds: float


def time_once(job: Job, n: int) -> Timing:
    """Prepare a job and time it, without the garbage collector, like ``timeit``."""
    subject = job.prepare(n)
    gc.collect()
    gc.disable()
    if job.repeat > 1:
        # The collector went through all objects there are, and left nothing of this job in the processor's caches.
        job.run(subject)
    try:
        began = time.thread_time()
        for _ in range(job.repeat):
            job.run(subject)
        ended = time.thread_time()
    finally:
        gc.enable()
    return Timing((ended - began) / job.repeat)


def count_statements(job: Job, n: int) -> int:
    """Return the number of statements, transactions' own included, of one call."""
    subject = job.prepare(n)
    seen = 0

    def count(execute: Any, *args: Any) -> Any:
        nonlocal seen
        seen += 1
        return execute(*args)

    with connection.execute_wrapper(count):
        job.run(subject)
    return seen
