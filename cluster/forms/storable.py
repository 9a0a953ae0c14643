"""What Python can hold and the databases cannot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.timezone import is_aware

from cluster.serialization.targets import can_be_asked

# Where a duration is a column of 64 bits, as in SQLite and MariaDB.
LONGEST = timedelta(microseconds=2**63 - 1)


def can_be_stored(value: Any) -> bool:
    """Whether every database can have a value that a form made of a text, or can be asked for it.

    None has half of a pair of surrogates, or a time that is within the years 1 and 9999 in the current time zone alone.
    """
    if isinstance(value, str):
        return can_be_asked(value)
    if isinstance(value, list | tuple):
        return all(map(can_be_stored, value))
    if isinstance(value, timedelta):
        return -LONGEST <= value <= LONGEST
    if isinstance(value, datetime) and is_aware(value):
        return _is_within_the_calendar(value)
    return True


def _is_within_the_calendar(value: datetime) -> bool:
    try:
        value.astimezone(UTC)
    except OverflowError:
        return False
    return True
