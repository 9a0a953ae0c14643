"""Values that cannot be hashed, such as the dicts and lists of JSON, as parts of keys."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any


class Frozen:
    """A value that cannot be hashed, as it is now; equal to another one of an equal value.

    Attributes:
        value: The value itself.
    """

    __slots__ = ("_image", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self._image = _image(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frozen) and other._image == self._image

    def __hash__(self) -> int:
        return hash(self._image)


def _image(value: Any) -> Any:
    if isinstance(value, dict):
        return dict, frozenset((name, _image(each)) for name, each in value.items())
    if isinstance(value, list | tuple | set):
        return type(value), tuple(_image(each) for each in value)
    # JSON tells 1 from true.
    return isinstance(value, bool), hashable(value)


def is_hashable(value: Any) -> bool:
    """Whether a value can be in a set."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def hashable(value: Any) -> Hashable:
    """Return a value itself if it can be hashed, else its text."""
    return value if is_hashable(value) else repr(value)


def frozen(value: Any) -> Any:
    """Return a value that can be in a set and is equal where ``value`` is."""
    return value if is_hashable(value) else Frozen(value)
