"""Where the templates of forms come from."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from django.apps import apps
from django.forms.renderers import DjangoTemplates
from django.utils.functional import cached_property

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
OURS = "cluster/forms/"


class PackagedTemplates(DjangoTemplates):
    """Finds this package's templates where they are, and otherwise what Django's own renderer finds."""

    @cached_property
    def engine(self) -> Any:
        """The template engine: Django's for forms, with one more directory."""
        directories = [*super().engine.dirs, TEMPLATES]
        return self.backend({"APP_DIRS": True, "DIRS": directories, "NAME": "clusterforms", "OPTIONS": {}})


@cache
def packaged_templates() -> PackagedTemplates:
    """Return the one renderer of this kind."""
    return PackagedTemplates()


def renderer_for(template_name: str, renderer: Any) -> Any:
    """Return what renders a template: the form's renderer, or our own where the app is not installed.

    Forms work without the app in ``INSTALLED_APPS``, but then no renderer finds their templates.
    """
    if template_name.startswith(OURS) and not apps.is_installed("cluster"):
        return packaged_templates()
    return renderer


class Rendered:
    """A form or formset whose templates are found with the app installed or not."""

    def render(self, template_name: str | None = None, context: Any = None, renderer: Any = None) -> Any:
        """Render as Django does."""
        this: Any = self
        name = template_name or this.template_name
        return super().render(name, context, renderer or renderer_for(name, this.renderer))  # type: ignore[misc]

    # As Django's: a template calls these.
    __str__: Any = render
    __html__: Any = render
