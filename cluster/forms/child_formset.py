"""The formset of a child relation."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from django.db.models.manager import BaseManager

from cluster.forms.formsets import BaseTransientModelFormSet
from cluster.relations import HeldList, Relation, ensure_state
from cluster.relations.describe import child_relation
from cluster.relations.holding import begin_holding, held_list, new_list
from cluster.serialization.matching import ways_to_match


class BaseChildFormSet(BaseTransientModelFormSet):
    """A formset for the children of one relation.

    What it saves is held by the parent, whose ``save()`` writes it.

    Attributes:
        inherit_kwargs: Names of attributes of the parent's form that every row gets as keyword arguments.
        new_objects, changed_objects, deleted_objects: After ``save()``, what became of the rows, as in Django.
    """

    inherit_kwargs: ClassVar[Collection[str] | None] = None

    def __init__(
        self, data: Any = None, files: Any = None, instance: Any = None, queryset: Any = None, **kwargs: Any
    ) -> None:
        self.relation: Relation = child_relation(self.fk.remote_field)
        self.rel_name = self.relation.name
        self.covers_all = queryset is None
        self.instance = self.fk.remote_field.model() if instance is None else instance
        super().__init__(data, files, queryset=queryset, **kwargs)
        self.take_instance(self.instance)

    def take_instance(self, instance: Any) -> None:
        """Take the parent whose children are edited, before anything is read."""
        self.instance = instance
        if self.covers_all:
            self.queryset = getattr(instance, self.rel_name).get_queryset()

    @classmethod
    def get_default_prefix(cls) -> str:
        return str(cls.fk.remote_field.get_accessor_name(model=cls.model)).replace("+", "")

    def _new_form(self, arguments: dict[str, Any], index: int | None) -> Any:
        form = super()._new_form(arguments, index)
        self.relation.point(form.instance, self.instance)
        return form

    def ways_to_match(self) -> list[tuple[Any, ...]]:
        """Return the sets of fields by which a row without key is found: as in serialized data, plain ones alone."""
        return [way.fields for way in ways_to_match(self.relation) if way.is_plain]

    @property
    def is_complete(self) -> bool:
        """Whether the children that there are, are known in full: no queryset and no manager leaves some out."""
        manager: Any = self.model._default_manager
        return self.covers_all and type(manager).get_queryset is BaseManager.get_queryset

    def get_unique_error_message(self, unique_check: Any) -> Any:
        return super().get_unique_error_message([name for name in unique_check if name != self.fk.name])

    # Saving

    def save(self, commit: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - Django's signature
        """Give the rows to the parent's held relation.

        Args:
            commit: Whether to write the relation at once; the parent's ``save()`` does it otherwise.

        Returns:
            The children that were added or changed.

        Raises:
            ValueError: The formset is not valid; nothing is changed.
        """
        saved: list[Any] = super().save(commit=False)
        self._hold()
        if commit:
            getattr(self.instance, self.rel_name).commit()
            self.save_m2m()
        return saved

    save.alters_data = True  # type: ignore[attr-defined]

    def _hold(self) -> None:
        """Make the parent hold the resulting children in their order."""
        held = self._held()
        final = self._final_children(held)
        field = self.sort_order_name
        if field is not None:
            for position, child in enumerate(final):
                setattr(child, field, position)
        for child in self.saved_children.values():
            self.relation.point(child, self.instance)
        for child in self.rekeyed_children:
            child._state.adding = True
        ensure_state(self.instance).held[self.rel_name] = new_list(self.relation, final)

    @property
    def rekeyed_children(self) -> list[Any]:
        """The children whose key was edited: a row is removed under the old key and made under the new one."""
        before = {id(form): form.match.child for form in self.saved_forms if form.match.child is not None}
        return [child for key, child in self.saved_children.items() if key in before and child.pk != before[key].pk]

    def _held(self) -> HeldList:
        held = held_list(self.instance, self.relation)
        if held is None and self.covers_all and not self.instance._state.adding:
            held = begin_holding(self.instance, self.relation, self.children)
        manager = getattr(self.instance, self.rel_name)
        loaded: HeldList = manager.get_object_list() if held is None else held
        return loaded

    @property
    def sort_order_name(self) -> str | None:
        """The name of the child's field that receives 0, 1, 2, ... in the order of the rows."""
        return getattr(self.model, "sort_order_field", None) if self.can_order else None

    def _final_children(self, held: HeldList) -> list[Any]:
        """Return the resulting children: the rows' own where rows were changed, and what was held otherwise."""
        pairs = zip(self.forms, self.matches, strict=True)
        current = {id(form): held.find(match.child) for form, match in pairs if match.child is not None}
        kept = [form for form in self._in_order(self.forms) if self.is_kept(form)]
        rows = {id(form): self.saved_children.get(id(form), current.get(id(form))) for form in kept}
        gone = {id(child) for child in (*current.values(), *map(held.find, self.dropped_children))}
        if self.can_order:
            others = [child for child in held if id(child) not in gone]
            return [child for child in (*rows.values(), *others) if child is not None]
        in_place = {id(child): rows.pop(key, None) for key, child in current.items()}
        staying: list[Any] = [in_place.get(id(child)) if id(child) in gone else child for child in held]
        return [child for child in (*staying, *rows.values()) if child is not None]
