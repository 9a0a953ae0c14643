from __future__ import annotations

from django.apps import AppConfig


class TagsConfig(AppConfig):
    name = "tests.tags.app"
    label = "tags"
    default_auto_field = "django.db.models.BigAutoField"
