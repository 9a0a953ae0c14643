"""The arguments that the commands share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, DataError, IntegrityError, connections
from django.db.models import CompositePrimaryKey, ProtectedError, RestrictedError
from django.utils.module_loading import import_string

from cluster.collector import Collector, Report
from cluster.collector.literals import among
from cluster.errors import ClusterError

REFUSALS = (ClusterError, ImproperlyConfigured, DataError, IntegrityError, OSError, ValueError)


def add_database(parser: Any) -> None:
    """Add ``--database``, as ``dumpdata`` has it."""
    parser.add_argument(
        "--database",
        default=DEFAULT_DB_ALIAS,
        choices=tuple(connections),
        help='The database to use. Defaults to the "default" database.',
    )


def add_rules(parser: Any) -> None:
    """Add ``--rules``."""
    parser.add_argument(
        "--rules", metavar="dotted.path", help="A Collector class, or a dictionary of rules, by its dotted path."
    )


def add_roots(parser: Any) -> None:
    """Add the model of the roots and ``--pks``, as ``dumpdata`` has them."""
    parser.add_argument("model", metavar="app_label.ModelName", help="The model of the roots.")
    # Not required=True: call_command() finds a required option by its dest alone, and pks= would be no argument to it.
    parser.add_argument("--pks", dest="primary_keys", default="", help="The keys of the roots, separated by commas.")


def add_dry_run(parser: Any) -> None:
    """Add ``--dry-run``."""
    parser.add_argument("--dry-run", action="store_true", help="Tell what would be done, and do nothing.")


def collector_class(path: str | None) -> tuple[type[Collector], dict[str, Any]]:
    """Return the collector that ``--rules`` names, and the options that it gives."""
    if not path:
        return Collector, {}
    try:
        found = import_string(path)
    except ImportError as error:
        raise CommandError(f"--rules: {error}") from error
    if isinstance(found, type) and issubclass(found, Collector):
        return found, {}
    if isinstance(found, Mapping):
        return Collector, {"rules": found}
    raise CommandError(f"--rules: {path} is neither a Collector nor a dictionary of rules.")


def chosen_collector(options: dict[str, Any]) -> Collector:
    """Return the collector of the roots that the arguments name.

    Raises:
        CommandError: The model is unknown, or a root does not exist.
    """
    try:
        model = apps.get_model(options["model"])
    except LookupError as error:
        raise CommandError(str(error)) from error
    except ValueError as error:
        raise CommandError(f"{options['model']!r} is no model; write app_label.ModelName.") from error
    if isinstance(model._meta.pk, CompositePrimaryKey):
        raise CommandError(f"{model._meta.label} has a composite key; collect its rows in code.")
    keys = root_keys(model, options["primary_keys"])
    roots = model._base_manager.using(options["database"]).filter(among("pk", keys))
    stored = set(roots.values_list("pk", flat=True))
    if len(stored) != len(keys):
        missing = ", ".join(sorted(str(key) for key in keys - stored))
        raise CommandError(f"The database {options['database']!r} has no {model._meta.label} with key {missing}.")
    collector, extra = collector_class(options["rules"])
    try:
        return collector(roots, using=options["database"], **extra)
    except (ImproperlyConfigured, AttributeError, TypeError) as error:
        raise CommandError(str(error)) from error


def root_keys(model: Any, given: Any) -> set[Any]:
    """Return the keys that ``--pks`` names.

    Raises:
        CommandError: There is none, or one can be no key of the model.
    """
    parts = [part.strip() for part in str(given).split(",") if part.strip()]
    if not parts:
        raise CommandError("Say by --pks which roots are meant.")
    try:
        return {model._meta.pk.to_python(part) for part in parts}
    except ValidationError as error:
        raise CommandError(f"--pks: {'; '.join(error.messages)}") from error


@contextmanager
def refusals_told() -> Iterator[None]:
    """Turn what a collector refuses into errors of the command."""
    try:
        yield
    except (ProtectedError, RestrictedError) as error:
        raise CommandError(str(error.args[0])) from error
    except REFUSALS as error:
        raise CommandError(str(error)) from error


def tell(command: Any, report: Report, options: dict[str, Any]) -> None:
    """Print a report; failures end the command with an error."""
    if options["verbosity"] > 0:
        command.stdout.write(str(report))
    if report.has_failed:
        raise CommandError("Not everything could be done: " + "; ".join(f"{k}: {v}" for k, v in report.errors.items()))
