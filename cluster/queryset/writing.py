"""Changes to a held relation through its queryset: in memory only, the database changes on save."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from django.core.exceptions import FieldError
from django.db import IntegrityError
from django.db.models import Model
from django.db.models.expressions import ColPairs
from django.db.models.sql import Query, UpdateQuery
from django.db.models.utils import resolve_callables

from cluster._compat import is_pk_set
from cluster.errors import NotInMemoryError
from cluster.queryset.private import DjangoQuerySet


class HeldWrites(DjangoQuerySet):
    """The methods of QuerySet that change rows."""

    _source: Any
    _plain: Any

    def create(self, **kwargs: Any) -> Any:
        """Build an instance and add it to the list; its row is written when the cluster is saved."""
        unknown = frozenset(kwargs).intersection(self.model._meta._reverse_one_to_one_field_names)
        if unknown:
            names = ", ".join(sorted(unknown))
            raise ValueError(f"The following fields do not exist in this model: {names}")
        instance = self._source.build(**kwargs)
        if instance.pk is not None and self._source.by_key(instance.pk) is not None:
            raise IntegrityError(f"A {self.model._meta.object_name} with the key {instance.pk!r} is held already.")
        self._source.add([instance])
        return instance

    def get_or_create(self, defaults: Any = None, **kwargs: Any) -> tuple[Any, bool]:
        """Return the held instance that matches, or a new one, and whether it is new."""
        try:
            return self.get(**kwargs), False
        except self.model.DoesNotExist:
            params = self._extract_model_params(defaults, **kwargs)
            return self.create(**dict(resolve_callables(params))), True

    def update_or_create(self, defaults: Any = None, create_defaults: Any = None, **kwargs: Any) -> tuple[Any, bool]:
        """Change the held instance that matches, or add a new one, and tell whether it is new."""
        update_defaults = defaults or {}
        if create_defaults is None:
            create_defaults = update_defaults
        instance, created = self.get_or_create(create_defaults, **kwargs)
        if not created:
            self._assign([(instance, name, value) for name, value in resolve_callables(update_defaults)])
        return instance, created

    def _assign(self, changes: list[tuple[Model, str, Any]]) -> None:
        """Set attributes of instances; none if one may not be set."""
        self._source.refuse_moves(changes)
        for instance, name, value in changes:
            setattr(instance, name, value)

    def bulk_create(
        self,
        objs: Iterable[Any],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,  # noqa: FBT001, FBT002  (Django's signature)
        update_conflicts: bool = False,  # noqa: FBT001, FBT002
        update_fields: Any = None,
        unique_fields: Any = None,
    ) -> list[Any]:
        """Add instances to the list; their rows are written when the cluster is saved."""
        if batch_size is not None and batch_size <= 0:
            raise ValueError("Batch size must be a positive integer.")
        if ignore_conflicts or update_conflicts:
            self._check_bulk_create_options(ignore_conflicts, update_conflicts, update_fields, unique_fields)
            raise self._refusal("bulk_create(ignore_conflicts or update_conflicts)", "call it on the live relation")
        instances = list(objs)
        for instance in instances:
            if not isinstance(instance, self.model):
                raise TypeError(f"'{self.model._meta.object_name}' instance expected, got {instance!r}")
        self._source.add(instances)
        return instances

    def update(self, **kwargs: Any) -> int:
        """Set attributes of the held instances; their rows are written when the cluster is saved.

        Expressions are worked out for all instances before any is changed.

        Returns:
            The number of instances that matched.
        """
        self._not_support_combined_queries("update")
        if self.query.is_sliced:
            raise TypeError("Cannot update a query once a slice has been taken.")
        if self.query.distinct_fields:
            raise TypeError("Cannot call update() after .distinct(*fields).")
        values = self._update_values(kwargs)
        query = self.query.chain()
        query.clear_ordering(force=True)
        changes = new_values(query, values, self.db)
        self._assign(changes)
        self._result_cache = None
        return len({id(instance) for instance, _, _ in changes}) if values else self.count()

    def _update_values(self, kwargs: dict[str, Any]) -> list[tuple[Any, Any]]:
        checked = self.query.chain(UpdateQuery)
        checked.add_update_values(kwargs)
        related = [item for items in checked.related_updates.values() for item in items]
        return [(field, value) for field, _, value in [*checked.values, *related]]

    def bulk_update(self, objs: Iterable[Any], fields: Any, batch_size: int | None = None) -> int:
        """Copy the named fields of the given objects to the held instances of the same key.

        Returns:
            The number of instances that matched.
        """
        if batch_size is not None and batch_size <= 0:
            raise ValueError("Batch size must be a positive integer.")
        if not fields:
            raise ValueError("Field names must be given to bulk_update().")
        changed = tuple(objs)
        if not all(is_pk_set(instance) for instance in changed):
            raise ValueError("All bulk_update() objects must have a primary key set.")
        attnames = [field.attname for field in self._bulk_update_fields(fields)]
        held = {instance.pk: instance for instance in self._instances()}
        matched = [(held[instance.pk], instance) for instance in changed if instance.pk in held]
        self._assign([(target, name, getattr(instance, name)) for target, instance in matched for name in attnames])
        return len({id(target) for target, _ in matched})

    def _bulk_update_fields(self, names: Any) -> list[Any]:
        opts = self.model._meta
        fields = [opts.get_field(name) for name in names]
        if any(not field.concrete for field in fields):
            raise ValueError("bulk_update() can only be used with concrete fields.")
        keys = {*opts.pk_fields, *(field for parent in opts.all_parents for field in parent._meta.pk_fields)}
        if any(field in keys for field in fields):
            raise ValueError("bulk_update() cannot be used with primary key fields.")
        return fields

    def delete(self) -> tuple[int, dict[str, int]]:
        """Take the instances out of the list; their rows are deleted when the cluster is saved.

        Returns:
            The number of instances taken out, and the same by model label; what the database will delete with them
            is not counted.
        """
        self._not_support_combined_queries("delete")
        if self.query.is_sliced:
            raise TypeError("Cannot use 'limit' or 'offset' with delete().")
        if self.query.distinct_fields:
            raise TypeError("Cannot call delete() after .distinct(*fields).")
        if self._fields is not None:
            raise TypeError("Cannot call delete() after .values() or .values_list()")
        gone = self._instances()
        self._source.remove(gone)
        self._result_cache = None
        return len(gone), {self.model._meta.label: len(gone)} if gone else {}

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def _instances(self) -> list[Any]:
        query = self.query.chain()
        query.clear_ordering(force=True)
        return list({id(instance): instance for instance, _ in query.get_compiler(self.db).instances()}.values())

    # What only the database can do -----------------------------------------------------------------------------------

    def raw(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: SQL needs the database."""
        raise self._refusal("raw()", "call it on the model's manager")

    def extra(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: SQL needs the database."""
        raise self._refusal("extra()", "write it with expressions")

    def explain(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: no query is run."""
        raise self._refusal("explain()", "explain the query of the live relation")

    def _raw_delete(self, using: str | None) -> NoReturn:
        raise self._refusal("_raw_delete()", "call delete()")

    def _update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise self._refusal("_update()", "call update()")

    def _insert(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise self._refusal("_insert()", "call create()")

    def _refusal(self, call: str, way_out: str) -> NotInMemoryError:
        name = self.model._meta.object_name
        return NotInMemoryError(
            f"Cannot run {call} on held {name} objects: it needs the database. Save the cluster first, or {way_out}."
        )


for _name in ("create", "get_or_create", "update_or_create", "bulk_create", "bulk_update", "update"):
    getattr(HeldWrites, _name).alters_data = True


def new_values(query: Any, values: Sequence[tuple[Any, Any]], using: str) -> list[tuple[Model, str, Any]]:
    """Work out what ``update()`` sets: instance, attribute and value, for every matching instance."""
    resolved = [(field, _resolved(query, field, value)) for field, value in values]
    rows, plan, compiler = query.get_compiler(using).rows()
    rows = list({id(row.tables[plan.base_alias]): row for row in rows}.values())
    changes = []
    for field, value in resolved:
        evaluate = compiler.compile(value) if hasattr(value, "resolve_expression") else None
        for row in rows:
            instance = row.tables[plan.base_alias]
            changes.append((instance, *_assignment(field, value if evaluate is None else evaluate(row))))
    return changes


def _resolved(query: Any, field: Any, value: Any) -> Any:
    if not hasattr(value, "resolve_expression"):
        return value
    owner = field.model._meta.concrete_model
    is_inherited = owner is not query.get_meta().concrete_model
    if is_inherited:
        # Django updates the parent's table by a query of its own, which knows the parent's fields alone.
        value.resolve_expression(Query(owner), allow_joins=False, for_save=True)
    value = value.resolve_expression(query, allow_joins=is_inherited, for_save=True)
    for what, is_there in (
        ("Aggregate functions", value.contains_aggregate),
        ("Window expressions", value.contains_over_clause),
        ("Composite primary keys expressions", isinstance(value, ColPairs)),
    ):
        if is_there:
            raise FieldError(f"{what} are not allowed in this query ({field.name}={value!r}).")
    return value


def _assignment(field: Any, value: Any) -> tuple[str, Any]:
    if isinstance(value, Model):
        if field.remote_field is None:
            raise TypeError(
                f"Tried to update field {field} with a model instance, {value!r}. Use a value compatible with "
                f"{type(field).__name__}."
            )
        return field.name, value
    return field.attname, field.to_python(value)
