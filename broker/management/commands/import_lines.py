"""Import to which contract each connection belonged (process: feeder)."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from broker.attribution.history_import import import_lines
from broker.attribution.logs.identity import holder_digest


class Command(BaseCommand):
    help = "Import a CSV file that says to which contract each connection belonged, and when (process: feeder)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, UTF-8; the README has the columns")
        parser.add_argument(
            "--unit-seconds",
            type=int,
            default=86_400,
            help="how finely the ends are known; 86400, a day, unless your records have the second",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["unit_seconds"] < 1:
            raise CommandError("--unit-seconds is at least 1.")
        unit = timedelta(seconds=options["unit_seconds"])
        try:
            with options["file"].open("rb") as file:
                report = import_lines(file, now=timezone.now(), digest=holder_digest(settings.KEY_DIR), unit=unit)
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from error
        self.stdout.write(f"{report.added} rows added, {report.ended} ended, {report.known} known as they are.")
