"""A class-based view for whole clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.views.generic.edit import ModelFormMixin

from cluster.forms import ClusterForm, clusterform_factory
from cluster.forms.options import NESTING_OPTIONS, FormsetNames


class ClusterFormMixin(ModelFormMixin):  # type: ignore[type-arg]
    """Make ``CreateView`` and ``UpdateView`` edit a parent together with its children.

    Put it before the view: ``class BandUpdate(ClusterFormMixin, UpdateView)``. A valid form is saved as one cluster, in
    one transaction; an invalid one is shown again.

    Attributes:
        formsets: The formsets of the form, as in a form's ``Meta``.
        exclude_formsets: As in a form's ``Meta``.
        formset_defaults: As in a form's ``Meta``.
        form_class: A ``ClusterForm`` of your own in the place of ``fields`` and these.
    """

    formsets: ClassVar[FormsetNames] = None
    exclude_formsets: ClassVar[FormsetNames] = None
    formset_defaults: ClassVar[Mapping[str, Any] | None] = None

    def get_form_class(self) -> Any:
        """Return ``form_class``, or a form class for the model with ``fields`` and ``formsets``.

        Raises:
            ImproperlyConfigured: ``form_class`` is given together with ``formsets``, ``exclude_formsets`` or
                ``formset_defaults``; or neither it nor ``fields`` is given.
        """
        nesting = self._nesting()
        if self.form_class is not None:
            if nesting:
                raise ImproperlyConfigured(
                    f"Specifying both {' and '.join(['form_class', *nesting])} is not permitted: give the Meta of "
                    f"{self.form_class.__name__} the {', '.join(nesting)} of {type(self).__name__}."
                )
            return super().get_form_class()
        model = super().get_form_class()._meta.model
        return clusterform_factory(model, form=ClusterForm, fields=self.fields, **nesting)

    def _nesting(self) -> dict[str, Any]:
        return {name: value for name in NESTING_OPTIONS if (value := getattr(self, name)) is not None}
