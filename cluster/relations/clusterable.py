"""The mark by which the lower layers know a parent, and what it holds."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Model

from cluster.relations.held import HeldList
from cluster.relations.state import has_row, state_of


class Clusterable(Model):
    """A model instance that can hold its relations in memory; ``ClusterableModel`` is one.

    An abstract model and no plain mixin, which migrations would name among the bases of every cluster.
    """

    class Meta:
        abstract = True

    def held_objects(self, accessor: str) -> Sequence[Model] | None:
        """Return the objects held for a relation, or ``None`` where the database answers; reads nothing.

        An instance that was never saved holds an empty list for every relation that nothing was added to.
        """
        state = state_of(self)
        if state is not None and accessor in state.held:
            return state.held[accessor]
        return None if has_row(self) else ()

    @property
    def _cluster_related_objects(self) -> dict[str, HeldList]:
        """The held lists by relation name; absent (``AttributeError``) until something is held."""
        state = state_of(self)
        if state is None or not state.held:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute '_cluster_related_objects'")
        return state.held
