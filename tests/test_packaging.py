from __future__ import annotations

import importlib.metadata
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import cluster

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SOURCES = sorted((ROOT / "cluster").rglob("*.py"))


def test_django_is_the_only_runtime_dependency():
    assert PROJECT["project"]["dependencies"] == ["Django>=5.2"]


def test_the_extras_are_those_that_are_documented():
    assert set(PROJECT["project"]["optional-dependencies"]) == {"taggit", "test", "docs"}


def test_the_version_is_one_that_an_index_would_take():
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?(\.dev\d+)?", cluster.__version__)


def test_an_installed_distribution_has_the_version_of_the_package():
    try:
        installed = importlib.metadata.version("django-cluster")
    except importlib.metadata.PackageNotFoundError:
        # The tests run from the tree as well.
        installed = cluster.__version__

    assert installed == cluster.__version__


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "cluster" / "py.typed").exists()


def test_the_matrix_has_every_declared_python():
    declared = {found[1] for line in PROJECT["project"]["classifiers"] if (found := re.search(r":: (3\.\d+)$", line))}
    in_matrix = {f"3.{name[3:5]}" for name in PROJECT["tool"]["tox"]["env_list"]}

    assert declared <= in_matrix


@pytest.mark.parametrize("module", ["cluster", "cluster.errors", "cluster.models", "cluster.fields"])
def test_a_module_imports_without_settings_or_with_an_app_list_that_lacks_it(module):
    program = (
        "from django.conf import settings; settings.configure(INSTALLED_APPS=['django.contrib.contenttypes']);"
        f"import django; django.setup(); import {module}"
    )

    done = subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, check=False)

    assert done.stderr == b""
    assert done.returncode == 0


def test_importing_the_package_alone_imports_no_models():
    program = "import sys, cluster; print([name for name in sys.modules if name.startswith('django.db')])"

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True)

    assert done.stdout.strip() == b"[]"


def test_every_directory_of_the_package_is_importable():
    directories = {path.parent for path in SOURCES}
    without_init = [str(path) for path in directories if not (path / "__init__.py").exists()]

    found = {info.name for info in pkgutil.walk_packages(cluster.__path__, "cluster.")}

    assert without_init == []
    assert {"cluster.models", "cluster.fields", "cluster.errors"} <= found


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_file_is_longer_than_the_stop_sign(source):
    assert source.read_text(encoding="utf-8").count("\n") < 600


def test_a_changelog_has_an_entry_for_this_version_or_for_the_next():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)

    assert headings[0] in {"Unreleased", cluster.__version__}
