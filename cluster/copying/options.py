"""What a caller may say about a copy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from django.db.models import Model

Unique = Literal["keep", "suffix", "error"] | Callable[[Any, Any], Any]
Overrides = Mapping[type[Model] | str, Mapping[str, Any]]
Files = Literal["share", "duplicate"]


class CopyOptions(TypedDict, total=False):
    """The options that all ways of copying take.

    Attributes:
        overrides: Values for the copies, by model or by path (``""`` is the root, ``"albums.songs"`` the songs of the
            albums): a mapping from field to value, or to a function of the source that returns it.
        unique: What becomes of values that must be unique and would be the source's: ``"keep"`` leaves them for you to
            change before the save, ``"suffix"`` makes ``"name (copy)"`` or ``"slug-copy"``, a function of field and
            value returns the new one, ``"error"`` raises ``UniqueCopyError``; or a mapping from the path of a field
            (``"albums.code"``) to one of these.
        files: ``"share"`` makes the copies name the same stored files; ``"duplicate"`` stores each file again when the
            copy is saved.
        using: The database alias for what is read; the router's choice for reading by default.
    """

    overrides: Overrides | None
    unique: Unique | Mapping[str, Unique]
    files: Files
    using: str | None


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of one copy, as they are looked up.

    Attributes:
        exclude: Paths of fields and relations that are not copied.
    """

    exclude: frozenset[str] = frozenset()
    overrides: Overrides = field(default_factory=dict)
    unique: Unique | Mapping[str, Unique] = "keep"
    files: Files = "share"
    using: str | None = None

    @classmethod
    def of(cls, exclude: Iterable[str] | None, options: CopyOptions) -> Choices:
        """Return checked options.

        Raises:
            ValueError: An option has a value that it cannot have.
            TypeError: What is left out is one text and not several, or there is no such option.
        """
        for name in options.keys() - CopyOptions.__optional_keys__:
            known = ", ".join(sorted(CopyOptions.__optional_keys__))
            raise TypeError(f"Cannot copy with an option {name!r}: the options are {known}.")
        if isinstance(exclude, str):
            raise TypeError(f"{exclude!r} is one text; give a list of the names to leave out: [{exclude!r}].")
        given = {name: value for name, value in options.items() if value is not None}
        choices = cls(exclude=frozenset(exclude or ()), **given)  # type: ignore[arg-type]
        _check_choice("files", choices.files, ("share", "duplicate"))
        strategies = choices.unique.values() if isinstance(choices.unique, Mapping) else [choices.unique]
        for strategy in strategies:
            if not callable(strategy):
                _check_choice("unique", strategy, ("keep", "suffix", "error"))
        return choices

    def excludes(self, path: str, name: str) -> bool:
        """Whether a field or relation of the rows at a path is left out."""
        return joined(path, name) in self.exclude

    def unique_strategy(self, path: str, name: str) -> Unique:
        """Return what becomes of the unique values of a field of the rows at a path."""
        if isinstance(self.unique, Mapping):
            return self.unique.get(joined(path, name), "keep")
        return self.unique

    def overrides_for(self, source: Model, path: str) -> dict[str, Any]:
        """Return the values to be overridden in the copy of a row; those given by path come before those by model."""
        given: dict[str, Any] = {}
        if not self.overrides:
            return given
        for model in reversed(type(source).__mro__):
            given.update(self.overrides.get(model, {}))
        given.update(self.overrides.get(path, {}))
        return given


def joined(path: str, name: str) -> str:
    """Return the path of a field or relation of the rows at a path."""
    return f"{path}.{name}" if path else name


def _check_choice(name: str, value: Any, allowed: Collection[str]) -> None:
    if value not in allowed:
        known = ", ".join(repr(each) for each in allowed)
        raise ValueError(f"{name}={value!r} is none of {known}.")
