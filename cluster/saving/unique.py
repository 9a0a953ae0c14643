"""What must be unique in a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import NotSupportedError
from django.db.models import F, GenericIPAddressField, JSONField, Model, Q, UniqueConstraint
from django.db.models.expressions import OrderBy

from cluster.queryset import FakeQuerySet
from cluster.saving.frozen import frozen, hashable
from cluster.saving.kinds_of_values import can_be_made


class Unsaved:
    """Stands for the key of an object that has none yet; equal to itself alone."""

    __slots__ = ("target",)

    def __init__(self, target: Model) -> None:
        self.target = target

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unsaved) and other.target is self.target

    def __hash__(self) -> int:
        return id(self.target)


@dataclass(frozen=True, slots=True, eq=False)
class UniqueSet:
    """Fields whose values together are unique in a table.

    Attributes:
        model: The model.
        fields: The fields, those of expressions among them.
        is_plain: Whether the values themselves are unique, and not what expressions make of them.
        nulls_are_free: Whether any number of rows may have a null.
        condition: The condition on the rows among which the values are unique.
        constraint: The constraint that says so, if it is not the fields.
        expressions: What is unique, where it is not the fields themselves.
        owner: The model that declares it, where that is a multi-table parent: messages name it.
    """

    model: type[Model]
    fields: tuple[Any, ...]
    is_plain: bool = True
    nulls_are_free: bool = True
    condition: Any = None
    constraint: Any = None
    expressions: tuple[Any, ...] = ()
    owner: type[Model] | None = None

    @property
    def names(self) -> set[str]:
        """The names of all fields that matter, those of the condition among them."""
        by_condition = set() if self.condition is None else Q(self.condition).referenced_base_fields
        return {*(each.name for each in self.fields), *by_condition}

    @property
    def parts(self) -> tuple[Any, ...]:
        """What is unique, as arguments of a query: names of fields, or expressions."""
        return tuple(F(each.attname) for each in self.fields) if self.is_plain else self.expressions

    def is_json(self, position: int) -> bool:
        """Whether one of the parts is a JSON field."""
        return self.is_plain and isinstance(self.fields[position], JSONField)

    @property
    def can_be_parked(self) -> bool:
        """Whether one of the fields can take a value that no row has."""
        return any(self.takes_null(each) or can_be_made(each) for each in self.fields)

    def takes_null(self, each: Any) -> bool:
        """Whether a null in a field frees a row."""
        return bool(each.null and self.is_plain and self.nulls_are_free)

    def exact_key(self, values: dict[str, Any]) -> tuple[Any, ...] | None:
        """Return what no two rows may have in common, or ``None`` if the row is free or only the database can tell."""
        if any(hasattr(values.get(each.attname), "resolve_expression") for each in self.fields):
            return None
        if self.condition is not None and not self._meets_condition(values):
            return None
        taken = tuple(values.get(each.attname) for each in self.fields) if self.is_plain else self._evaluate(values)
        return None if taken is None or (None in taken and self.nulls_are_free) else tuple(map(frozen, taken))

    def error(self, instance: Any) -> tuple[str | None, ValidationError]:
        """Return the field (``None`` for several) and the error of an instance whose values another row has.

        As ``Model.validate_unique()``, ``UniqueConstraint.validate()`` and ``Model.validate_constraints()`` word and
        place it.
        """
        names, constraint = tuple(each.name for each in self.fields), self.constraint
        if constraint is None or self._has_default_message:
            error = instance.unique_error_message(self.owner or self.model, names)
        else:
            error = ValidationError(constraint.get_violation_error_message(), code=constraint.violation_error_code)
        is_of_one_field = len(names) == 1 and (constraint is None or (self.is_plain and error.code == "unique"))
        return names[0] if is_of_one_field else None, error

    @property
    def _has_default_message(self) -> bool:
        default = self.constraint.violation_error_message == self.constraint.default_violation_error_message
        return bool(default and self.is_plain and self.condition is None)

    def _evaluate(self, values: dict[str, Any]) -> tuple[Any, ...] | None:
        rows = FakeQuerySet(self.model, [self._row(values)])
        taken = []
        for each in self.expressions:
            field = _field(self.model, name_of(each)) if isinstance(each, F) else None
            try:
                taken.append(rows.values_list(each)[0][0] if field is None else values.get(field.attname))
            except NotSupportedError:
                return None
        return tuple(taken)

    def _row(self, values: dict[str, Any]) -> Model:
        known = {name: None if isinstance(value, Unsaved) else value for name, value in values.items()}
        names = [each.attname for each in self.model._meta.concrete_fields if each.attname in known]
        return self.model.from_db(None, names, [known[name] for name in names])

    def key(self, values: dict[str, Any]) -> tuple[Any, ...] | None:
        """Return what two rows may not have in common, or ``None`` where the row is free or not known well enough."""
        if any(each.attname not in values for each in self.fields):
            return None
        taken = tuple(folded(values[each.attname]) for each in self.fields)
        if None in taken and self.is_plain and self.nulls_are_free:
            return None
        return taken if self.condition is None or self._meets_condition(values) else None

    def _meets_condition(self, values: dict[str, Any]) -> bool:
        try:
            return bool(FakeQuerySet(self.model, [self._row(values)]).filter(self.condition).exists())
        except NotSupportedError:
            return True


def folded(value: Any) -> Any:
    """Return a hashable value that is the same for values which some collation or expression may take as equal."""
    if isinstance(value, str):
        return value.casefold().strip()
    return hashable(value)


def row_image(instance: Model, known: dict[str, Any]) -> dict[str, Any]:
    """Return the values that a row will have: the known ones with what the instance has loaded over them."""
    image, values = dict(known), instance.__dict__
    for each in instance._meta.concrete_fields:
        if each.attname in values:
            image[each.attname] = as_stored(each, values[each.attname])
    return image


def as_stored(field: Any, value: Any) -> Any:
    """Return a value as the database will give it back, such as 3 for ``"3"``."""
    if value == "" and isinstance(field, GenericIPAddressField):
        # Django writes an empty address as NULL.
        return None
    try:
        return field.to_python(value)
    except (ValidationError, TypeError, ValueError):
        return value


@cache
def unique_sets(model: type[Model]) -> tuple[UniqueSet, ...]:
    """Return what is unique in a model and its multi-table parents besides a primary key of one field."""
    fields = [each for each in model._meta.concrete_fields if each.unique and not each.primary_key]
    found = [UniqueSet(model, (each,), owner=each.model) for each in fields]
    if len(model._meta.pk_fields) > 1:
        found.append(UniqueSet(model, tuple(model._meta.pk_fields)))
    for each in (model, *model._meta.all_parents):
        together = [tuple(map(model._meta.get_field, names)) for names in each._meta.unique_together]
        found += [UniqueSet(model, several, owner=each) for several in together]
        constraints = [one for one in each._meta.constraints if isinstance(one, UniqueConstraint)]
        found += [_constrained(model, one, owner=each) for one in constraints]
    return tuple(each for each in found if each.fields)


def fields_of_unique_sets(instance: Model) -> tuple[Any, ...]:
    """Return the fields of all unique sets of an instance's class."""
    return unique_fields(type(instance))


@cache
def unique_fields(model: type[Model]) -> tuple[Any, ...]:
    """Return the fields of all unique sets of a model."""
    return tuple(dict.fromkeys(each for unique_set in unique_sets(model) for each in unique_set.fields))


def _constrained(model: type[Model], constraint: Any, *, owner: type[Model]) -> UniqueSet:
    names = [*constraint.fields, *_names_in(constraint.expressions)]
    fields = dict.fromkeys(each for each in (_field(model, name) for name in names) if each is not None)
    return UniqueSet(
        model,
        tuple(fields),
        is_plain=not constraint.expressions,
        nulls_are_free=constraint.nulls_distinct is not False,
        condition=constraint.condition,
        constraint=constraint,
        expressions=tuple(each.expression if isinstance(each, OrderBy) else each for each in constraint.expressions),
        owner=owner,
    )


def name_of(reference: Any) -> str:
    """Return the name in an ``F()``."""
    return str(reference.name)


def _names_in(expressions: Iterable[Any]) -> Iterator[str]:
    for expression in expressions:
        if isinstance(expression, F):
            yield name_of(expression)
        elif hasattr(expression, "get_source_expressions"):
            yield from _names_in(expression.get_source_expressions())


def _field(model: type[Model], name: str) -> Any:
    try:
        found = model._meta.get_field(name.split("__", maxsplit=1)[0])
    except FieldDoesNotExist:
        return None
    return found if getattr(found, "concrete", False) else None
