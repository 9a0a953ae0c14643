"""Where the templates of forms come from."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from django import forms
from django.apps import apps
from django.forms.renderers import BaseRenderer, EngineMixin
from django.template import TemplateDoesNotExist
from django.utils.functional import cached_property

HERE = Path(__file__).resolve().parent.parent
DJANGOS = Path(forms.__file__).parent
OURS = "cluster/forms/"


class PackagedTemplates(EngineMixin, BaseRenderer):
    """Finds this package's and Django's templates where they are, and otherwise those of installed apps.

    Args:
        backend: The class of the template engine, Django's or that for Jinja2.
    """

    def __init__(self, backend: Any) -> None:
        self.backend = backend

    @cached_property
    def engine(self) -> Any:
        """The template engine."""
        directories = [parent / self.backend.app_dirname for parent in (DJANGOS, HERE)]
        return self.backend({"APP_DIRS": True, "DIRS": directories, "NAME": "clusterforms", "OPTIONS": {}})


@cache
def packaged_templates(backend: Any) -> PackagedTemplates:
    """Return the one renderer for a kind of template engine."""
    return PackagedTemplates(backend)


def renderer_for(template_name: str, renderer: Any) -> Any:
    """Return what renders a template: the form's renderer, or our own where the app is not installed.

    Forms work without the app in ``INSTALLED_APPS``, but then renderers find only those of their templates that a
    project overrides.
    """
    if not template_name.startswith(OURS) or apps.is_installed("cluster"):
        return renderer
    try:
        renderer.get_template(template_name)
    except TemplateDoesNotExist:
        backend: Any = _template_of_plain_forms(renderer).backend
        return packaged_templates(backend.__class__)
    return renderer


def own_template(renderer: Any) -> Any:
    """Return what the template of a form includes for its own fields: the template that plain forms have."""
    name: str = renderer.form_template_name
    # Compiled where our own renderer may not find it.
    return name if apps.is_installed("cluster") else _template_of_plain_forms(renderer).template


def _template_of_plain_forms(renderer: Any) -> Any:
    return renderer.get_template(renderer.form_template_name)


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
