"""Rows that a file names without holding them: found by natural key, by lookup fields, or by the key itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist, ValidationError
from django.db.models import Model, Q

from cluster.collector.content_types import ContentTypes
from cluster.collector.databases import Databases
from cluster.collector.edges import has_natural_key
from cluster.collector.keys import chunk_size_for
from cluster.collector.literals import among
from cluster.collector.reading import FileRow
from cluster.collector.unique import any_of, rows_per_statement, unique_names
from cluster.errors import Problem, SerializedDataError
from cluster.saving.reading import chunks

CONTENT_TYPE = "contenttypes.ContentType"
DEEPEST = 2


class Names:
    """Finds named rows on one database, each once."""

    def __init__(self, databases: Databases, types: ContentTypes, chunk_size: int) -> None:
        self.databases = databases
        self.using = databases.using
        self.types = types
        self.chunk_size = chunk_size
        self._found: dict[type[Model], dict[tuple[Any, ...], Model]] = defaultdict(dict)
        self._expected: dict[tuple[type[Model], str], dict[Any, FileRow]] = defaultdict(dict)
        self._present: dict[tuple[type[Model], str], set[Any]] = defaultdict(set)

    def find(self, model: type[Model], name: list[Any], attname: str) -> Any:
        """Return the value of ``attname`` of the row with a natural key.

        Raises:
            LookupError: There is none, or more than one.
        """
        if model._meta.label == CONTENT_TYPE:
            number = self.types.number(*name)
            if number is None:
                raise LookupError(f"there is no content type {name!r}")
            return number
        key = _hashable(name)
        if key not in self._found[model]:
            self._found[model][key] = self._get(model, name)
        return getattr(self._found[model][key], attname)

    def _get(self, model: type[Model], name: Sequence[Any]) -> Model:
        manager: Any = model._default_manager.db_manager(self.databases.of(model))
        try:
            row: Model = manager.get_by_natural_key(*name)
        except ObjectDoesNotExist as error:
            raise LookupError(f"there is no {model._meta.label} with the natural key {name!r}") from error
        except (MultipleObjectsReturned, TypeError, ValueError, ValidationError) as error:
            raise LookupError(f"{name!r} is no natural key of {model._meta.label}: {error}") from error
        return row

    def prepare(self, model: type[Model], names: Iterable[list[Any]]) -> None:
        """Look up many natural keys at once; what cannot be found so is found one by one when it is asked for."""
        if model._meta.label == CONTENT_TYPE:
            return
        wanted = {_hashable(name): name for name in names}
        wanted = {key: name for key, name in wanted.items() if key not in self._found[model]}
        self._find_singly_named(model, [name[0] for name in wanted.values() if len(name) == 1])
        self._find_by_parts(model, [name for name in wanted.values() if len(name) > 1])

    def _find_singly_named(self, model: type[Model], parts: list[Any]) -> None:
        fields = [field for field in model._meta.concrete_fields if field.unique and not field.remote_field]
        for piece in chunks(parts, chunk_size_for(model, self.chunk_size, self.using) // max(1, len(fields))):
            condition = Q()
            for field in fields:
                condition |= Q(**{f"{field.name}__in": list(filter(_fits(field), piece))})
            self._take(model, condition)

    def _find_by_parts(self, model: type[Model], names: list[list[Any]]) -> None:
        """Find rows by several columns at once: which ones make up the name, one row that is found by it tells."""
        if len(names) <= 1:
            return
        names.sort(key=lambda name: len(set(map(repr, name))))
        first = names.pop()
        try:
            row = self._found[model][_hashable(first)] = self._get(model, first)
        except LookupError:
            return
        paths = columns_of(row, first)
        if paths is None:
            return
        for piece in chunks(names, rows_per_statement(self.using, self.chunk_size, len(paths))):
            alike = [tuple(name) for name in piece if len(name) == len(paths)]
            with suppress(ValueError, TypeError, ValidationError):
                self._take(model, any_of(paths, alike))

    def _take(self, model: type[Model], condition: Q) -> None:
        """Enter the rows that match a condition under their natural keys."""
        if not condition:
            return
        rows = model._base_manager.using(self.databases.of(model)).filter(condition)
        followed = [field.name for field in model._meta.concrete_fields if field.remote_field and not field.null]
        found: dict[Any, list[Model]] = defaultdict(list)
        for row in rows.select_related(*followed) if followed else rows:
            found[_hashable(row.natural_key())].append(row)  # type: ignore[attr-defined]
        # What has the same name as another is left to get_by_natural_key(), which refuses it or chooses.
        self._found[model].update({name: rows[0] for name, rows in found.items() if len(rows) == 1})

    def expect(self, row: FileRow, model: type[Model], value: Any, attname: str = "pk") -> None:
        """Note that a row needs a row that the file does not hold, and by which of its fields."""
        if value not in self._present[model, attname]:
            self._expected[model, attname].setdefault(value, row)

    def check_expected(self) -> None:
        """Look for all expected rows, one query per model and chunk.

        Raises:
            SerializedDataError: Some are missing.
        """
        problems = []
        for (model, attname), expected in self._expected.items():
            present = self._present[model, attname]
            for values in chunks(expected, chunk_size_for(model, self.chunk_size, self.using)):
                rows = model._base_manager.using(self.databases.of(model)).filter(among(attname, values))
                present.update(rows.values_list(attname, flat=True))
            problems += [
                Problem(f"line {row.line}", f"{row.model._meta.label} {row.key!r} needs {model._meta.label} {value!r},"
                        " which is neither in the file nor in the database.")
                for value, row in expected.items()
                if value not in present
            ]  # fmt: skip
        self._expected.clear()
        if problems:
            raise SerializedDataError(problems)


def _hashable(part: Any) -> Any:
    if isinstance(part, list | tuple):
        return tuple(map(_hashable, part))
    return repr(part) if isinstance(part, dict) else part


def columns_of(row: Model, name: Sequence[Any]) -> list[str] | None:
    """Return by which columns, of its own or of rows that it points at, a row has the parts of its natural key."""
    unique = {field for names in unique_names(type(row)) for field in names}
    values = list(column_values(row))
    # What takes part in something unique is more likely to be meant than what has the same value by chance.
    values.sort(key=lambda pair: pair[0].partition("__")[0] not in unique)
    paths: list[str] = []
    for part in name:
        path = next((path for path, value in values if path not in paths and str(value) == str(part)), None)
        if path is None:
            return None
        paths.append(path)
    return paths


def column_values(row: Model, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of each column of a row, and of the rows that it points at and must have."""
    for field in row._meta.concrete_fields:
        if not field.remote_field:
            yield f"{prefix}{field.name}", getattr(row, field.attname)
        elif not field.null and prefix.count("__") < DEEPEST:
            yield from column_values(getattr(row, field.name), f"{prefix}{field.name}__")


def _fits(field: Any) -> Any:
    kind = str if field.get_internal_type() in ("CharField", "TextField", "SlugField", "EmailField") else int
    return lambda value: isinstance(value, kind)


def is_name(model: type[Model], raw: Any) -> bool:
    """Whether a value in a file is a natural key of a model."""
    return isinstance(raw, list) and has_natural_key(model)
