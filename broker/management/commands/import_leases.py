"""Import a file of leases (process: feeder)."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from broker.attribution.lease_import import DEFAULT_SOURCE, import_leases
from broker.errors import InputError
from broker.intake.observation import ObservationError, parse_instant

SHOWN_LINES = 10


class Command(BaseCommand):
    help = "Import a CSV file of leases, whole or not at all (process: feeder)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, UTF-8; the README has the columns")
        parser.add_argument("--source", default=DEFAULT_SOURCE, help="name of the collector the file comes from")
        parser.add_argument("--complete-from", help="instant from which the file holds everything its source saw")
        parser.add_argument("--complete-until", help="instant up to which it does; usually when the file was written")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        span = {name: _instant(name, options[name], now) for name in ("complete_from", "complete_until")}
        try:
            with options["file"].open("rb") as file:
                report = import_leases(file, source=options["source"], now=now, **span)
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from error
        done = report.imported
        if report.already_imported:
            self.stdout.write(
                f"This file was imported on {done.finished_at:%Y-%m-%dT%H:%M:%SZ} as {done.key}; "
                "nothing was stored again."
            )
            return
        self.stdout.write(f"{done.row_count} rows read, {done.row_count} stored, 0 rejected.")
        self.stdout.write(
            f"Source {done.source.name} is complete from {done.complete_from:%Y-%m-%dT%H:%M:%S+00:00} until "
            f"{done.complete_until:%Y-%m-%dT%H:%M:%S+00:00}, as far as this file shows; windows outside get no answer. "
            "Say it with --complete-from and --complete-until if the file covers more, or less."
        )
        if report.overlap_lines:
            lines = ", ".join(map(str, report.overlap_lines[:SHOWN_LINES]))
            more = " ..." if len(report.overlap_lines) > SHOWN_LINES else ""
            self.stdout.write(
                f"{len(report.overlap_lines)} rows overlap rows of other subscribers; they are kept, and "
                f"windows they touch are ambiguous: lines {lines}{more}."
            )


def _instant(name: str, text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_instant(text, now).value
    except ObservationError as error:
        raise InputError([error.problem(name.replace("_", "-"))]) from error
