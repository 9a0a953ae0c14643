"""Write the JSON of the clusters with django-modelcluster, or see that it reads what was written.

``python tests/upgrade/generate.py`` in an environment that has it; with ``check`` nothing is written. As the tests see
to it that this package writes the same JSON, django-modelcluster then reads what this package writes.

The models are the very ones of the tests; the imports of this package are answered with django-modelcluster's modules.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import django
from django.apps import AppConfig, apps
from django.conf import settings
from django.core.management import call_command

HERE = Path(__file__).parent
# Without a row django-modelcluster cannot read what the database makes.
NEED_ROWS = {"ledger"}


class Peer(AppConfig):
    """django-modelcluster, found under this package's name as well."""

    name = "modelcluster"

    def import_models(self) -> None:
        super().import_models()
        for module in ("modelcluster", "modelcluster.fields", "modelcluster.models"):
            sys.modules[module.replace("modelcluster", "cluster")] = import_module(module)


def set_up() -> None:
    sys.path.insert(0, str(HERE.parents[1]))
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["django.contrib.contenttypes", "__main__.Peer", "tests.upgrade.app"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)


def directory() -> Path:
    """Return where the files of this version of django-modelcluster belong."""
    return HERE / f"modelcluster_{'_'.join(version('django-modelcluster').split('.')[:2])}"


def write(name: str, cluster: Any) -> None:
    """Write one file, indented so that a difference can be read."""
    data = json.loads(cluster.to_json())
    (directory() / f"{name}.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def check(clusters: dict[str, Any]) -> None:
    """Read every file and compare what comes of it."""
    subject = apps.get_model("upgrade", "Subject")
    # django-modelcluster drops links to what is not there, whatever it is told to check.
    subject.objects.bulk_create([subject(pk=1), subject(pk=2)])
    for name in clusters.keys() - NEED_ROWS:
        text = (directory() / f"{name}.json").read_text(encoding="utf-8")
        loaded = type(clusters[name]()).from_json(text, check_fks=False)
        if json.loads(loaded.to_json()) != json.loads(text):
            sys.exit(f"django-modelcluster does not read {name}.json as it was written.")


def generate(clusters: dict[str, Any]) -> None:
    """Write every file."""
    directory().mkdir(exist_ok=True)
    for name, make in clusters.items():
        cluster = make()
        if name in NEED_ROWS:
            cluster.save()
        write(name, cluster)


def main() -> None:
    set_up()
    from tests.upgrade.clusters import CLUSTERS  # noqa: PLC0415 - needs the models

    (check if "check" in sys.argv[1:] else generate)(CLUSTERS)


if __name__ == "__main__":
    main()
