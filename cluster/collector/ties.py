"""Whether the rows of a file hang together with its roots, so that nothing else comes in with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model

from cluster.collector.belonging import is_reverse
from cluster.collector.book import RuleBook
from cluster.collector.decoding import Decoder
from cluster.collector.edges import Edge, Kind, edges_of
from cluster.collector.keymap import PENDING
from cluster.collector.keys import key_from_json
from cluster.collector.reading import Contents, FileRow
from cluster.collector.rules import Role
from cluster.errors import Problem

Node = tuple[type[Model], Any]
Below = dict[Node, list[Node]]
Wanted = Mapping[type[Model], Container[Any]]
# A rule for a key that lets an owned row own its target makes the target of a shared row a shared one.
NEEDING = frozenset({Role.REF, Role.OWN})
OWNING = frozenset({Role.OWN})


class Ties:
    """Sees every row of a load, and keeps in mind only those whose tie it has not seen yet.

    An owned row is tied if it is a root, if it belongs to a tied row, or if a tied row owns what it points at. A shared
    row is tied if rows of the file need it.
    """

    def __init__(self, book: RuleBook, decoder: Decoder, contents: Contents, roots: Container[Any] | None) -> None:
        self.book = book
        self.decoder = decoder
        self.contents = contents
        self.roots = roots
        self._open: dict[type[Model], dict[Any, tuple[int, list[Node]]]] = defaultdict(dict)
        self._unneeded: dict[type[Model], dict[Any, int]] = {
            model: dict.fromkeys(keys, 0) for model, keys in contents.shared.items()
        }
        self._leading: dict[tuple[type[Model], Edge, Role], bool] = {}

    # Rows -------------------------------------------------------------------------------------------------------------

    def see(self, rows: Sequence[FileRow]) -> None:
        """Look at rows of one model that are about to be placed."""
        tied: set[Node] = set()
        for row in rows:
            if row.is_owned:
                self._see_owned(row, tied)
            elif row.key in self._unneeded[row.model]:
                self._see_shared(row)
            if any(self._unneeded.values()):
                for model, key in list(self._above(row, NEEDING, self._unneeded)):
                    self._unneeded[model].pop(key, None)

    def _see_owned(self, row: FileRow, tied: set[Node]) -> None:
        node = row.model, row.key
        owners = []
        is_tied = row.model is self.book.model and (self.roots is None or row.key in self.roots)
        for owner in () if is_tied else self._owners(row, Role.OWN):
            is_tied = owner in tied or self._is_tied(owner)
            if is_tied:
                break
            owners.append(owner)
        if is_tied:
            tied.add(node)
        else:
            self._open[row.model][row.key] = row.line, owners

    def _is_tied(self, node: Node) -> bool:
        model, key = node
        return self.decoder.keys.keys[model][key] is not PENDING and key not in self._open[model]

    def _see_shared(self, row: FileRow) -> None:
        """Note the line of a shared row; one that a rule made shared may hang on one that is owned."""
        if next(self._owners(row, Role.REF), None) is None:
            self._unneeded[row.model][row.key] = row.line
        else:
            del self._unneeded[row.model][row.key]

    # The end ----------------------------------------------------------------------------------------------------------

    def problems(self, rows: Iterable[FileRow]) -> list[Problem]:
        """Return which rows of the file are not tied; reads the rows again if there are some."""
        below: Below = defaultdict(list)
        for model, waiting in self._open.items():
            for key, (_, owners) in waiting.items():
                for owner in owners:
                    below[owner].append((model, key))
        self._settle(below)
        if any(self._open.values()):
            for row in rows:
                if row.is_owned:
                    below[row.model, row.key] += self._above(row, OWNING, self._open)
            self._settle(below)
        return [*self._strangers(), *self._not_needed()]

    def _settle(self, below: Below) -> None:
        waiting = [node for node in below if self._is_tied(node)]
        while waiting:
            for model, key in below.get(waiting.pop(), ()):
                if self._open[model].pop(key, None) is not None:
                    waiting.append((model, key))

    def _strangers(self) -> Iterator[Problem]:
        for model, rows in self._open.items():
            for key, (line, _) in rows.items():
                message = f"{model._meta.label} {key!r} belongs to no root of the file, by the rules."
                yield Problem(f"line {line}", message)

    def _not_needed(self) -> Iterator[Problem]:
        for model, rows in self._unneeded.items():
            for key, line in rows.items():
                message = f"{model._meta.label} {key!r} is shared, but no row of the file needs it, by the rules."
                yield Problem(f"line {line}", message)

    # Edges ------------------------------------------------------------------------------------------------------------

    def _owners(self, row: FileRow, role: Role) -> Iterator[Node]:
        """Yield the owned rows of the file from which an edge down may have led to a row in a role."""
        edges = edges_of(row.model)
        for edge in (*edges.keys, *edges.generic):
            if edge.target is not None and not self._leads(edge.target, edge, role):
                continue
            node = self._target(edge, row)
            if node is not None and self._is_owned(node) and self._leads(node[0], edge, role):
                yield node

    def _leads(self, owner: type[Model], edge: Edge, role: Role) -> bool:
        """Whether the way back along an edge up may give a role."""
        place = owner, edge, role
        if place not in self._leading:
            ways = [down for down in edges_of(owner).down if is_reverse(down, edge)]
            self._leading[place] = any(role in self.book.roles(down) for down in ways)
        return self._leading[place]

    def _is_owned(self, node: Node) -> bool:
        model, key = node
        return key in self.contents.keys.get(model, ()) and key not in self.contents.shared.get(model, ())

    def _above(self, row: FileRow, roles: frozenset[Role], wanted: Wanted) -> Iterator[Node]:
        """Yield what a row points at along edges up that may give one of some roles, as far as it is wanted."""
        for edge in edges_of(row.model).up:
            if edge.target is not None and not wanted.get(edge.target):
                continue
            nodes = self._linked(edge, row) if edge.kind is Kind.MANY else [self._target(edge, row)]
            for node in nodes:
                if node is not None and node[1] in wanted.get(node[0], ()) and roles & self.book.roles(edge, node[0]):
                    yield node

    def _target(self, edge: Edge, row: FileRow) -> Node | None:
        """Return what a row points at along a key, if it is named by a key."""
        if edge.target is None:
            return self._generic_target(edge, row)
        raw = row.key if edge.field.primary_key else row.fields.get(edge.field.name)
        if raw is None or isinstance(raw, list):
            return None
        to = edge.field.target_field
        value = to.to_python(raw)
        return edge.target, value if to.primary_key else self.contents.holders[edge.target, to.attname].get(value)

    def _generic_target(self, edge: Edge, row: FileRow) -> Node | None:
        raw_type, raw = row.fields.get(edge.field.ct_field), row.fields.get(edge.field.fk_field)
        number: Any = self.decoder.types.number(*raw_type) if isinstance(raw_type, list) else raw_type
        model = self.decoder.types.model(number)
        return None if model is None or raw is None else (model, model._meta.pk.to_python(raw))

    def _linked(self, edge: Edge, row: FileRow) -> Iterator[Node]:
        target: Any = edge.target
        for raw in row.fields.get(edge.field.name, ()):
            # What can be no key is told when the links are written.
            with suppress(TypeError, ValueError, OverflowError, ValidationError):
                yield target, key_from_json(target, raw)
