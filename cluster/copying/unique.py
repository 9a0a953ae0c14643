"""Values that must be unique and that a copy would share with its source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from typing import Any, Protocol

from django.db.models import CharField, ForeignKey, Model, SlugField, TextField

from cluster.copying.options import Choices, Unique, joined
from cluster.copying.plans import copy_plan, is_made_key, is_parent_link, makes_new_values
from cluster.errors import Problem, UniqueCopyError
from cluster.saving.reading import chunks
from cluster.saving.unique import UniqueSet, unique_sets

# So many names are tried per query.
TRIES = 8


class Copying(Protocol):
    """What the strategies ask of one copy in the making."""

    map: Any
    tree: Any

    def is_overridden(self, row: Model, name: str) -> bool:
        """Whether the caller gave the value of a field of a row's copy."""
        ...

    def points_at_copy(self, copied: Model, field: Any) -> bool:
        """Whether a foreign key of a copy points at another copy."""
        ...


@dataclass(frozen=True, slots=True)
class Clash:
    """A field of one copy whose value must not stay."""

    source: Model
    copied: Model
    path: str
    field: Any
    together: tuple[Any, ...]
    strategy: Unique

    @property
    def value(self) -> Any:
        """The value that both have."""
        return getattr(self.copied, self.field.attname)


@dataclass(slots=True)
class UniqueValues:
    """Gives new values; remembers them over all copies that are made in one call."""

    choices: Choices
    given: dict[Any, set[Any]] = field(default_factory=dict)

    def settle(self, copying: Copying) -> None:
        """Change the values of the copies that would clash, as the caller chose.

        Raises:
            UniqueCopyError: A value would clash and there is no way to make it unique.
        """
        by_field: dict[Any, list[Clash]] = {}
        problems = []
        for clash in self._clashes(copying):
            if callable(clash.strategy):
                setattr(clash.copied, clash.field.attname, clash.strategy(clash.field, clash.value))
            elif clash.strategy == "suffix" and isinstance(clash.field, CharField | TextField):
                by_field.setdefault(clash.field, []).append(clash)
            else:
                problems.append(_problem(clash))
        if problems:
            raise UniqueCopyError(problems)
        for field_, clashes in by_field.items():
            self._suffix(field_, clashes)

    def _clashes(self, copying: Copying) -> Iterator[Clash]:
        for place, (row, path) in enumerate(copying.tree.rows):
            copied = copying.map.copy_of(row)
            for unique_set, is_key in copied_sets(row.__class__):
                is_asked = is_key or self.choices.unique != "keep"
                if not (is_asked and self._is_shared(copying, row, copied, path, unique_set)):
                    continue
                clash = self._clash(row, copied, path, unique_set)
                must_differ = is_key and not isinstance(clash.field, ForeignKey)
                if clash.strategy != "keep":
                    yield clash
                elif must_differ and place > 0:
                    yield replace(clash, strategy="error")
                elif must_differ:
                    # The key of the root is for the caller to give, as for any new object.
                    setattr(copied, clash.field.attname, None)

    def _clash(self, row: Model, copied: Model, path: str, unique_set: UniqueSet) -> Clash:
        chosen = min(unique_set.fields, key=_unfitness)
        strategy = self.choices.unique_strategy(path, chosen.name)
        return Clash(row, copied, joined(path, chosen.name), chosen, unique_set.fields, strategy)

    def _is_shared(self, copying: Copying, row: Model, copied: Model, path: str, unique_set: UniqueSet) -> bool:
        """Whether source and copy have the same values where these must be unique, none of them given by the caller."""
        places, values = copy_plan(type(row)).places, copying.tree.values[id(row)]
        for each in unique_set.fields:
            if copying.is_overridden(row, each.name) or self.choices.excludes(path, each.name):
                return False
            is_new = copied.__dict__.get(each.attname) != values[places[each.name]]
            if is_new or copying.points_at_copy(copied, each):
                return False
        return unique_set.exact_key(copied.__dict__) is not None

    def _suffix(self, unique_field: Any, clashes: list[Clash]) -> None:
        """Give every clash the first free name, asking the database once per round of names."""
        taken = self.given.setdefault(unique_field, set())
        waiting = [(clash, _names_after(unique_field, clash.value)) for clash in clashes]
        while waiting:
            tried = [(clash, list(islice(names, TRIES)), names) for clash, names in waiting]
            stored = self._stored(unique_field, clashes[0].source, [name for _, some, _ in tried for name in some])
            waiting = []
            for clash, some, names in tried:
                free = next(
                    (name for name in some if name.casefold() not in stored and name.casefold() not in taken), None
                )
                if free is None:
                    waiting.append((clash, names))
                else:
                    taken.add(free.casefold())
                    setattr(clash.copied, unique_field.attname, free)

    def _stored(self, unique_field: Any, source: Model, names: list[str]) -> set[str]:
        attname = unique_field.attname
        manager = unique_field.model._base_manager.using(self.choices.using or source._state.db)
        values = manager.values_list(attname, flat=True)
        return {value.casefold() for some in chunks(names) for value in values.filter(**{f"{attname}__in": some})}


@cache
def copied_sets(model: Any) -> tuple[tuple[UniqueSet, bool], ...]:
    """Return what must be unique and is not made anew for a copy, and for each whether it is the primary key."""
    key = tuple(model._meta.pk_fields)
    sets = [(each, each.fields == key) for each in unique_sets(model)]
    if len(key) == 1:
        sets.insert(0, (UniqueSet(model, key), True))
    return tuple((each, is_key) for each, is_key in sets if len(each.fields) > 1 or not _is_made(each.fields[0]))


def _is_made(unique_field: Any) -> bool:
    """Whether a copy gets a value of its own, as from the database or the row that it inherits from."""
    return is_parent_link(unique_field) or makes_new_values(unique_field) or is_made_key(unique_field)


def _unfitness(unique_field: Any) -> int:
    """Tell how ill a field is suited to have another value in a copy: texts are best, keys of other rows worst."""
    if isinstance(unique_field, CharField | TextField):
        return 0
    return 2 if unique_field.is_relation else 1


def _names_after(unique_field: Any, value: str) -> Iterator[str]:
    """Yield the names that a copy may have: "name (copy)", "name (copy 2)" and so on; "slug-copy" in slugs."""
    write: Callable[[int], str] = _slug_suffix if isinstance(unique_field, SlugField) else _text_suffix
    number = 0
    while True:
        number += 1
        suffix = write(number)
        room = None if unique_field.max_length is None else max(unique_field.max_length - len(suffix), 0)
        yield (value[:room] + suffix)[: unique_field.max_length]


def _slug_suffix(number: int) -> str:
    return "-copy" if number == 1 else f"-copy-{number}"


def _text_suffix(number: int) -> str:
    return " (copy)" if number == 1 else f" (copy {number})"


def _problem(clash: Clash) -> Problem:
    name = f"{clash.source._meta.object_name}.{clash.field.name}"
    others = " and ".join(each.name for each in clash.together if each is not clash.field)
    rule = f"must be unique together with {others}" if others else "must be unique"
    message = f"{name} {rule}, and the copy would have the {clash.value!r} of its source."
    return Problem(clash.path, f"{message} Give it by overrides=, or say by unique= how to make a new one.")
