"""The manager of a child relation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from asgiref.sync import sync_to_async

from cluster.fields.managers import HeldRelatedManager
from cluster.fields.prefetching import forget_prefetched
from cluster.fields.reading import in_key_order
from cluster.relations import ensure_state
from cluster.relations.holding import add_children, new_list, refuse_other_keys, replace_children


class ChildRelatedManager(HeldRelatedManager):
    """Adds, removes and makes children in memory; ``save()`` of the parent writes them."""

    def add(self, *objs: Any, bulk: bool = True) -> None:
        """Add children; one that equals a held child takes its place, one held by another parent leaves it.

        Loads a live relation first (one query). ``bulk`` is accepted as in Django and means nothing before the save.

        Raises:
            TypeError: An object is not of the relation's model; nothing was added.
            ForeignChildError: A row of another parent has that parent's key in its own; nothing was added.
        """
        self._meant(objs)
        add_children(self.instance, self._relation, self.get_object_list(), objs)

    add.alters_data = True  # type: ignore[attr-defined]

    async def aadd(self, *objs: Any, bulk: bool = True) -> None:
        """Do what ``add()`` does, for async code."""
        await sync_to_async(self.add)(*objs, bulk=bulk)

    aadd.alters_data = True  # type: ignore[attr-defined]

    def remove(self, *objs: Any, bulk: bool = True) -> None:
        """Take children out; ``save()`` deletes their rows, or nulls the key where that is what ``on_delete`` does.

        Loads a live relation first (one query). An object that is not in the relation is passed over, as the end state
        is the one asked for.

        Raises:
            TypeError: An object is not of the relation's model; nothing was removed.
        """
        children = self._named_in(objs, self.get_object_list)
        held = self.get_object_list()
        for child in children:
            removed = held.discard(child)
            if removed is not None and self._relation.releases:
                self._relation.point(removed, None)

    remove.alters_data = True  # type: ignore[attr-defined]

    async def aremove(self, *objs: Any, bulk: bool = True) -> None:
        """Do what ``remove()`` does, for async code."""
        await sync_to_async(self.remove)(*objs, bulk=bulk)

    aremove.alters_data = True  # type: ignore[attr-defined]

    def clear(self, *, bulk: bool = True) -> None:
        """Declare the relation empty; no query."""
        forget_prefetched(self.instance, self._relation)
        ensure_state(self.instance).declare(self._relation.name, new_list(self._relation))

    clear.alters_data = True  # type: ignore[attr-defined]

    async def aclear(self, *, bulk: bool = True) -> None:
        """Do what ``clear()`` does, for async code."""
        await sync_to_async(self.clear)(bulk=bulk)

    aclear.alters_data = True  # type: ignore[attr-defined]

    def set(self, objs: Iterable[Any], *, bulk: bool = True, clear: bool = False) -> None:
        """Declare the whole content of the relation; no query but the one of a queryset that is given.

        Raises:
            TypeError: An object is not of the relation's model; nothing was changed.
            ForeignChildError: A row of another parent has that parent's key in its own; nothing was changed.
        """
        children = self._meant(tuple(objs))
        forget_prefetched(self.instance, self._relation)
        replace_children(self.instance, self._relation, children)

    set.alters_data = True  # type: ignore[attr-defined]

    async def aset(self, objs: Iterable[Any], *, bulk: bool = True, clear: bool = False) -> None:
        """Do what ``set()`` does, for async code."""
        await sync_to_async(self.set)(objs, bulk=bulk, clear=clear)

    aset.alters_data = True  # type: ignore[attr-defined]

    def create(self, **kwargs: Any) -> Any:
        """Make a child and add it; its row is written by ``save()``. Loads a live relation first (one query)."""
        self.get_object_list()
        return super().create(**{**kwargs, **self._relation.keywords(self.instance)})

    create.alters_data = True  # type: ignore[attr-defined]

    async def acreate(self, **kwargs: Any) -> Any:
        """Do what ``create()`` does, for async code."""
        return await sync_to_async(self.create)(**kwargs)

    acreate.alters_data = True  # type: ignore[attr-defined]

    def get_or_create(self, **kwargs: Any) -> tuple[Any, bool]:  # type: ignore[override]
        """Return the child with these values, or make one; nothing is written before ``save()``.

        Loads a live relation first (one query).
        """
        self.get_object_list()
        return super().get_or_create(**{**kwargs, **self._relation.keywords(self.instance)})

    get_or_create.alters_data = True  # type: ignore[attr-defined]

    async def aget_or_create(self, **kwargs: Any) -> tuple[Any, bool]:  # type: ignore[override]
        """Do what ``get_or_create()`` does, for async code."""
        return await sync_to_async(self.get_or_create)(**kwargs)

    aget_or_create.alters_data = True  # type: ignore[attr-defined]

    def update_or_create(self, **kwargs: Any) -> tuple[Any, bool]:  # type: ignore[override]
        """Change the child with these values, or make one; nothing is written before ``save()``.

        Loads a live relation first (one query).
        """
        self.get_object_list()
        return super().update_or_create(**{**kwargs, **self._relation.keywords(self.instance)})

    update_or_create.alters_data = True  # type: ignore[attr-defined]

    async def aupdate_or_create(self, **kwargs: Any) -> tuple[Any, bool]:  # type: ignore[override]
        """Do what ``update_or_create()`` does, for async code."""
        return await sync_to_async(self.update_or_create)(**kwargs)

    aupdate_or_create.alters_data = True  # type: ignore[attr-defined]

    def _live_rows(self) -> list[Any]:
        return list(in_key_order(self.get_live_queryset()))

    def _named_in(self, children: tuple[Any, ...], _listed: Any) -> tuple[Any, ...]:
        self._check_types(children)
        return children

    def _meant(self, children: tuple[Any, ...]) -> tuple[Any, ...]:
        self._check_types(children)
        if self._relation.is_in_key:
            refuse_other_keys(self.instance, self._relation, children)
        return children
