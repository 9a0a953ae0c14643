"""Paths that a caller names: a misspelt one would leave its option without effect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.core.exceptions import FieldError
from django.db.models import Model

from cluster.copying.options import Choices
from cluster.relations import relations_of

Kinds = set[type[Model]]


def refuse_unknown_paths(model: type[Model], choices: Choices) -> None:
    """Refuse overrides, strategies and exclusions for paths that lead nowhere.

    A single name may be left out in vain: lists of these are shared by many models, as that of Wagtail's pages, which
    names fields that only some of them have. A path with a dot was written for this cluster.

    Raises:
        FieldError: There is no such relation, or no such field.
    """
    for left_out in choices.exclude:
        way, _, name = left_out.rpartition(".")
        kinds = _kinds_at(model, way, left_out)
        if way and not any(name in _names_in(kind) for kind in kinds):
            raise _unknown(left_out, kinds, name)
    for path in choices.overrides:
        if isinstance(path, str):
            _kinds_at(model, path, path)
    for path in choices.unique if isinstance(choices.unique, Mapping) else ():
        way, _, name = path.rpartition(".")
        kinds = _kinds_at(model, way, path)
        if not any(field.name == name for kind in kinds for field in kind._meta.concrete_fields):
            raise _unknown(path, kinds, name)


def _names_in(kind: type[Model]) -> set[str | None]:
    """Return what of a model can be left out: fields, relations, and itself where it inherits."""
    return {each.name for each in kind._meta.get_fields()}.union(relations_of(kind), [kind._meta.model_name])


def _kinds_at(model: type[Model], way: str, path: str) -> Kinds:
    """Return the models that the rows at the end of a way may be of."""
    kinds = _with_subclasses([model])
    for name in way.split(".") if way else ():
        below = [relations_of(kind).get(name) for kind in kinds]
        found = _with_subclasses(each.related_model for each in below if each is not None and each.is_child)
        if not found:
            raise _unknown(path, kinds, name)
        kinds = found
    return kinds


def _with_subclasses(models: Iterable[type[Model]]) -> Kinds:
    found: Kinds = set()
    unfinished = list(models)
    while unfinished:
        model = unfinished.pop()
        found.add(model)
        unfinished += [each for each in model.__subclasses__() if not each._meta.abstract]
    return found


def _unknown(path: str, kinds: Kinds, name: str) -> FieldError:
    label = min(kinds, key=lambda kind: len(kind.__mro__))._meta.object_name
    return FieldError(f"Cannot copy with an option for {path!r}: {label} has no {name!r}.")
