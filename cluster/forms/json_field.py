"""A JSON field that takes any text."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.forms import JSONField
from django.forms.fields import InvalidJSONInput


class AnyTextJSONField(JSONField):
    """Django's ``JSONField``, for which JSON that Python refuses to read is invalid rather than an exception.

    Such are numbers of more than 4,300 digits, and lists nested deeper than the stack.
    """

    def to_python(self, value: Any) -> Any:
        """Return what the text says."""
        try:
            return super().to_python(value)
        except (ValueError, RecursionError):
            raise ValidationError(self.error_messages["invalid"], code="invalid", params={"value": value}) from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return what is shown again."""
        try:
            return super().bound_data(data, initial)
        except (ValueError, RecursionError):
            return InvalidJSONInput(data)
