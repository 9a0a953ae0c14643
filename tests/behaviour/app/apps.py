from __future__ import annotations

from django.apps import AppConfig


class BehaviourConfig(AppConfig):
    name = "tests.behaviour.app"
    label = "behaviour"
    default_auto_field = "django.db.models.BigAutoField"
