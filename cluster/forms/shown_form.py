"""How a form of a cluster is shown, with what is below it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.forms import Media
from django.forms.models import BaseModelForm
from django.utils.text import capfirst

from cluster.forms.rendering import Rendered, own_template

# The stubs leave out much of what Django's own subclasses use.
ModelFormBase: Any = BaseModelForm


class ShownForm(Rendered, ModelFormBase):  # type: ignore[misc]
    """A model form that every way of rendering shows with its formsets."""

    instance: Any
    formsets: ClassVar[dict[str, Any]] = {}
    is_row: Any
    row_number: int | None = None

    template_name_div = "cluster/forms/div.html"
    template_name_p = "cluster/forms/p.html"
    template_name_table = "cluster/forms/table.html"
    template_name_ul = "cluster/forms/ul.html"

    @property
    def template_name(self) -> str:
        """The template of ``{{ form }}``: the renderer's own for the fields, with the formsets after them."""
        return "cluster/forms/form.html" if self.formsets else self.renderer.form_template_name

    def get_context(self) -> dict[str, Any]:
        """Return what the templates need: what Django's do, and the formsets."""
        context = super().get_context()
        context["errors"].field_id = self.errors_id
        return {**context, "formsets": list(self.formsets.values()), "own_template": own_template(self.renderer)}

    @property
    def html_id(self) -> str | None:
        """The ``id`` of the element around a row."""
        return f"{self.auto_id % self.prefix}_row" if self.auto_id and "%s" in str(self.auto_id) else None

    @property
    def errors_id(self) -> str | None:
        """What the ``id`` of the list of errors that concern no single field begins with."""
        return self.html_id if self.is_row else None

    @property
    def errors_html_id(self) -> str | None:
        """The ``id`` of the list of errors that concern no single field; ``None`` while there is none."""
        if not self.errors_id or not self.errors:
            return None
        has_some = self.non_field_errors() or any(field.errors for field in self.hidden_fields())
        return f"{self.errors_id}_error" if has_some else None

    @property
    def row_label(self) -> str:
        """The heading of a row: the name of the model, and a number for rows that have one."""
        name = capfirst(self.instance._meta.verbose_name)
        return f"{name} {self.row_number}" if self.row_number else str(name)

    @property
    def media(self) -> Media:
        """The media of the form and of all formsets below it."""
        media: Media = super().media
        for formset in self.formsets.values():
            media += formset.media
        return media

    def is_multipart(self) -> bool:
        """Return whether the form or a formset below it takes files."""
        return super().is_multipart() or any(formset.is_multipart() for formset in self.formsets.values())
