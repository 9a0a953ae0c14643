"""Compare a held cluster, level by level, with its baselines or with the database; nothing is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

from cluster.errors import ClusterCycleError
from cluster.relations import Clusterable, HeldLinks, relations_of, state_of
from cluster.relations.held import Key, key_of
from cluster.saving.comparison import ChildComparison, keys_to_read
from cluster.saving.given_away import keys_left_behind, keys_on_their_way
from cluster.saving.linking import survey_links
from cluster.saving.reading import KnownRows, read_by_key, read_children
from cluster.saving.work import Delete, Holding, Insert, Node, Update, Work, path_of


def survey(
    root: Node,
    *,
    using: str,
    names: Collection[str] | None = None,
    is_other_database: bool = False,
    compares_links: bool = True,
) -> Work:
    """Return what saving the relations of ``root`` (all that are held, or the named ones) would write.

    Reads at most two queries per relation and level, and none where the baseline is known and every child with a key
    is in it.

    Args:
        root: The instance to be saved.
        using: The database alias.
        names: The names of the root's relations that are saved; all by default.
        is_other_database: Whether the cluster was loaded from another database.
        compares_links: Whether it is to be found out which many-to-many links change.

    Raises:
        ClusterCycleError: An instance is held below itself.
        ForeignChildError: A child names the row of another parent by its key.
        StaleClusterError: A row that was to be written is gone.
    """
    return Survey(Work(using), root, is_other_database, compares_links).run(names)


def refuse_cycles(root: Node) -> None:
    """See that no instance is held below itself, without reading anything.

    Raises:
        ClusterCycleError: One is.
    """
    Survey(Work(""), root).walk()


@dataclass(slots=True, eq=False)
class Survey:
    """The state of one survey.

    Attributes:
        is_other_database: Whether the cluster was loaded from another database than the one it is saved to: then
            baselines do not count, rows that are missing are inserted, and only declared content is deleted.
        compares_links: Whether many-to-many links are looked at.
        seen: What was met so far, by identity, so that a child that two relations hold is written once.
        moved: The keys of rows that a relation holds and another parent had.
    """

    work: Work
    root: Node
    is_other_database: bool = False
    compares_links: bool = True
    seen: dict[int, Insert | Update | None] = field(default_factory=dict)
    parents: dict[Any, Node] = field(default_factory=dict)
    moved: set[Key] = field(default_factory=set)

    def run(self, names: Collection[str] | None) -> Work:
        """Go down level by level."""
        level, depth = [self.root], 1
        self._enter(self.root)
        while level:
            holdings = [each for node in level for each in holdings_of(node, names)]
            self.work.holdings += holdings
            self._compare_children([each for each in holdings if each.relation.is_child], depth)
            linked = [each for each in holdings if not each.relation.is_child]
            if self.compares_links:
                self.work.links += survey_links(linked, self.work.using, is_other_database=self.is_other_database)
            self._insert_made(linked, depth)
            level, depth, names = self._next_level(holdings), depth + 1, None
        self._settle_removals()
        return self.work

    def _insert_made(self, holdings: Iterable[Holding], level: int) -> None:
        """Note the objects that were made through a many-to-many: their rows are written with their links."""
        for holding in holdings:
            for index, target in made_through(holding):
                if id(target) not in self.seen:
                    insert = self.seen[id(target)] = Insert(target, holding, index, level, [])
                    self.work.inserts.append(insert)

    def walk(self) -> None:
        """Go down without comparing anything."""
        level = [self.root]
        self._enter(self.root)
        while level:
            level = self._next_level([each for node in level for each in holdings_of(node, None)])

    def _enter(self, node: Node) -> None:
        self.work.nodes.append(node)
        self.parents[id(node.instance)] = node
        if (key := key_of(node.instance)) is not None:
            self.parents.setdefault(key, node)

    def _next_level(self, holdings: Iterable[Holding]) -> list[Node]:
        nodes = []
        for holding in holdings:
            if self._can_be_parents(holding.relation.related_model):
                nodes += self._nodes_in(holding)
        return nodes

    def _can_be_parents(self, model: type[Model]) -> bool:
        return issubclass(model, Clusterable) or bool(model.__subclasses__())

    def _nodes_in(self, holding: Holding) -> list[Node]:
        nodes = []
        for index, child in enumerate(holding.objects) if holding.relation.is_child else made_through(holding):
            self._refuse_cycle(child, holding, index)
            state = state_of(child) if isinstance(child, Clusterable) else None
            if state is None or not state.held or id(child) in self.parents:
                continue
            node = Node(child, state, holding.node, holding.relation, index)
            node.is_new = isinstance(self.seen.get(id(child)), Insert)
            self._enter(node)
            nodes.append(node)
        return nodes

    def _refuse_cycle(self, child: Model, holding: Holding, index: int) -> None:
        met = self.parents.get(id(child)) or self.parents.get(key_of(child))
        above: Node | None = holding.node
        while met is not None and above is not None:
            if above is met:
                raise ClusterCycleError(
                    f"Cannot save {self.root.instance!r}: {child!r} at {holding.path(index)} is held below itself"
                    f" ({path_of(met) or 'the root'}). Take it out of one of the two places."
                )
            above = above.above

    # Children

    def _compare_children(self, holdings: list[Holding], level: int) -> None:
        by_field: dict[Any, list[Holding]] = {}
        for holding in holdings:
            by_field.setdefault(holding.relation.field, []).append(holding)
        for same in by_field.values():
            live = self._read_live(same)
            for holding in same:
                holding.known = self._known(holding, live)
            elsewhere = self._read_elsewhere(same)
            for holding in same:
                ChildComparison(self, holding, elsewhere, level).run()

    def _read_live(self, holdings: list[Holding]) -> dict[Any, KnownRows]:
        values = [each.parent_value for each in holdings if not self.has_baseline(each) and not each.node.is_new]
        return read_children(holdings[0].relation, values, self.work.using) if values else {}

    def has_baseline(self, holding: Holding) -> bool:
        """Whether it is known which rows a relation had, so that they need not be read."""
        # What another database or row had says nothing of this one.
        return holding.baseline is not None and not self.is_other_database and not holding.is_of_another_row

    def _known(self, holding: Holding, live: dict[Any, KnownRows]) -> KnownRows:
        holding.on_their_way = keys_on_their_way(holding)
        if holding.baseline is not None and self.has_baseline(holding):
            left = keys_left_behind(holding)
            return {**{key: {} for key in left}, **holding.baseline.rows} if left else holding.baseline.rows
        return {} if holding.node.is_new else live[holding.parent_value]

    def _read_elsewhere(self, holdings: list[Holding]) -> KnownRows:
        """Read the rows that held children name by key and their relation is not known to have."""
        wanted: dict[type[Model], set[Any]] = {}
        for holding in holdings:
            for key in keys_to_read(holding):
                wanted.setdefault(key[0], set()).add(key[1])
        found: KnownRows = {}
        for model, pks in wanted.items():
            found.update(read_by_key(model, pks, self.work.using))
        return found

    def _settle_removals(self) -> None:
        """Leave a row alone that another relation of the cluster now holds, and do not update a row that is deleted."""
        self.work.deletes = [each for each in self.work.deletes if key_of_row(each) not in self.moved]
        self.work.releases = [each for each in self.work.releases if key_of_row(each) not in self.moved]
        deleted = {key_of_row(each) for each in self.work.deletes}
        if deleted:
            self.work.updates = [each for each in self.work.updates if key_of(each.instance) not in deleted]


def holdings_of(node: Node, names: Collection[str] | None) -> list[Holding]:
    """Return the held relations of a node, in the order in which the model defines them."""
    held, baselines = node.state.held, node.state.baselines
    return [
        Holding(node, relation, held[name], baselines.get(name), list(held[name]))
        for name, relation in relations_of(type(node.instance)).items()
        if name in held and (names is None or name in names)
    ]


def made_through(holding: Holding) -> list[tuple[int, Model]]:
    """Return the unsaved objects that were made through a many-to-many."""
    held = holding.held
    assert isinstance(held, HeldLinks)
    return [(index, each) for index, each in enumerate(holding.objects) if each._state.adding and held.is_made(each)]


def key_of_row(delete: Delete) -> Key:
    """Return the key of a row that is taken out."""
    return (delete.model._meta.concrete_model, delete.pk)  # type: ignore[return-value]
