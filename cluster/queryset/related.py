"""Related instances: held or cached in memory, the missing ones fetched in one batch.

Where they come from:

- the table of a parent or child class under multi-table inheritance: the instance itself;
- a forward key: the object cached on the field, otherwise one query for all keys that are missing;
- a reverse or many-to-many relation: the list held by the instance (``held_objects``), otherwise one query for all
  instances that hold none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.models import ForeignKey, ManyToManyField, Model
from django.db.models.fields.reverse_related import ForeignObjectRel, OneToOneRel

from cluster.queryset.columns import NotRead, UnsavedKey, column_reader, prepared_value

Matches = dict[int, Sequence[Model]]
"""The related instances by ``id()`` of the instance that they are related to."""


def related_instances(join_field: Any, parents: Sequence[Model], using: str) -> Matches:
    """Return what each instance is joined with.

    One query for all whose related instances are not in memory; what a foreign key fetches is cached on its instances.

    Args:
        join_field: The field, or the relation object of one that is followed backwards.
        parents: The instances, each once.
        using: The database alias for what is missing.
    """
    if isinstance(join_field, ForeignObjectRel):
        return _reverse(join_field, parents, using)
    if hasattr(join_field, "get_content_type"):
        return _generic_targets(join_field, parents, using)
    return _forward(join_field, parents, using)


def _forward(field: Any, parents: Sequence[Model], using: str) -> Matches:
    matches: Matches = {}
    missing: list[tuple[Model, Any]] = []
    own = [column for column, _ in field.get_joining_fields()]
    for parent in parents:
        if field.remote_field.parent_link and isinstance(parent, field.remote_field.model):
            matches[id(parent)] = (parent,)
        elif field.is_cached(parent):
            target = field.get_cached_value(parent)
            matches[id(parent)] = () if target is None else (target,)
        else:
            missing.append((parent, key_of(parent, own)))
    if missing:
        matches.update(_fetch_forward(field, missing, using))
    return matches


def _fetch_forward(field: Any, missing: Sequence[tuple[Model, Any]], using: str) -> Matches:
    theirs = [column for _, column in field.get_joining_fields()]
    found = fetch_by_key(field.remote_field.model, theirs, [key for _, key in missing], using)
    matches: Matches = {}
    for parent, key in missing:
        targets = () if key is None else found.get(key, ())
        matches[id(parent)] = targets
        if targets and isinstance(field, ForeignKey):
            field.set_cached_value(parent, targets[0])
    return matches


def _generic_targets(field: Any, parents: Sequence[Model], using: str) -> Matches:
    """Go against a ``GenericRelation``: from rows that point at objects of any model to those of the field's."""
    matches: Matches = {}
    missing: dict[int, Any] = {}
    content_type = field.get_content_type()
    (theirs,) = field.foreign_related_fields
    for parent in parents:
        key = generic_key(field, parent)
        if key is not None and key.is_cached(parent):
            target = key.get_cached_value(parent)
            matches[id(parent)] = (target,) if isinstance(target, field.model) else ()
        elif getattr(parent, f"{field.content_type_field_name}_id") == content_type.pk:
            # The kinds of the two columns may differ: a text that holds keys that are numbers.
            missing[id(parent)] = (prepared_value(getattr(parent, field.object_id_field_name), theirs),)
    found = fetch_by_key(field.model, [theirs], list(missing.values()), using)
    return {**matches, **{identity: found.get(key, ()) for identity, key in missing.items()}}


def generic_key(field: Any, parent: Model) -> Any | None:
    """Return the ``GenericForeignKey`` of a row whose columns a ``GenericRelation`` reads, if there is one."""
    columns = (field.content_type_field_name, field.object_id_field_name)
    keys: list[Any] = list(parent._meta.private_fields)
    return next((key for key in keys if (getattr(key, "ct_field", ""), getattr(key, "fk_field", "")) == columns), None)


def _reverse(rel: Any, parents: Sequence[Model], using: str) -> Matches:
    matches: Matches = {}
    missing: list[Model] = []
    for parent in parents:
        known = known_children(rel, parent)
        if known is None:
            missing.append(parent)
        else:
            matches[id(parent)] = known
    if missing:
        matches.update(_fetch_reverse(rel, missing, using))
    return matches


def known_children(rel: Any, parent: Model) -> Sequence[Model] | None:
    """Return the instances of a reverse relation that memory knows, or ``None`` where the database answers."""
    if getattr(rel, "parent_link", False) and isinstance(parent, rel.related_model):
        return (parent,)
    links = known_links(rel, parent)
    if links:
        # Before what is held under the name of the through model's rows: an unsaved instance holds none of them.
        return links
    held = held_objects(parent, accessor_of(rel))
    if held is not None:
        return held
    if isinstance(rel, OneToOneRel) and rel.is_cached(parent):
        child = rel.get_cached_value(parent)
        return () if child is None else (child,)
    return links


def accessor_of(rel: Any) -> Any:
    """Return the name by which an instance gives the objects of a reverse relation."""
    return rel.field.name if is_generic(rel) else rel.get_accessor_name() or ""


def is_generic(rel: Any) -> bool:
    """Tell whether this is the way along a ``GenericRelation``, which is declared on the other side."""
    return hasattr(rel.field, "get_content_type")


def held_objects(instance: Model, accessor: str) -> Sequence[Model] | None:
    """Return the objects that an instance holds for a relation, or ``None``."""
    holds = getattr(instance, "held_objects", None)
    return None if holds is None or not accessor else holds(accessor)


def known_links(rel: Any, parent: Model) -> Sequence[Model] | None:
    """Return rows of a many-to-many table for the objects that an instance holds, or ``None``."""
    for target, accessor in links_through(rel, type(parent)):
        held = held_objects(parent, accessor)
        if held is not None:
            return link_rows(rel, target, parent, held, held_objects(parent, accessor_of(rel)) or ())
    return None


def link_rows(rel: Any, target: str, parent: Model, items: Sequence[Model], rows: Sequence[Model]) -> Sequence[Model]:
    """Return the row that links each object: one that is held itself, otherwise one that is made.

    Of a link that may be in the database already only its keys are known then.

    Args:
        rel: The relation of the instance to the rows.
        target: The name of the rows' key to the objects.
        parent: The instance.
        items: The objects.
        rows: The rows that are held.
    """
    through, source = rel.related_model, rel.field.name
    field = through._meta.get_field(target)
    read_target, read_key = column_reader(field), column_reader(field.target_field)
    known: dict[Any, list[Model]] = defaultdict(list)
    for row in rows:
        known[read_target(row)].append(row)
    unread = {} if parent._state.adding else dict.fromkeys(other_columns(through, source, target), NotRead())
    links: list[Model] = []
    for item in unique_instances(items):
        found = known.get(read_key(item))
        if not found:
            found = [through(**{source: parent, target: item})]
            found[0].__dict__.update(unread)
        links += found
    return links


def other_columns(through: Any, source: str, target: str) -> list[str]:
    """Return the columns of a many-to-many table besides its own key and those that link."""
    return [
        field.attname
        for field in through._meta.concrete_fields
        if not field.primary_key and field.name not in (source, target)
    ]


def links_through(rel: Any, model: type[Model]) -> Iterator[tuple[str, str]]:
    """Give the many-to-many relations whose table a reverse relation leads to.

    Each comes as the name of the table's key to its objects, and the accessor of these. Fields of other packages that
    are many-to-many in kind only (tags) have their rows under the name of the relation to the table.
    """
    opts: Any = model._meta
    through, source = rel.related_model, rel.field.name
    for field in opts.many_to_many:
        if _is_through(field, through) and field.m2m_field_name() == source:
            yield field.m2m_reverse_field_name(), field.name
    for related in opts.related_objects:
        field = related.field
        if _is_through(field, through) and field.m2m_reverse_field_name() == source:
            yield field.m2m_field_name(), related.get_accessor_name() or ""


def _is_through(field: Any, through: type[Model]) -> bool:
    return isinstance(field, ManyToManyField) and field.remote_field.through is through


def _fetch_reverse(rel: Any, parents: Sequence[Model], using: str) -> Matches:
    theirs, own = zip(*rel.get_joining_fields(), strict=True) if rel.get_joining_fields() else ((), ())
    keys = {id(parent): key_of(parent, theirs) for parent in parents}
    if is_generic(rel):
        # The kinds of the two columns may differ: a text that holds keys that are numbers.
        keys = {identity: key and (prepared_value(key[0], own[0]),) for identity, key in keys.items()}
    model = rel.model if is_generic(rel) else rel.related_model
    found = fetch_by_key(model, own, list(keys.values()), using, rel=rel)
    return {identity: () if key is None else found.get(key, ()) for identity, key in keys.items()}


def key_of(instance: Model, fields: Sequence[Any]) -> tuple[Any, ...] | None:
    """Return the values that a join compares, or ``None`` where one is missing and nothing can match."""
    values = tuple(column_reader(field)(instance) for field in fields)
    return None if any(value is None or type(value) is UnsavedKey for value in values) else values


def fetch_by_key(
    model: type[Model], fields: Sequence[Any], keys: Sequence[tuple[Any, ...] | None], using: str, *, rel: Any = None
) -> dict[tuple[Any, ...], list[Model]]:
    """Fetch instances by the values of some columns, in one query; none without keys."""
    wanted = {key for key in keys if key is not None}
    found: dict[tuple[Any, ...], list[Model]] = defaultdict(list)
    if not wanted:
        return found
    queryset = model._base_manager.using(using).order_by("pk")
    for position, field in enumerate(fields):
        queryset = queryset.filter(**{f"{field.attname}__in": sorted({key[position] for key in wanted}, key=repr)})
    queryset = restricted(queryset, rel)
    for instance in queryset:
        key = key_of(instance, fields)
        if key in wanted:
            found[key].append(instance)
    return found


def restricted(queryset: Any, rel: Any) -> Any:
    """Return a queryset with what a reverse relation demands beyond its key: the content type of a generic one."""
    if rel is None:
        return queryset
    if is_generic(rel):
        content_type = rel.field.get_content_type()
        return queryset.filter(**{rel.field.content_type_field_name: content_type})
    through_keys = [
        field.name for field in rel.related_model._meta.concrete_fields if field.many_to_one and field is not rel.field
    ]
    return queryset.select_related(*through_keys) if rel.related_model._meta.auto_created else queryset


def unique_instances(instances: Iterable[Model | None]) -> list[Model]:
    """Return instances once each, without the NULL rows of outer joins."""
    return list({id(instance): instance for instance in instances if instance is not None}.values())
