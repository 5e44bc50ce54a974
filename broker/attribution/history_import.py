"""Take over what the operator knows by itself: its address plan, and which contract a connection belonged to.

Both are histories: rows are added, and a row that was open may get its end; nothing is removed, because a window of
last year is judged by the plan of last year. A file is taken whole or not at all.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import BinaryIO, TypeVar

from django.db import connections, transaction

from broker.attribution.logs.identity import HolderDigest
from broker.audit.services import record
from broker.csv_rows import CsvFile, CsvRow, Problems
from broker.errors import InputError, Problem
from broker.intake.observation import ObservationError, parse_instant
from broker.leases import services as store
from broker.leases.models import COMPUTED, DEDICATED, REFERENCE, AddressPlan, Holder, LeaseSource, LineTerm
from broker.leases.services import STORE

PLAN_COLUMNS = ("prefix", "from", "to", "sharing", "source")
# Columns that may follow: the first and the last port of the pool.
PLAN_PORTS = ("port_from", "port_to")
_PORT = re.compile(r"0|[1-9][0-9]{0,4}")
LINE_COLUMNS = ("identity", "subscriber", "from", "to")
_NO_END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class HistoryReport:
    """What became of a file: rows that are new, that got their end, and that were known as they are."""

    added: int = 0
    ended: int = 0
    known: int = 0


def import_plan(file: BinaryIO, *, now: datetime) -> HistoryReport:
    """Store an address plan; columns as in PLAN_COLUMNS and PLAN_PORTS, `to`, `source` and ports may be empty.

    Raises InputError with all defects by line; then nothing is stored.
    """
    rows = _read(file, PLAN_COLUMNS, lambda row, problems: _plan_row(row, now, problems), PLAN_PORTS)
    with transaction.atomic(using=STORE):
        store.lock_imports()
        sources = {source.name: source for source in LeaseSource.objects.using(STORE)}
        problems = Problems()
        for line, plan, name in rows:
            if name and name not in sources:
                sources[name] = store.source_named(name)
            plan.source = sources.get(name)
            _refuse_overlap(line, plan, problems)
        problems.refuse()
        known = {_said(p): p for p in AddressPlan.objects.using(STORE)}
        report = _merge([(plan, known.get(_said(plan))) for _, plan, _ in rows])
        say_stored("address-plan:stored", report)
    return report


def import_lines(file: BinaryIO, *, now: datetime, digest: HolderDigest, unit: timedelta) -> HistoryReport:
    """Store to which contract each connection belonged; columns as in LINE_COLUMNS, `to` may be empty.

    identity: the connection as the logs name it, with its kind ("user:line-48113"). unit: how finely ends are known.
    Raises InputError with all defects by line; then nothing is stored.
    """
    rows = _read(file, LINE_COLUMNS, lambda row, problems: _line_row(row, now, digest, unit, problems))
    with transaction.atomic(using=STORE):
        store.lock_imports()
        references = [reference for _, _, reference in rows]
        with connections[STORE].cursor() as cursor:
            cursor.execute(
                "INSERT INTO lease_holder (kind, reference, realm) SELECT DISTINCT 'line', r, '' "
                "FROM unnest(%s::text[]) AS r ON CONFLICT DO NOTHING",
                [references],
            )
        holders = dict(
            Holder.objects.using(STORE)
            .filter(kind=Holder.Kind.LINE, reference__in=set(references))
            .values_list("reference", "id")
        )
        for _, term, reference in rows:
            term.holder_id = holders[reference]
        terms = LineTerm.objects.using(STORE).filter(holder__in=holders.values())
        known = {(t.holder_id, t.subscriber_ref, t.from_at): t for t in terms}
        report = _merge([(t, known.get((t.holder_id, t.subscriber_ref, t.from_at))) for _, t, _ in rows])
        say_stored("line-history:stored", report)
    return report


_Row = TypeVar("_Row", AddressPlan, LineTerm)


def _read(
    file: BinaryIO,
    columns: tuple[str, ...],
    read: Callable[[CsvRow, Problems], tuple[_Row, str] | None],
    further: tuple[str, ...] = (),
) -> list[tuple[int, _Row, str]]:
    """Read a whole file; what is wrong with any row refuses it."""
    problems = Problems()
    rows: list[tuple[int, _Row, str]] = []
    for row in CsvFile(file, columns, further, ended=True).rows(problems):
        before = problems.count
        found = read(row, problems)
        if found is not None and problems.count == before:
            rows.append((row.line, found[0], found[1]))
    problems.refuse()
    if not rows:
        raise InputError(
            [Problem("csv.empty", "file", "The file has a header and no rows. There is nothing to store.")]
        )
    return rows


def _plan_row(row: CsvRow, now: datetime, problems: Problems) -> tuple[AddressPlan, str] | None:
    values, line = row.values, row.line
    try:
        prefix = str(ip_network(values["prefix"]))
    except ValueError:
        problems.add(
            "plan.prefix",
            "prefix",
            "Expected a prefix with its length and no host bits, such as 198.51.100.0/24.",
            line,
        )
        prefix = ""
    span = _span(values["from"], values["to"], line, now, problems)
    if values["sharing"] not in AddressPlan.Sharing.values:
        problems.add("plan.sharing", "sharing", f"Expected one of: {', '.join(AddressPlan.Sharing.values)}.", line)
    ports = _pool(values, line, problems)
    if span is None:
        return None
    plan = AddressPlan(
        prefix=prefix, from_at=span[0], to_at=span[1], sharing=values["sharing"], port_from=ports[0], port_to=ports[1]
    )
    return plan, values["source"]


def _pool(values: dict[str, str], line: int, problems: Problems) -> tuple[int, int] | tuple[None, None]:
    first, last = (values.get(column, "") for column in PLAN_PORTS)
    if not first and not last:
        return None, None
    if values["sharing"] in (*DEDICATED, *COMPUTED):
        problems.add(
            "plan.pool",
            "port_from",
            "An address of this kind has no pool of ports, or a rule says which it is. Leave both ports empty.",
            line,
        )
    elif _PORT.fullmatch(first) and _PORT.fullmatch(last) and int(first) <= int(last) <= 65_535:
        return int(first), int(last)
    else:
        problems.add(
            "plan.ports",
            "port_to" if _PORT.fullmatch(first) else "port_from",
            "Expected the first and the last port of the pool, 0 to 65535 in this order, or both empty.",
            line,
        )
    return None, None


def _said(plan: AddressPlan) -> tuple[object, ...]:
    """Give what a row says but for its end, which may come later."""
    return plan.prefix, plan.from_at, plan.sharing, plan.source_id, plan.port_from, plan.port_to


def _line_row(
    row: CsvRow, now: datetime, digest: HolderDigest, unit: timedelta, problems: Problems
) -> tuple[LineTerm, str] | None:
    values, line = row.values, row.line
    kind, colon, name = values["identity"].partition(":")
    if not (kind and colon and name):
        problems.add(
            "line.identity", "identity", "Expected the kind and the name as the log has it, such as user:line-1.", line
        )
    if not store.is_reference(values["subscriber"]):
        problems.add("subscriber.reference", "subscriber", f"Expected a reference of the form {REFERENCE}.", line)
    span = _span(values["from"], values["to"], line, now, problems)
    if span is None:
        return None
    term = LineTerm(subscriber_ref=values["subscriber"], from_at=span[0], to_at=span[1], unit=unit)
    return term, digest.reference(values["identity"])


def _span(
    first: str, last: str, line: int, now: datetime, problems: Problems
) -> tuple[datetime, datetime | None] | None:
    ends: list[datetime | None] = []
    for field, text in (("from", first), ("to", last)):
        if field == "to" and not text:
            ends.append(None)
            continue
        try:
            # A term may end in the future; the end of time therefore stands in for now.
            ends.append(parse_instant(text, now if field == "from" else _NO_END).value)
        except ObservationError as error:
            problems.append(error.problem(field, line))
    if len(ends) < 2 or ends[0] is None:
        return None
    if ends[1] is not None and ends[1] <= ends[0]:
        problems.add(
            "history.interval", "to", "This ends before or when it begins. Leave `to` empty if it goes on.", line
        )
    return ends[0], ends[1]


def _refuse_overlap(line: int, plan: AddressPlan, problems: Problems) -> None:
    """Two rows of one prefix at one time contradict each other, unless they are the same row."""
    for other in AddressPlan.objects.using(STORE).filter(prefix=plan.prefix):
        meets = other.from_at < (plan.to_at or _NO_END) and plan.from_at < (other.to_at or _NO_END)
        if meets and _said(other) != _said(plan):
            problems.add(
                "plan.overlap",
                "prefix",
                "The store has another row of this prefix for the same time. Give that row its end first.",
                line,
            )
            return


def _merge(
    pairs: list[tuple[AddressPlan, AddressPlan | None]] | list[tuple[LineTerm, LineTerm | None]],
) -> HistoryReport:
    added = ended = known = 0
    for new, old in pairs:
        if old is None:
            new.save(using=STORE, force_insert=True)
            added += 1
        elif old.to_at is None and new.to_at is not None:
            type(old).objects.using(STORE).filter(pk=old.pk, to_at=None).update(to_at=new.to_at)
            ended += 1
        elif old.to_at == new.to_at or new.to_at is None:
            known += 1
        else:
            raise InputError(
                [Problem("history.end", "to", "A row that has its end already is given another. Ends are final.")]
            )
    return HistoryReport(added, ended, known)


def say_stored(kind: str, report: HistoryReport) -> None:
    """Write the event of an import."""
    # The event is in another database. It commits first: an event without its import shows as one that failed.
    with transaction.atomic():
        record(kind, "lease-import", uuid.uuid4(), {"added": report.added, "ended": report.ended})
