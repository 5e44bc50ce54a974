"""Import the operator's address plan (process: feeder)."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from broker.attribution.history_import import import_plan


class Command(BaseCommand):
    help = "Import a CSV file that says which prefixes are the operator's and how they are used (process: feeder)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, UTF-8; the README has the columns")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with options["file"].open("rb") as file:
                report = import_plan(file, now=timezone.now())
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from error
        self.stdout.write(f"{report.added} rows added, {report.ended} ended, {report.known} known as they are.")
