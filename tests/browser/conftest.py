"""The tests in a real browser: Debian's chromium, which ``CLUSTER_TEST_BROWSER`` can name another path for.

Without the ``browser`` dependencies they are not collected, and the head of the report says so.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings
from pytest_django.live_server_helper import LiveServer

CHROMIUM = os.environ.get("CLUSTER_TEST_BROWSER", "/usr/bin/chromium")
NEEDED = ("playwright", "axe_playwright_python")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
if not Path(CHROMIUM).exists():
    MISSING.append(CHROMIUM)
if MISSING and os.environ.get("CLUSTER_TEST_BROWSER"):
    raise pytest.UsageError(f"The browser tests were asked for, but there is no {', '.join(MISSING)}.")

collect_ignore_glob = ["test_*.py"] if MISSING else []


def pytest_report_header() -> str:
    return f"browser tests: {'not collected, no ' + ', '.join(MISSING) if MISSING else CHROMIUM}"


if not MISSING:
    from playwright.sync_api import sync_playwright

    @pytest.fixture(scope="module")
    def chromium():
        """A headless chromium."""
        # Playwright runs an event loop in this thread, in which Django would refuse to use the database.
        before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            yield browser
            browser.close()
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        if before is not None:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before

    @pytest.fixture(scope="module")
    def server(django_db_setup):
        """A server of the pages; pytest-django's own needs settings that no other test has."""
        templates = str(Path(__file__).parent / "templates")
        with override_settings(
            ALLOWED_HOSTS=["localhost"],
            MEDIA_URL="/media/",
            ROOT_URLCONF="tests.browser.urls",
            STATIC_URL="/static/",
            TEMPLATES=[{**settings.TEMPLATES[0], "DIRS": [templates]}],
        ):
            server = LiveServer("localhost")
            yield server
            server.stop()

    @pytest.fixture
    def site(transactional_db, server):
        """The address of the pages."""
        return server.url
