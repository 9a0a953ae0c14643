"""Load a file that ``dumpcluster`` wrote."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from cluster.collector import load
from cluster.collector.loading import MODES
from cluster.management.choosing import (
    add_database,
    add_dry_run,
    add_rules,
    collector_class,
    refusals_told,
    tell,
)
from cluster.management.progress import progress_on, rows_in


class Command(BaseCommand):
    """The command ``loadcluster``."""

    help = "Load a file of dumpcluster: keep its keys, copy, merge, or restore."

    def add_arguments(self, parser: Any) -> None:
        """Declare the arguments."""
        parser.add_argument("fixture", help="The file.")
        parser.add_argument(
            "--mode",
            choices=tuple(MODES),
            default="insert",
            help="insert keeps the keys and refuses clashes, copy gives new keys, merge updates or inserts, restore"
            " makes what belongs to the roots equal to the file.",
        )
        parser.add_argument("--import-id", help="Refuse to load twice under this name.")
        parser.add_argument("--ignore-migrations", action="store_true", help="Load a file of another migration state.")
        add_database(parser)
        add_rules(parser)
        add_dry_run(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Load."""
        collector, _ = collector_class(options["rules"])
        fixture, verbosity = options["fixture"], options["verbosity"]
        with refusals_told(), progress_on(self.stdout, verbosity, rows_in(fixture)) as progress:
            report = load(
                fixture,
                options["mode"],
                using=options["database"],
                dry_run=options["dry_run"],
                import_id=options["import_id"],
                ignore_migrations=options["ignore_migrations"],
                collector=collector if options["rules"] else None,
                progress=progress,
            )
        tell(self, report, options)
