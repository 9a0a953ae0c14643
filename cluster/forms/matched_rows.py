"""Which rows a formset has, and which children they stand for."""

from __future__ import annotations

from typing import Any

from django.db.models import prefetch_related_objects
from django.forms.formsets import INITIAL_FORM_COUNT, TOTAL_FORM_COUNT
from django.forms.models import BaseModelFormSet
from django.utils.functional import cached_property

from cluster._compat import is_pk_set
from cluster.forms.matching import ABSENT, NEW, KeyReader, Match, is_hidden_key, match_by_identity, match_keys
from cluster.forms.place import Place
from cluster.queryset import FakeQuerySet

# The stubs leave out much of what Django's own subclasses use.
ModelFormSetBase: Any = BaseModelFormSet


def shown_relations(form_class: Any) -> list[str]:
    """Return the lookups of all to-many relations that a form shows, its own and those of the formsets below."""
    meta = form_class._meta.model._meta
    names = [field.name for field in meta.many_to_many if field.name in form_class.base_fields]
    for formset_class in form_class.formsets.values():
        accessor = formset_class.fk.remote_field.get_accessor_name()
        names += [accessor, *(f"{accessor}__{name}" for name in shown_relations(formset_class.form))]
    return names


class MatchedRows(ModelFormSetBase):  # type: ignore[misc]
    """A model formset whose rows are matched to children by what they carry, and never by their position.

    Attributes:
        place: Where the formset is in the form of the whole cluster.
    """

    place: Place

    @property
    def key_name(self) -> str:
        """The name of the field with a row's key."""
        return str(self.model._meta.pk.name)

    @cached_property
    def has_hidden_key(self) -> bool:
        """Whether a row's key is in a hidden field, being none that people type."""
        return self.key_name not in self.form.base_fields or is_hidden_key(self.model._meta.pk)

    def get_queryset(self) -> Any:
        """Return the children as they are now, held or of the database."""
        queryset: Any = self.queryset
        if isinstance(queryset, FakeQuerySet) or getattr(queryset, "_result_cache", None) is not None:
            return queryset
        return super().get_queryset()

    @cached_property
    def children(self) -> list[Any]:
        """The children that there are, as the submission found them; forms work on copies of these.

        Reads one query, and one for each relation that forms of the rows show, at any depth.
        """
        children = list(self.get_queryset())
        stored = [child for child in children if not child._state.adding]
        prefetch_related_objects(stored, *shown_relations(self.form))
        return children

    @cached_property
    def matches(self) -> list[Match]:
        """What each submitted row stands for."""
        texts = [self._submitted_key(index) for index in range(self.total_form_count())]
        matches = match_keys(texts, self.initial_form_count(), self.children, KeyReader(self.model))
        # Rows are made to look closer at them, and ask for their match while they are.
        self.__dict__["matches"] = matches
        self._match_by_identity(matches)
        self._match_unsaved(matches)
        return matches

    def _match_by_identity(self, matches: list[Match]) -> None:
        """Match rows without key by a natural key, or by what is unique within the parent."""
        left, ways = self._unmatched(matches), self.ways_to_match()
        if not left or not ways:
            return
        forms = {index: self._construct_form(index) for index, match in enumerate(matches) if match is NEW}
        filled = {index: form for index, form in forms.items() if form.has_changed()}
        for index, child in match_by_identity(filled, left, ways).items():
            matches[index] = Match(child)

    def _match_unsaved(self, matches: list[Match]) -> None:
        """Match rows that were shown for children without key to these in turn, if there are as many as were shown."""
        unsaved = [child for child in self._unmatched(matches) if not is_pk_set(child)]
        shown = [index for index in range(self.initial_form_count()) if matches[index] is NEW]
        if len(shown) == len(unsaved):
            for index, child in zip(shown, unsaved, strict=True):
                matches[index] = Match(child)

    def _unmatched(self, matches: list[Match]) -> list[Any]:
        matched = {id(match.child) for match in matches}
        return [child for child in self.children if id(child) not in matched]

    def ways_to_match(self) -> list[tuple[Any, ...]]:
        """Return the sets of fields by which a row without key is found among the children."""
        return []

    def _submitted_key(self, index: int) -> Any:
        name = f"{self.add_prefix(index)}-{self.key_name}"
        text = self.data.get(name, ABSENT)
        return text if self.has_hidden_key or text is not ABSENT else None

    def _match_at(self, index: int | None) -> Match:
        if index is None:
            return NEW
        if self.is_bound:
            return self.matches[index]
        return Match(self.children[index]) if index < len(self.children) else NEW

    def initial_form_count(self) -> int:
        """Return how many rows stand for children: as shown, or as the submission claims, which decides little."""
        if not self.is_bound:
            return len(self.children)
        claimed: int = self.management_form.cleaned_data[INITIAL_FORM_COUNT]
        return max(0, min(claimed, self.total_form_count()))

    def total_form_count(self) -> int:
        """Return the number of rows; there is one for every initial value given."""
        total: int = super().total_form_count()
        if self.is_bound:
            total = min(total, self._row_limit)
        elif self.initial_extra:
            total = max(total, self.initial_form_count() + len(self.initial_extra))
        return max(0, total)

    @property
    def claims_too_many(self) -> bool:
        """Whether a submission claims more rows than the formset, or all formsets of rows together, may have."""
        return bool(self.is_bound and self._claimed_rows > self._row_limit)

    @property
    def _claimed_rows(self) -> int:
        claimed: int = self.management_form.cleaned_data[TOTAL_FORM_COUNT]
        return claimed

    @property
    def _row_limit(self) -> int:
        limit: int = self.absolute_max
        if self.place.is_below_row and not self.place.claims.grant(self.prefix, min(self._claimed_rows, limit)):
            return 0
        return limit

    def has_changed(self) -> bool:
        """Return whether a row differs from what was shown; also where there are too many to be read."""
        return self.claims_too_many or bool(super().has_changed())

    @property
    def initial_forms(self) -> list[Any]:
        """The rows that stand for children."""
        return [form for index, form in enumerate(self.forms) if self._match_at(index).child is not None]

    @property
    def extra_forms(self) -> list[Any]:
        """The rows for new children."""
        return [form for index, form in enumerate(self.forms) if self._match_at(index).child is None]
