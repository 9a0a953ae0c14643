"""A JSON field that takes any text."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import JSONField
from django.forms.fields import InvalidJSONInput


class AnyTextJSONField(JSONField):
    """Django's ``JSONField``, for which JSON that Python cannot read, or no database can keep, is invalid.

    Python refuses numbers of more than 4,300 digits, and lists nested deeper than the stack. It reads ``NaN``,
    ``1e999`` and halves of surrogate pairs, which databases refuse, as some do NUL characters.
    """

    def to_python(self, value: Any) -> Any:
        """Return what the text says."""
        try:
            read = super().to_python(value)
            if isinstance(value, str):
                self._check_storable(read)
        except (ValueError, RecursionError):
            raise ValidationError(self.error_messages["invalid"], code="invalid", params={"value": value}) from None
        return read

    def _check_storable(self, value: Any) -> None:
        text = json.dumps(value, cls=self.encoder, allow_nan=False, ensure_ascii=False)
        text.encode()
        if "\\u0000" in text.replace("\\\\", ""):
            raise ValueError("A NUL character cannot be stored.")

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return what is shown again."""
        try:
            return super().bound_data(data, initial)
        except (ValueError, RecursionError):
            return InvalidJSONInput(data)
