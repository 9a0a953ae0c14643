"""Erase everything that belongs to objects."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db.models import ProtectedError, RestrictedError

from cluster.collector import Collector
from cluster.errors import ClusterError
from cluster.management.choosing import add_database, add_dry_run, add_roots, add_rules, chosen_collector, tell


class Command(BaseCommand):
    """The command ``erasecluster``."""

    help = "Erase everything that belongs to objects: delete, make anonymous or keep, as the rules say."

    def add_arguments(self, parser: Any) -> None:
        """Declare the arguments."""
        add_roots(parser)
        parser.add_argument("--log", help="A file that notes which roots were erased.")
        parser.add_argument(
            "--replay", action="store_true", help="Erase those of the roots again that --log says were erased."
        )
        parser.add_argument(
            "--noinput", "--no-input", action="store_false", dest="interactive", help="Do not ask for confirmation."
        )
        add_database(parser)
        add_rules(parser)
        add_dry_run(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, and erase."""
        collector = chosen_collector(options)
        if options["replay"] and not options["log"]:
            raise CommandError("Say by --log what to replay.")
        if options["interactive"] and not options["dry_run"]:
            self._confirm(collector)
        try:
            report = (
                collector.replay(options["log"])
                if options["replay"]
                else collector.erase(dry_run=options["dry_run"], log=options["log"])
            )
        except (ClusterError, ImproperlyConfigured, ProtectedError, RestrictedError, OSError) as error:
            raise CommandError(str(error.args[0] if error.args else error)) from error
        tell(self, report, options)

    def _confirm(self, collector: Collector) -> None:
        self.stdout.write(str(collector.plan()))
        if input("Erase these rows? Type 'yes' to continue: ") != "yes":
            raise CommandError("Nothing was erased.")
