"""Many-to-many links: what changes, and writing it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connections
from django.db.models import Model
from django.db.models.signals import m2m_changed

from cluster._compat import M2M_CHANGED_OPTIONS
from cluster.relations import HeldLinks, Relation
from cluster.relations.held import key_of
from cluster.saving.reading import chunks, is_mirrored, link_fields, read_links
from cluster.saving.work import Holding, LinkChange


def survey_links(holdings: list[Holding], using: str, *, is_other_database: bool = False) -> list[LinkChange]:
    """Compare held links with their baselines, or with the rows of the through model (one query per relation).

    To another database or row than the one that the baselines are of, all links are written and none is taken away.
    """
    by_field: dict[Any, list[Holding]] = {}
    for holding in holdings:
        by_field.setdefault(holding.relation.field, []).append(holding)
    changes = []
    for same in by_field.values():
        live = _read_live(same, using)
        compared = [_compare(each, live, is_other_database=is_other_database) for each in same]
        _leave_hidden(compared, using)
        changes += compared
    return [each for each in changes if each.added or each.removed]


def _read_live(holdings: list[Holding], using: str) -> dict[Any, set[Any]]:
    values = [source_value(each) for each in holdings if each.baseline is None and not each.node.is_new]
    return read_links(holdings[0].relation, values, using) if values else {}


def _leave_hidden(changes: list[LinkChange], using: str) -> None:
    """Leave the links of declared relations to objects that the default manager hides, as Django's managers do."""
    relation = changes[0].holding.relation
    rows = relation.related_model._default_manager.using(using)
    declared = [each for each in changes if each.holding.baseline is None and each.removed]
    if not declared or not rows.query.has_filters():
        return
    attname = link_fields(relation)[1].target_field.attname
    shown: set[Any] = set()
    for chunk in chunks({value for each in declared for value in each.removed}):
        shown.update(rows.filter(**{f"{attname}__in": chunk}).order_by().values_list(attname, flat=True))
    for change in declared:
        replaced = {getattr(target, attname) for _, target in change.added}
        change.removed = [value for value in change.removed if value in shown or value in replaced]


def source_value(holding: Holding) -> Any:
    """The value by which rows of the through model point at the instance that holds the relation."""
    return getattr(holding.node.instance, link_fields(holding.relation)[0].target_field.attname)


def _compare(holding: Holding, live: dict[Any, set[Any]], *, is_other_database: bool) -> LinkChange:
    if holding.baseline is not None and (is_other_database or holding.is_of_another_row):
        return LinkChange(holding, list(enumerate(holding.objects)), [])
    linked, values = _linked(holding, live)
    anew = {id(each) for each in _linked_anew(holding)}
    held = list(zip(holding.objects, values, strict=True))
    added = [(index, each) for index, (each, value) in enumerate(held) if id(each) in anew or value not in linked]
    staying = {value for each, value in held if id(each) not in anew}
    return LinkChange(holding, added, [value for value in linked if value not in staying])


def _linked(holding: Holding, live: dict[Any, set[Any]]) -> tuple[set[Any], list[Any]]:
    """Return the values by which rows are linked, and those of the held objects, ``None`` where one has no row."""
    if holding.baseline is not None:
        keys = [key_of(each) for each in holding.objects]
        return {key[1] for key in holding.baseline.rows}, [None if key is None else key[1] for key in keys]
    attname = link_fields(holding.relation)[1].target_field.attname
    linked = set() if holding.node.is_new else live[source_value(holding)]
    return linked, [None if each._state.adding else getattr(each, attname) for each in holding.objects]


def _linked_anew(holding: Holding) -> Iterator[Model]:
    """Return the objects whose rows are to be replaced, unless this save has done so already."""
    assert isinstance(holding.held, HeldLinks)
    rows = {} if holding.baseline is None else holding.baseline.rows
    for each in holding.held.linked_anew():
        key = key_of(each)
        if key is None or rows.get(key) != holding.held.defaults_of(each):
            yield each


def write_links(changes: list[LinkChange], using: str) -> None:
    """Write all links of a save: per through model one DELETE and one INSERT."""
    by_field: dict[Any, list[LinkChange]] = {}
    for change in changes:
        by_field.setdefault(change.holding.relation.field, []).append(change)
    for same in by_field.values():
        LinkWriter(same[0].holding.relation, using).write(same)


class LinkWriter:
    """Writes the links of one many-to-many field."""

    def __init__(self, relation: Relation, using: str) -> None:
        self.relation = relation
        self.using = using
        self.through: Any = relation.rel.through
        self.source, self.target = link_fields(relation)
        self.is_mirrored = is_mirrored(relation)

    def write(self, changes: list[LinkChange]) -> None:
        """Unlink, then link, with Django's signals around each."""
        removed = [(each, self._removed_values(each)) for each in changes if each.removed]
        if removed:
            self._send("pre_remove", removed)
            self._delete(removed)
            self._send("post_remove", removed)
        added = [(each, self._added_values(each)) for each in changes if each.added]
        added = self._missing(added) if added else []
        if added:
            self._send("pre_add", added)
            self._insert(added)
            self._send("post_add", added)

    def _removed_values(self, change: LinkChange) -> list[Any]:
        attname = self.target.target_field.attname
        if change.holding.baseline is None or attname == self.relation.related_model._meta.pk.attname:
            return change.removed
        rows = self.relation.related_model._base_manager.using(self.using).filter(pk__in=change.removed)
        return list(rows.values_list(attname, flat=True))

    def _added_values(self, change: LinkChange) -> list[Any]:
        if source_value(change.holding) is None:
            instance, attname = change.holding.node.instance, self.source.target_field.attname
            # Django's own words, of its related managers.
            raise ValueError(
                f'"{instance!r}" needs to have a value for field "{attname}" before this many-to-many relationship '
                "can be used."
            )
        values = []
        for index, target in change.added:
            value = getattr(target, self.target.target_field.attname)
            if target._state.adding or value is None:
                raise ValueError(
                    f"Cannot save {change.holding.path(index)}: {target!r} is not in the database, so nothing can be "
                    f"linked to it. Save it first."
                )
            values.append(value)
        return values

    def _send(self, action: str, changed: list[tuple[LinkChange, list[Any]]]) -> None:
        if not m2m_changed.has_listeners(self.through):
            return
        for change, values in changed:
            m2m_changed.send(
                sender=self.through,
                action=action,
                instance=change.holding.node.instance,
                reverse=False,
                model=self.relation.related_model,
                pk_set=set(values),
                using=self.using,
                **M2M_CHANGED_OPTIONS,
            )

    def _pairs(self, changed: Iterable[tuple[LinkChange, list[Any]]]) -> list[tuple[Any, Any]]:
        return [(source_value(change.holding), value) for change, values in changed for value in values]

    def _delete(self, removed: list[tuple[LinkChange, list[Any]]]) -> None:
        pairs = set(self._pairs(removed))
        if self.is_mirrored:
            pairs |= {(target, source) for source, target in pairs}
        for pks in chunks(self._row_pks(pairs)):
            self.through._base_manager.using(self.using).filter(pk__in=pks).delete()

    def _row_pks(self, pairs: set[tuple[Any, Any]]) -> list[Any]:
        rows = self.through._base_manager.using(self.using).filter(
            **{
                f"{self.source.attname}__in": {source for source, _ in pairs},
                f"{self.target.attname}__in": {target for _, target in pairs},
            }
        )
        found = rows.order_by().values_list("pk", self.source.attname, self.target.attname)
        return [pk for pk, source, target in found if (source, target) in pairs]

    def _missing(self, added: list[tuple[LinkChange, list[Any]]]) -> list[tuple[LinkChange, list[Any]]]:
        """Leave out links that another writer made since, where the backend cannot do so or a receiver is to know."""
        if self._ignores_conflicts and not m2m_changed.has_listeners(self.through):
            return added
        values = {source_value(change.holding) for change, _ in added if not change.holding.node.is_new}
        linked = read_links(self.relation, list(values), self.using) if values else {}
        missing = [
            (change, [each for each in values if each not in linked.get(source_value(change.holding), ())])
            for change, values in added
        ]
        return [(change, values) for change, values in missing if values]

    @property
    def _ignores_conflicts(self) -> bool:
        # As Django's related managers: a through model of the user's own may have other constraints to violate.
        return bool(
            self.through._meta.auto_created is not False and connections[self.using].features.supports_ignore_conflicts
        )

    def _insert(self, added: list[tuple[LinkChange, list[Any]]]) -> None:
        rows = []
        for change, values in added:
            wanted = set(values)
            for _, target in change.added:
                value = getattr(target, self.target.target_field.attname)
                if value in wanted:
                    rows += self._rows(change, target, value)
        if self.writes_row_by_row:
            for row in rows:
                row.save(using=self.using, force_insert=True)
            return
        self.through._base_manager.using(self.using).bulk_create(rows, ignore_conflicts=self._ignores_conflicts)

    def _rows(self, change: LinkChange, target: Model, value: Any) -> list[Model]:
        held = change.holding.held
        defaults = held.defaults_of(target) if isinstance(held, HeldLinks) else {}
        source = source_value(change.holding)
        pairs = {(source, value), (value, source)} if self.is_mirrored else {(source, value)}
        return [
            self.through(**defaults, **{self.source.attname: from_value, self.target.attname: to_value})
            for from_value, to_value in sorted(pairs, key=lambda pair: pair[0] != source)
        ]

    @property
    def writes_row_by_row(self) -> bool:
        """Whether the through model's own ``save()`` is to be called for each row, as it is the user's."""
        return bool(self.through.save is not Model.save)
