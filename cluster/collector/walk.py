"""The walk: level by level, down from owned rows and up from all rows, with one query per edge, level and chunk."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models import CharField, IntegerField, Model, QuerySet, TextField, UUIDField

from cluster.collector.book import Resolved, RuleBook, Step
from cluster.collector.content_types import ContentTypes, used_types
from cluster.collector.edges import Edge, Kind, own_generic_keys
from cluster.collector.keys import chunk_size_for, extended, in_order, sorted_keys
from cluster.collector.literals import among
from cluster.collector.rules import Role
from cluster.errors import CollectionLimitError
from cluster.saving.reading import chunks


@dataclass(slots=True, eq=False)
class Batch:
    """The rows that one edge gave to one level.

    Attributes:
        model: Their model.
        keys: Their keys.
        edge: The edge that led to them; ``None`` for the roots.
        origin: The batch that the edge was followed from; ``None`` for the roots and for targets.
        role: What they are.
        rule: The rule that gave them their role.
        step: Where the rules that name paths go on below them.
        depth: How many edges they are away from the root.
    """

    model: type[Model]
    keys: Sequence[Any]
    edge: Edge | None
    origin: Batch | None
    role: Role
    rule: Resolved | None
    step: Step | None
    depth: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a walk may go; exceeding raises.

    Attributes:
        chunk_size: How many keys go into one statement.
        max_objects: How many rows may be collected.
        max_depth: How many edges down from the root.
    """

    chunk_size: int = 2000
    max_objects: int | None = None
    max_depth: int | None = None


class Walk:
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
        self.book = book
        self.limits = limits
        self.using = book.using
        self.types = ContentTypes(book.databases.of_content_types())
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
        model = self.book.model
        self._take(Batch(model, [], None, None, Role.OWN, None, self.book.start, 0), roots)
        while self._queue:
            self._descend(self._queue.popleft())
        for (edge, _), batches in self._linking.items():
            self._link(edge, batches)
        self.climb()
        self._count_referrers()

    def chunks(self, model: type[Model], keys: Iterable[Any]) -> Iterator[list[Any]]:
        """Cut keys of a model into pieces that fit into a statement."""
        return chunks(keys, chunk_size_for(model, self.limits.chunk_size, self.using))

    def rows(self, model: type[Model]) -> QuerySet[Any]:
        """Return all rows of a model, also those that its default manager hides."""
        return model._base_manager.using(self.book.databases.of(model)).order_by()

    # Down -------------------------------------------------------------------------------------------------------------

    def _descend(self, batch: Batch) -> None:
        # In the order of the table, so that a chunk reads neighbouring pages.
        batch.keys = sorted_keys(batch.keys)
        for edge in self.book.edges(batch.model).down:
            resolved = self.book.resolve(edge, batch.step)
            if resolved.reason:
                self.passed_by[edge.label] = resolved.reason
            elif resolved.role in (Role.OWN, Role.REF) and edge.kind is not Kind.FAR_LINK:
                self._follow(batch, edge, resolved)
            else:
                self._uncounted[edge].append(batch)
        for edge in self.book.edges(batch.model).many:
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
            edge.target or batch.model, [], edge, batch, resolved.role, resolved, resolved.step, batch.depth + 1
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
            owned, column = self.owned.get(edge.target), f"{edge.field.m2m_field_name()}_id"
        if not owned:
            return rows.count()
        return sum(key not in owned for key in rows.values_list(column, flat=True).iterator())

    def related(self, edge: Edge, keys: list[Any]) -> QuerySet[Any] | None:
        """Return the rows at the end of an edge down, or ``None`` where there can be none."""
        field = edge.field
        if edge.kind in (Kind.GENERIC_CHILD, Kind.GENERIC_POINTER):
            return self._generic_rows(edge, keys)
        if edge.kind is Kind.FAR_LINK:
            links = field.remote_field.through
            return self.rows(links).filter(among(f"{field.m2m_reverse_field_name()}_id", keys))
        lookup = field.attname if field.target_field.primary_key else f"{field.name}__pk"
        return self.rows(field.model).filter(among(lookup, keys))

    def _generic_rows(self, edge: Edge, keys: list[Any]) -> QuerySet[Any] | None:
        field, holder = edge.field, edge.target
        is_relation = edge.kind is Kind.GENERIC_CHILD
        type_name = field.content_type_field_name if is_relation else field.ct_field
        id_name = field.object_id_field_name if is_relation else field.fk_field
        types = self.types.of(edge.source)
        if not is_relation:
            types = [number for number in types if number in self._used_types[holder, f"{type_name}_id"]]
        if not types or holder is None:
            return None
        if not (keys := as_object_ids(holder._meta.get_field(id_name), keys)):
            return None
        return self.rows(holder).filter(among(id_name, keys), **{f"{type_name}__in": types})

    @cached_property
    def _used_types(self) -> dict[tuple[Any, str], set[Any]]:
        """Which content types the generic foreign keys in reach point at: most point at few, and need not be asked."""
        models = [model for model in apps.get_models() if model._meta.managed and not self.book.out_of_reach(model)]
        pairs = [(model, f"{field.ct_field}_id") for model in models for field in own_generic_keys(model)]
        return used_types(pairs, self.using)

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
        edges = self.book.edges(model)
        pairs = [(f"{edge.field.ct_field}_id", edge.field.fk_field) for edge in edges.generic]
        return ["pk", *(edge.field.attname for edge in edges.keys), *(name for pair in pairs for name in pair)]

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
        edges = self.book.edges(batch.model)
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

    def _generic_target(self, number: Any, value: Any) -> tuple[type[Model], Any] | None:
        """Return the model and key that a generic foreign key names, if it can be a key of that model."""
        model = None if number is None or value is None else self.types.model(number)
        try:
            return None if model is None else (model, model._meta.pk.to_python(value))
        except ValidationError:
            return None

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
            owned = Batch(target, [], edge, batch, Role.OWN, resolved, resolved.step, batch.depth)
            for keys in self.chunks(target, values):
                self._take(owned, self.rows(target).filter(among(attname, keys)))
        else:
            self._wanted[edge, target, attname] |= values
            self._rules.setdefault((edge, target), resolved)

    def _link(self, edge: Edge, batches: list[Batch]) -> None:
        """Want what rows of some batches, to which the same rules apply, link to."""
        target: Any = edge.target
        links, source = edge.field.remote_field.through, f"{edge.field.m2m_field_name()}_id"
        column = f"{edge.field.m2m_reverse_field_name()}_id"
        for keys in self.chunks(edge.source, chain.from_iterable(batch.keys for batch in batches)):
            values = set(self.rows(links).filter(among(source, keys)).values_list(column, flat=True).distinct())
            self._want(batches[0], edge, target, target._meta.pk.attname, values)

    # What collected rows hold and point at ----------------------------------------------------------------------------

    def key_of(self, instance: Model) -> Any:
        """Return the key under which an instance is collected."""
        return instance.pk

    def in_order(self, model: type[Model], keys: set[Any]) -> Sequence[Any]:
        """Return keys of a model in the order in which its rows are written."""
        return in_order(keys)

    def read(self, model: type[Model], keys: Iterable[Any]) -> dict[Any, Model]:
        """Return rows as instances by key."""
        return {
            row.pk: row for piece in self.chunks(model, keys) for row in self.rows(model).filter(among("pk", piece))
        }

    def values(self, model: type[Model], keys: list[Any], columns: list[str]) -> list[tuple[Any, ...]]:
        """Return the rows with some keys, as key and values of some columns."""
        return list(self.rows(model).filter(among("pk", keys)).values_list("pk", *columns))

    def links(self, edge: Edge, keys: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield source and target of the links that rows declare in a many-to-many, by source and target."""
        field = edge.field
        names = (f"{field.m2m_field_name()}_id", f"{field.m2m_reverse_field_name()}_id")
        for piece in self.chunks(edge.source, keys):
            rows = self.rows(field.remote_field.through).filter(among(names[0], piece))
            yield from rows.order_by(*names).values_list(*names).iterator(chunk_size=self.limits.chunk_size)

    def pointers(self, model: type[Model], edge: Edge, keys: Iterable[Any]) -> Iterator[tuple[Any, type[Model], Any]]:
        """Yield the key of each row, and the model and key of what it points at along an edge."""
        if edge.kind is Kind.GENERIC_TARGET:
            columns = [f"{edge.field.ct_field}_id", edge.field.fk_field]
        elif edge.field.target_field.primary_key:
            columns = [edge.field.attname]
        else:
            columns = [f"{edge.field.name}__pk"]
        for piece in self.chunks(model, keys):
            for row in self.rows(model).filter(among("pk", piece)).values_list("pk", *columns).iterator():
                if (target := self._target(edge, row[1:])) is not None:
                    yield row[0], *target

    def _target(self, edge: Edge, values: tuple[Any, ...]) -> tuple[type[Model], Any] | None:
        if edge.target is not None:
            return None if values[0] is None else (edge.target, values[0])
        return self._generic_target(values[0], values[1])

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
            batch = Batch(target, [], edge, None, Role.REF, resolved, None, 0)
            for keys in self.chunks(target, values):
                self._take(batch, self.rows(target).filter(among(attname, keys)))


def as_object_ids(field: Any, keys: list[Any]) -> list[Any]:
    """Return keys as the object ids of a generic foreign key hold them, without those that it cannot hold."""
    if isinstance(field, CharField | TextField):
        return [str(key) for key in keys]
    kind = int if isinstance(field, IntegerField) else UUID if isinstance(field, UUIDField) else object
    return [key for key in keys if isinstance(key, kind)]
