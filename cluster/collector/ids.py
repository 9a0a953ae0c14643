"""Keys that stand in JSON or text, where no foreign key tells of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ids:
    """Says that a field holds keys of a model.

    Attributes:
        model: The label of the model.
        path: For a JSON field, where the keys are: names joined by dots, ``*`` for every item (``blocks.*.image``).
        pattern: For a text field, a regular expression whose first group is a key.
    """

    model: str
    path: str = ""
    pattern: str = ""

    def replaced(self, value: Any, new_key: Callable[[Any], Any]) -> Any:
        """Return a field's value with every key replaced; ``new_key`` returns what it does not know as it is."""
        if isinstance(value, str) and self.pattern:
            return re.sub(self.pattern, lambda found: _with_group(found, new_key), value)
        return _replaced(value, self.path.split(".") if self.path else [], new_key)


def _with_group(found: re.Match[str], new_key: Callable[[Any], Any]) -> str:
    start, end = found.start(1) - found.start(), found.end(1) - found.start()
    return f"{found[0][:start]}{new_key(found[1])}{found[0][end:]}"


def _replaced(value: Any, path: list[str], new_key: Callable[[Any], Any]) -> Any:
    if not path:
        return [new_key(item) for item in value] if isinstance(value, list) else new_key(value)
    name, *rest = path
    if isinstance(value, list) and name == "*":
        return [_replaced(item, rest, new_key) for item in value]
    if isinstance(value, dict):
        return {key: _replaced(item, rest, new_key) if name in ("*", key) else item for key, item in value.items()}
    return value
