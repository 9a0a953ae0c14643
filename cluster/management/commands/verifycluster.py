"""Compare a file with its manifest and with a database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cluster.collector import verify
from cluster.errors import ClusterError
from cluster.management.choosing import add_database


class Command(BaseCommand):
    """The command ``verifycluster``."""

    help = "Compare a file of dumpcluster with its manifest and, row by row, with the database. Writes nothing."

    def add_arguments(self, parser: Any) -> None:
        """Declare the arguments."""
        parser.add_argument("fixture", help="The file.")
        add_database(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare."""
        try:
            found = verify(options["fixture"], using=options["database"])
        except (ClusterError, OSError) as error:
            raise CommandError(str(error)) from error
        if not found:
            raise CommandError(str(found))
        if options["verbosity"] > 0:
            self.stdout.write(str(found))
