"""Erase everything that belongs to objects."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cluster.collector import Collector, Report
from cluster.management.choosing import (
    add_database,
    add_dry_run,
    add_roots,
    add_rules,
    chosen_collector,
    refusals_told,
    tell,
)
from cluster.management.progress import progress_on


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
        with refusals_told():
            planned = collector.plan()
            if options["interactive"] and not options["dry_run"]:
                self._confirm(planned)
            total = sum(planned.of("collected").values())
            with progress_on(self.stdout, options["verbosity"], total) as progress:
                report = self._erase(collector, options, progress)
        tell(self, report, options)

    def _erase(self, collector: Collector, options: dict[str, Any], progress: Any) -> Report:
        log, dry_run = options["log"], options["dry_run"]
        if options["replay"]:
            return collector.replay(log, dry_run=dry_run, progress=progress)
        return collector.erase(dry_run=dry_run, log=log, progress=progress)

    def _confirm(self, planned: Report) -> None:
        self.stdout.write(str(planned))
        try:
            answer = input("Erase these rows? Type 'yes' to continue: ")
        except EOFError:
            answer = ""
        if answer != "yes":
            raise CommandError("Nothing was erased.")
