"""The choices and the submitted keys of relation fields, read once for all rows of a cluster's form.

Django's ``ModelChoiceField`` asks the database once per row for the submitted object, and once per row for the
choices. Here the rows share a queryset per field that answers those two questions from one query each. It stays a
queryset of the same class, and any other question (or a queryset that a form puts in its place) goes to the database.
"""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db import connections, router
from django.db.models import IntegerField, Model, QuerySet
from django.forms import BaseForm, JSONField
from django.forms.models import ModelChoiceField, apply_limit_choices_to_to_formfield

from cluster.forms.json_field import AnyTextJSONField
from cluster.forms.selects import share_options
from cluster.queryset import FakeQuerySet
from cluster.saving.reading import CHUNK, chunks
from cluster.serialization.targets import can_be_asked

_UNREADABLE = (TypeError, ValueError, OverflowError, ValidationError)


class SubmittedNames:
    """The names in a submission by their last part, so that all values of one field are found without a scan."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data

    @functools.cached_property
    def _by_last_part(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for name in self._data:
            names.setdefault(str(name).rpartition("-")[2], []).append(name)
        return names

    def values(self, last_part: str, pattern: re.Pattern[str]) -> Iterator[Any]:
        """Yield all values under the names that end in ``last_part`` and match the pattern of what comes before."""
        read: Any = getattr(self._data, "getlist", None)
        for name in self._by_last_part.get(last_part, ()):
            if pattern.fullmatch(name):
                value = read(name) if read else self._data[name]
                yield from value if isinstance(value, list | tuple) else (value,)


class SharedChoices:
    """The objects behind one relation field, for all rows that have the field.

    Args:
        queryset: What may be chosen.
        key: The attribute by which the field names objects.
        submitted: Gives the values that the submission names.
    """

    def __init__(self, queryset: QuerySet[Any], key: str, submitted: Callable[[], Iterable[Any]]) -> None:
        self.queryset = queryset
        self.key = key
        self._submitted = submitted
        self._positions: dict[int, int] = {}
        self._checked: dict[Any, QuerySet[Any]] = {}

    @functools.cached_property
    def rows(self) -> list[Model]:
        """All objects that may be chosen; one query."""
        return list(self.queryset)

    @functools.cached_property
    def _key_field(self) -> Any:
        meta = self.queryset.model._meta
        field: Any = meta.pk if self.key == "pk" else meta.get_field(self.key)
        while field.remote_field is not None:
            field = field.remote_field.get_related_field()
        return field

    @functools.cached_property
    def _wanted(self) -> set[Any]:
        return {key for value in self._submitted() if (key := self._readable(value)) is not None}

    @functools.cached_property
    def _found(self) -> dict[Any, Model]:
        if "rows" in self.__dict__:
            chosen = self.rows
        else:
            wanted = [key for key in self._wanted if self._can_be_stored(key)]
            size = connections[self.queryset.db].features.max_query_params or CHUNK
            read = (self.queryset.filter(**{f"{self.key}__in": chunk}) for chunk in chunks(wanted, size))
            chosen = list(chain.from_iterable(read))
        self._positions = {id(row): position for position, row in enumerate(chosen)}
        return {getattr(row, self.key): row for row in chosen}

    def _can_be_stored(self, key: Any) -> bool:
        """Whether a key is within what its column can hold; asking for others is an error in some databases."""
        if not isinstance(self._key_field, IntegerField):
            return True
        kind = self._key_field.get_internal_type()
        low: Any
        high: Any
        low, high = connections[self.queryset.db].ops.integer_field_range(kind.replace("Auto", "Integer"))
        return (low is None or key >= low) and (high is None or key <= high)

    def _readable(self, value: Any) -> Any:
        """Return a submitted value as a key, or ``None`` where it is none."""
        if value is None or value == "":
            return None
        try:
            key = self._key_field.to_python(value)
            hash(key)
        except _UNREADABLE:
            return None
        return key if self._can_be_asked(key) else None

    def _can_be_asked(self, key: Any) -> bool:
        return not isinstance(key, str) or can_be_asked(key)

    def find(self, value: Any) -> Model | None:
        """Return the object that a value names; ``None`` where the database must be asked."""
        key = self._readable(value)
        return None if key is None else self._found.get(key)

    def is_missing(self, value: Any) -> bool:
        """Say whether there can be no such object, or the one query for all submitted keys told that there is none."""
        key = self._readable(value)
        if key is None or key in self._found:
            return not self._can_be_asked(value)
        # Two texts can be one key to the database, which knows its collation.
        return not self._can_be_stored(key) or (key in self._wanted and not isinstance(key, str))

    def among(self, values: Iterable[Any]) -> list[Model] | None:
        """Return the objects named by values in the queryset's order; ``None`` where the database must be asked."""
        found = {}
        for value in values:
            row = self.find(value)
            if row is None and not self.is_missing(value):
                return None
            if row is not None:
                found[id(row)] = row
        return sorted(found.values(), key=lambda row: self._positions[id(row)])

    def checked(self, value: Any, restrict: Callable[[], QuerySet[Any]]) -> QuerySet[Any]:
        """Return the choices restricted to one value, made once: a multiple choice field restricts only to check."""
        if value not in self._checked:
            self._checked[value] = restrict()
        return self._checked[value]


class SharedQuerySet(QuerySet[Any]):
    """A queryset of choices whose usual questions are answered from ``SharedChoices``."""

    _shared: SharedChoices | None = None

    def all(self) -> Any:
        """Return a copy that shares the answers too: it asks for the same objects."""
        clone = super().all()
        clone._shared = self._shared
        return clone

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Return the one object, without a query where it is named by the field's key."""
        if self._shared is None or args or list(kwargs) != [self._shared.key]:
            return super().get(*args, **kwargs)
        value = kwargs[self._shared.key]
        found = self._shared.find(value)
        if found is not None:
            return found
        if self._shared.is_missing(value):
            raise self.model.DoesNotExist(f"{self.model._meta.object_name} matching query does not exist.")
        return super().get(*args, **kwargs)

    def filter(self, *args: Any, **kwargs: Any) -> Any:
        """Return the objects that match; those named by the field's key are there without a query."""
        shared = self._shared
        if shared is None or args or len(kwargs) != 1:
            return super().filter(*args, **kwargs)
        ((lookup, value),) = kwargs.items()
        if lookup == shared.key and isinstance(value, str):
            return shared.checked(value, functools.partial(super().filter, **kwargs))
        filtered = super().filter(**kwargs)
        if lookup == f"{shared.key}__in":
            filtered._result_cache = shared.among(value)
        return filtered

    def iterator(self, *args: Any, **kwargs: Any) -> Any:
        """Iterate over the choices, read once for all rows."""
        return super().iterator(*args, **kwargs) if self._shared is None else iter(self._shared.rows)

    def _fetch_all(self) -> None:
        if self._shared is not None and self._result_cache is None:
            self._result_cache = self._shared.rows
        super()._fetch_all()


@functools.cache
def _shared_class(queryset_class: type[QuerySet[Any]]) -> type[SharedQuerySet]:
    bases = (SharedQuerySet,) if queryset_class is QuerySet else (SharedQuerySet, queryset_class)
    return type(f"Shared{queryset_class.__name__}", bases, {"__module__": __name__})


def share(queryset: QuerySet[Any], shared: SharedChoices) -> SharedQuerySet:
    """Return a queryset like ``queryset`` whose usual questions are answered from ``shared``."""
    sharing = cast("SharedQuerySet", queryset.all())
    sharing.__class__ = _shared_class(type(queryset))
    sharing._shared = shared
    return sharing


def is_shared(field: Any) -> bool:
    """Say whether a form field still has the shared choices, so that what it accepted is in the database."""
    return isinstance(field, ModelChoiceField) and getattr(field.queryset, "_shared", None) is not None


class ChoicePool:
    """The shared choices of all forms of one cluster's form: one set per form class and field.

    Args:
        data: The submission.
        root: The instance of the whole form, by which routers tell the database; ``None`` if there is none.
    """

    def __init__(self, data: Mapping[str, Any], root: Model | None) -> None:
        self._names = SubmittedNames(data)
        self._hints = {} if root is None else {"instance": root}
        self._fields: dict[Any, dict[str, Any]] = {}

    def database_of(self, model: type[Model]) -> str:
        """Return the database that is asked for rows of a model: where the whole form's instance is, or a router's."""
        return router.db_for_read(model, **self._hints)

    def fields_for(self, form_class: type[BaseForm], place: str, *, is_row: bool) -> dict[str, Any]:
        """Return the base fields for a form or the rows of a formset, those of relations with shared choices.

        Args:
            form_class: The class of the form.
            place: A pattern of the prefixes that such forms have.
            is_row: Whether there can be many such forms, whose select elements are worth sharing.
        """
        fields = self._fields.get((form_class, place))
        if fields is None:
            base: dict[str, Any] = form_class.base_fields  # type: ignore[attr-defined]
            fields = {name: self._shared_field(name, field, place, is_row=is_row) for name, field in base.items()}
            self._fields[form_class, place] = fields
        return fields

    def _shared_field(self, name: str, field: Any, place: str, *, is_row: bool) -> Any:
        queryset = getattr(field, "queryset", None)
        if type(field) is JSONField:
            field = copy.deepcopy(field)
            field.__class__ = AnyTextJSONField
        if not isinstance(field, ModelChoiceField) or queryset is None or isinstance(queryset, FakeQuerySet):
            return field
        field = copy.deepcopy(field)
        apply_limit_choices_to_to_formfield(field)
        field.limit_choices_to = None
        field.queryset = self._where_the_root_is(field.queryset)
        pattern = re.compile(f"{place}-{re.escape(name)}" if place else re.escape(name))
        submitted = functools.partial(self._names.values, name, pattern)
        shared = SharedChoices(field.queryset, field.to_field_name or "pk", submitted)
        field.queryset = share(field.queryset, shared)
        if is_row:
            share_options(field.widget)
        return field

    def _where_the_root_is(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return a queryset that names no database for the one from which what is chosen can be related."""
        named: Any = queryset._db  # type: ignore[attr-defined]
        database = self.database_of(queryset.model)
        return queryset if named or queryset.db == database else queryset.using(database)
