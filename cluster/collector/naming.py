"""Rows that a file names without holding them: found by natural key, by lookup fields, or by the key itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model, Q

from cluster.collector.content_types import ContentTypes
from cluster.collector.edges import has_natural_key
from cluster.collector.keys import chunk_size_for, chunks
from cluster.collector.literals import among
from cluster.collector.reading import FileRow
from cluster.errors import Problem, SerializedDataError


class Names:
    """Finds named rows on one database, each once."""

    def __init__(self, using: str, types: ContentTypes, chunk_size: int) -> None:
        self.using = using
        self.types = types
        self.chunk_size = chunk_size
        self._found: dict[type[Model], dict[tuple[Any, ...], Model]] = defaultdict(dict)
        self._expected: dict[type[Model], dict[Any, FileRow]] = defaultdict(dict)
        self._present: dict[type[Model], set[Any]] = defaultdict(set)

    def find(self, model: type[Model], name: list[Any], attname: str) -> Any:
        """Return the value of ``attname`` of the row with a natural key.

        Raises:
            LookupError: There is none.
        """
        if model._meta.label == "contenttypes.ContentType":
            number = self.types.number(*name)
            if number is None:
                raise LookupError(f"there is no content type {name!r}")
            return number
        key = tuple(map(_hashable, name))
        if key not in self._found[model]:
            manager: Any = model._default_manager.db_manager(self.using)
            try:
                self._found[model][key] = manager.get_by_natural_key(*name)
            except ObjectDoesNotExist as error:
                raise LookupError(f"there is no {model._meta.label} with the natural key {name!r}") from error
        return getattr(self._found[model][key], attname)

    def prepare(self, model: type[Model], names: Iterable[list[Any]]) -> None:
        """Look up many natural keys at once, where a unique field tells them; what is left is found one by one."""
        wanted = {tuple(map(_hashable, name)) for name in names} - self._found[model].keys()
        fields = [field for field in model._meta.concrete_fields if field.unique and not field.remote_field]
        singles = [name[0] for name in wanted if len(name) == 1]
        for piece in chunks(singles, chunk_size_for(model, self.chunk_size, self.using) // max(1, len(fields))):
            condition = Q()
            for field in fields:
                condition |= Q(**{f"{field.name}__in": list(filter(_fits(field), piece))})
            for row in model._base_manager.using(self.using).filter(condition):
                self._found[model][tuple(map(_hashable, row.natural_key()))] = row  # type: ignore[attr-defined]

    def expect(self, row: FileRow, model: type[Model], key: Any) -> None:
        """Note that a row needs a row that the file does not hold."""
        if key not in self._present[model]:
            self._expected[model].setdefault(key, row)

    def check_expected(self) -> None:
        """Look for all expected rows, one query per model and chunk.

        Raises:
            SerializedDataError: Some are missing.
        """
        problems = []
        for model, expected in self._expected.items():
            for keys in chunks(expected, chunk_size_for(model, self.chunk_size, self.using)):
                rows = model._base_manager.using(self.using).filter(among("pk", keys))
                self._present[model].update(rows.values_list("pk", flat=True))
            problems += [
                Problem(f"line {row.line}", f"{row.model._meta.label} {row.key!r} needs {model._meta.label} {key!r},"
                        " which is neither in the file nor in the database.")
                for key, row in expected.items()
                if key not in self._present[model]
            ]  # fmt: skip
        self._expected.clear()
        if problems:
            raise SerializedDataError(problems)


def _hashable(part: Any) -> Any:
    return tuple(map(_hashable, part)) if isinstance(part, list | tuple) else part


def _fits(field: Any) -> Any:
    kind = str if field.get_internal_type() in ("CharField", "TextField", "SlugField", "EmailField") else int
    return lambda value: isinstance(value, kind)


def is_name(model: type[Model], raw: Any) -> bool:
    """Whether a value in a file is a natural key of a model."""
    return isinstance(raw, list) and has_natural_key(model)
