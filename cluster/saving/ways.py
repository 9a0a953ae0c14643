"""Whether the rows of a model can be written in bulk, or one by one so that nothing observable is lost."""

from __future__ import annotations

from functools import cache
from itertools import takewhile
from typing import Any

from django.db import connections
from django.db.models import Model
from django.db.models.signals import ModelSignal, post_save, pre_save

# What Model.save() and Model.delete() are made of, and so what a class may override to have its say.
WRITING = ("save", "save_base", "_save_parents", "_save_table", "_do_insert", "_do_update")


@cache
def overrides(model: type[Model], *names: str) -> bool:
    """Whether a class, or a base of it, has a method of its own that is called before Django's is."""
    before_django = takewhile(lambda each: each is not Model, model.__mro__)
    return any(not _is_ours(each) and not each.__dict__.keys().isdisjoint(names) for each in before_django)


def _is_ours(definer: type) -> bool:
    # ClusterableModel and its abstract bases stand above this layer. Bases of other packages may come behind it.
    return definer.__module__.startswith("cluster.") and definer._meta.abstract  # type: ignore[attr-defined]


def overrides_save(model: type[Model]) -> bool:
    """Whether ``save()`` of a class does something of its own."""
    return overrides(model, *WRITING)


def overrides_delete(model: type[Model]) -> bool:
    """Whether ``delete()`` of a class does something of its own."""
    return overrides(model, "delete")


def is_saved_row_by_row(model: type[Model]) -> bool:
    """Whether rows are to be written one by one: the class or a receiver would notice, or there are several tables."""
    return (
        overrides_save(model) or has_listeners(model, pre_save) or has_listeners(model, post_save) or in_tables(model)
    )


def has_listeners(model: type[Model], signal: ModelSignal) -> bool:
    """Whether anything listens to a signal of a class."""
    return bool(signal.has_listeners(model))


@cache
def in_tables(model: type[Model]) -> bool:
    """Whether the class is stored in several tables (multi-table inheritance)."""
    concrete = model._meta.concrete_model
    return any(parent._meta.concrete_model is not concrete for parent in model._meta.all_parents)


def can_insert_in_bulk(model: type[Model], using: str) -> bool:
    """Whether keys that the database makes come back from one INSERT of many rows."""
    features: Any = connections[using].features
    return bool(features.can_return_rows_from_bulk_insert) or model._meta.auto_field is None
