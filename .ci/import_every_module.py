"""Import every module of the installed package, and say which were skipped because of an extra that is not there."""

from __future__ import annotations

import importlib
import pkgutil

import django
from django.conf import settings

OPTIONAL = {"taggit": "cluster.contrib.taggit"}


def names_of_modules() -> list[str]:
    import cluster

    return ["cluster", *(info.name for info in pkgutil.walk_packages(cluster.__path__, "cluster."))]


def try_to_import(name: str) -> bool:
    """Import a module; ``False`` where it needs an optional package that is missing."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not name.startswith(OPTIONAL.get(error.name or "", "\0")):
            raise
        print(f"skipped {name}: {error.name} is not installed")
        return False
    return True


if __name__ == "__main__":
    settings.configure(INSTALLED_APPS=["django.contrib.contenttypes", "cluster"])
    django.setup()
    imported = [name for name in names_of_modules() if try_to_import(name)]
    print(f"imported {len(imported)} modules")
