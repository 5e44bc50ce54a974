"""Look for what must never be, now."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from broker.release.sweep import retry, sweep


class Command(BaseCommand):
    help = "Count what must never be; exit status 1 when anything was found (process: jobs)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--retry", action="store_true", help="take up again what was given up, after mending the cause"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["retry"]:
            self.stdout.write(f"{retry()} piece(s) of work taken up again.")
            return
        counts = sweep()
        for name, count in counts.items():
            self.stdout.write(f"{name}: {count}")
        if counts:
            sys.exit(1)
        self.stdout.write("All is well.")
