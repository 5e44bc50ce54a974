"""Import a file of subscribers, sealing each (process: feeder)."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from broker.crypto.epochs import load_public
from broker.identities.services import import_subscribers

EPOCH_FILE = "epoch.public"


class Command(BaseCommand):
    help = "Import a CSV file of subscribers, sealed, whole or not at all (process: feeder)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, UTF-8; the README has the columns")

    def handle(self, *args: Any, **options: Any) -> None:
        epoch = load_public(settings.KEY_DIR / EPOCH_FILE)
        try:
            with options["file"].open("rb") as file:
                report = import_subscribers(file, isp=settings.OPERATOR_ID, epoch=epoch, now=timezone.now())
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from error
        done = report.imported
        if report.already_imported:
            self.stdout.write(
                f"This file was imported on {done.finished_at:%Y-%m-%dT%H:%M:%SZ} as {done.id}; "
                "nothing was stored again."
            )
        else:
            self.stdout.write(f"{done.row_count} rows read, {done.row_count} stored, 0 rejected.")
