"""Rows in several tables: a child may be more than the class that its relation gives it as."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from django.db.models import Model

from cluster.copying.options import Choices, joined
from cluster.errors import NotInMemoryError
from cluster.relations.state import has_row, state_of
from cluster.saving.reading import chunks


def whole_rows(lists: list[Sequence[Model]], path: str, choices: Choices) -> list[Sequence[Model]]:
    """Return lists of rows with those that are also rows of models that inherit from theirs as instances of these.

    One query for each model that inherits from that of a row. What memory has of a row comes before what is stored.

    Args:
        lists: The children of each parent.
        path: The path of the relation.
        choices: What the caller leaves out, and the database.

    Raises:
        NotInMemoryError: A row is of two models of which none inherits from the other.
    """
    by_class: dict[type[Model], list[Model]] = {}
    for row in chain.from_iterable(lists):
        by_class.setdefault(row.__class__, []).append(row)
    whole: dict[int, Model] = {}
    for model, rows in by_class.items():
        inheritors = inheritors_of(model, path, choices)
        stored = [row for row in rows if has_row(row)] if inheritors else []
        if stored:
            whole.update(_read_whole(stored, inheritors, path, choices))
    return [[whole.get(id(row), row) for row in rows] for rows in lists] if whole else lists


def inheritors_of(model: type[Model], path: str, choices: Choices) -> list[type[Model]]:
    """Return the models with tables of their own that inherit from a model, those that inherit most first.

    Those that the caller leaves out are not among them, and neither is what inherits from these alone.
    """
    found: dict[type[Model], None] = {}
    unfinished: list[type[Model]] = [model._meta.concrete_model]  # type: ignore[list-item]
    while unfinished:
        rels = _inheritances(unfinished.pop())
        below = [each.related_model for each in rels if not choices.excludes(path, _name(each.related_model))]
        found.update(dict.fromkeys(below))
        unfinished += below
    return sorted(found, key=_depth, reverse=True)


def _inheritances(model: Any) -> list[Any]:
    """Return the relations by which other models inherit from a model."""
    fields = model._meta.get_fields(include_parents=False, include_hidden=True)
    rels = [each for each in fields if each.one_to_one and each.auto_created and not each.concrete]
    return [each for each in rels if each.parent_link and issubclass(each.related_model, model)]


def _name(model: type[Model]) -> str:
    return str(model._meta.model_name)


def _depth(model: type[Model]) -> int:
    return len(model._meta.all_parents)


def _read_whole(
    rows: Sequence[Model], inheritors: Iterable[type[Model]], path: str, choices: Choices
) -> dict[int, Model]:
    """Return by identity of the rows, which are of one class, those that are more than that."""
    attname = rows[0]._meta.pk.attname
    known = {getattr(row, attname): row for row in rows}
    found: dict[Any, Model] = {}
    for inheritor in inheritors:
        manager = inheritor._base_manager.using(choices.using or rows[0]._state.db)
        wanted = chunks([key for key in known if not isinstance(found.get(key), inheritor)])
        for row in chain.from_iterable(manager.filter(**{f"{attname}__in": keys}).order_by() for keys in wanted):
            key = getattr(row, attname)
            if key in found:
                raise _two_kinds(known[key], found[key], row, path)
            found[key] = row
    for key, row in found.items():
        _take_over(row, known[key])
    return {id(row): found[key] for row in rows if (key := getattr(row, attname)) in found}


def _two_kinds(row: Model, one: Model, other: Model, path: str) -> NotInMemoryError:
    names = " and a ".join(str(each._meta.object_name) for each in (one, other))
    return NotInMemoryError(
        f"Cannot copy the {row._meta.object_name} with key {row.pk!r}: it is a {names} at once, and an instance can be "
        f"only one of them. Leave one out by its path, such as exclude_fields=[{joined(path, _name(type(one)))!r}]."
    )


def _take_over(row: Model, known: Model) -> None:
    """Give an instance what memory has of its row: values, held lists, and the objects that its keys point at."""
    state_of(known)  # which settles what a save left open
    row.__dict__.update({name: value for name, value in known.__dict__.items() if name != "_state"})
    row._state.fields_cache.update(known._state.fields_cache)
