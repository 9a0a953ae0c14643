"""Which copy was made of what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from django.db.models import Model

RowKey = tuple[Any, Any]
AnyModel = TypeVar("AnyModel", bound=Model)


def row_key(row: Model) -> RowKey | None:
    """Return the table and the primary key of a row, or ``None`` while it has no whole key."""
    pk = row.pk
    if pk is None or (isinstance(pk, tuple) and None in pk):
        return None
    return (row._meta.concrete_model, pk)


def row_keys(row: Model) -> Iterator[RowKey]:
    """Return the tables in which a row is, each with the key there; nothing while the row has no whole key."""
    key = row_key(row)
    if key is not None:
        yield key
        for parent in row._meta.all_parents:
            yield (parent._meta.concrete_model, getattr(row, parent._meta.pk.attname))


class CopyMap(dict[tuple[Any, Any], Any]):
    """The copies of all levels, by relation and by the primary key of the source.

    ``map[(relation, old_pk)]`` is a copy, where ``relation`` is the reverse relation of a ``ParentalKey`` as
    ``get_all_child_relations()`` gives it; ``map[(relation, None)]`` is the list of the copies of children that had no
    key. ``copy_of(source)`` finds the copy of an instance, the root included.
    """

    def __init__(self) -> None:
        super().__init__()
        self._by_identity: dict[int, tuple[Model, Model]] = {}
        self._by_key: dict[RowKey, Model] | None = None

    def note(self, source: Model, copied: Model) -> None:
        """Note which copy was made of a row."""
        self._by_identity[id(source)] = (source, copied)
        self._by_key = None

    def enter(self, relation: Any, source: Model, copied: Model) -> None:
        """Enter a copy under the relation through which its source was reached."""
        key = dict(row_keys(source)).get(relation.related_model._meta.concrete_model)
        if key is None:
            self.setdefault((relation, None), []).append(copied)
        else:
            self[(relation, key)] = copied

    def find(self, source: Model) -> Model | None:
        """Return the copy of an instance, or of its row, or ``None``."""
        known = self._by_identity.get(id(source))
        if known is not None:
            return known[1]
        key = row_key(source)
        return None if key is None else self._copies_by_key().get(key)

    def _copies_by_key(self) -> dict[RowKey, Model]:
        if self._by_key is None:
            self._by_key = {key: copied for source, copied in self.pairs() for key in row_keys(source)}
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
