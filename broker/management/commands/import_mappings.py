"""Import how address sharing without logs was configured (process: feeder)."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from broker.attribution.mapping_import import import_mappings


class Command(BaseCommand):
    help = "Import a TOML file of every configuration of deterministic NAT and MAP, with its time (process: feeder)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="TOML, UTF-8; broker/attribution/mappings/mapping_file.py has one")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with options["file"].open("rb") as file:
                report = import_mappings(file, now=timezone.now())
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from error
        self.stdout.write(f"{report.added} epochs added, {report.ended} ended, {report.known} known as they are.")
