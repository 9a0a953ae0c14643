"""Keys to objects that get their own keys in the same save: generic keys, and keys of the root to what it holds."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db.models import ForeignKey

from cluster._compat import is_pk_set
from cluster.relations.state import is_named


@cache
def generic_keys_of(model: Any) -> tuple[Any, ...]:
    """Return the generic foreign keys of a model."""
    return tuple(each for each in model._meta.private_fields if hasattr(each, "fk_field"))


def take_generic_keys(instance: Any) -> None:
    """Take over the keys of objects that were saved after they were assigned to a generic foreign key.

    Django does so for its foreign keys alone.
    """
    for field in generic_keys_of(instance.__class__):
        target = field.get_cached_value(instance, default=None)
        if target is not None and getattr(instance, field.fk_field) is None:
            setattr(instance, field.fk_field, target.pk)


class RootKeys:
    """The nullable keys of a root that point at new objects, which can only be written after these."""

    def __init__(self, root: Any, fields: frozenset[str] | None) -> None:
        self.root = root
        self.targets: list[tuple[Any, Any]] = [
            (field, target)
            for field in root._meta.concrete_fields
            if isinstance(field, ForeignKey) and field.null and is_named(field, fields)
            if (target := field.get_cached_value(root, default=None)) is not None
            and target is not root
            and target._state.adding
        ]

    def detach(self) -> None:
        """Take the keys out, so that the root's row can be written with nulls."""
        for field, _ in self.targets:
            field.delete_cached_value(self.root)
            self.root.__dict__[field.attname] = None

    def write(self, using: str) -> None:
        """Put the keys back and write them, in one UPDATE.

        Raises:
            ValueError: A key points at an object that this save did not write.
        """
        for field, target in self.targets:
            setattr(self.root, field.name, target)
            if not is_pk_set(target):
                # Django's own words.
                raise ValueError(
                    f"save() prohibited to prevent data loss due to unsaved related object '{field.name}'."
                )
        if self.targets:
            values = {field.attname: self.root.__dict__[field.attname] for field, _ in self.targets}
            manager = self.root._meta.concrete_model._base_manager
            manager.using(using).filter(pk=self.root.pk).update(**values)
