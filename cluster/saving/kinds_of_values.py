"""Which values a column can have, in an order in which one that no row has is found soon."""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from itertools import count, product, repeat
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import connections
from django.db.models import (
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    DurationField,
    FileField,
    FloatField,
    GenericIPAddressField,
    IntegerField,
    TextField,
    TimeField,
    UUIDField,
)

TEXTS = (CharField, TextField, FileField)
SCALES = (IntegerField, DecimalField, FloatField, DateField, DurationField)
KINDS = (UUIDField, GenericIPAddressField, TimeField, *TEXTS, *SCALES)

# No two random texts of this length meet.
LONG = 12
# No two of these are the same to a collation that does not tell cases.
LETTERS = f"{string.digits}{string.ascii_lowercase}!#$%&()*+-/:;<=>?@[]^_{{|}}~"


@dataclass(frozen=True, slots=True)
class Scale:
    """Values that follow one another by steps."""

    start: Any
    step: Any
    lowest: Any = None
    highest: Any = None

    def after(self, value: Any, step: Any) -> Any:
        """Return the value one step on, or ``None`` where the scale ends, or has no steps that small."""
        try:
            moved = value + step
        except OverflowError:
            return None
        is_high_enough = self.lowest is None or moved >= self.lowest
        return moved if is_high_enough and (self.highest is None or moved <= self.highest) and moved != value else None

    def values(self) -> Iterator[Any]:
        """Return the values from the start on."""
        value = self.start
        while value is not None:
            yield value
            value = self.after(value, self.step)


def kind_of(field: Any) -> Any:
    """Return the field that tells what values a column has: of a foreign key, the one that it points at."""
    while field.is_relation:
        field = field.target_field
    return field


def can_be_made(field: Any) -> bool:
    """Whether a value can be made for a field that no row has; what is in a primary key stays."""
    is_in_key = field in field.model._meta.pk_fields
    return isinstance(kind_of(field), KINDS) and not is_in_key


def random_values(kind: Any) -> Iterator[Any] | None:
    """Return values that nobody has ever had, or ``None`` if there are too few for chance to be trusted."""
    if isinstance(kind, UUIDField):
        return (uuid4() for _ in repeat(None))
    if isinstance(kind, GenericIPAddressField) and kind.protocol.lower() != "ipv4":
        return (str(IPv6Address(uuid4().int)) for _ in repeat(None))
    if isinstance(kind, TEXTS) and (kind.max_length is None or kind.max_length >= LONG):
        return (uuid4().hex[: kind.max_length] for _ in repeat(None))
    return None


def scale_of(kind: Any, using: str) -> Scale | None:
    """Return the scale of a field whose values follow one another, within the bounds that every backend keeps."""
    if isinstance(kind, IntegerField):
        return Scale(0, 1, *connections[using].ops.integer_field_range(kind.get_internal_type()))
    if isinstance(kind, DecimalField):
        step = Decimal(1).scaleb(-kind.decimal_places)
        highest = Decimal(10) ** (kind.max_digits - kind.decimal_places) - step
        return Scale(Decimal(0), step, -highest, highest)
    if isinstance(kind, FloatField):
        return Scale(0.0, 1.0)
    if isinstance(kind, DurationField):
        return Scale(timedelta(), timedelta(seconds=1), timedelta(days=-(10**6)), timedelta(days=10**6))
    if isinstance(kind, DateTimeField):
        start = datetime(2000, 1, 1, tzinfo=UTC if settings.USE_TZ else None)
        return Scale(start, timedelta(days=1), start.replace(year=1000), start.replace(year=9999))
    if isinstance(kind, DateField):
        return Scale(date(2000, 1, 1), timedelta(days=1), date(1000, 1, 1), date.max)
    return None


def counted_values(kind: Any, using: str) -> Iterator[Any]:
    """Return the values of a field from some start on."""
    scale = scale_of(kind, using)
    if scale is not None:
        return scale.values()
    if isinstance(kind, TimeField):
        return (time(each // 3600, each // 60 % 60, each % 60, 1) for each in range(86_400))
    if isinstance(kind, GenericIPAddressField):
        return (str(IPv4Address(each)) for each in count(int(IPv4Address("10.0.0.0"))))
    return ("".join(letters) for letters in product(LETTERS, repeat=kind.max_length))
