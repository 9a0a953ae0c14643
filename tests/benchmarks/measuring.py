"""What a benchmark is made of, and how one is timed."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection

# Seconds: so long that reading the clock weighs nothing beside it, so short that other processes leave most alone. A
# number of calls would be fairer to none: the slower a subject, the longer, the warmer and the less disturbed it runs.
STRETCH = 0.001
STRETCHES = 3


@dataclass(frozen=True, slots=True)
class Job:
    """Something to time.

    Attributes:
        prepare: Makes, untimed, what ``run`` works on; gets the number of children.
        run: The timed part; what it did may be left behind.
        is_brief: Whether ``run`` takes microseconds and leaves what it works on as it was: many calls are timed.
    """

    prepare: Callable[[int], Any]
    run: Callable[[Any], Any]
    is_brief: bool = False


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


def time_once(job: Job, n: int) -> float:
    """Prepare a job and return the seconds of this thread's CPU for one call, without the garbage collector."""
    subject = job.prepare(n)
    gc.collect()
    gc.disable()
    try:
        return shortest(job, subject) if job.is_brief else seconds_per_call(job, subject, calls=1)
    finally:
        gc.enable()


def shortest(job: Job, subject: Any) -> float:
    """Time a brief job in several stretches, and return the seconds of one call in the one that was disturbed least."""
    calls = calls_in_a_stretch(job, subject)
    return min(seconds_per_call(job, subject, calls) for _ in range(STRETCHES))


def calls_in_a_stretch(job: Job, subject: Any) -> int:
    """Return how many calls fill a stretch; counting them fills the processor's caches for whoever is measured."""
    calls = 1
    while seconds_per_call(job, subject, calls) * calls < STRETCH:
        calls *= 2
    return calls


def seconds_per_call(job: Job, subject: Any, calls: int) -> float:
    """Return the seconds of this thread's CPU that a call takes, the mean of several."""
    run = job.run
    began = time.thread_time()
    for _ in range(calls):
        run(subject)
    return (time.thread_time() - began) / calls


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
