"""Write everything that belongs to objects to a file."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cluster.collector import Report
from cluster.errors import ClusterError
from cluster.management.choosing import add_database, add_dry_run, add_roots, add_rules, chosen_collector, tell
from cluster.management.progress import progress_on


class Command(BaseCommand):
    """The command ``dumpcluster``."""

    help = "Write everything that belongs to objects as JSON lines, with a manifest beside."

    def add_arguments(self, parser: Any) -> None:
        """Declare the arguments."""
        add_roots(parser)
        parser.add_argument("-o", "--output", help="The file to write; compressed if it ends in .gz.")
        add_database(parser)
        add_rules(parser)
        add_dry_run(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Collect and write."""
        collector = chosen_collector(options)
        if options["dry_run"]:
            self.stdout.write(str(collector.plan()))
            return
        if not options["output"]:
            raise CommandError("Say where to write to by --output, or use --dry-run.")
        try:
            with progress_on(self.stdout, options["verbosity"]) as progress:
                manifest = collector.dump(options["output"], progress=progress)
        except (ClusterError, OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        report = Report()
        for label, numbers in manifest.counts.items():
            report.count("collected", label, sum(numbers.values()))
        for name, entry in manifest.sources.items():
            report.count_source("failed" if "error" in entry else "collected", name, entry.get("entries", 1))
            if "error" in entry:
                report.errors[name] = entry["error"]
        tell(self, report, options)
