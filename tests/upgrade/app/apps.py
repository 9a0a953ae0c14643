from __future__ import annotations

from django.apps import AppConfig


class UpgradeConfig(AppConfig):
    """Models with every kind of field, which django-modelcluster can load too."""

    name = "tests.upgrade.app"
    label = "upgrade"
