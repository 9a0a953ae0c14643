"""Where a form is in the form of a whole cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from django.db.models import Model

from cluster.forms.choices import ChoicePool
from cluster.forms.claims import Claims


@dataclass(frozen=True, slots=True)
class Place:
    """What the forms and formsets of one cluster have in common, and how the field names at this place look.

    Attributes:
        pool: The choices and submitted keys that all rows share.
        pattern: A regular expression for the prefixes at this place.
        claims: How many rows the formsets of rows may have all together.
        formset: The formset of which the form is a row, if it is one.
        is_below_row: Whether a formset is one of a row.
        is_top: Whether nothing is above: what stands here answers for all that is below.
    """

    pool: ChoicePool
    pattern: str
    claims: Claims
    formset: Any = None
    is_below_row: bool = False
    is_top: bool = False

    @classmethod
    def top(cls, data: Mapping[str, Any], prefix: str | None, instance: Model | None = None) -> Self:
        """Return the place of a form or formset that stands alone, and of the instance that it edits."""
        return cls(ChoicePool(data, instance), re.escape(prefix or ""), Claims(len(data)), is_top=True)

    def of_formset(self, prefix: str, name: str) -> Self:
        """Return the place of a formset of the form at this place."""
        below = rf"{self.pattern}-{re.escape(name)}" if self.formset else re.escape(prefix)
        return type(self)(self.pool, below, self.claims, is_below_row=self.formset is not None)

    def of_rows(self, formset: Any) -> Self:
        """Return the place of the rows of the formset at this place."""
        return type(self)(self.pool, rf"{self.pattern}-[0-9]+", self.claims, formset)
