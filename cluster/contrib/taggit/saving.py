"""Finding or making the rows of tags that were named in memory, when their cluster is saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Model
from django.db.models.signals import post_save, pre_save
from taggit.models import CommonGenericTaggedItemBase, ItemBase, TagBase

from cluster.contrib.taggit.generic import fill_content_types
from cluster.contrib.taggit.names import folded, give_slug, stored_tags


def store_tags(rows: Sequence[Model], using: str, **_kwargs: Any) -> None:
    """Give every tagged item that is about to be written a tag that has a row, and its content type if it is generic.

    One query for all names, and one INSERT for the tags that are new (with one query for their slugs).
    """
    fill_content_types((row for row in rows if isinstance(row, CommonGenericTaggedItemBase)), using)
    items: dict[Any, list[Any]] = {}
    for row in rows:
        # By the tag and not by its key, which a tag model can give before there is a row.
        tag: Any = row._state.fields_cache.get("tag") if isinstance(row, ItemBase) else None
        if tag is not None and tag._state.adding:
            through: Any = type(row)
            items.setdefault(through.tag_model(), []).append(row)
    for tag_model, unsaved in items.items():
        _store(tag_model, unsaved, using)


def _store(tag_model: Any, items: list[Any], using: str) -> None:
    stored = stored_tags(tag_model, [item.tag.name for item in items], using=using)
    new = {folded(item.tag.name): item.tag for item in items if folded(item.tag.name) not in stored}
    stored.update(_made(tag_model, list(new.values()), using))
    for item in items:
        give_tag(item, stored[folded(item.tag.name)])


def give_tag(item: Any, tag: Any) -> None:
    """Give a tagged item its tag; not by assignment, as the router would compare the databases of the two."""
    key = item._meta.get_field("tag")
    item.__dict__[key.attname] = getattr(tag, key.target_field.attname)
    key.set_cached_value(item, tag)


def _made(tag_model: Any, tags: list[Any], using: str) -> dict[str, Any]:
    """Write new tags; the objects in memory stay as they are, for the save may yet fail."""
    copies = [tag_model(**_values(tag)) for tag in tags]
    for tag in copies:
        give_slug(tag)
    taken = _taken_slugs(tag_model, copies, using)
    in_bulk = [tag for tag in copies if tag.slug not in taken] if _can_be_in_bulk(tag_model) else []
    try:
        with transaction.atomic(using=using):
            tag_model._default_manager.using(using).bulk_create(in_bulk)
    except IntegrityError:
        # Another writer made one of them meanwhile.
        in_bulk = []
    made = {folded(tag.name): tag for tag in in_bulk}
    for tag in copies:
        if folded(tag.name) not in made:
            made[folded(tag.name)] = _made_singly(tag_model, tag, using)
    return made


def _made_singly(tag_model: Any, tag: Any, using: str) -> Any:
    """Get or make one tag by its own ``save()``, which finds a slug that is free."""
    values = {**_values(tag), "slug": ""}
    return tag_model._default_manager.using(using).get_or_create(name=values.pop("name"), defaults=values)[0]


def _values(tag: Any) -> dict[str, Any]:
    return {field.attname: getattr(tag, field.attname) for field in tag._meta.concrete_fields if not field.primary_key}


def _taken_slugs(tag_model: Any, tags: list[Any], using: str) -> set[str]:
    """Return the slugs that cannot be taken as they are: stored ones, and those that several of the tags have."""
    times = Counter(tag.slug for tag in tags)
    several = {slug for slug, number in times.items() if number > 1}
    stored = tag_model._default_manager.using(using).filter(slug__in=list(times)).values_list("slug", flat=True)
    return several.union(stored)


def _can_be_in_bulk(tag_model: Any) -> bool:
    """Whether nothing is lost by not calling the tag's own ``save()``, which only makes the slug."""
    has_receivers = any(signal.has_listeners(tag_model) for signal in (pre_save, post_save))
    return tag_model.save is TagBase.save and not has_receivers
