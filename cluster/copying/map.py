"""Which copy was made of what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from django.db.models import Model

from cluster.relations.held import Key, key_of, keys_in_tables

AnyModel = TypeVar("AnyModel", bound=Model)


class CopyMap(dict[tuple[Any, Any], Any]):
    """The copies of all levels, by relation and by the primary key of the source.

    ``map[(relation, old_pk)]`` is a copy, where ``relation`` is the reverse relation of a ``ParentalKey`` as
    ``get_all_child_relations()`` gives it; ``map[(relation, None)]`` is the list of the copies of children that had no
    key. ``copy_of(source)`` finds the copy of an instance, the root included.
    """

    def __init__(self) -> None:
        super().__init__()
        self._by_identity: dict[int, tuple[Model, Model]] = {}
        self._by_key: dict[Key, Model] | None = None

    def note(self, source: Model, copied: Model) -> None:
        """Note which copy was made of a row."""
        self._by_identity[id(source)] = (source, copied)
        self._by_key = None

    def enter(self, relation: Any, source: Model, copied: Model) -> None:
        """Enter a copy under the relation through which its source was reached."""
        key = dict(keys_in_tables(source)).get(relation.related_model._meta.concrete_model)
        if key is None:
            self.setdefault((relation, None), []).append(copied)
        else:
            self[(relation, key)] = copied

    def find(self, source: Model) -> Model | None:
        """Return the copy of an instance, or of its row, or ``None``."""
        known = self._by_identity.get(id(source))
        if known is not None:
            return known[1]
        key = key_of(source)
        return None if key is None else self._copies_by_key().get(key)

    def _copies_by_key(self) -> dict[Key, Model]:
        if self._by_key is None:
            self._by_key = {key: copied for source, copied in self.pairs() for key in keys_in_tables(source)}
        return self._by_key

    def copy_of(self, source: AnyModel) -> AnyModel:
        """Return the copy that was made of an instance.

        Raises:
            KeyError: The instance was not copied.
        """
        copied = self.find(source)
        if copied is None:
            raise KeyError(source)
        return copied  # type: ignore[return-value]

    def pairs(self) -> Iterator[tuple[Model, Model]]:
        """Return every source with its copy, parents before their children."""
        return iter(self._by_identity.values())
