"""What a collector declares beside its rules, checked and resolved to models and fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import Model

from cluster.collector.book import find_model
from cluster.collector.edges import concrete
from cluster.collector.ids import Ids
from cluster.collector.rules import Erasure, Rule
from cluster.collector.sources import Source
from cluster.collector.unique import is_structured


@dataclass(frozen=True, slots=True)
class Declarations:
    """What holds for one collector.

    Attributes:
        name: The dotted path of its class.
        rules: The rules as given.
        lookup_fields: By model the names of the fields by which rows are found.
        redact: By model and field name the value, or the callable that makes it.
        erasures: By model what an erasure does.
        ids: By model and field name the keys that a field holds.
        sources: The stores that are no relations.
    """

    name: str = ""
    rules: Mapping[str, Rule] = field(default_factory=dict)
    lookup_fields: Mapping[type[Model], Sequence[str]] = field(default_factory=dict)
    redact: Mapping[tuple[type[Model], str], Any] = field(default_factory=dict)
    erasures: Mapping[type[Model], Erasure] = field(default_factory=dict)
    ids: Mapping[tuple[type[Model], str], Ids] = field(default_factory=dict)
    sources: Sequence[Source] = ()


def declared(collector: Any) -> Declarations:
    """Resolve what a collector declares.

    Raises:
        ImproperlyConfigured: A name is no model or no field of it, or a kept model has no reason.
    """
    cls = type(collector)
    return Declarations(
        name=f"{cls.__module__}.{cls.__qualname__}",
        rules=collector.rules,
        lookup_fields=lookups(collector.lookup_fields),
        redact={plain_field(key, "redact"): value for key, value in collector.redact.items()},
        erasures={model_named(key, "erase"): checked(key, value) for key, value in collector.erasures.items()},
        ids={plain_field(key, "ids"): value for key, value in collector.ids.items()},
        sources=tuple(collector.sources),
    )


def lookups(declared_fields: Mapping[str, Sequence[str]]) -> dict[type[Model], Sequence[str]]:
    """Resolve lookup fields."""
    resolved: dict[type[Model], Sequence[str]] = {}
    for key, names in declared_fields.items():
        model = model_named(key, "lookup_fields")
        if isinstance(names, str) or not names:
            raise ImproperlyConfigured(f"lookup_fields: {key!r} must have a list of names of fields, not {names!r}.")
        for name in names:
            if is_structured(field_named(model, name, "lookup_fields")):
                raise ImproperlyConfigured(
                    f"lookup_fields: {key!r} cannot be looked up by {name!r}, which holds lists or mappings; name"
                    " fields with single values."
                )
        resolved[model] = tuple(names)
    return resolved


def model_named(key: str, option: str) -> type[Model]:
    """Return the concrete model with a label."""
    model = find_model(key)
    if model is None:
        raise ImproperlyConfigured(f"{option}: {key!r} names no model.")
    return concrete(model)


def field_named(model: type[Model], name: str, option: str) -> Any:
    """Return a field of a model's own table."""
    try:
        found: Any = model._meta.get_field(name)
    except FieldDoesNotExist:
        found = None
    if found is None or found not in model._meta.local_fields:
        raise ImproperlyConfigured(f"{option}: {model._meta.label} has no field {name!r} in its own table.")
    return found


def plain_field(key: str, option: str, *, allows_key: bool = False) -> tuple[type[Model], str]:
    """Return model and name of a field that is no relation, and no key unless that is allowed."""
    label, _, name = key.rpartition(".")
    model = model_named(label, option)
    found = field_named(model, name, option)
    if found.remote_field or (found.primary_key and not allows_key):
        raise ImproperlyConfigured(f"{option}: {key!r} is a key; only other fields can be replaced.")
    return model, name


def checked(key: str, erasure: Erasure) -> Erasure:
    """Return what an erasure does with a model, once it is known to be complete."""
    if not isinstance(erasure, Erasure):
        raise ImproperlyConfigured(f"erase: {key!r} must be DELETE, ANONYMIZE or KEEP, not {erasure!r}.")
    if erasure.name == "keep" and not erasure.reason:
        raise ImproperlyConfigured(f"erase: {key!r} is kept without a reason; write KEEP('the law that asks for it').")
    model = model_named(key, "erase")
    for name in erasure.values:
        field = field_named(model, name, "erase")
        if field.primary_key or field.generated:
            raise ImproperlyConfigured(f"erase: {key}.{name} cannot be set: it is the key, or computed.")
    return erasure
