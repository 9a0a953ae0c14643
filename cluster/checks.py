"""System checks of clusterable models."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.core import checks
from django.db.models import ManyToManyField, Model

from cluster.relations import ParentalField, relations_of


def check_clusterable_model(model: type[Model]) -> list[checks.CheckMessage]:
    """Check what can be wrong with the relations of one clusterable model."""
    if model._meta.abstract or model._meta.swapped:
        return []
    return [*_plain_many_to_many(model), *_plain_tags(model), *_ambiguous_names(model)]


def _plain_many_to_many(model: type[Model]) -> list[checks.CheckMessage]:
    # Other packages put fields of their own kind here, which are none of our business.
    local: list[Any] = list(model._meta.local_many_to_many)
    plain = [field for field in local if isinstance(field, ManyToManyField) and not isinstance(field, ParentalField)]
    return [
        checks.Warning(
            f"{model.__name__}.{field.name} is a plain ManyToManyField, which needs a saved instance and is written at "
            "once.",
            hint="Use ParentalManyToManyField to make the links a part of the cluster, or silence cluster.W001.",
            obj=field,
            id="cluster.W001",
        )
        for field in plain
    ]


def _plain_tags(model: type[Model]) -> list[checks.CheckMessage]:
    fields: list[Any] = list(model._meta.local_many_to_many)
    return [
        checks.Warning(
            f"{model.__name__}.{field.name} is a plain TaggableManager, which needs a saved instance and is written at "
            "once.",
            hint="Use cluster.contrib.taggit.ClusterTaggableManager to make the tags a part of the cluster, or silence "
            "cluster.W002.",
            obj=field,
            id="cluster.W002",
        )
        for field in fields
        if _is_taggits(type(field)) and not getattr(field, "_need_commit_after_assignment", False)
    ]


def _is_taggits(field_class: type) -> bool:
    """Whether a class is or derives from django-taggit's field.

    Known by its name: django-taggit need not be installed, and a model with the plain field has no reason to import the
    part of the package that knows it.
    """
    return any(
        (each.__module__, each.__name__) == ("taggit.managers", "TaggableManager") for each in field_class.__mro__
    )


def _ambiguous_names(model: type[Model]) -> list[checks.CheckMessage]:
    relations = relations_of(model)
    names = Counter(relation.name for relation in (*relations.children, *relations.links))
    return [
        checks.Error(
            f"{model.__name__} has {count} relations under the name {name!r}, of which only one can be reached.",
            hint="Give one of them another related_name.",
            obj=model,
            id="cluster.E004",
        )
        for name, count in names.items()
        if count > 1
    ]
