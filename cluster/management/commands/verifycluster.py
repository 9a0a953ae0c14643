"""Compare a file with its manifest and with a database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cluster.collector import verify
from cluster.management.choosing import add_database, refusals_told
from cluster.management.progress import progress_on, rows_in


class Command(BaseCommand):
    """The command ``verifycluster``."""

    help = "Compare a file of dumpcluster with its manifest and, row by row, with the database. Writes nothing."

    def add_arguments(self, parser: Any) -> None:
        """Declare the arguments."""
        parser.add_argument("fixture", help="The file.")
        add_database(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare."""
        fixture, verbosity = options["fixture"], options["verbosity"]
        with refusals_told(), progress_on(self.stdout, verbosity, rows_in(fixture)) as progress:
            found = verify(fixture, using=options["database"], progress=progress)
        if not found:
            raise CommandError(str(found))
        if verbosity > 0:
            self.stdout.write(str(found))
