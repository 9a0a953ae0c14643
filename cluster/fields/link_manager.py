"""The manager of a parental many-to-many."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from asgiref.sync import sync_to_async
from django.db import router
from django.db.models import Model
from django.db.models.utils import resolve_callables

from cluster._compat import set_links_raw
from cluster.fields.managers import HeldRelatedManager
from cluster.fields.prefetching import forget_prefetched
from cluster.relations import HeldLinks, ensure_state
from cluster.relations.describe import are_apart
from cluster.relations.holding import new_list, replace_links
from cluster.relations.raw_saves import is_set_by_deserializer


class LinkRelatedManager(HeldRelatedManager):
    """Links and unlinks objects in memory; ``save()`` of the instance writes the rows of the through model.

    Objects or their keys are taken wherever Django takes either; objects named by key alone are fetched in one query.
    Each change but ``set()`` and ``clear()`` loads a live relation first, in one query.
    """

    @property
    def through(self) -> type[Model]:
        """The model of the link rows."""
        through: type[Model] = self._relation.rel.through
        return through

    @property
    def prefetch_cache_name(self) -> str:
        """The name of what is prefetched, by which Django's serializers know a many-to-many that has a cache."""
        return self._relation.name

    @property
    def source_field_name(self) -> str:
        """The name of the through model's key to the instance."""
        name: str = self.field.m2m_field_name()
        return name

    @property
    def target_field_name(self) -> str:
        """The name of the through model's key to the objects that are linked."""
        name: str = self.field.m2m_reverse_field_name()
        return name

    def add(self, *objs: Any, through_defaults: dict[str, Any] | None = None) -> None:
        """Link objects; those that are linked already stay as they are.

        An object that was taken out before is linked anew: its row of the through model gets ``through_defaults``.

        Raises:
            TypeError: An object is of another model; nothing was added.
            ValueError: An object is from another database; nothing was added.
            DoesNotExist: A key names no object; nothing was added.
        """
        targets = self._meant(objs)
        held = self._held_links()
        new = [target for target in targets if held.find(target) is None]
        defaults = dict(resolve_callables(through_defaults or {}))
        for target in new:
            held.add(target)
            if defaults:
                held.give_defaults(target, defaults, anew=True)

    add.alters_data = True  # type: ignore[attr-defined]

    async def aadd(self, *objs: Any, through_defaults: dict[str, Any] | None = None) -> None:
        """Do what ``add()`` does, for async code."""
        await sync_to_async(self.add)(*objs, through_defaults=through_defaults)

    aadd.alters_data = True  # type: ignore[attr-defined]

    def remove(self, *objs: Any) -> None:
        """Unlink objects; those that are not linked are passed over, as in Django.

        Raises:
            TypeError: An object is of another model; nothing was removed.
        """
        targets = self._named_in(objs, self._held_links)
        held = self._held_links()
        for target in targets:
            held.discard(target)

    remove.alters_data = True  # type: ignore[attr-defined]

    async def aremove(self, *objs: Any) -> None:
        """Do what ``remove()`` does, for async code."""
        await sync_to_async(self.remove)(*objs)

    aremove.alters_data = True  # type: ignore[attr-defined]

    def clear(self) -> None:
        """Declare the relation empty; no query."""
        forget_prefetched(self.instance, self._relation)
        ensure_state(self.instance).declare(self._relation.name, new_list(self._relation))

    clear.alters_data = True  # type: ignore[attr-defined]

    async def aclear(self) -> None:
        """Do what ``clear()`` does, for async code."""
        await sync_to_async(self.clear)()

    aclear.alters_data = True  # type: ignore[attr-defined]

    def set(self, objs: Iterable[Any], *, clear: bool = False, through_defaults: dict[str, Any] | None = None) -> None:
        """Declare the whole content; objects that stay linked keep their row of the through model.

        No query but for objects named by key, and the one of a queryset that is given.

        With ``clear`` their rows get the ``through_defaults`` that are given, as those of the others do.

        Raises:
            TypeError: An object is of another model; nothing was changed.
            ValueError: An object is from another database; nothing was changed.
            DoesNotExist: A key names no object; nothing was changed.
        """
        if is_set_by_deserializer(self.instance, self._relation.name):
            self.set_base(objs, raw=True)
            return
        targets = self._meant(tuple(objs))
        defaults = dict(resolve_callables(through_defaults or {}))
        forget_prefetched(self.instance, self._relation)
        replace_links(self.instance, self._relation, targets, defaults, clear=clear)

    set.alters_data = True  # type: ignore[attr-defined]

    def set_base(
        self,
        objs: Iterable[Any],
        *,
        clear: bool = False,
        through_defaults: dict[str, Any] | None = None,
        raw: bool = False,
    ) -> None:
        """Do what ``set()`` does; with ``raw``, as for objects that Django deserialized, write the links at once."""
        if not raw:
            self.set(objs, clear=clear, through_defaults=through_defaults)
            return
        ensure_state(self.instance).drop(self._relation.name)
        forget_prefetched(self.instance, self._relation)
        set_links_raw(self.live_manager, objs)

    set_base.alters_data = True  # type: ignore[attr-defined]

    async def aset(
        self, objs: Iterable[Any], *, clear: bool = False, through_defaults: dict[str, Any] | None = None
    ) -> None:
        """Do what ``set()`` does, for async code."""
        await sync_to_async(self.set)(objs, clear=clear, through_defaults=through_defaults)

    aset.alters_data = True  # type: ignore[attr-defined]

    def create(self, *, through_defaults: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        """Make an object and link it; ``save()`` writes its row and its link."""
        self._held_links()
        created = super().create(**kwargs)
        self._give_defaults(created, through_defaults)
        return created

    create.alters_data = True  # type: ignore[attr-defined]

    async def acreate(self, *, through_defaults: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        """Do what ``create()`` does, for async code."""
        return await sync_to_async(self.create)(through_defaults=through_defaults, **kwargs)

    acreate.alters_data = True  # type: ignore[attr-defined]

    def get_or_create(self, *, through_defaults: dict[str, Any] | None = None, **kwargs: Any) -> tuple[Any, bool]:  # type: ignore[override]
        """Return the linked object with these values, or make and link one; nothing is written before ``save()``."""
        self._held_links()
        instance, created = super().get_or_create(**kwargs)
        if created:
            self._give_defaults(instance, through_defaults)
        return instance, created

    get_or_create.alters_data = True  # type: ignore[attr-defined]

    async def aget_or_create(  # type: ignore[override]
        self, *, through_defaults: dict[str, Any] | None = None, **kwargs: Any
    ) -> tuple[Any, bool]:
        """Do what ``get_or_create()`` does, for async code."""
        return await sync_to_async(self.get_or_create)(through_defaults=through_defaults, **kwargs)

    aget_or_create.alters_data = True  # type: ignore[attr-defined]

    def update_or_create(self, *, through_defaults: dict[str, Any] | None = None, **kwargs: Any) -> tuple[Any, bool]:  # type: ignore[override]
        """Change the linked object with these values, or make and link one; nothing is written before ``save()``."""
        self._held_links()
        instance, created = super().update_or_create(**kwargs)
        if created:
            self._give_defaults(instance, through_defaults)
        return instance, created

    update_or_create.alters_data = True  # type: ignore[attr-defined]

    async def aupdate_or_create(  # type: ignore[override]
        self, *, through_defaults: dict[str, Any] | None = None, **kwargs: Any
    ) -> tuple[Any, bool]:
        """Do what ``update_or_create()`` does, for async code."""
        return await sync_to_async(self.update_or_create)(through_defaults=through_defaults, **kwargs)

    aupdate_or_create.alters_data = True  # type: ignore[attr-defined]

    # Keys

    def _held_links(self) -> HeldLinks:
        held = self.get_object_list()
        assert isinstance(held, HeldLinks)
        return held

    def _give_defaults(self, target: Model, through_defaults: dict[str, Any] | None) -> None:
        if through_defaults:
            self._held_links().give_defaults(target, dict(resolve_callables(through_defaults)), anew=True)

    def _key(self, value: Any) -> Any:
        """Return a key as rows have it.

        Raises:
            TypeError: It cannot be one; or ``ValueError``, as in Django.
        """
        field = self._target_field
        return field.to_python(field.get_prep_value(value))

    def _check_models(self, objs: tuple[Any, ...]) -> None:
        self._check_types([each for each in objs if isinstance(each, Model)])

    @property
    def _target_field(self) -> Any:
        through_key: Any = self.through._meta.get_field(self.field.m2m_reverse_field_name())
        return through_key.target_field

    def _named_in(self, objs: tuple[Any, ...], listed: Callable[[], Iterable[Model]]) -> list[Model]:
        """Return the objects meant; of those named by key the ones that are listed."""
        self._check_models(objs)
        keys = [None if isinstance(each, Model) else self._key(each) for each in objs]
        attname = self._target_field.attname
        by_key = {getattr(each, attname): each for each in listed()} if any(key is not None for key in keys) else {}
        named = [each if isinstance(each, Model) else by_key.get(key) for each, key in zip(objs, keys, strict=True)]
        return [each for each in named if each is not None]

    def _check_databases(self, objs: tuple[Any, ...]) -> None:
        for each in objs:
            if (
                isinstance(each, Model)
                and are_apart(each, self.instance)
                and not router.allow_relation(each, self.instance)
            ):
                # Django's own words.
                raise ValueError(
                    f'Cannot add "{each!r}": instance is on database "{self.instance._state.db}", '
                    f'value is on database "{each._state.db}"'
                )

    def _meant(self, objs: tuple[Any, ...]) -> list[Model]:
        """Return the objects meant, in the order given; those named by key are fetched in one query."""
        self._check_models(objs)
        self._check_databases(objs)
        keys = [self._key(each) for each in objs if not isinstance(each, Model)]
        found, wanted = self._fetch(keys) if keys else {}, iter(keys)
        return [each if isinstance(each, Model) else found[next(wanted)] for each in objs]

    def _fetch(self, keys: list[Any]) -> dict[Any, Model]:
        attname = self._target_field.attname
        using = self._db or router.db_for_read(self.model, instance=self.instance)
        rows = self.model._base_manager.using(using).filter(**{f"{attname}__in": keys})
        found = {getattr(row, attname): row for row in rows}
        missing = [key for key in keys if key not in found]
        if missing:
            raise self.model.DoesNotExist(
                f"Cannot add to {self.instance._meta.object_name}.{self._relation.name}: "
                f"there is no {self.model._meta.object_name} with {attname} {missing!r}."
            )
        return found
