"""Note how wrong the clock of a source was on a day (process: feeder)."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from broker.attribution.describe import read_seconds, set_clock
from broker.attribution.ground import CLOCK_LIMIT


class Command(BaseCommand):
    help = "Note the largest clock offset of a source that was measured on a day (process: feeder)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", help="name of the collector")
        parser.add_argument("day", type=date.fromisoformat, help="day in UTC, like 2026-09-18")
        parser.add_argument("seconds", help="largest offset measured, whichever way, such as 0.4")
        parser.add_argument("--count", type=int, default=1, help="how many measurements there were")

    def handle(self, *args: Any, **options: Any) -> None:
        largest = set_clock(
            options["source"],
            options["day"],
            read_seconds(options["seconds"]),
            options["count"],
            now=timezone.now(),
        )
        self.stdout.write(f"The clock was wrong by at most {largest.total_seconds():g} s on that day.")
        if largest > CLOCK_LIMIT:
            self.stdout.write(
                f"That is above {CLOCK_LIMIT.total_seconds():g} s: windows within that of the day get no answer."
            )
