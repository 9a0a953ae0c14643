"""What the managers of held relations have in common.

A relation's manager derives from the default manager of the related model, as Django's do, so that its methods and the
filters of its ``get_queryset()`` hold in memory too. Where the relation is live, Django's own related manager answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from asgiref.sync import sync_to_async
from django.db.models import Manager, Model, QuerySet
from django.db.models.manager import BaseManager
from django.db.models.utils import AltersData

from cluster.fields.other_manager import OtherManager
from cluster.fields.prefetching import PrefetchPlan, forget_prefetched, prefetch_held_and_live
from cluster.fields.quick_answers import quick_answers
from cluster.queryset import WholeQuerySets, held_queryset, whole_querysets
from cluster.relations import HeldList, Relation
from cluster.relations.holding import begin_holding, held_list, source_of
from cluster.relations.state import has_row
from cluster.saving import commit_relation

if TYPE_CHECKING:

    class ManagerBase(Manager[Any]):
        """What the mixin is combined with."""

        _hints: dict[str, Any]

else:
    ManagerBase = object


def build_manager_class(
    kind: type[HeldRelatedManager],
    superclass: type[Any],
    relation: Relation,
    live_manager_class: type[Any],
    *mixins: type[Any],
) -> type[Any]:
    """Return the manager class of one relation, over a manager class of the related model."""
    whole = None
    if superclass.get_queryset is BaseManager.get_queryset:
        whole = whole_querysets(superclass._queryset_class, relation.related_model)
    attributes = {
        "_kind": kind,
        "_relation": relation,
        "_live_manager_class": live_manager_class,
        "_whole": whole,
        "__module__": kind.__module__,
        **(quick_answers(superclass) if whole else {}),
    }
    manager_class = type(kind.__name__, (*mixins, kind, superclass), attributes)
    if superclass.__init__ is BaseManager.__init__ and _maker(superclass) is _maker(BaseManager):
        _make_plainly(manager_class)
    return manager_class


def _maker(manager_class: type[Any]) -> Any:
    """Return what makes instances of a class; inherited ones are the same object."""
    return manager_class.__new__


def _make_plainly(manager_class: Any) -> None:
    """Put on the class what each manager of it has, so that making one sets the instance alone.

    Each use of a relation makes a manager, and no class of the user's has a say in how.
    """
    for name, value in vars(manager_class(None)).items():
        setattr(manager_class, name, value)
    manager_class._hints = MappingProxyType({})
    manager_class._of = classmethod(_plain_manager_of)


def _plain_manager_of(manager_class: Any, instance: Model) -> Any:
    manager = object.__new__(manager_class)
    manager.instance = instance
    return manager


def related_manager_of(instance: Model, name: str) -> Any:
    """Return the manager of a relation; what a pickled manager is restored by."""
    return getattr(instance, name)


class HeldRelatedManager(AltersData, ManagerBase):
    """The manager of one relation of one instance, held or live.

    Reading a live relation asks the database, as in Django. The first change loads its rows (one query), and from then
    on until ``save()`` or ``commit()`` the held list answers. Nothing here writes but ``commit()``.
    """

    _kind: ClassVar[type[HeldRelatedManager]]
    _relation: ClassVar[Relation]
    _live_manager_class: ClassVar[type[Any]]
    _whole: ClassVar[WholeQuerySets | None]
    do_not_call_in_templates = True

    def __init__(self, instance: Any) -> None:
        super().__init__()
        self.instance = instance
        self.model = self._relation.related_model
        self.field = self._relation.field

    @classmethod
    def _of(cls, instance: Model) -> Any:
        """Return the manager of one instance."""
        return cls(instance)

    def __call__(self, *, manager: str) -> Any:
        """Return this relation over another manager of the related model, as Django's related managers do.

        Where the relation is held, it shows of what is held what it would show of the rows.
        """
        superclass = getattr(self.model, manager).__class__
        live = self.live_manager(manager=manager).__class__ if has_row(self.instance) else self._live_manager_class
        other = build_manager_class(self._kind, superclass, self._relation, live, OtherManager)
        other._named = manager
        return other(self.instance)

    def __reduce__(self) -> Any:
        return (related_manager_of, (self.instance, self._relation.name))

    # Held or live

    @property
    def is_deferring(self) -> bool:
        """Whether the relation is held, so that changes wait for ``save()`` or ``commit()``."""
        return held_list(self.instance, self._relation) is not None

    @property
    def live_manager(self) -> Any:
        """Django's own related manager, which reads and writes the database at once."""
        live = self._live_manager_class(self.instance)
        live._db = self._db
        return live

    def get_live_queryset(self) -> QuerySet[Any]:
        """Return what the database has in this relation, whatever is held; no query until it is evaluated.

        Raises:
            ValueError: The instance has no primary key yet.
        """
        queryset: QuerySet[Any] = self.live_manager.get_queryset()
        return queryset

    def _live_rows(self) -> list[Model]:
        """Return the rows that the relation holds when it begins to."""
        return list(self.get_live_queryset())

    def get_object_list(self) -> HeldList:
        """Return the held list, beginning to hold a live relation (one query), so that its objects can be edited."""
        held = held_list(self.instance, self._relation)
        if held is None:
            rows = self._live_rows() if has_row(self.instance) else []
            held = begin_holding(self.instance, self._relation, rows)
            forget_prefetched(self.instance, self._relation)
        return held

    def get_queryset(self) -> QuerySet[Any]:
        """Return the held objects, or the database's where the relation is live; no query until it is evaluated."""
        held = held_list(self.instance, self._relation)
        if held is None:
            if has_row(self.instance):
                return self.get_live_queryset()
            held = self.get_object_list()
        source = source_of(self.instance, self._relation, held)
        if self._whole is None:
            return held_queryset(super().get_queryset(), source)
        return self._whole.over(source, self._db, self._hints)

    def commit(self) -> None:
        """Write what is held of this relation alone, in one transaction; afterwards it is live again.

        Raises:
            UnsavedParentError: The instance was never saved.
            StaleClusterError: A row that was to be updated is gone.
        """
        commit_relation(self.instance, self._relation, using=self._db)

    commit.alters_data = True  # type: ignore[attr-defined]

    async def acommit(self) -> None:
        """Do what ``commit()`` does, for async code."""
        await sync_to_async(self.commit)()

    acommit.alters_data = True  # type: ignore[attr-defined]

    def _check_types(self, objects: Iterable[Any]) -> None:
        for instance in objects:
            if not isinstance(instance, self.model):
                # Django's own words, of its related managers.
                raise TypeError(f"'{self.model._meta.object_name}' instance expected, got {instance!r}")

    # Prefetching: Django calls these two (`django.db.models.query.prefetch_one_level`).

    def get_prefetch_querysets(self, instances: list[Any], querysets: Sequence[Any] | None = None) -> PrefetchPlan:
        """Prefetch over saved and unsaved instances alike; held lists cost no query."""
        return prefetch_held_and_live(self, instances, querysets)

    def _apply_rel_filters(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.is_deferring or not has_row(self.instance):
            return held_queryset(queryset, source_of(self.instance, self._relation, self.get_object_list()))
        restricted: QuerySet[Any] = self.live_manager._apply_rel_filters(queryset)
        return restricted

    # Changing: each method holds the relation first, then works on the held queryset.

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Add new objects to the held list; they are written by ``save()``."""
        self.get_object_list()
        created: list[Any] = super().bulk_create(objs, *args, **kwargs)
        return created

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    async def abulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Do what ``bulk_create()`` does, for async code."""
        return await sync_to_async(self.bulk_create)(objs, *args, **kwargs)

    abulk_create.alters_data = True  # type: ignore[attr-defined]

    def bulk_update(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> int:
        """Change held objects as the given ones say; they are written by ``save()``."""
        self.get_object_list()
        return super().bulk_update(objs, *args, **kwargs)

    bulk_update.alters_data = True  # type: ignore[attr-defined]

    async def abulk_update(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> int:
        """Do what ``bulk_update()`` does, for async code."""
        return await sync_to_async(self.bulk_update)(objs, *args, **kwargs)

    abulk_update.alters_data = True  # type: ignore[attr-defined]

    def update(self, **kwargs: Any) -> int:
        """Set attributes of the held objects; they are written by ``save()``."""
        self.get_object_list()
        return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined]

    async def aupdate(self, **kwargs: Any) -> int:
        """Do what ``update()`` does, for async code."""
        return await sync_to_async(self.update)(**kwargs)

    aupdate.alters_data = True  # type: ignore[attr-defined]
