"""Configuration of Sphinx."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

import cluster  # noqa: E402 - autodoc imports modules that need Django set up

project = "django-cluster"
author = "django-cluster contributors"
copyright = author  # noqa: A001 - Sphinx's name
version = release = cluster.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "tutorial/music"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "django-cluster"

autodoc_default_options = {"member-order": "bysource"}
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
napoleon_use_ivar = True

# Classes of Python and of Django, and annotations that name no documented object, have no page here.
nitpick_ignore_regex = [
    (r"py:.*", r"(asgiref|collections|dataclasses|datetime|decimal|django|enum|types|typing|uuid)\..*"),
    (r"py:.*", r"[A-Za-z_]+"),
    (r"py:.*", r"cluster\.(queryset|relations|saving|fields|comparing|copying)\..*"),
    (r"py:.*", r"cluster\.(serialization|collector|forms|contrib)\..*"),
]
