"""Values to put in the place of personal data."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """Makes a pseudonym from a value by a keyed hash: equal values stay equal, and nobody without the key finds back.

    Null and empty values stay as they are.

    Attributes:
        prefix: What stands before the hash.
        suffix: What stands behind it, such as ``@example.invalid``.
        length: How many hexadecimal digits of the hash are used.
        key: The key; ``SECRET_KEY`` by default.
    """

    prefix: str = ""
    suffix: str = ""
    length: int = 16
    key: str = ""

    def __call__(self, value: Any) -> Any:
        if value in (None, ""):
            return value
        key = (self.key or settings.SECRET_KEY).encode()
        digest = hmac.new(key, str(value).encode(), hashlib.sha256).hexdigest()
        return f"{self.prefix}{digest[: self.length]}{self.suffix}"
