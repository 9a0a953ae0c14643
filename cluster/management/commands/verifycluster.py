"""Compare a file with its manifest and with a database."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cluster.collector import verify
from cluster.collector.reading import Document
from cluster.management.choosing import add_database, refusals_told
from cluster.management.progress import progress_on


class Command(BaseCommand):
    """The command ``verifycluster``."""

    help = "Compare a file of dumpcluster with its manifest and, row by row, with the database. Writes nothing."

    def add_arguments(self, parser: Any) -> None:
        """Declare the arguments."""
        parser.add_argument("fixture", help="The file.")
        add_database(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare."""
        with refusals_told(), closing(Document(options["fixture"])) as document:
            total = document.manifest.lines if document.manifest is not None else None
            with progress_on(self.stdout, options["verbosity"], total) as progress:
                found = verify(options["fixture"], using=options["database"], progress=progress)
        if not found:
            raise CommandError(str(found))
        if options["verbosity"] > 0:
            self.stdout.write(str(found))
