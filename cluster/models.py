"""``ClusterableModel``: the parent of a cluster. Each method is one call into a lower part."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Any, Self, Unpack, overload

from asgiref.sync import sync_to_async
from django.core import checks
from django.db.models import ForeignObjectRel, Model
from django.db.models.base import ModelBase

from cluster._compat import save_options
from cluster.checks import check_clusterable_model
from cluster.copying import CopyMap, CopyOptions, copy_all_child_relations, copy_child_relation, copy_cluster
from cluster.relations import relations_of, state_of
from cluster.relations.copying import copy_in_memory
from cluster.relations.holding import refuse_to_drop
from cluster.saving import SavePlan, clean_cluster, plan_save, save_cluster
from cluster.serialization import (
    Serializable,
    get_field_value,
    get_serializable_data_for_fields,
    model_from_serializable_data,
)

__all__ = [
    "ClusterableModel",
    "get_all_child_m2m_relations",
    "get_all_child_relations",
    "get_field_value",
    "get_serializable_data_for_fields",
    "model_from_serializable_data",
]


def get_all_child_relations(model: type[Model]) -> list[ForeignObjectRel]:
    """Return the reverse relations of the ParentalKeys that point to a model or its superclasses."""
    return [relation.rel for relation in relations_of(model).children]


def get_all_child_m2m_relations(model: type[Model]) -> list[Any]:
    """Return the ParentalManyToManyFields of a model and its superclasses."""
    return [relation.field for relation in relations_of(model).links]


class ClusterableModel(Serializable):
    """A model whose child relations and parental many-to-manys can be held in memory and are saved with it.

    The constructor takes relation names as keywords besides field names: ``Band(name="Blur", members=[Member(...)])``.
    """

    class Meta:
        abstract = True

    def __copy__(self) -> Self:
        """Return an independent cluster: the children are copied with it and point at the copy."""
        return copy_in_memory(self)

    # Saving

    def save(
        self,
        *args: Any,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Write the instance and everything it holds in one transaction.

        One statement for the instance's own row as in Django; for the rest, per model and level of the cluster at most
        one DELETE, one INSERT and as few UPDATEs as the backend allows. Relations that are not held are not looked at.
        After any error the database and the instances are as they were.

        Args:
            *args: The options by position, where Django (5.2) still takes them so.
            force_insert: As in Django, for the instance's own row.
            force_update: As in Django, for the instance's own row.
            using: The database alias for all rows; the router's choice for writing by default.
            update_fields: Names of fields and relations; only these are written.

        Raises:
            StaleClusterError: A row that was to be updated is gone.
            ForeignChildError: A new child names the row of another parent.
            ClusterCycleError: An instance is held below itself.
        """
        options = save_options(
            self, args, force_insert=force_insert, force_update=force_update, using=using, update_fields=update_fields
        )
        save_cluster(self, super().save, **options)

    save.alters_data = True  # type: ignore[attr-defined]

    async def asave(
        self,
        *,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Do what ``save()`` does, for async code."""
        save = partial(self.save, force_insert=force_insert, force_update=force_update)
        await sync_to_async(save)(using=using, update_fields=update_fields)

    asave.alters_data = True  # type: ignore[attr-defined]

    def plan_save(self, *, using: str | None = None) -> SavePlan:
        """Work out what ``save()`` would write, without writing; one query per relation and level without baseline."""
        return plan_save(self, using=using)

    def clean_cluster(
        self,
        *,
        exclude: Collection[str] | None = None,
        validate_unique: bool = True,
        validate_constraints: bool = True,
    ) -> None:
        """Validate the instance and everything it holds, uniqueness among siblings included, without writing.

        Raises:
            ValidationError: With errors keyed by path, such as ``albums[2].songs[0].name``.
        """
        clean_cluster(self, exclude=exclude, validate_unique=validate_unique, validate_constraints=validate_constraints)

    def _prepare_related_fields_for_save(self, operation_name: str, fields: Any = None) -> None:
        if operation_name == "bulk_create":
            refuse_to_drop(self, operation_name)
        super()._prepare_related_fields_for_save(operation_name, fields)  # type: ignore[misc]

    # Memory

    def refresh_from_db(
        self, using: str | None = None, fields: Iterable[str] | None = None, from_queryset: Any = None
    ) -> None:
        """Reload as in Django, and drop what is held: everything, or the relations among ``fields``.

        If the row cannot be read, or a name is wrong, nothing is dropped. Within a save of the cluster what is held is
        left to that save.
        """
        relations = relations_of(type(self))
        given = None if fields is None else list(fields)
        named = [name for name in relations if given is None or name in given]
        rest = None if given is None else [name for name in given if name not in relations]
        if rest or not named or given is None:
            super().refresh_from_db(using=using, fields=rest, from_queryset=from_queryset)
        self._forget(named)

    def _forget(self, names: Sequence[str]) -> None:
        state, prefetched = state_of(self), self.__dict__.get("_prefetched_objects_cache", {})
        if state is not None and state.is_being_saved:
            return
        for name in names:
            prefetched.pop(name, None)
            if state is not None:
                state.drop(name)

    # Copies

    @overload
    def copy_cluster(
        self, exclude_fields: Iterable[str] | None = ..., *, times: None = ..., **options: Unpack[CopyOptions]
    ) -> tuple[Self, CopyMap]: ...
    @overload
    def copy_cluster(
        self, exclude_fields: Iterable[str] | None = ..., *, times: int, **options: Unpack[CopyOptions]
    ) -> list[tuple[Self, CopyMap]]: ...
    def copy_cluster(
        self, exclude_fields: Iterable[str] | None = None, *, times: int | None = None, **options: Unpack[CopyOptions]
    ) -> Any:
        """Return an unsaved copy of the whole cluster, and the map of old to new; see ``cluster.copying.copy_cluster``.

        One query per relation and level that is live; the instance stays as it is.
        """
        return copy_cluster(self, exclude_fields, times=times, **options)

    def copy_child_relation(
        self,
        child_relation: Any,
        target: Model,
        commit: bool = False,  # noqa: FBT001, FBT002 - the signature of django-modelcluster
        append: bool = False,  # noqa: FBT001, FBT002
        **options: Unpack[CopyOptions],
    ) -> CopyMap:
        """Copy the children of one relation to ``target``; see ``cluster.copying.copy_child_relation``."""
        return copy_child_relation(self, child_relation, target, commit=commit, append=append, **options)

    def copy_all_child_relations(
        self,
        target: Model,
        exclude: Iterable[str] | None = None,
        commit: bool = False,  # noqa: FBT001, FBT002 - the signature of django-modelcluster
        append: bool = False,  # noqa: FBT001, FBT002
        **options: Unpack[CopyOptions],
    ) -> CopyMap:
        """Copy the children of all relations to ``target``; see ``cluster.copying.copy_all_child_relations``."""
        return copy_all_child_relations(self, target, exclude=exclude, commit=commit, append=append, **options)

    copy_child_relation.alters_data = True  # type: ignore[attr-defined]
    copy_all_child_relations.alters_data = True  # type: ignore[attr-defined]

    @classmethod
    def check(cls, **kwargs: Any) -> list[checks.CheckMessage]:
        """Check besides what Django checks that the relations can be held."""
        return [*super().check(**kwargs), *check_clusterable_model(cls)]
