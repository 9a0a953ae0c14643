"""How many rows a submission may claim in formsets of rows."""

from __future__ import annotations

from django.forms.formsets import DEFAULT_MAX_NUM


class Claims:
    """Keeps a short submission from claiming millions of rows.

    Every formset limits its own rows, but formsets of rows multiply: two names are enough to claim thousands of rows
    below each of a thousand rows. A row that a page has shown sends at least one name, so all formsets of rows together
    may have as many rows as there are names, and twice Django's usual number of rows that send nothing.

    Args:
        names: How many names the submission has.
    """

    def __init__(self, names: int) -> None:
        self._left = names + 2 * DEFAULT_MAX_NUM
        self._granted: dict[str, bool] = {}

    def grant(self, prefix: str, rows: int) -> bool:
        """Say whether the formset with a prefix may have so many rows; the same whenever it is asked."""
        if prefix not in self._granted:
            self._granted[prefix] = rows <= self._left
            self._left -= rows if self._granted[prefix] else 0
        return self._granted[prefix]
