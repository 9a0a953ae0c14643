"""Compare a held cluster, level by level, with its baselines or with the database; nothing is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

from cluster.errors import ClusterCycleError, ForeignChildError, Problem, StaleClusterError
from cluster.relations import Clusterable, HeldLinks, Relation, relations_of, state_of
from cluster.relations.held import Key, key_of
from cluster.saving.compare import changed_fields, with_fields_made_on_save
from cluster.saving.linking import survey_links
from cluster.saving.reading import KnownRows, read_by_key, read_children
from cluster.saving.work import Delete, Holding, Insert, Node, Update, Work, path_of


def survey(root: Node, *, using: str, names: Collection[str] | None = None, is_other_database: bool = False) -> Work:
    """Return what saving the relations of ``root`` (all that are held, or the named ones) would write.

    Reads at most two queries per relation and level, and none where the baseline is known and every child with a key
    is in it.

    Raises:
        ClusterCycleError: An instance is held below itself.
        ForeignChildError: A child names the row of another parent by its key.
        StaleClusterError: A row that was to be written is gone.
    """
    return Survey(Work(using), root, is_other_database).run(names)


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
        seen: What was met so far, by identity, so that a child that two relations hold is written once.
        moved: The keys of rows that a relation holds and another parent had.
    """

    work: Work
    root: Node
    is_other_database: bool = False
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
        # What another database had says nothing of this one.
        return holding.baseline is not None and not self.is_other_database

    def _known(self, holding: Holding, live: dict[Any, KnownRows]) -> KnownRows:
        if holding.baseline is not None and self.has_baseline(holding):
            return holding.baseline.rows
        return {} if holding.node.is_new else live[holding.parent_value]

    def _read_elsewhere(self, holdings: list[Holding]) -> KnownRows:
        """Read the rows that held children name by key and their relation is not known to have."""
        wanted: dict[type[Model], set[Any]] = {}
        for holding in holdings:
            for child in holding.objects:
                key = key_of(child)
                if key is not None and key not in holding.known and may_have_a_row(child):
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


@dataclass(slots=True, eq=False)
class ChildComparison:
    """The comparison of one held child relation with the rows that it is known to have."""

    survey: Survey
    holding: Holding
    elsewhere: KnownRows
    level: int

    def run(self) -> None:
        """Note what is to be inserted, updated and deleted."""
        held_keys = set()
        for index, child in enumerate(self.holding.objects):
            key = key_of(child)
            held_keys.add(key)
            known = self.holding.known.get(key) if key is not None else None
            if known is not None:
                self._compare(index, child, known)
            elif key is not None and key in self.elsewhere:
                self._take_in(index, child, key, self.elsewhere[key])
            else:
                self._insert(index, child)
        self._note_removals(held_keys)

    def _compare(self, index: int, child: Model, known: dict[str, Any]) -> None:
        parent_key = self.holding.relation.field
        changed = changed_fields(child, known, parent_key)
        if known.get(parent_key.attname) != self.holding.parent_value:
            changed.append(parent_key)
        if changed:
            self._update(index, child, changed, known)
        else:
            self.survey.seen.setdefault(id(child), None)

    def _update(self, index: int, child: Model, changed: list[Any], known: dict[str, Any]) -> None:
        pointer = (self.holding.relation.field, self.holding.node.instance)
        met = self.survey.seen.get(id(child))
        if isinstance(met, Insert | Update):
            met.pointers.append(pointer)
            met.level = max(met.level, self.level)
            if isinstance(met, Update):
                met.fields += [each for each in changed if each not in met.fields]
            return
        fields = with_fields_made_on_save(type(child), changed)
        update = Update(child, self.holding, index, self.level, fields, known, [pointer])
        self.survey.seen[id(child)] = update
        self.survey.work.updates.append(update)

    def _insert(self, index: int, child: Model) -> None:
        pointer = (self.holding.relation.field, self.holding.node.instance)
        met = self.survey.seen.get(id(child))
        if isinstance(met, Insert):
            met.pointers.append(pointer)
            met.level = max(met.level, self.level)
            return
        if not child._state.adding and self.survey.has_baseline(self.holding):
            raise StaleClusterError(
                f"Cannot save {self.survey.root.instance!r}: the row of {self.holding.path(index)} ({child!r}, "
                f"pk {child.pk!r}) is no longer in the database. Reload the cluster, or take the object out."
            )
        insert = Insert(child, self.holding, index, self.level, [pointer])
        self.survey.seen[id(child)] = insert
        self.survey.work.inserts.append(insert)

    def _take_in(self, index: int, child: Model, key: Key, known: dict[str, Any]) -> None:
        """Compare a child with its row, which the relation was not known to have; see that the row may be taken."""
        field = self.holding.relation.field
        owner = known[field.attname]
        if owner is not None and owner != self.holding.parent_value:
            self._refuse_foreign(index, child, owner)
            self.survey.moved.add(key)
        self._compare(index, child, known)

    def _refuse_foreign(self, index: int, child: Model, owner: Any) -> None:
        """Refuse a row of another parent that was named by its key alone; an object that was loaded may be moved."""
        if not child._state.adding and child._state.db is not None:
            return
        target = self.holding.relation.field.target_field
        if any(
            getattr(node.instance, target.attname, None) == owner
            for node in self.survey.work.nodes
            if isinstance(node.instance, target.model)
        ):
            return
        problem = (
            f"{child!r} names the {child._meta.verbose_name} with primary key {child.pk!r}, which belongs to the "
            f"{target.model._meta.verbose_name} {owner!r}. Load the row and add it to move it here, or clear the key."
        )
        raise ForeignChildError([Problem(f"$.{self.holding.path(index)}", problem)])

    def _note_removals(self, held_keys: set[Key | None]) -> None:
        given_away = self.holding.node.state.given_away.get(self.holding.relation.name, ())
        if self.survey.is_other_database and self.holding.baseline is not None:
            return
        for key, values in self.holding.known.items():
            if key not in held_keys and key not in given_away:
                self._remove(key, values)

    def _remove(self, key: Key, values: dict[str, Any]) -> None:
        relation, work = self.holding.relation, self.survey.work
        removal = Delete(relation.related_model, key[1], values, self.holding)
        (work.releases if keeps_row(relation, values) else work.deletes).append(removal)


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


def may_have_a_row(child: Model) -> bool:
    """Whether a child with a key can be in the database already.

    A new object whose key comes from a default is inserted without a look, as Django does.
    """
    return not child._state.adding or not all(
        each.has_default() or each.has_db_default() for each in child._meta.pk_fields
    )


def keeps_row(relation: Relation, values: dict[str, Any]) -> bool:
    """Whether a child that is taken out keeps its row: Django's ``remove()`` would, or another parent owns it too."""
    if relation.releases:
        return True
    if not relation.field.null:
        return False
    return any(
        values.get(each.field.attname) is not None
        for each in relations_to(relation.related_model)
        if each.field is not relation.field
    )


def relations_to(model: type[Model]) -> list[Relation]:
    """Return the relations in which a model's rows are children."""
    found = []
    for each in model._meta.concrete_fields:
        target = each.related_model
        if each.is_relation and isinstance(target, type):
            found += [relation for relation in relations_of(target).children if relation.field is each]
    return found


def key_of_row(delete: Delete) -> Key:
    """Return the key of a row that is taken out."""
    return (delete.model._meta.concrete_model, delete.pk)  # type: ignore[return-value]
