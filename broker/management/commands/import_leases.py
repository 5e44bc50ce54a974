"""Import leases: a file of intervals, or a log, or a folder of logs that is followed (process: feeder)."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from broker.attribution.lease_import import DEFAULT_SOURCE, import_leases
from broker.attribution.log_counts import LogReport
from broker.attribution.log_import import import_log
from broker.attribution.logs.codes import CODES
from broker.attribution.logs.formats import FORMATS, Told, make_format
from broker.attribution.logs.identity import holder_digest
from broker.attribution.logs.ipfix_nat import Numbering
from broker.attribution.logs.radius_detail import NETMASKS
from broker.attribution.verdict import Provenance
from broker.errors import InputError
from broker.intake.observation import ObservationError, parse_instant

SHOWN_LINES = 10
STANDARD_INPUT = "-"


class Command(BaseCommand):
    help = "Import a CSV file of leases, whole or not at all, or a log, from where it was left (process: feeder)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file", help="a file; - for standard input; a folder with --follow. The README has the columns"
        )
        parser.add_argument("--format", default="csv", choices=("csv", *FORMATS))
        parser.add_argument("--source", default=DEFAULT_SOURCE, help="name of the collector the file comes from")
        parser.add_argument("--complete-from", help="csv: instant from which the file holds everything its source saw")
        parser.add_argument("--complete-until", help="csv: instant up to which it does; usually when it was written")
        parser.add_argument("--device", help="logs: which device wrote it, where its records do not say")
        parser.add_argument("--holder", help="logs: what names a connection; needed for DHCP. The README has it")
        parser.add_argument("--zone", help="logs: time zone of stamps without an offset, such as Europe/Madrid")
        parser.add_argument("--numbering", choices=tuple(Numbering), help="ipfix: which numbers of natEvent it uses")
        parser.add_argument(
            "--netmask", choices=NETMASKS, help="radius-detail: whether a mask gives a whole network to the subscriber"
        )
        parser.add_argument(
            "--provenance", default=Provenance.BUSINESS, choices=tuple(Provenance), help="logs: why it is kept"
        )
        parser.add_argument("--follow", action="store_true", help="logs: go on reading what is added, until stopped")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["format"] == "csv":
                self._file(options)
            else:
                self._logs(options)
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from error

    def _file(self, options: dict[str, Any]) -> None:
        now = timezone.now()
        span = {name: _instant(name, options[name], now) for name in ("complete_from", "complete_until")}
        with Path(options["file"]).open("rb") as file:
            report = import_leases(file, source=options["source"], now=now, **span)
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
            "Say it with --complete-from and --complete-until if the file covers more, or less; unless both are given, "
            "that it shows nobody for an address proves nothing."
        )
        if report.overlap_lines:
            lines = ", ".join(map(str, report.overlap_lines[:SHOWN_LINES]))
            more = " ..." if len(report.overlap_lines) > SHOWN_LINES else ""
            self.stdout.write(
                f"{len(report.overlap_lines)} rows overlap rows of other subscribers; they are kept, and "
                f"windows they touch are ambiguous: lines {lines}{more}."
            )

    def _logs(self, options: dict[str, Any]) -> None:
        # What no file could be read with is refused before one is waited for.
        make_format(options["format"], _told(options))
        place, follows = Path(options["file"]), options["follow"]
        standard_input = str(place) == STANDARD_INPUT
        if not standard_input:
            place.stat()
        refused: dict[Path, str] = {}
        while True:
            files = _files(place) if place.is_dir() else [place]
            if not follows and not files:
                raise CommandError("There is no file in this folder.")
            for file in files:
                try:
                    self._log(file, options)
                    refused.pop(file, None)
                except (InputError, OSError) as error:
                    # Logs are rotated while they are read, and one bad file must not stop the others.
                    if not follows or standard_input:
                        raise
                    if refused.get(file) != (reason := _reason(error)):
                        self.stderr.write(f"{file} cannot be read now and is tried again. {reason}")
                    refused[file] = reason
            if not follows:
                return
            time.sleep(1)

    def _log(self, file: Path, options: dict[str, Any]) -> None:
        standard_input = str(file) == STANDARD_INPUT
        size = None if standard_input else file.stat().st_size
        with nullcontext(sys.stdin.buffer) if standard_input else file.open("rb") as stream:
            report = import_log(
                stream,
                place=str(file),
                source=options["source"],
                format_name=options["format"],
                told=_told(options),
                digest=holder_digest(settings.KEY_DIR),
                provenance=Provenance(options["provenance"]),
                clock=timezone.now,
                keep=timedelta(days=settings.LEASE_RETENTION_DAYS),
                progress=lambda report: self._progress(report, size),
            )
        if report.read or not options["follow"]:
            self._say(report)

    def _progress(self, report: LogReport, size: int | None) -> None:
        """Show how far it is, on one line of a terminal; a file that is written to gets none of it."""
        if not sys.stderr.isatty():
            return
        share = 1.0 if not size else min(1.0, report.offset / size)
        bar = f"[{'#' * int(share * 30):<30}] {share:>4.0%}" if size else ""
        sys.stderr.write(f"\r{bar} {report.records:,} records, {report.intervals:,} intervals")
        if size and report.offset >= size:
            sys.stderr.write("\n")
        sys.stderr.flush()

    def _say(self, report: LogReport) -> None:
        self.stdout.write(
            f"{report.read} records read, {report.records} since the beginning of this log: {report.events} events, "
            f"{report.ignored} records that say nothing of leases, {report.rejected.total()} refusals."
        )
        self.stdout.write(f"{report.intervals} intervals stored, {report.open} holdings still open or not yet settled.")
        for code, count in sorted(report.rejected.items()):
            self.stdout.write(f"  {count} x {code}: {CODES[code]}")
        if report.unfinished:
            self.stdout.write("The log ends within a record; it is read when the rest is there.")


def _told(options: dict[str, Any]) -> Told:
    return Told(
        options["device"],
        options["holder"],
        None if options["zone"] is None else _zone(options["zone"]),
        options["numbering"],
        options["netmask"],
        address_fixed=settings.RADIUS_ADDRESS_FIXED,
    )


def _reason(error: InputError | OSError) -> str:
    if isinstance(error, OSError):
        return f"{error.strerror}."
    return " ".join(problem.message for problem in error.problems)


def _files(folder: Path) -> list[Path]:
    """List the files of a folder, the oldest first: they are one log in the order in which they were written."""
    found: list[tuple[int, str, Path]] = []
    for file in folder.iterdir():
        # It may have another name by now.
        with suppress(FileNotFoundError):
            if file.is_file() and not file.name.startswith("."):
                found.append((file.stat().st_mtime_ns, file.name, file))
    return [file for *_, file in sorted(found)]


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise CommandError("--zone is not in the IANA database. Write it like Europe/Madrid.") from error


def _instant(name: str, text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_instant(text, now).value
    except ObservationError as error:
        raise InputError([error.problem(name.replace("_", "-"))]) from error
