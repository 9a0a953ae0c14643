from __future__ import annotations

from django.apps import AppConfig


class DocsConfig(AppConfig):
    """Home of the models that the examples of a page define; its tables are made for that page's test."""

    name = "tests.docs.app"
    label = "docs"
