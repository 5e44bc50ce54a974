"""Take over how the operator's address sharing was configured, so that holders behind it can be computed.

A history, as the address plan is: what was in force stays as it was stated, a configuration that was open may get its
end, and a changed one is a new row. A file is taken whole or not at all. Each import also says that what it holds was
still true: a configuration that is not stated again is not believed beyond the last time it was.
"""

from __future__ import annotations

from datetime import datetime
from itertools import groupby, pairwise
from operator import attrgetter
from typing import BinaryIO

from django.db import transaction

from broker.attribution.history_import import HistoryReport, say_stored
from broker.attribution.mappings.history import Epoch
from broker.attribution.mappings.mapping_file import MOST_BYTES, kind_of, read_mappings, written
from broker.csv_rows import Problems
from broker.leases import services as store
from broker.leases.models import MappingEpoch
from broker.leases.services import STORE


def import_mappings(file: BinaryIO, *, now: datetime) -> HistoryReport:
    """Store a history of mappings; the form of the file stands at `mappings.mapping_file`.

    Raises InputError with all defects by line; then nothing is stored.
    """
    problems = Problems()
    stated = read_mappings(file.read(MOST_BYTES + 1))
    for line, epoch in stated:
        if epoch.from_at > now:
            problems.add("mapping.future", "from", "This lies ahead. State a configuration once it is in force.", line)
    problems.refuse()
    with transaction.atomic(using=STORE):
        store.lock_imports()
        rows = MappingEpoch.objects.using(STORE).filter(name__in={epoch.name for _, epoch in stated})
        known = {(row.name, row.from_at): row for row in rows}
        lines: dict[int, int] = {}
        added = ended = 0
        for line, epoch in stated:
            new, old = _row(epoch, now), known.get((epoch.name, epoch.from_at))
            if old is None:
                known[epoch.name, epoch.from_at] = old = new
                added += 1
            elif (old.kind, old.realm, old.configuration) != (new.kind, new.realm, new.configuration):
                problems.add(
                    "mapping.changed",
                    "from",
                    "The store has another configuration of this name from this instant on. A change is an epoch of "
                    "its own, and begins when it was made.",
                    line,
                )
            elif old.to_at is None and new.to_at is not None:
                old.to_at = new.to_at
                ended += 1
            elif new.to_at is not None and old.to_at != new.to_at:
                problems.add("history.end", "to", "The store has another end of this epoch. Ends are final.", line)
            old.stated_at = max(old.stated_at, now)
            lines[id(old)] = line
        _refuse_overlaps(list(known.values()), lines, problems)
        problems.refuse()
        for row in known.values():
            if id(row) in lines:
                row.save(using=STORE, update_fields=["to_at", "stated_at"] if row.pk else None)
        report = HistoryReport(added, ended, len(stated) - added - ended)
        say_stored("mappings:stored", report)
    return report


def _row(epoch: Epoch, now: datetime) -> MappingEpoch:
    return MappingEpoch(
        name=epoch.name,
        kind=kind_of(epoch.mapping),
        realm=epoch.realm,
        configuration=written(epoch.mapping),
        outside=[str(prefix) for prefix in epoch.outside],
        from_at=epoch.from_at,
        to_at=epoch.to_at,
        stated_at=now,
    )


def _refuse_overlaps(rows: list[MappingEpoch], lines: dict[int, int], problems: Problems) -> None:
    """Two configurations of one name at one time contradict each other; the file decides which line is to be mended."""
    rows.sort(key=attrgetter("name", "from_at"))
    for _, epochs in groupby(rows, key=attrgetter("name")):
        for before, after in pairwise(epochs):
            if before.to_at is None or after.from_at < before.to_at:
                problems.add(
                    "mapping.epochs-overlap",
                    "from",
                    "The store has an epoch of this name for the same time. State the end of the earlier one.",
                    lines.get(id(after)) or lines.get(id(before)),
                )
