"""Validate a cluster as it is held, to any depth, without writing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import router
from django.db.models import ForeignKey, Model

from cluster.errors import ForeignChildError
from cluster.relations import ensure_state
from cluster.relations.state import has_row, is_new
from cluster.saving.databases import is_other_database
from cluster.saving.frozen import is_hashable
from cluster.saving.reading import chunks
from cluster.saving.survey import survey
from cluster.saving.uniqueness import find_conflicts
from cluster.saving.work import Node, Work, path_of


def clean_cluster(
    instance: Model,
    *,
    exclude: Collection[str] | None = None,
    validate_unique: bool = True,
    validate_constraints: bool = True,
) -> None:
    """Validate an instance and everything it holds, as ``full_clean()`` does for one row, without writing.

    Uniqueness and constraints are checked against what the tables will hold after the save: values may be exchanged
    among held rows, or taken over from rows that the save removes. A key to a parent that is held is not looked up. The
    number of queries grows with the models and constraints, not with the rows, except where a class has a
    ``validate_unique()`` or ``validate_constraints()`` of its own, or a constraint that only the database can check.

    Args:
        instance: The root of the cluster.
        exclude: Names of the root's fields that are not validated.
        validate_unique: Whether to check what must be unique.
        validate_constraints: Whether to check the constraints of the models.

    Raises:
        ValidationError: With the errors keyed by path: ``name``, ``albums[2].songs[0].name``, ``albums[2].__all__``.
        StaleClusterError: A row that is to be written is known to be gone.
        ClusterCycleError: An instance is held below itself.
    """
    using = router.db_for_write(type(instance), instance=instance)
    root = Node(instance, ensure_state(instance), is_new=is_new(instance))
    try:
        is_other = is_other_database(instance, using)
        # No field or constraint of a row tells what it is linked to.
        work = survey(root, using=using, is_other_database=is_other, compares_links=False)
    except ForeignChildError as error:
        raise ValidationError(
            {each.path.removeprefix("$."): ValidationError(each.message, code="foreign") for each in error.problems}
        ) from error
    items = checked_items(instance, work, frozenset(exclude or ()))
    for each in items:
        each.clean()
    check_keys(items, using)
    find_conflicts(items, work, using=using, validate_unique=validate_unique, validate_constraints=validate_constraints)
    errors = {path: found for each in items for path, found in each.paths_with_errors()}
    if errors:
        raise ValidationError(errors)


@dataclass(slots=True, eq=False)
class Checked:
    """One instance that is validated.

    Attributes:
        path: Where it is; empty for the root.
        exclude: The names of fields that are not validated.
        parent_keys: The names of the keys to parents that hold it.
        errors: What is wrong, by field name.
    """

    instance: Model
    path: str
    exclude: frozenset[str] = frozenset()
    parent_keys: set[str] = field(default_factory=set)
    errors: dict[str, list[ValidationError]] = field(default_factory=dict)

    def clean(self) -> None:
        """Validate fields and call ``clean()``; keys to other rows are left for one look at all of them."""
        left = {each.name for each in looked_up_together(self.instance)}
        try:
            self.instance.full_clean(
                exclude={*self.exclude, *self.parent_keys, *left}, validate_unique=False, validate_constraints=False
            )
        except ValidationError as error:
            self.add(error)

    def add(self, error: ValidationError) -> None:
        """Note errors by field name; those of no field under ``__all__``."""
        found = error.error_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.error_list}
        for name, errors in found.items():
            self.errors.setdefault(name, []).extend(errors)

    def checks(self, names: Iterable[str]) -> bool:
        """Whether fields are all to be validated."""
        return self.exclude.isdisjoint(names)

    @property
    def takes_row(self) -> bool:
        """Whether the save writes a row that is there: the object's own, or one that a new child names by its key."""
        return has_row(self.instance) or (bool(self.parent_keys) and not is_new(self.instance))

    def leave_out_errors(self) -> None:
        """Validate the fields that have an error so far no further, as ``full_clean()`` does step by step."""
        self.exclude |= self.errors.keys() - {NON_FIELD_ERRORS}

    def paths_with_errors(self) -> Iterable[tuple[str, list[ValidationError]]]:
        """Return the errors by path."""
        for name, errors in self.errors.items():
            yield (f"{self.path}.{name}" if self.path else name), errors


def checked_items(root: Model, work: Work, exclude: frozenset[str]) -> list[Checked]:
    """Return the root and all held children, each once."""
    items = {id(root): Checked(root, "", exclude)}
    for holding in work.holdings:
        if not holding.relation.is_child:
            continue
        above = path_of(holding.node, holding.relation.name)
        for index, child in enumerate(holding.objects):
            item = items.setdefault(id(child), Checked(child, f"{above}[{index}]"))
            item.parent_keys |= holding.relation.filled
    return list(items.values())


def looked_up_together(instance: Model) -> list[Any]:
    """Return the foreign keys whose targets can be looked up for many rows at once."""
    return [
        each
        for each in instance._meta.concrete_fields
        if isinstance(each, ForeignKey)
        and type(each).validate is ForeignKey.validate
        and not each.remote_field.parent_link
    ]


def check_keys(items: Iterable[Checked], using: str) -> None:
    """See that the targets of foreign keys exist, in one query per key; a key to an unsaved object is not looked up."""
    wanted: dict[Any, dict[Any, list[Checked]]] = {}
    for item in items:
        for key in looked_up_together(item.instance):
            value = getattr(item.instance, key.attname)
            if key.name in item.parent_keys or key.name in item.exclude or _is_in_memory(item.instance, key):
                continue
            if value in key.empty_values:
                _check_empty(item, key, value)
            elif is_hashable(value):
                wanted.setdefault(key, {}).setdefault(value, []).append(item)
            else:
                item.errors.setdefault(key.name, []).append(_missing(key, value))
    for key, by_value in wanted.items():
        _look_up(key, by_value, using)


def _is_in_memory(instance: Model, key: Any) -> bool:
    target = key.get_cached_value(instance, default=None)
    return target is not None and not has_row(target)


def _check_empty(item: Checked, key: Any, value: Any) -> None:
    if not key.blank:
        code = "null" if value is None else "blank"
        item.errors.setdefault(key.name, []).append(ValidationError(key.error_messages[code], code=code))


def _look_up(key: Any, by_value: dict[Any, list[Checked]], using: str) -> None:
    target, name = key.remote_field.model, key.remote_field.field_name
    found: set[Any] = set()
    for chunk in chunks(by_value):
        rows = target._base_manager.using(using).filter(**{f"{name}__in": chunk})
        found.update(rows.complex_filter(key.get_limit_choices_to()).values_list(name, flat=True))
    for value, items in by_value.items():
        if key.to_python(value) not in found:
            for item in items:
                item.errors.setdefault(key.name, []).append(_missing(key, value))


def _missing(key: Any, value: Any) -> ValidationError:
    name = key.remote_field.model._meta.verbose_name
    return ValidationError(
        key.error_messages["invalid"],
        code="invalid",
        params={"model": name, "pk": value, "field": key.remote_field.field_name, "value": value},
    )
