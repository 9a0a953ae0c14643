"""The walk: level by level, down from owned rows and up from all rows, with one query per edge, level and chunk."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.db.models import Model, QuerySet

from cluster.collector.book import Resolved, RuleBook, Step
from cluster.collector.edge_reader import EdgeReader, Limits
from cluster.collector.edges import Edge, Kind, edges_of, generic_columns, link_columns
from cluster.collector.keys import extended, sorted_keys
from cluster.collector.literals import among
from cluster.collector.rules import Role
from cluster.errors import CollectionLimitError
from cluster.saving.reading import chunks


@dataclass(slots=True, eq=False, kw_only=True)
class Batch:
    """The rows that one edge gave to one level.

    Attributes:
        model: Their model.
        role: What they are.
        keys: Their keys.
        edge: The edge that led to them; ``None`` for the roots.
        origin: The batch that the edge was followed from; ``None`` for the roots and for targets.
        rule: The rule that gave them their role; ``None`` for the roots.
        step: Where the rules that name paths go on below them.
        depth: How many edges they are away from the root.
    """

    model: type[Model]
    role: Role
    keys: Sequence[Any] = ()
    edge: Edge | None = None
    origin: Batch | None = None
    rule: Resolved | None = None
    step: Step | None = None
    depth: int = 0


class Walk(EdgeReader):
    """What was found so far: keys only, never instances.

    Attributes:
        owned: The keys of owned rows by model.
        referenced: The keys of referenced rows by model.
        batches: How they were found.
        referrers: How many rows point at owned rows along edges that were not followed, by the edge's label.
        passed_by: Why edges were not followed at all, by the edge's label.
        cut: The edges up that a rule told to leave out.
        generic_targets: The models that a generic foreign key was seen to point at.
    """

    def __init__(self, book: RuleBook, limits: Limits) -> None:
        super().__init__(book, limits)
        self.owned: dict[type[Model], set[Any]] = defaultdict(set)
        self.referenced: dict[type[Model], set[Any]] = defaultdict(set)
        self.batches: list[Batch] = []
        self.referrers: Counter[str] = Counter()
        self.passed_by: dict[str, str] = {}
        self.cut: set[Edge] = set()
        self.generic_targets: dict[Edge, set[type[Model]]] = defaultdict(set)
        self._uncounted: dict[Edge, list[Batch]] = defaultdict(list)
        self._linking: dict[tuple[Edge, Step | None], list[Batch]] = defaultdict(list)
        self._queue: deque[Batch] = deque()
        self._wanted: dict[tuple[Edge, type[Model], str], set[Any]] = defaultdict(set)
        self._asked: dict[tuple[type[Model], str], set[Any]] = defaultdict(set)
        self._rules: dict[tuple[Edge, type[Model]], Resolved] = {}

    def run(self, roots: QuerySet[Any]) -> None:
        """Collect everything that belongs to the roots, and everything that it needs."""
        self._take(Batch(model=self.book.model, role=Role.OWN, step=self.book.start), roots)
        while self._queue:
            self._descend(self._queue.popleft())
        for (edge, _), batches in self._linking.items():
            self._link(edge, batches)
        self.climb()
        self._count_referrers()

    # Down -------------------------------------------------------------------------------------------------------------

    def _descend(self, batch: Batch) -> None:
        # In the order of the table, so that a chunk reads neighbouring pages.
        batch.keys = sorted_keys(batch.keys)
        for edge in edges_of(batch.model).down:
            resolved = self.book.resolve(edge, batch.step)
            if resolved.reason:
                self.passed_by[edge.label] = resolved.reason
            elif resolved.role in (Role.OWN, Role.REF) and edge.kind is not Kind.FAR_LINK:
                self._follow(batch, edge, resolved)
            else:
                self._uncounted[edge].append(batch)
        for edge in edges_of(batch.model).many:
            role = self.book.resolve(edge, batch.step).role
            if role is Role.OWN:
                self._link(edge, [batch])
            elif role is Role.SKIP:
                self.cut.add(edge)
            elif role is Role.REF:
                # Of all levels at once, as nothing is followed down from there.
                self._linking[edge, batch.step].append(batch)

    def _follow(self, batch: Batch, edge: Edge, resolved: Resolved) -> None:
        found = Batch(
            model=edge.target or batch.model,
            role=resolved.role,
            edge=edge,
            origin=batch,
            rule=resolved,
            step=resolved.step,
            depth=batch.depth + 1,
        )
        condition = resolved.rule.condition
        for keys in self.chunks(batch.model, batch.keys):
            if (rows := self.related(edge, keys)) is None:
                continue
            if condition is not None:
                self.referrers[edge.label] += rows.exclude(pk__in=rows.filter(condition).values("pk")).count()
                rows = rows.filter(condition)
            self._take(found, rows)

    def _count_referrers(self) -> None:
        """Count what points at owned rows and is not collected itself; last, when it is known what is."""
        for edge, batches in self._uncounted.items():
            for keys in self.chunks(edge.source, chain.from_iterable(batch.keys for batch in batches)):
                if (rows := self.related(edge, keys)) is not None and (number := self._outsiders(edge, rows)):
                    self.referrers[edge.label] += number

    def _outsiders(self, edge: Edge, rows: QuerySet[Any]) -> int:
        owned, column = self.owned.get(rows.model), "pk"
        if edge.kind is Kind.FAR_LINK and edge.target is not None:
            owned, (column, _) = self.owned.get(edge.target), link_columns(edge)
        if not owned:
            return rows.count()
        return sum(key not in owned for key in rows.values_list(column, flat=True).iterator())

    # Taking rows ------------------------------------------------------------------------------------------------------

    def _take(self, batch: Batch, rows: QuerySet[Any]) -> None:
        columns = self._columns(batch.model)
        values = rows.values_list(*columns).iterator(chunk_size=self.limits.chunk_size)
        is_new = not batch.keys
        # Closed at once where a limit is exceeded, not whenever the garbage is collected.
        with closing(values):  # type: ignore[type-var]
            for piece in chunks(values, self.limits.chunk_size):
                if fresh := self._add(batch, piece):
                    self._note_targets(batch, fresh)
        if is_new and batch.keys:
            self.batches.append(batch)
            if batch.role is Role.OWN:
                self._queue.append(batch)

    def _columns(self, model: type[Model]) -> list[str]:
        edges = edges_of(model)
        generic = chain.from_iterable(generic_columns(edge.field) for edge in edges.generic)
        return ["pk", *(edge.field.attname for edge in edges.keys), *generic]

    def _add(self, batch: Batch, rows: list[Any]) -> list[Any]:
        """Enter the rows that are not known yet under the batch's role, and return them."""
        owned, referenced = self.owned[batch.model], self.referenced[batch.model]
        fresh = {row[0]: row for row in rows if row[0] not in owned and row[0] not in referenced}
        if fresh:
            (owned if batch.role is Role.OWN else referenced).update(fresh)
            batch.keys = extended(batch.keys, fresh)
            self._check_limits(batch)
        return list(fresh.values())

    def _check_limits(self, batch: Batch) -> None:
        limits = self.limits
        if limits.max_depth is not None and batch.depth > limits.max_depth and batch.role is Role.OWN:
            raise CollectionLimitError(
                f"Collecting {self.book.model._meta.label} goes deeper than max_depth={limits.max_depth}, at"
                f" {batch.model._meta.label}. Raise the limit, or skip the relation by a rule."
            )
        if limits.max_objects is not None and self.total > limits.max_objects:
            raise CollectionLimitError(
                f"Collecting {self.book.model._meta.label} finds more than max_objects={limits.max_objects} rows, at"
                f" {batch.model._meta.label}. Raise the limit, or skip relations by rules."
            )

    @property
    def total(self) -> int:
        """How many rows were found."""
        return sum(map(len, self.owned.values())) + sum(map(len, self.referenced.values()))

    def _note_targets(self, batch: Batch, rows: list[Any]) -> None:
        edges = edges_of(batch.model)
        for position, edge in enumerate(edges.keys, start=1):
            values = {row[position] for row in rows} - {None}
            if values and edge.target is not None:
                self._want(batch, edge, edge.target, edge.field.target_field.attname, values)
        for offset, edge in enumerate(edges.generic):
            position = 1 + len(edges.keys) + 2 * offset
            for target, keys in self._generic_targets(rows, position).items():
                self.generic_targets[edge].add(target)
                self._want(batch, edge, target, target._meta.pk.attname, keys)

    def _generic_targets(self, rows: list[Any], position: int) -> dict[type[Model], set[Any]]:
        found: dict[type[Model], set[Any]] = defaultdict(set)
        for row in rows:
            if (target := self._generic_target(row[position], row[position + 1])) is not None:
                found[target[0]].add(target[1])
        return found

    def _want(self, batch: Batch, edge: Edge, target: type[Model], attname: str, values: set[Any]) -> None:
        resolved = self.book.resolve(edge, batch.step, target)
        if resolved.role is Role.SKIP:
            self.cut.add(edge)
            return
        if resolved.role is Role.LINK:
            return
        if attname == target._meta.pk.attname:
            values = values - self.owned[target] - self.referenced[target]
        if not values:
            return
        if resolved.role is Role.OWN and batch.role is Role.OWN:
            owned = Batch(
                model=target,
                role=Role.OWN,
                edge=edge,
                origin=batch,
                rule=resolved,
                step=resolved.step,
                depth=batch.depth,
            )
            for keys in self.chunks(target, values):
                self._take(owned, self.rows(target).filter(among(attname, keys)))
        else:
            self._wanted[edge, target, attname] |= values
            self._rules.setdefault((edge, target), resolved)

    def _link(self, edge: Edge, batches: list[Batch]) -> None:
        """Want what rows of some batches, to which the same rules apply, link to."""
        target: Any = edge.target
        links = edge.field.remote_field.through
        source, column = link_columns(edge)
        for keys in self.chunks(edge.source, chain.from_iterable(batch.keys for batch in batches)):
            values = set(self.rows(links).filter(among(source, keys)).values_list(column, flat=True).distinct())
            self._want(batches[0], edge, target, target._meta.pk.attname, values)

    # Up ---------------------------------------------------------------------------------------------------------------

    def climb(self) -> None:
        """Take what the rows need, and what that needs, as referenced rows."""
        while self._wanted:
            edge, target, attname = place = next(iter(self._wanted))
            values = self._wanted.pop(place)
            resolved = self._rules[edge, target]
            values -= self._asked[target, attname]
            self._asked[target, attname] |= values
            if attname == target._meta.pk.attname:
                values = values - self.owned[target] - self.referenced[target]
            batch = Batch(model=target, role=Role.REF, edge=edge, rule=resolved)
            for keys in self.chunks(target, values):
                self._take(batch, self.rows(target).filter(among(attname, keys)))
