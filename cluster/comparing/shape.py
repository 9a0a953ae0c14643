"""What the model says of the rows of a snapshot: which of their keys are fields, children and links."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import CharField, JSONField, Model, UniqueConstraint

from cluster.relations import Relations, relations_of
from cluster.relations.natural import natural_fields, takes_names
from cluster.relations.per_model import PerModel
from cluster.saving.frozen import hashable
from cluster.serialization.targets import can_be_asked

Row = Mapping[str, Any]

# What `Field.to_python` raises of a value that is none of the field's.
NO_VALUE = (ValidationError, ValueError, TypeError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Layout:
    """How rows with one set of keys are read.

    Attributes:
        own: The names of the row's own values.
        values: Returns those values, in the order of ``own``.
        children: The names that hold lists of rows.
        links: The names that hold lists of keys.
    """

    own: tuple[str, ...]
    values: Callable[[Row], Any]
    children: tuple[str, ...]
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What is known of the rows of one model.

    Attributes:
        model: The model.
        relations: Its relations.
        fields: The concrete fields by name, and the primary key as ``pk``.
        links: The names of its parental many-to-many fields; a plain one is no part of the cluster.
        label_name: The field by whose value people know a row, or ``None``.
        json_names: The names of the fields whose values are compared as JSON has it.
        sibling_keys: By the name of a parental key, the sets of fields that are unique among siblings.
        layouts: The layouts met so far, by the keys of the row.
    """

    model: type[Model]
    relations: Relations
    fields: Mapping[str, Any]
    links: frozenset[str]
    label_name: str | None
    json_names: frozenset[str] = frozenset()
    sibling_keys: dict[str | None, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    layouts: dict[tuple[str, ...], Layout] = field(default_factory=dict)

    def layout_of(self, row: Row) -> Layout:
        """Return how a row is read."""
        names = tuple(row)
        layout = self.layouts.get(names)
        if layout is None:
            layout = self.layouts[names] = self._make_layout(names)
        return layout

    def _make_layout(self, names: tuple[str, ...]) -> Layout:
        children = tuple(name for name in names if name in self.relations and self.relations[name].is_child)
        links = tuple(name for name in names if name in self.links)
        own = tuple(name for name in names if name not in children and name not in links)
        return Layout(own, itemgetter(*own) if own else _no_values, children, links)

    def are_equal(self, name: str, before: Any, after: Any) -> bool:
        """Whether two values of a field are the same as they are written."""
        return before is after or (same_json(before, after) if name in self.json_names else bool(before == after))

    def is_json_equal(self, before: Row, after: Row) -> bool:
        """Whether two rows that Python takes for equal are so in what they have of JSON too."""
        return not self.json_names or all(
            same_json(before[name], after[name]) for name in self.json_names if name in before
        )

    def child(self, name: str) -> Shape:
        """Return the shape of the rows of a child relation."""
        return shape_of(self.relations[name].related_model)

    def target(self, name: str) -> Shape:
        """Return the shape of what a many-to-many field links to."""
        target: Any = self.model._meta.get_field(name).related_model
        return shape_of(target)

    def parent_name(self, name: str) -> str:
        """Return the name of the field by which the rows of a child relation point at their parent."""
        return str(self.relations[name].field.name)

    def is_note(self, name: str) -> bool:
        """Whether a name is none of the model's, but of who wrote the data, as the stamp of ``to_json(stamp=True)``."""
        return name.startswith("_") and name not in self.fields

    def key_of(self, row: Row) -> Any:
        """Return the primary key of a row in a form that compares and hashes, or ``None``."""
        return self.comparable_key(row.get("pk"))

    def comparable_key(self, key: Any) -> Any:
        """Return a key as written in Python or in JSON in the one form that compares and hashes."""
        if type(key) is int or key is None:
            return key
        return hashable(comparable_key(self.fields["pk"], key))

    def label_of(self, row: Row) -> str:
        """Return what people know a row by, or an empty text."""
        label = row.get(self.label_name) if self.label_name else None
        return str(label) if label else ""

    def keys_among_siblings(self, parent_name: str | None) -> tuple[tuple[str, ...], ...]:
        """Return the sets of fields that tell a row from its siblings, the field that points at the parent left out."""
        keys = self.sibling_keys.get(parent_name)
        if keys is None:
            keys = self.sibling_keys[parent_name] = tuple(_sibling_keys(self.model, parent_name))
        return keys


def _no_values(row: Row) -> Any:
    return ()


@PerModel
def shape_of(model: type[Model]) -> Shape:
    """Return what is known of the rows of a model."""
    relations = relations_of(model)
    fields = {each.name: each for each in model._meta.concrete_fields}
    label = next((each.name for each in fields.values() if type(each) is CharField and not each.choices), None)
    return Shape(
        model=model,
        relations=relations,
        fields={**fields, "pk": model._meta.pk},
        links=frozenset(relation.name for relation in relations.links),
        label_name=label,
        json_names=frozenset(name for name, each in fields.items() if isinstance(each, JSONField)),
    )


def comparable_key(key_field: Any, key: Any) -> Any:
    """Return a key as the field's own Python value, one of several values as a tuple; as it is where it is no such."""
    if isinstance(key, list | tuple):
        parts = _parts_of(key_field, len(key))
        return tuple(comparable_key(part, value) for part, value in zip(parts, key, strict=True))
    try:
        return key if key_field is None else key_field.to_python(key)
    except NO_VALUE:
        return key


def _parts_of(key_field: Any, length: int) -> Sequence[Any]:
    """Return the fields of the values of a composite or a natural key, as far as they are known."""
    fields = natural_fields(key_field.related_model) if takes_names(key_field) else getattr(key_field, "fields", ())
    return fields if len(fields) == length else [None] * length


def is_key(model: type[Model], key: Any) -> bool:
    """Whether a database can be asked for a key of a model; data from elsewhere may hold anything."""
    key_field: Any = model._meta.pk
    try:
        return can_be_asked(key_field.to_python(key))
    except NO_VALUE:
        return False


def same_value(value_field: Any, before: Any, after: Any) -> bool:
    """Whether two values of a field mean the same, whether they are written in Python or in JSON."""
    if isinstance(value_field, JSONField):
        return same_json(before, after)
    if before is after or bool(before == after):
        return True
    if before is None or after is None:
        return False
    if before != before and after != after:  # noqa: PLR0124 - not a number is the one value that differs from itself
        return True
    if isinstance(before, list | tuple) or value_field is None:
        return bool(comparable_key(value_field, before) == comparable_key(value_field, after))
    try:
        return bool(value_field.to_python(before) == value_field.to_python(after))
    except NO_VALUE:
        return False


def same_json(before: Any, after: Any) -> bool:
    """Whether two values are the same in JSON, which tells ``true`` from ``1`` at any depth, as Python does not."""
    pairs = [(before, after)]
    while pairs:
        one, other = pairs.pop()
        if one is other:
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            pairs += [(value, other[name]) for name, value in one.items()]
        elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
            if len(one) != len(other):
                return False
            pairs += zip(one, other, strict=True)
        elif not _is_same_in_json(one, other):
            return False
    return True


def _is_same_in_json(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        # The very same one would have been told by its identity.
        return False
    return bool(one == other) or bool(one != one and other != other)  # noqa: PLR0124 - not a number


def _sibling_keys(model: type[Model], parent_name: str | None) -> list[tuple[str, ...]]:
    """Collect what the model names as its natural key, or declares unique without conditions."""
    keys = [tuple(getattr(model, "natural_key_fields", ()))]
    keys += [tuple(names) for names in _unique_sets(model)]
    keys += [(each.name,) for each in model._meta.concrete_fields if each.unique and not each.primary_key]
    kept = [tuple(name for name in names if name != parent_name) for names in keys]
    return [names for names in kept if names]


def _unique_sets(model: type[Model]) -> list[Any]:
    bases = [model, *model._meta.all_parents]
    together = [names for base in bases for names in base._meta.unique_together]
    return together + [
        each.fields
        for base in bases
        for each in base._meta.constraints
        if isinstance(each, UniqueConstraint) and each.condition is None and each.fields
    ]
