"""In which database the rows of a model are."""

from __future__ import annotations

from django.apps import apps
from django.db import router
from django.db.models import Model


class Databases:
    """Tells for each model whether it is in the database of the roots, and else in which."""

    def __init__(self, root: type[Model] | None, using: str) -> None:
        self.using = using
        self._is_routed_here = root is not None and router.db_for_read(root) == using
        self._known: dict[type[Model], str] = {}

    def is_elsewhere(self, model: type[Model]) -> bool:
        """Whether the rows of a model cannot be read where the roots are."""
        return not router.allow_migrate_model(self.using, model) or (
            self._is_routed_here and router.db_for_read(model) != self.using
        )

    def of(self, model: type[Model]) -> str:
        """Return the alias of the database of a model."""
        if model not in self._known:
            self._known[model] = router.db_for_read(model) if self.is_elsewhere(model) else self.using
        return self._known[model]

    def of_content_types(self) -> str:
        """Return the alias of the database of the content types."""
        is_there = apps.is_installed("django.contrib.contenttypes")
        return self.of(apps.get_model("contenttypes", "ContentType")) if is_there else self.using
