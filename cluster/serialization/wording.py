"""Values and errors in the words of a problem."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

LONGEST_SHOWN = 80


def shown(value: Any) -> str:
    """Return a value as an error names it, shortened."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # numbers with thousands of digits; data nested beyond measure
        text = f"a {type(value).__name__}"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def said(error: Exception) -> str:
    """Return what an error says, as a sentence."""
    if isinstance(error, ValidationError):
        return " ".join(error.messages)
    return f"{error}." if not isinstance(error, KeyError) else f"{error} is missing."
