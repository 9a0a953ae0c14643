"""Instances that were just written raw, as ``loaddata`` does, whose many-to-many keys are to be written as well."""

from __future__ import annotations

from django.db.models import Model

from cluster.relations.describe import relations_of

AWAITED = "_cluster_awaited_links"


def note_raw_save(instance: Model) -> None:
    """Remember that an instance was written raw: the next ``set()`` of each of its links is Django's own."""
    instance.__dict__[AWAITED] = {relation.name for relation in relations_of(type(instance)).links}


def forget_raw_save(instance: Model) -> None:
    """Forget it: whatever is set from now on is held."""
    instance.__dict__.pop(AWAITED, None)


def is_set_by_deserializer(instance: Model, name: str) -> bool:
    """Tell, once per raw save and relation, whether a ``set()`` of links is that of Django's ``DeserializedObject``."""
    awaited: set[str] | None = instance.__dict__.get(AWAITED)
    if not awaited or name not in awaited:
        return False
    awaited.discard(name)
    if not awaited:
        forget_raw_save(instance)
    return True
