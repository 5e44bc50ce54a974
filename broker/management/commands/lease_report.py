"""Say how good the evidence of each source is (process: feeder)."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from broker.attribution.drift import note_drift
from broker.attribution.ground import CLOCK_LIMIT, HALF_A_DAY
from broker.errors import InputError
from broker.intake.observation import ObservationError, parse_instant
from broker.leases.report import SourceReport, report_sources

_FORM = "%Y-%m-%dT%H:%M:%SZ"


class Command(BaseCommand):
    help = "Report what is missing or doubtful in the leases of each source; exit 1 if there is any (process: feeder)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--source", help="name of one source; all, if left out")
        parser.add_argument("--from", dest="first", help="instant; the report begins with its month")
        parser.add_argument("--until", help="instant; the present, if left out")
        parser.add_argument("--json", help="also write the figures to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        until = _instant("until", options["until"], now) or now
        first = _instant("from", options["first"], now) or now - timedelta(days=settings.LEASE_RETENTION_DAYS)
        # Rows are cut at the ends of months, so that only a whole month shows all that touches it.
        first = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        reports = report_sources(options["source"], first, until)
        if options["source"] is not None and not reports:
            raise CommandError("There is no source of this name.")
        bad = False
        for found in reports:
            report = replace(found, drift=note_drift(found.name, found.drift, now=now))
            said, doubts = sentences(report)
            self.stdout.write("\n".join([*said, *(f"  ! {doubt}" for doubt in doubts)]))
            bad = bad or bool(doubts)
        if not reports:
            self.stdout.write("There is no source yet.")
        if options["json"]:
            text = json.dumps([asdict(report) for report in reports], default=str, indent=2)
            Path(options["json"]).write_text(text + "\n", encoding="utf-8")
        if bad:
            sys.exit(1)


def sentences(report: SourceReport) -> tuple[list[str], list[str]]:
    """Say what was found: (what is so, what must be looked at)."""
    of = max(report.holdings, 1)
    said = [f"Source {report.name}: {report.rows} rows of {report.holdings} holdings."]
    said += [f"  Complete from {lo:{_FORM}} until {hi:{_FORM}}." for lo, hi in report.covered]
    said.append(
        f"  {report.lost_stops / of:.1%} of holdings lack their end, {report.lost_starts / of:.1%} their beginning, "
        f"{report.contradicted / of:.1%} are contradicted by other records."
    )
    said += [
        f"  Clock on {day}: at most {o.total_seconds():g} s wrong in {n} measurements." for day, o, n in report.offsets
    ]
    doubts = [f"{count} records refused with {code}." for code, count in report.rejects.items()]
    doubts += [f"Nothing was delivered from {lo:{_FORM}} until {hi:{_FORM}}." for lo, hi in report.gaps]
    if report.rows and not report.covered:
        doubts.append("No time is complete, so that nothing of this source is answered.")
    if report.contradicted:
        doubts.append(f"{report.contradicted} holdings are contradicted by other records.")
    if report.overlaps:
        places = ", ".join(report.overlap_places)
        doubts.append(
            f"{report.overlaps} times two holders had one address or block at once: import:position {places}."
        )
    limit = f"{CLOCK_LIMIT.total_seconds():g} s"
    doubts += [f"On {day} the clock was more than {limit} wrong." for day in report.bad_clock_days(CLOCK_LIMIT)]
    doubts += [
        f"On {day} the stamps of a device are {offset.total_seconds():g} s from those of its collector: a clock or the "
        f"zone that was told is wrong, or a relay holds messages back. Windows within that of the day get no answer "
        f"until 'manage.py clear_drift {report.name} {day}' says that the stamps of the devices are right."
        for day, offset in report.lags
        if offset > CLOCK_LIMIT
    ]
    doubts += [
        f"On {day} nothing begins in twelve hours on end: did the source change to a clock of 12 hours? Windows within "
        f"12 hours of the day get no answer until 'manage.py clear_drift {report.name} {day}' says that it is right."
        for day in report.drift
    ]
    if report.doubted_from:
        day = (report.doubted_from + HALF_A_DAY).date()
        doubts.append(
            f"Nothing is answered from {report.doubted_from:{_FORM}} on: in some hours of {day} hardly anything begins "
            "as if the source had changed to a clock of 12 hours. The rest of the day will tell; until then "
            f"'manage.py clear_drift {report.name} {day}' says that it is right."
        )
    if report.unplanned:
        doubts.append(f"{report.unplanned} rows are about unknown address space: the plan does not cover it then.")
    if report.blocks_on_dedicated:
        doubts.append(f"{report.blocks_on_dedicated} blocks of ports are on addresses that the plan calls dedicated.")
    return said, doubts


def _instant(name: str, text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_instant(text, now).value
    except ObservationError as error:
        raise InputError([error.problem(name)]) from error
