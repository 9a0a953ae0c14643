"""Whether a file is from the migration state that a database has."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.collector.manifest import Manifest, migrations_of
from cluster.errors import Problem, SerializedDataError


def check_migrations(manifest: Manifest, using: str) -> None:
    """Compare the migrations of the apps in a file with those of a database.

    Raises:
        SerializedDataError: They differ.
    """
    here = migrations_of(manifest.migrations, using)
    problems = [
        Problem(
            "manifest",
            f"The file is from another state of {app_label!r}: {_difference(names, here[app_label])}. Migrate the"
            " database to the same state, or load with ignore_migrations=True.",
        )
        for app_label, names in manifest.migrations.items()
        if sorted(names) != here[app_label]
    ]
    if problems:
        raise SerializedDataError(problems)


def _difference(file: Sequence[str], here: Sequence[str]) -> str:
    missing, more = sorted(set(file) - set(here)), sorted(set(here) - set(file))
    parts = [f"the database lacks {', '.join(missing)}"] if missing else []
    parts += [f"the file lacks {', '.join(more)}"] if more else []
    return " and ".join(parts)
