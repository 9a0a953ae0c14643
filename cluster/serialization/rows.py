"""Children read as rows: the data of live children, without an instance being made of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.db.models.query import ModelIterable
from django.db.models.signals import post_init, pre_init

from cluster.serialization.live_state import UNHELD
from cluster.serialization.outgoing import Convert, comes_as_data
from cluster.serialization.plans import ModelPlan

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RowPlan:
    """How a row of chosen columns becomes data.

    Attributes:
        attnames: The columns to read: the key, what is written, what relations point at, and the parent's key.
        index: The place of each column.
        names: The names in the data of the first columns.
        converted: The names whose values may have to be converted, with the classes that pass and the conversion.
        parent: The place of the key that points at the parent.
    """

    plan: ModelPlan
    attnames: tuple[str, ...]
    index: dict[str, int]
    names: tuple[str, ...]
    converted: tuple[tuple[str, frozenset[type], Convert, Any], ...]
    parent: int

    @classmethod
    def of(cls, plan: ModelPlan, parent_attname: str) -> RowPlan:
        """Return the plan for the rows of a class."""
        written = [attname for _, attname, *_ in plan.written]
        names = [name for name, *_ in plan.written]
        converted = [(name, passed, convert, each) for name, _, passed, convert, each in plan.written]
        if not plan.has_composite_key:
            part = plan.key[0]
            written, names = [part.attnames[0], *written], ["pk", *names]
            converted.append(("pk", part.outgoing.passed, part.outgoing.convert, part.field))
        attnames = tuple(dict.fromkeys((*written, *_pointed_at(plan), parent_attname)))
        return cls(
            plan=plan,
            attnames=attnames,
            index={attname: at for at, attname in enumerate(attnames)},
            names=tuple(names),
            converted=tuple(each for each in converted if not comes_as_data(each[3])),
            parent=attnames.index(parent_attname),
        )

    def data_of(self, row: tuple[Any, ...]) -> Data:
        """Return the data of the key and the fields of a row."""
        data: Data = dict(zip(self.names, row, strict=False))
        for name, passed, convert, column in self.converted:
            value = data[name]
            if value.__class__ not in passed:
                data[name] = convert(column, UNHELD, value)
        if self.plan.has_composite_key:
            key = [part.to_data(row[self.index[part.attnames[0]]]) for part in self.plan.key]
            data = {"pk": key, **data}
        return data


def _pointed_at(plan: ModelPlan) -> list[str]:
    """Return the attnames of what children and links of a class point at."""
    children = [each.field.target_field.attname for each in plan.children]
    through = [each.rel.through._meta.get_field(each.field.m2m_field_name()) for each in plan.links]
    return [*children, *(each.target_field.attname for each in through)]


def can_be_read_as_rows(plan: ModelPlan, queryset: Any) -> bool:
    """Whether rows tell what instances would: nothing of the project's own runs when an instance is made or written."""
    return not plan.needs_instances and not _makes_instances_its_own_way(queryset) and not _is_watched(plan.model)


def _makes_instances_its_own_way(queryset: Any) -> bool:
    query = queryset.query
    return bool(
        queryset._iterable_class is not ModelIterable
        or queryset._prefetch_related_lookups
        or query.distinct
        or query.combinator
        or query.is_sliced
    )


def _is_watched(model: type[Model]) -> bool:
    return bool(pre_init.has_listeners(model) or post_init.has_listeners(model))
