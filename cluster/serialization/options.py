"""The options of taking and loading snapshots."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from cluster.errors import Problem

StrictKeys = bool | Literal["error"]


@dataclass(slots=True)
class LoadReport:
    """What a load could not place as it was, each with the path in the data.

    Attributes:
        dropped: Children and links left out, because something that they point at is gone.
        nulled: Foreign keys set to null, because their target is gone.
        defaulted: Foreign keys set to another value by ``SET_DEFAULT`` or ``SET``, because their target is gone.
        kept: Foreign keys left as they were by ``DO_NOTHING``, though their target is gone.
        unknown: Keys of the data that the model does not have.
        unconverted: Values left out by ``skip_unconvertible``, because their field cannot read them.
        matched: Children without key that were taken for a row that the database has.
        adopted: Children taken from another parent by ``adopt``.
        problems: What makes the data impossible to load; only ``check_serialized`` fills it, loading raises it.
    """

    dropped: list[Problem] = field(default_factory=list)
    nulled: list[Problem] = field(default_factory=list)
    defaulted: list[Problem] = field(default_factory=list)
    kept: list[Problem] = field(default_factory=list)
    unknown: list[Problem] = field(default_factory=list)
    unconverted: list[Problem] = field(default_factory=list)
    matched: list[Problem] = field(default_factory=list)
    adopted: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_lossless(self) -> bool:
        """Whether everything in the data arrived as it was written."""
        lost = (self.dropped, self.nulled, self.defaulted, self.unknown, self.unconverted, self.problems)
        return not any(lost)

    def take(self, other: LoadReport) -> None:
        """Add what another report has and this one has not."""
        for name in self.__slots__:
            known = getattr(self, name)
            known += [problem for problem in getattr(other, name) if problem not in known]

    def __str__(self) -> str:
        lines = [f"{name}: {problem}" for name in self.__slots__ for problem in getattr(self, name)]
        return "\n".join(lines) or "nothing was lost"


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How data is loaded; see ``from_serializable_data``."""

    check_fks: bool = True
    strict_fks: StrictKeys = False
    using: str | None = None
    strict: bool = False
    adopt: bool = False
    skip_unconvertible: bool = False
    allow_nan: bool = False
    max_depth: int = 1_000
    max_objects: int = 1_000_000
    report: LoadReport = field(default_factory=LoadReport)


class LoadKeywords(TypedDict, total=False):
    """The keyword arguments of loading besides ``check_fks`` and ``strict_fks``.

    Attributes:
        using: The database that is asked, and whose row the instance is; the router's choice by default.
        strict: Whether keys that the model does not have are problems.
        adopt: Whether a child whose row belongs to another parent is moved here.
        skip_unconvertible: Whether values that their field cannot read are left out and reported.
        allow_nan: Whether infinities and NaN are let in.
        max_depth: How many levels of objects the data may have; 1,000 by default.
        max_objects: How many objects the data may have; 1,000,000 by default.
        report: Is filled with what could not be placed as it was.
    """

    using: str | None
    strict: bool
    adopt: bool
    skip_unconvertible: bool
    allow_nan: bool
    max_depth: int
    max_objects: int
    report: LoadReport | None


def check_keywords(call: str, given: Iterable[str], known: Container[str]) -> None:
    """Refuse keyword arguments that a call does not take, in the words of Python.

    Raises:
        TypeError: There is one.
    """
    for name in given:
        if name not in known:
            raise TypeError(f"{call}() got an unexpected keyword argument {name!r}")


@dataclass(frozen=True, slots=True)
class SnapshotOptions:
    """Which fields and relations a snapshot has.

    Attributes:
        relations: Dotted paths of the relations to write, such as ``albums.songs``; ``None`` for all.
        exclude: Dotted paths of the fields and relations to leave out.
        using: The database that is asked for what is not held; by default the one of each instance.
    """

    relations: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()
    using: str | None = None

    @property
    def has_paths(self) -> bool:
        """Whether anything is left out by path."""
        return bool(self.exclude) or self.relations is not None

    @classmethod
    def of(
        cls, relations: Collection[str] | None = None, exclude: Collection[str] = (), using: str | None = None
    ) -> SnapshotOptions:
        """Return the options for arguments as callers give them; the way to a relation is part of it.

        Raises:
            TypeError: What is chosen is one text and not several.
        """
        for paths in (relations, exclude):
            if isinstance(paths, str):
                raise TypeError(f"{paths!r} is one text; give a list of paths: [{paths!r}].")
        named = None if relations is None else frozenset(step for path in relations for step in _way_to(path))
        return cls(named, frozenset(exclude), using)


def _way_to(path: str) -> list[str]:
    """Return a dotted path with all that lead to it."""
    steps = path.split(".")
    return [".".join(steps[: depth + 1]) for depth in range(len(steps))]
