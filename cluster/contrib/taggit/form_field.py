"""The form field for tags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from taggit.forms import TagField


class StorableTagField(TagField):  # type: ignore[misc]  # taggit has no types
    """Taggit's field, for which a name that the tag model cannot have is invalid.

    Args:
        tags: The model field.
        **kwargs: What ``TagField`` takes.
    """

    def __init__(self, tags: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tags = tags

    def clean(self, value: Any) -> Any:
        """Return the names."""
        names = super().clean(value)
        errors = list(self._errors_of(names))
        if errors:
            raise ValidationError(errors)
        return names

    def _errors_of(self, names: Iterable[str]) -> Iterator[ValidationError]:
        field = self.tags.through.tag_model()._meta.get_field("name")
        for name in names:
            try:
                field.run_validators(name)
            except ValidationError as error:
                # Django's messages do not tell which of the names is meant.
                yield from (ValidationError(f"{name}: {message}", code="invalid") for message in error.messages)
