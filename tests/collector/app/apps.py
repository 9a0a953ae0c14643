from __future__ import annotations

from django.apps import AppConfig


class ZooConfig(AppConfig):
    name = "tests.collector.app"
    label = "zoo"
