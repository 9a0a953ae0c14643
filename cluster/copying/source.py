"""Reading what is to be copied: one query per relation and level, and the source stays as it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

from cluster.copying.inheritance import whole_rows
from cluster.copying.links import SourceLinks, read_links
from cluster.copying.options import Choices, joined
from cluster.copying.plans import copy_plan
from cluster.fields.reading import objects_in
from cluster.relations import Relation, relations_of
from cluster.relations.held import key_of
from cluster.saving.reading import chunks


@dataclass(frozen=True, slots=True)
class SourceChildren:
    """The children of one row in one relation."""

    relation: Relation
    parent: Model
    children: Sequence[Model]


@dataclass(slots=True)
class SourceTree:
    """Everything that is copied, as it was read.

    Attributes:
        rows: Every row once, parents before their children, with the path of relation names that led there.
        children: The children of every row, level by level.
        links: The links of every row.
        values: By identity the values of every row's concrete fields, deferred ones included.
    """

    choices: Choices
    rows: list[tuple[Model, str]] = field(default_factory=list)
    children: list[SourceChildren] = field(default_factory=list)
    links: list[SourceLinks] = field(default_factory=list)
    values: dict[int, Sequence[Any]] = field(default_factory=dict)
    _met: set[Any] = field(default_factory=set)

    def read(self, root: Model) -> None:
        """Read a row and everything below it."""
        self._go_down(self._enter("", [root]))

    def read_below(self, root: Model, names: Collection[str]) -> None:
        """Read what is below a row in some of its relations, but not the row itself."""
        self._met.add(key_of(root) or id(root))
        self._go_down(self._read_relations("", [root], names))

    def _go_down(self, level: list[tuple[str, list[Model]]]) -> None:
        while level:
            below = []
            for path, rows in level:
                for same in _by_class(rows):
                    below += self._read_relations(path, same)
                    self.links += read_links(same, path, self.choices)
            level = below

    def _enter(self, path: str, rows: Iterable[Model]) -> list[tuple[str, list[Model]]]:
        """Note rows that were not met before, and return them for the next level."""
        new = []
        for row in rows:
            key = key_of(row) or id(row)
            if key not in self._met:
                self._met.add(key)
                new.append(row)
        self.rows += [(row, path) for row in new]
        self._take_values(new)
        return [(path, new)] if new else []

    def _read_relations(
        self, path: str, parents: list[Model], names: Collection[str] | None = None
    ) -> list[tuple[str, list[Model]]]:
        below = []
        for relation in relations_of(type(parents[0])).children:
            if self.choices.excludes(path, relation.name) or (names is not None and relation.name not in names):
                continue
            below_path = joined(path, relation.name)
            children = objects_in(relation, parents, using=self.choices.using)
            children = whole_rows(children, below_path, self.choices)
            found = [SourceChildren(relation, *pair) for pair in zip(parents, children, strict=True) if pair[1]]
            self.children += found
            below += self._enter(below_path, [child for each in found for child in each.children])
        return below

    def _take_values(self, rows: Iterable[Model]) -> None:
        """Note the values of rows; those with deferred or generated fields are completed by one query per class."""
        incomplete = []
        for row in rows:
            try:
                self.values[id(row)] = copy_plan(type(row)).values(row.__dict__)
            except KeyError:
                incomplete.append(row)
        for same in _by_class(incomplete):
            self._fetch_deferred(same)

    def _fetch_deferred(self, rows: list[Model]) -> None:
        model: Any = type(rows[0])
        plan = copy_plan(model)
        names = [each.attname for each in model._meta.concrete_fields if not each.generated]
        unknown = dict.fromkeys(plan.attnames)
        manager = model._base_manager.using(self.choices.using or rows[0]._state.db)
        stored: dict[Any, dict[str, Any]] = {}
        for wanted in chunks(row.pk for row in rows if any(name not in row.__dict__ for name in names)):
            stored.update((each.pop("pk"), each) for each in manager.filter(pk__in=wanted).values("pk", *names))
        for row in rows:
            self.values[id(row)] = plan.values({**unknown, **stored.get(row.pk, {}), **row.__dict__})


def _by_class(rows: Iterable[Model]) -> list[list[Model]]:
    grouped: dict[type[Model], list[Model]] = {}
    for row in rows:
        grouped.setdefault(type(row), []).append(row)
    return list(grouped.values())
