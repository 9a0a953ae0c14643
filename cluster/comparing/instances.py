"""Making the changes of a diff in a cluster in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from django.db.models import JSONField, Model

from cluster.comparing.changes import RowDifference, path_of
from cluster.comparing.locating import ListEdit, Located
from cluster.comparing.shape import Row, Shape, is_key
from cluster.comparing.snapshots import linked_key
from cluster.errors import DiffMismatchError, Problem
from cluster.fields.reading import objects_in
from cluster.relations import Relation, relations_of
from cluster.relations.holding import begin_holding, held_list
from cluster.relations.natural import takes_names
from cluster.saving.reading import chunks
from cluster.serialization.incoming import (
    CONVERSION_ERRORS,
    NaturalKey,
    incoming,
    key_or_natural_key,
    reading_field,
)

Target = tuple[type[Model], Any]


def apply_to_instance(root: Model, located: Sequence[Located], *, using: str | None) -> None:
    """Make located differences in a cluster, whose rows are as the differences expect.

    Raises:
        DiffMismatchError: An object to be linked is gone, or a value is none of its field's; nothing was changed.
    """
    linked = LinkedObjects(using)
    for each in located:
        linked.want_for(each)
    linked.read()
    for each in located:
        _check_values(each, linked.problems)
    built = {id(each): _built_rows(each, linked) for each in located}
    if linked.problems:
        raise DiffMismatchError(linked.problems)
    instances = _instances(root, located, using)
    for each, instance in zip(located, instances, strict=True):
        _change_instance(instance, each, built[id(each)], linked)


@dataclass(slots=True)
class LinkedObjects:
    """The objects that the changes link to, read with one query per model.

    Attributes:
        named: The new objects that foreign keys point at by a natural key, one for each key.
    """

    using: str | None
    wanted: dict[Target, str] = field(default_factory=dict)
    found: dict[Target, Model] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    named: dict[NaturalKey, Model] = field(default_factory=dict)

    def want_for(self, located: Located) -> None:
        """Note what the changes of one row link to, the rows that it adds included."""
        for name, links in located.difference.links.items():
            self._want(located.shape, name, links.linked, _path(located, name))
        for name, edit in located.lists.items():
            for _, data in edit.added:
                self._want_below(located.shape.child(name), data, _path(located, name))

    def _want(self, shape: Shape, name: str, keys: Iterable[Any], path: str) -> None:
        target = shape.target(name)
        for key in keys:
            self.wanted.setdefault((target.model, target.comparable_key(key)), path)

    def _want_below(self, shape: Shape, row: Row, path: str) -> None:
        unfinished = [(shape, row)]
        while unfinished:
            shape, row = unfinished.pop()
            layout = shape.layout_of(row)
            for name in layout.links:
                self._want(shape, name, row[name], path)
            for name in layout.children:
                unfinished += [(shape.child(name), child) for child in row[name]]

    def read(self) -> None:
        """Read what is wanted and note what is gone."""
        by_model: dict[type[Model], list[Any]] = {}
        for model, key in self.wanted:
            if is_key(model, key):
                by_model.setdefault(model, []).append(key)
        for model, wanted_keys in by_model.items():
            manager = model._base_manager.using(self.using)
            for keys in chunks(wanted_keys):
                self.found.update({(model, row.pk): row for row in manager.filter(pk__in=keys)})
        for wanted, path in self.wanted.items():
            if wanted not in self.found:
                problem = f"There is no {wanted[0]._meta.verbose_name} with key {wanted[1]!r} any more to link to."
                self.problems.append(Problem(path, problem))

    def of(self, shape: Shape, name: str, keys: Iterable[Any]) -> list[Model]:
        """Return the objects that keys stand for, but those that are gone."""
        target = shape.target(name)
        wanted = [(target.model, target.comparable_key(key)) for key in keys]
        return [self.found[key] for key in wanted if key in self.found]

    def named_by(self, key: NaturalKey) -> Model:
        """Return the one new object for all that name it."""
        if key not in self.named:
            self.named[key] = key.make()
        return self.named[key]


def _built_rows(located: Located, linked: LinkedObjects) -> dict[str, list[Model]]:
    return {
        name: [_build(located.shape.child(name), data, linked, _path(located, name)) for _, data in edit.added]
        for name, edit in located.lists.items()
    }


def _path(located: Located, name: str) -> str:
    return path_of(located.difference.steps, name)


def _check_values(located: Located, problems: list[Problem]) -> None:
    """Note the values that are none of their fields."""
    for name, (_, after) in located.difference.values.items():
        value_field = located.shape.fields.get(name)
        if value_field is not None and not _is_value(value_field, after):
            problems.append(_no_value(_path(located, name), name, after))


def _is_value(value_field: Any, value: Any) -> bool:
    try:
        _python_value(value_field, value)
    except CONVERSION_ERRORS:
        return False
    return True


def _no_value(path: str, name: str, value: Any) -> Problem:
    return Problem(path, f"{value!r} is no value that {name} can have.")


def _build(shape: Shape, row: Row, linked: LinkedObjects, path: str) -> Model:
    """Return a new instance for a row, with everything below it; a key in the row is the instance's key."""
    root = shape.model()
    unfinished: list[tuple[Shape, Row, Any]] = [(shape, row, root)]
    while unfinished:
        shape, row, instance = unfinished.pop()
        layout = shape.layout_of(row)
        for name in layout.own:
            try:
                _set_value(shape, instance, name, row[name], linked)
            except CONVERSION_ERRORS:
                linked.problems.append(_no_value(path, name, row[name]))
        for name in layout.children:
            children = [shape.child(name).model() for _ in row[name]]
            setattr(instance, name, children)
            unfinished += [(shape.child(name), *pair) for pair in zip(row[name], children, strict=True)]
        for name in layout.links:
            setattr(instance, name, linked.of(shape, name, row[name]))
    return root


def _set_value(shape: Shape, instance: Model, name: str, value: Any, linked: LinkedObjects) -> None:
    value_field = shape.fields.get(name)
    if value_field is None or value_field.generated:
        return
    if name == "pk":
        if value is not None:
            instance.pk = shape.comparable_key(value)
        return
    read = _python_value(value_field, value)
    if isinstance(read, NaturalKey):
        setattr(instance, name, linked.named_by(read))
    else:
        setattr(instance, value_field.attname, read)


def _python_value(value_field: Any, value: Any) -> Any:
    """Return a value of a row as its field has it; a target that has no key yet as its natural key."""
    if isinstance(value, list | tuple) and takes_names(value_field):
        return key_or_natural_key(value_field, value)
    if value is None or isinstance(value_field, JSONField):
        return deepcopy(value)
    return incoming(value_field).read(reading_field(value_field), value)


def _instances(root: Model, located: Sequence[Located], using: str | None) -> list[Any]:
    """Return the instance of each row, holding all relations that lead to one or change."""
    by_places: dict[tuple[Any, ...], Model] = {(): root}
    touched = _touched(located)
    for depth in range(max((len(way) for way in touched), default=-1) + 1):
        level = [way for way in touched if len(way) == depth]
        _hold_level([(by_places[way], name) for way in level for name in touched[way]], using)
        for way in level:
            for name, places in touched[way].items():
                children: Any = held_list(by_places[way], _relation(by_places[way], name))
                held = list(children)
                by_places.update({(*way, (name, place)): held[place] for place in places})
    return [by_places[_way(each)] for each in located]


def _way(located: Located) -> tuple[Any, ...]:
    names = (step.relation for step in located.difference.steps)
    return tuple(zip(names, located.places, strict=True))


def _touched(located: Sequence[Located]) -> dict[tuple[Any, ...], dict[str, set[int]]]:
    """Return by way to a row the relations of it that are to be held, and the places there that lead further down."""
    touched: dict[tuple[Any, ...], dict[str, set[int]]] = {}
    for each in located:
        way = _way(each)
        for depth, (name, place) in enumerate(way):
            touched.setdefault(way[:depth], {}).setdefault(name, set()).add(place)
        for name in (*each.difference.children, *each.difference.links):
            touched.setdefault(way, {}).setdefault(name, set())
    return touched


def _relation(instance: Model, name: str) -> Relation:
    return relations_of(type(instance))[name]


def _hold_level(wanted: Iterable[tuple[Model, str]], using: str | None) -> None:
    """Hold relations of one level, with one query for all that are live and of one name and model."""
    grouped: dict[Any, list[Model]] = {}
    relations: dict[Any, Relation] = {}
    for instance, name in wanted:
        relation = _relation(instance, name)
        if held_list(instance, relation) is None:
            relations[relation.field] = relation
            grouped.setdefault(relation.field, []).append(instance)
    for key, instances in grouped.items():
        for instance, rows in zip(instances, objects_in(relations[key], instances, using=using), strict=True):
            begin_holding(instance, relations[key], rows)


def _change_instance(instance: Any, located: Located, built: dict[str, list[Model]], linked: LinkedObjects) -> None:
    difference = located.difference
    for name, (_, after) in difference.values.items():
        if name != "pk":
            _set_value(located.shape, instance, name, after, linked)
    for name, edit in located.lists.items():
        _edit_children(getattr(instance, name), edit, built[name])
    _change_links(instance, difference, located.shape, linked)


def _edit_children(manager: Any, edit: ListEdit, new: list[Model]) -> None:
    held = manager.get_object_list()
    children = list(held)
    manager.remove(*(children[place] for place in edit.removed))
    manager.add(*new)
    held.put_in_order(edit.edited(children, new))


def _change_links(instance: Any, difference: RowDifference, shape: Shape, linked: LinkedObjects) -> None:
    for name, links in difference.links.items():
        manager, target = getattr(instance, name), shape.target(name)
        gone = {target.comparable_key(key) for key in links.unlinked}
        manager.remove(*(each for each in manager.get_object_list() if target.comparable_key(linked_key(each)) in gone))
        manager.add(*linked.of(shape, name, links.linked))
