"""Settings of the tests.

``CLUSTER_TEST_DB`` chooses the database: ``sqlite`` (default), ``postgresql`` or ``mariadb``, on this machine unless
``CLUSTER_TEST_HOST`` says otherwise. ``CLUSTER_TEST_DB_NAME`` is the stem of the names of the databases that a run
makes, so that two runs on one server do not meet.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

NAME = os.environ.get("CLUSTER_TEST_DB_NAME", "cluster")
HOST = os.environ.get("CLUSTER_TEST_HOST", "127.0.0.1")

SQLITE: dict[str, Any] = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
POSTGRESQL: dict[str, Any] = {
    "ENGINE": "django.db.backends.postgresql",
    "HOST": HOST,
    "USER": os.environ.get("PGUSER", "postgres"),
    "PASSWORD": os.environ.get("PGPASSWORD", ""),
}
MARIADB: dict[str, Any] = {
    "ENGINE": "django.db.backends.mysql",
    "HOST": HOST,
    "USER": os.environ.get("MYSQL_USER", "root"),
    "PASSWORD": os.environ.get("MYSQL_PASSWORD", ""),
    "OPTIONS": {"charset": "utf8mb4"},
    "TEST": {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_bin"},
}
SERVERS = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "mariadb": MARIADB}


def database(name: str) -> dict[str, Any]:
    """Return the settings of one alias; nothing in them is shared, as Django and pytest-django change them."""
    settings = deepcopy(SERVERS[os.environ.get("CLUSTER_TEST_DB", "sqlite")])
    settings.setdefault("NAME", name)
    # Tables are made from the models: an app without migrations may then point at one that has some.
    settings.setdefault("TEST", {})["MIGRATE"] = False
    return settings


DATABASES = {"default": database(NAME), "other": database(f"{NAME}_other")}

TESTS = Path(__file__).parent
# The models of the tutorial, which the examples of the documentation use.
TUTORIAL = str(TESTS.parent / "docs" / "tutorial")
if TUTORIAL not in sys.path:
    sys.path.append(TUTORIAL)

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sites",
    *(["taggit"] if importlib.util.find_spec("taggit") else []),
    "cluster",
    "tests.testapp",
    "music",
    *sorted(f"tests.{path.parent.parent.name}.app" for path in TESTS.glob("*/app/__init__.py")),
]

TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "only for the tests"
SITE_ID = 1
USE_TZ = True
# Not UTC, so that a date taken in the wrong zone shows.
TIME_ZONE = "Europe/Berlin"
