"""Plain data as JSON text and back."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from cluster.errors import Problem, SerializedDataError


class ClusterJSONEncoder(DjangoJSONEncoder):
    """Django's encoder, with microseconds in full where that one keeps milliseconds."""

    def default(self, o: Any) -> Any:
        """Return the text of a value that JSON has no form for."""
        if isinstance(o, dt.datetime):
            text = o.isoformat(timespec=_precision(o))
            return f"{text[:-6]}Z" if text.endswith("+00:00") else text
        if isinstance(o, dt.date):
            return o.isoformat()
        if isinstance(o, dt.time) and not timezone.is_aware(o):
            return o.isoformat(timespec=_precision(o))
        if isinstance(o, Decimal) and not (o.is_finite() or self.allow_nan):
            raise ValueError(f"{o!r} is not a finite number")
        if isinstance(o, Decimal | UUID):
            return str(o)
        return super().default(o)


def _precision(moment: dt.datetime | dt.time) -> str:
    """Return how finely to print: as Django's encoder does, unless that would lose microseconds."""
    return "milliseconds" if moment.microsecond and not moment.microsecond % 1000 else "auto"


def encode(data: Any, *, allow_nan: bool = False) -> str:
    """Return data as JSON text.

    Raises:
        SerializedDataError: The data has a number that JSON has no form for, or a value that is no data at all.
    """
    try:
        return json.dumps(data, cls=ClusterJSONEncoder, allow_nan=allow_nan)
    except RecursionError as error:
        raise SerializedDataError("The data is nested too deeply for JSON.") from error
    except (TypeError, ValueError) as error:
        raise SerializedDataError([_unwritable(data, error)]) from error


def _unwritable(data: Any, error: Exception) -> Problem:
    found = first_infinity(data)
    if found is None:
        return Problem("$", f"It cannot be written as JSON: {error}.")
    path, value = found
    return Problem(path, f"{value!r} has no form in JSON; allow_nan=True writes it as Python does.")


def first_infinity(data: Any) -> tuple[str, Any] | None:
    """Return where the first number is that JSON has no form for, and the number."""
    unfinished = [("$", data)]
    while unfinished:
        path, value = unfinished.pop()
        if not _is_finite(value):
            return path, value
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        unfinished += reversed([(f"{path}{step_to(key)}", item) for key, item in items])
    return None


def _is_finite(value: Any) -> bool:
    return value.is_finite() if isinstance(value, Decimal) else not isinstance(value, float) or math.isfinite(value)


def step_to(key: Any) -> str:
    """Return the step of a JSON path to a key or an index, quoted where it is no plain name."""
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"


def decode(text: Any, *, allow_nan: bool = False) -> Any:
    """Return the data of JSON text.

    Raises:
        SerializedDataError: It is no JSON.
    """
    try:
        return json.loads(text, parse_constant=None if allow_nan else _refuse_constant)
    except RecursionError as error:
        raise SerializedDataError("The JSON is nested too deeply.") from error
    except (TypeError, ValueError) as error:
        raise SerializedDataError(f"The text is not JSON that can be read: {error}.") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"it has {name}, which only allow_nan=True lets in")
