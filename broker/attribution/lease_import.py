"""Take over a file of leases: read, check, store whole or not at all, and say so in the log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from django.db import transaction
from django.utils import timezone

from broker.attribution.drift import look_for_drift
from broker.attribution.lease_file import COLUMNS, LeaseRow, read_leases
from broker.audit.services import record
from broker.csv_rows import CsvFile, Problems
from broker.errors import InputError, Problem
from broker.leases import services as store
from broker.leases.models import LeaseImport
from broker.leases.rows import PROVENANCE_CODES, NewRow

DEFAULT_SOURCE = "default"
_SOURCE = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class LeaseImportReport:
    """What became of a file: all its rows are stored, or it had been imported before and nothing was done.

    overlap_lines: lines of rows that overlap a row of another subscriber; windows there are ambiguous.
    """

    imported: LeaseImport
    overlap_lines: tuple[int, ...] = ()
    already_imported: bool = False


def import_leases(
    file: BinaryIO,
    *,
    source: str = DEFAULT_SOURCE,
    now: datetime,
    complete_from: datetime | None = None,
    complete_until: datetime | None = None,
) -> LeaseImportReport:
    """Store the leases of a CSV file, all of them or none.

    file: binary and seekable; columns as in `lease_file.COLUMNS`.
    source: the collector; one that delivers late holds up the answers of all, because it may know better.
    complete_from, complete_until: the file holds everything its source saw in between, aware. Left out, it is
        the span from its earliest stamp to its latest, which is all the file shows by itself. Only where both are given
        its silence shows that nobody held an address.

    1. Recognise a file that was imported before. 2. Stage it; refuse it whole for any defect. 3. Store it.
    4. Write the event. 5. Commit.

    Raises InputError with all defects by line; then nothing is stored.
    """
    sheet = CsvFile(file, COLUMNS)
    _check_arguments(source, now, complete_from, complete_until)
    sha256 = sheet.sha256()
    with transaction.atomic(using=store.STORE):
        # 1. Under the lock: of two imports of one file, the second sees the first.
        store.lock_imports()
        if (before := store.find_import(sha256)) is not None:
            return LeaseImportReport(before, already_imported=True)
        # 2. Any exception rolls back, the staging table included.
        problems = Problems()
        staged = store.stage(map(_as_row, read_leases(sheet.rows(problems), now, problems)), now)
        problems.refuse()
        if staged is None:
            raise _refusal("csv.empty", "file", "The file has a header and no rows. There is nothing to store.")
        if sheet.sha256() != sha256:
            raise _refusal("csv.changed", "file", "The file changed while it was read. Import it again.")
        if complete_until is not None and complete_until < staged.last_at:
            raise _refusal(
                "lease.complete-until",
                "complete-until",
                "The file has rows after this moment. Give the moment at which the file was written.",
            )
        # 3.
        imported, overlaps = store.store_file(
            sha256=sha256,
            source=store.source_named(source),
            staged=staged,
            complete_from=complete_from or staged.first_at,
            complete_until=complete_until or staged.last_at,
            # A file that was cut off between two rows looks whole.
            stated=complete_from is not None and complete_until is not None,
            started_at=now,
            finished_at=timezone.now(),
        )
        # 4. The event is in another database. It commits first: an event without its import shows as one that
        # failed, an import without an event would show nowhere.
        with transaction.atomic():
            record(
                "lease-import:stored",
                "lease-import",
                imported.key,
                {"file_sha256": sha256, "rows": imported.row_count, "overlaps": len(overlaps)},
            )
        # A day on which the clock had changed must not be answered for a moment.
        look_for_drift(source, now=now, at_running=True)
    # 5.
    return LeaseImportReport(imported, tuple(overlaps))


def _as_row(lease: LeaseRow) -> NewRow:
    """Give a line the form of the store; what is certain of an open lease is settled there."""
    certain_to = lease.valid_from if lease.valid_to is None else lease.valid_to
    return NewRow(
        lease.line,
        lease.address,
        lease.port_from,
        lease.port_to,
        None if lease.port_from is None else 1,
        None,
        "subscriber",
        lease.subscriber,
        None,
        "",
        lease.valid_from,
        lease.valid_to,
        lease.valid_from,
        certain_to,
        PROVENANCE_CODES[lease.provenance],
    )


def _check_arguments(
    source: str, now: datetime, complete_from: datetime | None, complete_until: datetime | None
) -> None:
    if not _SOURCE.fullmatch(source):
        raise _refusal("lease.source", "source", "Expected 1 to 64 letters, digits, dots, underscores or hyphens.")
    if complete_until is not None and complete_until > now:
        raise _refusal("lease.complete-until", "complete-until", "A file cannot be complete into the future.")
    if complete_from is not None and complete_from > (complete_until or now):
        raise _refusal("lease.complete-from", "complete-from", "This lies after the end of the span.")


def _refusal(code: str, field: str, message: str) -> InputError:
    return InputError([Problem(code, field, message)])
