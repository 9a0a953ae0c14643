from __future__ import annotations

from django.apps import AppConfig


class DifferentialConfig(AppConfig):
    name = "tests.differential.app"
    label = "differential"
    default_auto_field = "django.db.models.BigAutoField"
