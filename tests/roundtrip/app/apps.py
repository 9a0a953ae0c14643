from __future__ import annotations

from django.apps import AppConfig


class RoundtripConfig(AppConfig):
    """Clusters whose rows point at one another in every way that Django has."""

    name = "tests.roundtrip.app"
    label = "roundtrip"
