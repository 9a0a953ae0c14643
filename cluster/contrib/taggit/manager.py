"""The manager of an instance's tags, held or live."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import router
from django.db.models import Value, prefetch_related_objects
from taggit.managers import _TaggableManager
from taggit.utils import require_instance_manager

from cluster.contrib.taggit.names import folded, give_slug, tags_named
from cluster.contrib.taggit.saving import give_tag
from cluster.contrib.taggit.similar import similar_objects
from cluster.fields.prefetching import PrefetchPlan, apart, plan_over
from cluster.queryset import FakeQuerySet
from cluster.relations.state import has_row


class HeldTagsManager(_TaggableManager):  # type: ignore[misc]  # taggit has no types
    """Adds and removes tags in memory, as children of the instance; ``save()`` writes them.

    A tag that is named by a string and has no tagged item yet is an unsaved tag object until then: the row that has the
    name is looked up, or made, by ``save()``, in one query for all names of the cluster. Reading a live instance's tags
    asks the database, as taggit does; the first change loads its tagged items with their tags (two queries).
    """

    def get_tagged_item_manager(self) -> Any:
        """Return the manager of the child relation by which the instance has its tagged items."""
        return self._field.items_of(self.instance)

    def get_queryset(self, extra_filters: dict[str, Any] | None = None) -> Any:
        """Return the held tags in the order in which they were given, or the stored ones where the instance is live."""
        if self.instance is None or not self._is_held():
            return self._of_instances_database(super().get_queryset(extra_filters))
        tags = FakeQuerySet(self.through.tag_model(), [item.tag for item in self._held_items()])
        if extra_filters:
            tags = tags.filter(**extra_filters)
        own_ordering = self._field.ordering
        return tags.order_by(*own_ordering) if own_ordering else tags.order_by()

    @require_instance_manager  # type: ignore[untyped-decorator]
    def add(
        self,
        *tags: Any,
        through_defaults: dict[str, Any] | None = None,
        tag_kwargs: dict[str, Any] | None = None,
        **_kwargs: Any,
    ) -> None:
        """Add tags by name or instance; those that are there already stay as they are.

        Raises:
            ValueError: A tag is neither a string nor a tag; nothing was added.
        """
        new = [self._tag(tag, tag_kwargs) for tag in tags]
        known = {folded(item.tag.name) for item in self._held_items()}
        for tag in new:
            if folded(tag.name) not in known:
                known.add(folded(tag.name))
                self._add_item(tag, through_defaults)

    @require_instance_manager  # type: ignore[untyped-decorator]
    def remove(self, *tags: Any) -> None:
        """Remove tags by name or instance."""
        names = {folded(self._tag(tag, None).name) for tag in tags}
        gone = [item for item in self._held_items() if folded(item.tag.name) in names]
        self.get_tagged_item_manager().remove(*gone)

    @require_instance_manager  # type: ignore[untyped-decorator]
    def set(
        self,
        tags: Iterable[Any],
        *,
        through_defaults: dict[str, Any] | None = None,
        tag_kwargs: dict[str, Any] | None = None,
        **_kwargs: Any,
    ) -> None:
        """Make the tags exactly these, names or instances; the tagged items of those that stay are kept.

        Prefetched tags that are these already are not loaded.

        Raises:
            ValueError: A tag is neither a string nor a tag; nothing was changed.
        """
        new = {folded(tag.name): tag for tag in [self._tag(tag, tag_kwargs) for tag in tags]}
        if not self._is_held() and self._prefetched_names() == frozenset(new):
            return
        items = {folded(item.tag.name): item for item in self._held_items()}
        self.get_tagged_item_manager().remove(*(item for name, item in items.items() if name not in new))
        for name, tag in new.items():
            if name not in items:
                self._add_item(tag, through_defaults)

    @require_instance_manager  # type: ignore[untyped-decorator]
    def clear(self) -> None:
        """Remove all tags."""
        self._remove_prefetched_objects()
        self.get_tagged_item_manager().clear()

    @require_instance_manager  # type: ignore[untyped-decorator]
    def similar_objects(self) -> Any:
        """Return other instances of the model by the number of tags they share with this one, the most first.

        Each has the number as ``similar_tags``. Two queries, whether the tags are held or not; of a generic through
        model, as in taggit, one for each model that has such objects, and these are of all models.
        """
        names = [tag.name for tag in self.all()]
        tags = tags_named(self.through.tag_model()._default_manager.using(self._database), names)
        shared = self.through._default_manager.using(self._database).filter(tag__in=tags)
        if has_row(self.instance):
            shared = shared.exclude(**self.through.lookup_kwargs(self.instance))
        return similar_objects(shared)

    def most_common(self, min_count: int | None = None, extra_filters: dict[str, Any] | None = None) -> Any:
        """Return tags by how often they are used, the most first, each with the number as ``num_times``.

        On the class over all instances; on an instance, as in taggit, over its own tagged items: each tag once.
        """
        if self.instance is None or not self._is_held():
            return super().most_common(min_count, extra_filters)
        tags = self.get_queryset(extra_filters).annotate(num_times=Value(1)).order_by("-num_times")
        return tags.filter(num_times__gte=min_count) if min_count else tags

    def get_prefetch_querysets(self, instances: list[Any], querysets: Sequence[Any] | None = None) -> PrefetchPlan:
        """Prefetch over instances that hold their tags and instances that do not: one query for the latter."""
        holders, live = apart(instances, lambda each: self._of(each)._is_held())
        if not holders or querysets:
            plan: PrefetchPlan = super().get_prefetch_querysets(instances, querysets)
            return plan
        held = [(each, self._of(each).all()) for each in holders]
        read = super(HeldTagsManager, self._of(live[0])).get_prefetch_querysets(live) if live else None
        return plan_over(self.prefetch_cache_name, held, read)

    def _of(self, instance: Any) -> HeldTagsManager:
        manager: HeldTagsManager = getattr(instance, self.prefetch_cache_name)
        return manager

    def _of_instances_database(self, tags: Any) -> Any:
        """Return stored tags from where the instance is, which taggit does not look at; prefetched ones as they are."""
        if self.instance is None or self._prefetched_names() is not None:
            return tags
        return tags.using(self._database)

    @property
    def _database(self) -> str:
        return str(self._db or router.db_for_read(self.through, instance=self.instance))

    @property
    def _field(self) -> Any:
        return type(self.instance)._meta.get_field(self.prefetch_cache_name)

    def _is_held(self) -> bool:
        return not has_row(self.instance) or bool(self.get_tagged_item_manager().is_deferring)

    def _held_items(self) -> list[Any]:
        """Return the held tagged items, beginning to hold them; the tags of all are fetched in one query."""
        self._remove_prefetched_objects()
        tag: Any = self.through._meta.get_field("tag")
        items = list(self.get_tagged_item_manager().get_object_list())
        unread = [item for item in items if getattr(item, tag.attname) is not None and not tag.is_cached(item)]
        prefetch_related_objects(unread, tag.name)
        # A tag that is missing, or gone while the item was in memory, is none; the database would say the same.
        items = [item for item in items if tag.get_cached_value(item, default=None) is not None]
        for item in items:
            give_slug(item.tag)
        return items

    def _prefetched_names(self) -> frozenset[str] | None:
        prefetched = getattr(self.instance, "_prefetched_objects_cache", {}).get(self.prefetch_cache_name)
        return None if prefetched is None else frozenset(folded(tag.name) for tag in prefetched)

    def _tag(self, tag: Any, tag_kwargs: dict[str, Any] | None) -> Any:
        tag_model = self.through.tag_model()
        if isinstance(tag, tag_model):
            return tag
        if isinstance(tag, str):
            unsaved = tag_model(name=tag, **(tag_kwargs or {}))
            give_slug(unsaved)
            return unsaved
        # taggit's own words.
        raise ValueError(f"Cannot add {tag} ({type(tag)}). Expected {tag_model} or str.")

    def _add_item(self, tag: Any, through_defaults: dict[str, Any] | None) -> None:
        item = self.through(**(through_defaults or {}))
        if tag._state.db is None:
            give_tag(item, tag)
        else:
            item.tag = tag
        self.get_tagged_item_manager().add(item)
