"""What was done, counted per model and action."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

ACTIONS = (
    "collected", "inserted", "updated", "deleted", "redacted", "linked", "kept", "skipped", "failed",
)  # fmt: skip


@dataclass(slots=True)
class Report:
    """What an export, import, restore or erasure did.

    Reports add up with each other and with what Django's ``delete()`` returns, and unpack like that:
    ``total, by_label = report`` gives the deleted rows.

    Attributes:
        counts: By action, rows by label.
        sources: By name of a source, entries by action.
        notes: Sentences about what a reader would not expect.
        errors: What failed, by name of the source.
        keys: After a load: by model the new key of each key in the file.
    """

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    sources: dict[str, Counter[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    keys: dict[Any, dict[Any, Any]] = field(default_factory=dict, repr=False, compare=False)

    def count(self, action: str, label: str, number: int = 1) -> None:
        """Count rows of a model under an action."""
        if number:
            self.counts.setdefault(action, Counter())[label] += number

    def count_source(self, action: str, name: str, number: int = 1) -> None:
        """Count entries of a source under an action."""
        self.sources.setdefault(name, Counter())[action] += number

    def note(self, sentence: str) -> None:
        """Say something once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def of(self, action: str) -> dict[str, int]:
        """Return the rows counted under an action, by label.

        Raises:
            ValueError: There is no such action, so that a misspelt one is not taken for one that did not happen.
        """
        if action not in ACTIONS:
            raise ValueError(f"A report counts nothing as {action!r}; it has {', '.join(ACTIONS)}.")
        return dict(sorted(self.counts.get(action, {}).items()))

    @property
    def has_failed(self) -> bool:
        """Whether something could not be done."""
        return bool(self.errors or self.counts.get("failed"))

    def __iter__(self) -> Iterator[Any]:
        deleted = self.of("deleted")
        return iter((sum(deleted.values()), deleted))

    def __add__(self, other: object) -> Report:
        if isinstance(other, Report):
            total = Report()
            total._take(self)
            total._take(other)
            return total
        if isinstance(other, tuple):
            _, by_label = other
            return self + Report({"deleted": Counter(by_label)})
        return NotImplemented

    def __radd__(self, other: object) -> Report:
        return self + Report() if other == 0 else self.__add__(other)

    def _take(self, other: Report) -> None:
        for action, by_label in other.counts.items():
            self.counts.setdefault(action, Counter()).update(by_label)
        for name, by_action in other.sources.items():
            self.sources.setdefault(name, Counter()).update(by_action)
        for sentence in other.notes:
            self.note(sentence)
        self.errors.update(other.errors)
        for model, keys in other.keys.items():
            self.keys.setdefault(model, {}).update(keys)

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the key map as plain data."""
        counts: Mapping[str, Any] = {action: self.of(action) for action in ACTIONS if self.of(action)}
        return {
            "counts": counts,
            "sources": {name: dict(by_action) for name, by_action in sorted(self.sources.items())},
            "notes": list(self.notes),
            "errors": dict(self.errors),
        }

    def __str__(self) -> str:
        actions = [action for action in ACTIONS if self.of(action)]
        labels = sorted({label for action in actions for label in self.of(action)})
        rows = [
            ["", *actions],
            *([label, *(str(self.counts[action][label]) for action in actions)] for label in labels),
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = [
            "  ".join(cell.ljust(width) if not place else cell.rjust(width) for place, (cell, width) in
                      enumerate(zip(row, widths, strict=True)))
            for row in rows
        ]  # fmt: skip
        return "\n".join(line.rstrip() for line in (*table, *self._remarks()))

    def _remarks(self) -> Iterator[str]:
        for name, by_action in sorted(self.sources.items()):
            yield f"{name}: " + ", ".join(f"{number} {action}" for action, number in by_action.items())
        yield from self.notes
        for name, message in self.errors.items():
            yield f"{name} failed: {message}"
