"""Say what a source of logs is like (process: feeder)."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from broker.attribution.describe import describe_source, gone_count, read_hours, read_seconds, retire_device
from broker.errors import InputError, Problem
from broker.intake.observation import ObservationError, parse_instant

_HOUR = timedelta(hours=1)
# A source may be known to end serving in the future.
_NO_END = datetime.max.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = "Say how exact a source's clock is, when it served and where it stands (process: feeder)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="name of the collector")
        parser.add_argument("--new", action="store_true", help="make it if it is not known yet")
        parser.add_argument("--worst-offset", help="seconds its clock may be wrong on a day not measured")
        parser.add_argument("--serves-from", help="instant before which it had nothing to say")
        parser.add_argument("--serves-until", help="instant after which it has nothing to say")
        parser.add_argument(
            "--shows-within",
            metavar="HOURS",
            help="logs: how long a holding goes on without a record at most (interims, renewals), up to 720; else 720",
        )
        parser.add_argument("--realm", help="where the private addresses of its logs belong")
        parser.add_argument(
            "--retired", metavar="DEVICE", help="logs: this device is gone, nothing waits for it; with --since"
        )
        parser.add_argument("--since", help="instant after which the retired device wrote nothing")
        parser.add_argument(
            "--in-place",
            choices=("radacct", "none"),
            help="it is a database of yours, asked by the worker where it is: FreeRADIUS accounting, or none any more",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        device, gone_since = options["retired"], _instant("since", options["since"])
        if (device is None) != (gone_since is None):
            message = "Say with --retired which device is gone, and with --since after which instant it wrote nothing."
            raise InputError([Problem("source.since", "since", message)])
        worst = options["worst_offset"]
        source = describe_source(
            options["name"],
            new=options["new"],
            worst_offset=None if worst is None else read_seconds(worst),
            serves_from=_instant("serves-from", options["serves_from"]),
            serves_until=_instant("serves-until", options["serves_until"]),
            shows_within=None if (hours := options["shows_within"]) is None else read_hours(hours),
            realm=options["realm"],
            in_place="" if options["in_place"] == "none" else options["in_place"],
        )
        if device is not None and gone_since is not None:
            source = retire_device(source.name, device, gone_since, now=timezone.now())
        ends = (source.serves_from, source.serves_until)
        since, until = (f"{end:%Y-%m-%dT%H:%M:%SZ}" if end else "always" for end in ends)
        self.stdout.write(
            f"Source {source.name}: clock wrong by at most {source.worst_offset.total_seconds():g} s unless measured; "
            f"serves from {since} until {until}; shows every holding within {source.shows_within / _HOUR:g} h; "
            f"realm {source.realm or 'the only one'}"
            f"{f'; {source.in_place} is asked in place' if source.in_place else ''}"
            f"{f'; {gone} of {len(source.clocks)} devices are gone' if (gone := gone_count(source)) else ''}."
        )


def _instant(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_instant(text, _NO_END).value
    except ObservationError as error:
        raise InputError([error.problem(name)]) from error
