"""What a template needs to lay out a cluster's form by hand."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.simple_tag
def cluster_formset(form: Any, name: str) -> Any:
    """Return the formset of a form under a name: ``{% cluster_formset form "albums" as albums %}``.

    Raises:
        TemplateSyntaxError: The form has no such formset, or is none.
    """
    formsets = getattr(form, "formsets", {})
    try:
        return formsets[name]
    except KeyError:
        names = ", ".join(formsets) or "none"
        message = f"{type(form).__name__} has no formset {name!r}. Its formsets are: {names}."
        raise template.TemplateSyntaxError(message) from None


@register.simple_tag
def formset_start(formset: Any) -> SafeString:
    """Render what every formset must have before its rows: its own errors and the management form."""
    return mark_safe(f"{formset.shown_errors}{formset.management_form}")  # noqa: S308 - both are rendered by Django


@register.simple_tag
def row_start(form: Any) -> SafeString:
    """Render what every row must have: the errors that concern no visible field, and the hidden fields."""
    context = form.get_context()
    hidden = "".join(str(field) for field in context["hidden_fields"])
    return mark_safe(f"{context['errors']}{hidden}")  # noqa: S308 - both are rendered by Django


@register.simple_tag
def own_fields(form: Any, layout: str = "div") -> SafeString:
    """Render the fields of a form as ``{{ form.as_div }}`` does, without the formsets below it.

    Args:
        form: The form.
        layout: ``div``, ``p``, ``table`` or ``ul``.
    """
    return form.render(f"django/forms/{layout}.html")  # type: ignore[no-any-return]


@register.simple_tag
def empty_row(formset: Any, layout: str = "div") -> SafeString:
    """Render a row to make new ones of, in a ``<template>`` element that browsers do not show.

    A script copies its content and replaces the text in its ``data-prefix`` (such as ``albums-__prefix__``) by that of
    the new row (``albums-3``), then counts up the formset's ``TOTAL_FORMS``. Formsets below keep their own templates.

    Args:
        formset: The formset.
        layout: ``div``, ``p``, ``table`` or ``ul``.
    """
    form = formset.empty_form
    body = getattr(form, f"as_{layout}")()
    return format_html('<template data-formset="{}" data-prefix="{}">{}</template>', formset.prefix, form.prefix, body)
