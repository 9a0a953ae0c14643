"""What a plain ``filter()`` or ``exclude()`` does to the instances, whole columns at a time.

The classes here and in ``plain.py`` are not frozen, for making a frozen instance takes longer than filtering three
rows; nothing changes them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection
from itertools import compress
from typing import Any

from django.db.models import Model

from cluster.queryset.plain_columns import PlainColumn


class Condition:
    """One lookup on a column.

    Attributes:
        column: The column.
        test: Compares a value of the column with ``value``.
        value: The prepared right side.
        skips_null: NULL in the column does not match, without asking the test.
        reads_keys: Whether a key to come is something, not NULL: for ``isnull``.
        is_key: Whether this asks for one primary key.
    """

    __slots__ = ("column", "is_key", "reads_keys", "skips_null", "test", "value")

    def __init__(self, column: PlainColumn, test: Callable[[Any, Any], Any], value: Any, skips_null: bool) -> None:  # noqa: FBT001  (keywords take their time)
        self.column = column
        self.test = test
        self.value = value
        self.skips_null = skips_null
        self.reads_keys = False
        self.is_key = test is operator.eq and column.is_own_key

    def matches(self, instance: Model) -> bool:
        """Tell whether one instance matches; the column is an own one."""
        column = self.column
        value = column.key(instance) if self.reads_keys else column.value(instance)
        return bool(self.test(value, self.value)) if value is not None or not self.skips_null else False

    def marks(self, instances: Collection[Model], using: Callable[[], str]) -> list[Any]:
        """Tell for each instance whether it matches."""
        column, test, value = self.column, self.test, self.value
        alias = using() if column.path else None
        if self.reads_keys:
            return [test(own, value) for own in column.keys(instances, alias)]
        values = column.values(instances, alias)
        if test is operator.eq:
            return [own == value for own in values]
        if test is is_member:
            return [own in value for own in values]
        if self.skips_null:
            return [own is not None and test(own, value) for own in values]
        return [test(own, value) for own in values]


class Filter:
    """The conditions of one ``filter()`` or ``exclude()``.

    Attributes:
        conditions: What must hold, all together.
        negated: Whether it must not.
        kwargs: The arguments, to build a query from when one is needed.
        key: The condition for one primary key, if this demands one.
    """

    __slots__ = ("conditions", "key", "kwargs", "negated")

    def __init__(self, conditions: list[Condition], kwargs: dict[str, Any], negated: bool) -> None:  # noqa: FBT001
        self.conditions = conditions
        self.kwargs = kwargs
        self.negated = negated
        self.key: Condition | None = None
        for condition in conditions:
            if condition.is_key and not negated:
                self.key = condition

    def matches(self, instance: Model) -> bool:
        """Tell whether one instance passes."""
        return all(condition.matches(instance) for condition in self.conditions) is not self.negated

    def select(self, instances: Collection[Model], using: Callable[[], str]) -> list[Model]:
        """Return the instances that pass."""
        conditions = self.conditions
        if len(conditions) == 1:
            marks = conditions[0].marks(instances, using)
            return list(compress(instances, map(operator.not_, marks) if self.negated else marks))
        passed = instances
        for condition in conditions:
            passed = list(compress(passed, condition.marks(passed, using)))
        if not self.negated:
            return passed  # type: ignore[return-value]
        out = set(map(id, passed))
        return [item for item in instances if id(item) not in out]


def is_member(value: Any, values: Any) -> bool:
    """Tell whether a value is among others of its type."""
    return value in values
