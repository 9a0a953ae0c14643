"""The app of the package; installing it is needed for its commands, templates and checks, not for its models."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks


class ClusterConfig(AppConfig):
    """The app config of django-cluster."""

    name = "cluster"
    label = "cluster"
    verbose_name = "Clusters"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks that are not those of one model."""
        # Here and not above, as Django's documentation has it: app configs are imported before there can be models.
        from cluster.collector.checks import check_collectors  # noqa: PLC0415

        checks.register(check_collectors)
