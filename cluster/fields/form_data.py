"""What a form gives to a field whose value is a relation: held by the package's forms, written by Django's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Model

from cluster.relations.state import has_row


class HeldFormData:
    """Mixed into a field whose value is a relation of the instance that can be held.

    Attributes:
        held_relation: Returns the manager of that relation of an instance.
    """

    held_relation: Callable[[Model], Any]

    def hold_form_data(self, instance: Model, data: Any) -> None:
        """Give an instance what a form was given, to be written by ``save()``."""
        super().save_form_data(instance, data)  # type: ignore[misc]

    def save_form_data(self, instance: Model, data: Any) -> None:
        """Give an instance what a form was given, and write it if the instance is saved.

        Django's own model forms, those of the admin among them, call this after the last ``save()`` of the instance.
        """
        self.hold_form_data(instance, data)
        if has_row(instance):
            self.held_relation(instance).commit()
