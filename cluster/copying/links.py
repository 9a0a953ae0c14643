"""The many-to-many links of what is copied: parental ones are held by the copy, others wait for its save."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import ForeignKey, ManyToManyField, Model

from cluster.copying.options import Choices
from cluster.fields.reading import objects_in, related_objects
from cluster.relations import HeldLinks, Relation, Relations, relations_of
from cluster.relations.holding import held_list
from cluster.relations.state import has_row
from cluster.saving.reading import chunks

Extras = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SourceLinks:
    """The links of one row by one field.

    Attributes:
        name: The name of the field.
        relation: The parental many-to-many, or ``None`` for a plain one.
        row: The row.
        targets: What it is linked to.
        extras: By identity of the target, what the row of the through model has besides the two keys.
    """

    name: str
    relation: Relation | None
    row: Model
    targets: Sequence[Model]
    extras: dict[int, Extras]


def read_links(rows: list[Model], path: str, choices: Choices) -> list[SourceLinks]:
    """Return the links of rows of one class that have any, one query per field (two with a through model)."""
    relations = relations_of(type(rows[0]))
    found = []
    for field in rows[0]._meta.many_to_many:
        if choices.excludes(path, field.name) or _are_children(field, relations):
            continue
        relation = relations.get(field.name)
        if relation is not None:
            targets = objects_in(relation, rows, using=choices.using)
        else:
            targets = related_objects(field.name, rows, using=choices.using)
        extras = _read_extras(field, rows, choices.using) if _has_extras(field) and any(targets) else {}
        found += [
            SourceLinks(field.name, relation, row, linked, _extras_of(row, relation, field, linked, extras))
            for row, linked in zip(rows, targets, strict=True)
            if linked
        ]
    return found


def _are_children(field: Any, relations: Relations) -> bool:
    """Whether the rows of the through model are children of the row, and so are copied as these (tags)."""
    return any(relation.related_model is _through(field) for relation in relations.children)


def _has_extras(field: Any) -> bool:
    is_own: bool = isinstance(field, ManyToManyField) and not _through(field)._meta.auto_created
    return is_own and bool(_names(field))


def _through(field: Any) -> Any:
    return field.remote_field.through


def _names(field: Any) -> list[str]:
    """Return the fields of the through model besides its key and the two keys of the link."""
    ends = ends_of(field)
    return [
        each.attname
        for each in _through(field)._meta.concrete_fields
        if each not in ends and not each.primary_key and not each.generated
    ]


def keys_of_link(links: SourceLinks) -> list[ForeignKey[Any]]:
    """Return the foreign keys of the through model besides the two of the link."""
    field: Any = links.row._meta.get_field(links.name)
    names, meta = _names(field), _through(field)._meta
    return [each for each in meta.concrete_fields if isinstance(each, ForeignKey) and each.attname in names]


def _read_extras(field: Any, rows: Iterable[Model], using: str | None) -> dict[tuple[Any, Any], Extras]:
    """Return the extra values of the stored links, by the values of the two keys."""
    saved = [row for row in rows if has_row(row)]
    if not saved:
        return {}
    through = _through(field)
    source, target = ends_of(field)
    links = through._base_manager.using(using or saved[0]._state.db).values(
        source.attname, target.attname, *_names(field)
    )
    found = {}
    for wanted in chunks(getattr(row, source.target_field.attname) for row in saved):
        stored = links.filter(**{f"{source.attname}__in": wanted})
        found.update({(each.pop(source.attname), each.pop(target.attname)): each for each in stored})
    return found


def ends_of(field: Any) -> tuple[Any, Any]:
    """Return the two keys of the through model of a many-to-many: to the row that has the field, and to its target."""
    meta = _through(field)._meta
    return meta.get_field(field.m2m_field_name()), meta.get_field(field.m2m_reverse_field_name())


def _extras_of(
    row: Model,
    relation: Relation | None,
    field: Any,
    targets: Iterable[Model],
    stored: dict[tuple[Any, Any], Extras],
) -> dict[int, Extras]:
    """Return what the copies of links get: what memory says, else what is stored."""
    held = held_list(row, relation) if relation is not None else None
    extras: dict[int, Extras] = {}
    for target in targets:
        given = held.defaults_of(target) if isinstance(held, HeldLinks) else {}
        if not given and stored:
            source, end = ends_of(field)
            pair = (getattr(row, source.target_field.attname), getattr(target, end.target_field.attname))
            given = stored.get(pair, {})
        if given:
            extras[id(target)] = dict(given)
    return extras
