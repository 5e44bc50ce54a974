"""Take back that the clock of a source drifted on a day (process: feeder)."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from broker.attribution.drift import clear_drift


class Command(BaseCommand):
    help = "Say that somebody has checked a source and its stamps of a day are right (process: feeder)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", help="name of the collector")
        parser.add_argument("day", type=date.fromisoformat, help="day in UTC, like 2026-09-18, as the report names it")

    def handle(self, *args: Any, **options: Any) -> None:
        clear_drift(options["source"], options["day"], now=timezone.now())
        self.stdout.write(
            "Windows that touch this day are answered again, as far as no other day with a wrong clock is near."
        )
