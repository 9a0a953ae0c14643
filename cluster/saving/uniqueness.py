"""Check uniqueness and constraints against what the tables will hold after a save."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import CheckConstraint, JSONField, Model, Q, UniqueConstraint
from django.utils import timezone

from cluster.relations.state import has_row
from cluster.saving.check_constraints import verdicts
from cluster.saving.frozen import Frozen, frozen
from cluster.saving.reading import chunks
from cluster.saving.unique import UniqueSet, Unsaved, row_image, unique_sets
from cluster.saving.ways import overrides
from cluster.saving.work import Work

if TYPE_CHECKING:
    from cluster.saving.validation import Checked

Image = dict[str, Any]
DateCheck = tuple[str, str, str]
"""A period (``date``, ``year`` or ``month``), the field that is unique in it, and the field that tells the period."""


def find_conflicts(
    items: Sequence[Checked], work: Work, *, using: str, validate_unique: bool, validate_constraints: bool
) -> None:
    """Note on each item what conflicts with other items, with rows that stay, or with a constraint of its model."""
    groups: dict[Any, list[Checked]] = {}
    for each in items:
        groups.setdefault(each.instance._meta.concrete_model, []).append(each)
    leaving: dict[Any, set[Any]] = {}
    for removed in (*work.deletes, *work.releases):
        leaving.setdefault(removed.model._meta.concrete_model, set()).add(removed.pk)
    for model, same in groups.items():
        table = Table(model, same, leaving.get(model, set()), using)
        if validate_unique:
            table.check_unique()
        if validate_constraints:
            table.check_constraints()


class Table:
    """The rows of one model as they will be: those that stay as they are, and the held ones."""

    def __init__(self, model: Any, items: list[Checked], leaving: set[Any], using: str) -> None:
        self.model = model
        self.items = items
        self.using = using
        self.images = {id(each): image_of(each.instance) for each in items}
        self.replaced = leaving | {each.instance.pk for each in items if each.takes_row}

    def check_unique(self) -> None:
        """Check unique fields, ``unique_together``, ``unique_for_*`` and keys of new rows."""
        for item in self.items:
            item.leave_out_errors()
        self._check_primary_keys()
        for each in unique_sets(self.model):
            if each.constraint is None:
                self._check_set(each)
        for check in date_checks(self.model):
            self._check_dates(check)
        self._call_overridden("validate_unique")

    def check_constraints(self) -> None:
        """Check the constraints of the model and of its multi-table parents."""
        for item in self.items:
            item.leave_out_errors()
        for each in unique_sets(self.model):
            if each.constraint is not None:
                self._check_set(each)
        for model in (self.model, *self.model._meta.all_parents):
            for constraint in model._meta.constraints:
                self.check_constraint(model, constraint)
        self._call_overridden("validate_constraints")

    def _call_overridden(self, name: str) -> None:
        for item in self.items:
            if overrides(type(item.instance), name):
                try:
                    getattr(item.instance, name)(exclude={*item.exclude, *item.errors})
                except ValidationError as error:
                    item.add(error)

    # Uniqueness

    def _check_primary_keys(self) -> None:
        """A new row with a key of its own must not meet another one, unless the save will take it for that row."""
        key = self.model._meta.pk
        if not key.concrete:
            return
        new = {
            each.instance.pk: each
            for each in self.items
            if each.instance._state.adding and not each.parent_keys and each.instance.pk is not None
        }
        for chunk in chunks(new):
            for pk in self.model._base_manager.using(self.using).filter(pk__in=chunk).values_list("pk", flat=True):
                if pk in new and new[pk].checks([key.name]):
                    _note(new[pk], [key.name], new[pk].instance.unique_error_message(self.model, (key.name,)))

    def _check_set(self, unique_set: UniqueSet) -> None:
        names = unique_set.names
        keys: dict[Any, list[Checked]] = {}
        for item in self.items:
            if item.checks(names) and (key := unique_set.exact_key(self.images[id(item)])) is not None:
                keys.setdefault(key, []).append(item)
        for key in self.stored_keys(unique_set, keys):
            keys[key].insert(0, keys[key][0])
        for same in keys.values():
            for item in same[1:]:
                name, error = unique_set.error(item.instance)
                item.errors.setdefault(name or NON_FIELD_ERRORS, []).append(error)

    def stored_keys(self, unique_set: UniqueSet, keys: dict[Any, list[Checked]]) -> set[Any]:
        """Return which of the keys a row has that is neither held nor removed; one query."""
        wanted = [key for key in keys if not any(isinstance(part, Unsaved) for part in key)]
        if not wanted:
            return set()
        rows = self.model._base_manager.using(self.using).order_by()
        for position, part in enumerate(unique_set.parts):
            values = {key[position] for key in wanted}
            if None not in values:
                rows = rows.alias(**{f"_part{position}": part}).filter(
                    one_of(f"_part{position}", values, is_json=unique_set.is_json(position))
                )
        if unique_set.condition is not None:
            rows = rows.filter(unique_set.condition)
        found = rows.values_list("pk", *unique_set.parts)
        stored = {tuple(map(frozen, key)) for pk, *key in found if pk not in self.replaced}
        return {key for key in wanted if key in stored}

    # Dates

    def _check_dates(self, check: DateCheck) -> None:
        kind, name, date_name = check
        keys: dict[Any, list[Checked]] = {}
        for item in self.items:
            key = date_key(self.model, check, self.images[id(item)])
            if key is not None and item.checks([name, date_name]):
                keys.setdefault(key, []).append(item)
        for key in self.stored_dates(check, {value for value, _ in keys}) & keys.keys():
            keys[key].insert(0, keys[key][0])
        for same in keys.values():
            for item in same[1:]:
                _note(item, [name], item.instance.date_error_message(kind, name, date_name))

    def stored_dates(self, check: DateCheck, values: Collection[Any]) -> set[Any]:
        """Return the keys by ``date_key()`` of rows with these values that are neither held nor removed; one query."""
        wanted = [value for value in values if not isinstance(value, Unsaved)]
        if not wanted:
            return set()
        kind, name, date_name = check
        field, date_field = self.model._meta.get_field(name), self.model._meta.get_field(date_name)
        condition = one_of(field.attname, wanted, is_json=isinstance(field, JSONField))
        rows = self.model._base_manager.using(self.using).filter(condition)
        found = rows.values_list("pk", field.attname, date_field.attname)
        return {(frozen(value), date_part(kind, day)) for pk, value, day in found if pk not in self.replaced}

    # Other constraints

    def check_constraint(self, model: Any, constraint: Any) -> None:
        """Check one constraint that is no unique one; what memory cannot judge is asked of the database, row by row."""
        if isinstance(constraint, UniqueConstraint):
            return
        if type(constraint) is CheckConstraint:
            names = Q(constraint.condition).referenced_base_fields
            broken = self._broken(constraint, [item for item in self.items if item.checks(names)])
            if broken is not None:
                for item in broken:
                    message = constraint.get_violation_error_message()
                    item.add(ValidationError(message, code=constraint.violation_error_code))
                return
        for item in self.items:
            try:
                constraint.validate(model, item.instance, exclude=set(item.exclude), using=self.using)
            except ValidationError as error:
                item.add(error)

    def _broken(self, constraint: Any, items: list[Checked]) -> list[Checked] | None:
        """Return the items that break a check, or ``None`` where memory cannot tell."""
        found = verdicts(self.model, constraint, [item.instance for item in items])
        if found is None:
            return None
        # NULL is neither true nor false, and passes, as in SQL.
        return [item for item, verdict in zip(items, found, strict=True) if verdict is False]


def one_of(name: str, values: Collection[Any], *, is_json: bool = False) -> Q:
    """Return the condition that something is one of the values.

    JSON and what is frozen is compared one by one: not every Django and database has ``in`` for it.
    """
    if not is_json and not any(isinstance(each, Frozen) for each in values):
        return Q((f"{name}__in", values))
    return Q(*((name, each.value if isinstance(each, Frozen) else each) for each in values), _connector=Q.OR)


def image_of(instance: Model) -> Image:
    """Return the values that the row will have; the key of an unsaved object is the object itself."""
    image = row_image(instance, {})
    concrete: tuple[Any, ...] = instance._meta.concrete_fields
    for field in concrete:
        target = field.get_cached_value(instance, default=None) if field.is_relation else None
        if target is not None and not has_row(target):
            image[field.attname] = Unsaved(target)
    return image


def date_checks(model: Any) -> Iterable[DateCheck]:
    """Return kind, field and date field of each ``unique_for_date``, ``unique_for_year`` and ``unique_for_month``."""
    for field in model._meta.concrete_fields:
        for kind in ("date", "year", "month"):
            date_name = getattr(field, f"unique_for_{kind}")
            if date_name:
                yield kind, field.name, date_name


def date_key(model: Any, check: DateCheck, image: Image) -> tuple[Any, Any] | None:
    """Return a value with the period in which it is unique, or ``None`` where one of the two is not set."""
    kind, name, date_name = check
    value = image.get(model._meta.get_field(name).attname)
    part = date_part(kind, image.get(model._meta.get_field(date_name).attname))
    return None if value is None or part is None else (frozen(value), part)


def date_part(kind: str, value: Any) -> Any:
    """Return what a date has in common with others that count as the same."""
    if value is None:
        return None
    if hasattr(value, "tzinfo") and timezone.is_aware(value):
        value = timezone.localtime(value)
    return {"date": (value.year, value.month, value.day), "year": value.year, "month": value.month}[kind]


def _note(item: Checked, names: Sequence[str], error: ValidationError) -> None:
    name = names[0] if len(names) == 1 else NON_FIELD_ERRORS
    item.errors.setdefault(name, []).append(error)
