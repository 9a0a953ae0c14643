"""Writing the links of many-to-many fields that have no model of their own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model

from cluster.collector.decoding import Decoded, Decoder
from cluster.collector.edges import Edge, edges_of, link_columns
from cluster.collector.keymap import PENDING
from cluster.collector.keys import chunk_size_for, key_from_json
from cluster.collector.literals import among
from cluster.collector.naming import is_name
from cluster.collector.writing import Writer
from cluster.saving.reading import chunks

Pair = tuple[Any, Any]


class Linker:
    """Writes links as soon as both ends are there."""

    def __init__(self, using: str, chunk_size: int, decoder: Decoder, writer: Writer) -> None:
        self.using = using
        self.chunk_size = chunk_size
        self.decoder = decoder
        self.writer = writer
        self._pending: dict[Edge, list[Pair]] = defaultdict(list)
        self._mirrored: dict[Edge, tuple[set[Any], set[Pair]]] = {}

    def add(self, model: type[Model], decoded: Sequence[Decoded], *, is_new: bool) -> None:
        """Write the links of rows that were just placed.

        Args:
            model: The model of the rows.
            decoded: The rows.
            is_new: Whether they were all inserted, so that there are no links yet.
        """
        for edge in edges_of(model).many:
            with_links = [one for one in decoded if edge.name in one.links]
            if not with_links:
                continue
            sources = [self.decoder.keys.new(model, one.row.key) for one in with_links]
            wanted = list(self.wanted(edge, with_links, sources))
            self.decoder.names.check_expected()
            if edge.field.remote_field.symmetrical and edge.target is model:
                self._mirror(edge, sources, wanted)
            elif is_new:
                self.writer.link(edge, list(dict.fromkeys(pair for pair in wanted if pair[1] is not PENDING)))
            else:
                self._make_equal(edge, sources, {pair for pair in wanted if pair[1] is not PENDING})

    def wanted(self, edge: Edge, decoded: Sequence[Decoded], sources: Sequence[Any]) -> Iterator[Pair]:
        """Yield source and target of the links that rows have in the file; the target may be ``PENDING``."""
        target: Any = edge.target
        for one, source in zip(decoded, sources, strict=True):
            for raw in one.links[edge.name]:
                new, old = self._target(one, target, raw)
                if new is PENDING:
                    self._pending[edge].append((source, old))
                yield source, new

    def _target(self, one: Decoded, target: type[Model], raw: Any) -> Pair:
        if is_name(target, raw):
            try:
                return self.decoder.names.find(target, raw, target._meta.pk.attname), None
            except LookupError as error:
                raise one.row.problem(f"A link of {one.row.model._meta.label} {one.row.key!r}: {error}.") from error
        try:
            old = key_from_json(target, raw)
        except (TypeError, ValueError, OverflowError, ValidationError) as error:
            message = f"A link of {one.row.model._meta.label} {one.row.key!r} cannot be {raw!r}: {error}"
            raise one.row.problem(message) from error
        new = self.decoder.keys.new(target, old)
        if new is not PENDING and not self.decoder.keys.has(target, old):
            self.decoder.names.expect(one.row, target, new)
        return new, old

    def _make_equal(self, edge: Edge, sources: Sequence[Any], wanted: set[Pair]) -> None:
        current = set(self.current(edge, sources))
        # What waits for its target may be linked already under the key that it will have.
        expected = wanted | set(self._pending[edge])
        self.writer.unlink(edge, in_line(current - expected))
        self.writer.link(edge, in_line(wanted - current))

    def current(self, edge: Edge, sources: Iterable[Any]) -> Iterator[Pair]:
        """Yield source and target of the links that rows have in the database."""
        source, _ = link_columns(edge)
        return self._with_ends(edge, source, sources)

    def _with_ends(self, edge: Edge, column: str, keys: Iterable[Any]) -> Iterator[Pair]:
        through = edge.field.remote_field.through
        for piece in chunks(keys, chunk_size_for(edge.source, self.chunk_size, self.using)):
            rows = through._base_manager.using(self.using).filter(among(column, piece))
            yield from rows.values_list(*link_columns(edge))

    def _mirror(self, edge: Edge, sources: Sequence[Any], wanted: Sequence[Pair]) -> None:
        known_sources, pairs = self._mirrored.setdefault(edge, (set(), set()))
        known_sources.update(sources)
        pairs.update(pair for pair in wanted if pair[1] is not PENDING)

    def finish(self) -> None:
        """Write the links whose targets came later, and those that stand in both directions."""
        for edge, waiting in self._pending.items():
            pairs = {(source, self.decoder.keys.new(edge.target, old)) for source, old in waiting}  # type: ignore[arg-type]
            if edge in self._mirrored:
                self._mirrored[edge][1].update(pairs)
            else:
                current = set(self.current(edge, {source for source, _ in pairs}))
                self.writer.link(edge, in_line(pairs - current))
        for edge, (sources, wanted) in self._mirrored.items():
            both = wanted | {(target, source) for source, target in wanted}
            current = {pair for column in link_columns(edge) for pair in self._with_ends(edge, column, sources)}
            self.writer.unlink(edge, in_line(current - both))
            self.writer.link(edge, in_line(both - current))


def in_line(pairs: Iterable[Pair]) -> list[Pair]:
    """Return pairs in an order that does not change from run to run."""
    return sorted(pairs, key=repr)
