"""Write everything that belongs to objects to a file."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cluster.collector import snapshot
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
        if not options["output"] and not options["dry_run"]:
            raise CommandError("Say where to write to by --output, or use --dry-run.")
        with refusals_told(), snapshot(collector.using):
            collection = collector.collect()
            if options["dry_run"]:
                tell(self, collection.report, options)
                return
            with progress_on(self.stdout, options["verbosity"], len(collection)) as progress:
                manifest = collection.dump(options["output"], progress=progress)
        report = collection.report
        for name, entry in manifest.sources.items():
            report.count_source("failed" if "error" in entry else "collected", name, entry.get("entries", 1))
            if "error" in entry:
                report.errors[name] = entry["error"]
        tell(self, report, options)
