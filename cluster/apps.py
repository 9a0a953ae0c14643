"""The app of the package; installing it is needed for its commands, templates and checks, not for its models."""

from __future__ import annotations

from django.apps import AppConfig


class ClusterConfig(AppConfig):
    """The app config of django-cluster."""

    name = "cluster"
    label = "cluster"
    verbose_name = "Clusters"
    default_auto_field = "django.db.models.BigAutoField"
