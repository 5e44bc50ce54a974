"""Read a log of leases or translations and store what it proves, chunk by chunk, from wherever reading stopped.

1. Recognise the log by its first bytes: it is read on from where it was left, whatever its name is now.
2. Read a chunk of records; what cannot be read is kept by its place and code, and its time is not vouched for.
3. Fold their events with those before into intervals (`logs.intervals`), one fold for all logs of a source.
4. Store intervals, open holdings, rejects, the place reached and what must be remembered, in one transaction.

A kill loses the chunk under way and nothing else: reading it again gives the same rows. Every record is counted as
used, as none of our business, or as refused. Not here: formats (`logs.formats`), files of intervals (`lease_import`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import BinaryIO

from django.db import transaction

from broker.attribution.clock_lag import Lags
from broker.attribution.drift import look_for_drift
from broker.attribution.log_counts import LogReport, holding_of, plain_holding, time_of
from broker.attribution.log_gaps import Gaps
from broker.attribution.log_rows import LogRows
from broker.attribution.log_stream import TAIL_BYTES, read_exactly, refusal, skip_to, tail_of, take_portion
from broker.attribution.logs.accounting import Late, Refusal
from broker.attribution.logs.clocks import ClockState
from broker.attribution.logs.events import Event, Kind, LogFormat, RawRecord, RecordError, TellsMissing
from broker.attribution.logs.formats import FORMATS, OPTIONS, Told, make_format
from broker.attribution.logs.holding import LogInterval
from broker.attribution.logs.holdings import State
from broker.attribution.logs.identity import HolderDigest
from broker.attribution.logs.intervals import Fold
from broker.attribution.logs.silences import Rhythm
from broker.attribution.retired import present, unheard
from broker.attribution.spans import Span, covers, merge
from broker.attribution.verdict import Provenance
from broker.audit.services import record as record_event
from broker.crypto.suites import sha256_hex
from broker.leases import log_store
from broker.leases.models import LeaseSource, LogProgress
from broker.leases.rows import LONGEST, POSITION_BITS, PROVENANCE_CODES, RowFlag
from broker.leases.services import STORE, source_named

HEAD_BYTES = 4096
CHUNK_RECORDS = 20_000
# A silence between two logs of a source is a gap in the collection if it is longer.
SILENCE = timedelta(minutes=5)


def import_log(
    stream: BinaryIO,
    *,
    place: str,
    source: str,
    format_name: str,
    told: Told,
    digest: HolderDigest,
    provenance: Provenance,
    clock: Callable[[], datetime],
    keep: timedelta,
    chunk_records: int = CHUNK_RECORDS,
    progress: Callable[[LogReport], None] = lambda report: None,
) -> LogReport:
    """Read a log from where it was left to its present end.

    stream: binary, at its beginning. One that is not seekable may stay open for days: what has come is stored then
        without waiting for a whole chunk, but for the record after it. place: where it is, for people. told: see
        `formats`. digest: makes references of what the log calls a connection. clock: gives the time, aware; asked for
        each chunk. keep: what ended longer ago is not stored.
    progress: called after each chunk.

    Raises InputError for options that do not fit or differ from those it was begun with, for a source that is being
    read by somebody else, and for a log that is shorter than what was read of it.
    """
    reader = make_format(format_name, told)
    known = source_named(source)
    if not log_store.lock_source(known):
        raise refusal("log.busy", "source", "Another import reads a log of this source. Wait until it has ended.")
    try:
        known.refresh_from_db()
        return _Reading(reader, known, format_name, told, digest, provenance, clock, keep).run(
            stream, place, chunk_records, progress
        )
    finally:
        log_store.unlock_source(known)


class _Reading:
    """One reading of one log."""

    def __init__(
        self,
        reader: LogFormat,
        source: LeaseSource,
        format_name: str,
        told: Told,
        digest: HolderDigest,
        provenance: Provenance,
        clock: Callable[[], datetime],
        keep: timedelta,
    ) -> None:
        self.reader, self.source, self.format_name = reader, source, format_name
        self.told = told.as_texts()
        self.clock, self.keep, self.now = clock, keep, clock()
        kind = FORMATS[format_name]
        self.policy = kind.policy
        flags = PROVENANCE_CODES[provenance] | (RowFlag.DERIVED if kind.derived or source.derived else 0)
        self.rows = LogRows(flags, source.realm, digest)
        stored = log_store.holdings_of(source)
        logs = log_store.progress_of(source)
        self.gaps = Gaps(logs)
        self.remembered = {serial: json.dumps(state, sort_keys=True) for serial, state in stored.items()}
        state = State(
            {name: datetime.fromisoformat(text) for name, text in source.clocks.items()},
            tuple(holding_of(stored[serial]) for serial in sorted(stored)),
            source.serial,
        )
        heard = source.heard
        rhythms = {name: Rhythm(*rhythm) for name, rhythm in heard.get("rhythms", {}).items()}
        # The time of which logs were read, whether the source vouches for it yet or not.
        spans = ((time_of(log.counts.get("first_at")), time_of(log.counts.get("last_at"))) for log in logs)
        self.read_before = merge((lo, hi) for lo, hi in spans if lo is not None and hi is not None)
        self.fold = Fold(
            kind.policy, state, clocks=ClockState.from_json(heard), rhythms=rhythms, read_before=self.read_before
        )
        self.lags = Lags(source.lags)
        self.settle = kind.policy.settle
        self.unsettled = {h.serial for h in state.holdings if not h.emitted}
        # Also of devices of which only records of the future have come.
        self.clocks_before = self.fold.clocks.state.ahead | state.clocks

    def run(self, stream: BinaryIO, place: str, chunk_records: int, progress: Callable[[LogReport], None]) -> LogReport:
        # 1. Recognise the log.
        head = read_exactly(stream, HEAD_BYTES)
        known = self._find(head, place)
        if known is None:
            digest = (len(head), sha256_hex(head))
            known = log_store.begin_log(
                self.source,
                format_name=self.format_name,
                told=self.told,
                place=place,
                head=digest,
                reader=self.reader.state(),
                now=self.now,
            )
        else:
            self.reader.restore(known.reader)
        if isinstance(self.reader, TellsMissing):
            self.reader.inherit(self.gaps.beside(known))
        known.head_bytes, known.head_sha256 = len(head), sha256_hex(head)
        report = LogReport.from_counts(known.counts)
        report.offset = known.offset
        self.fold.clocks.newest = report.last_at
        if not known.counts and self.clocks_before:
            # Nothing of it has been read yet. Kept with it, because later the clocks are those of its own records.
            report.covered_to = min(present(self.clocks_before, self.source.retired).values()) - self.settle
            report.latest_at = max(self.clocks_before.values())
        rest, self.last = skip_to(head, stream, known.offset)
        if report.tail is not None and report.tail != tail_of(self.last):
            raise refusal(
                "log.changed",
                "file",
                "The log begins like one that was read before and goes on otherwise: it was written anew. "
                "Follow it with a program that keeps what was written, and read what that gives.",
            )
        records = self.reader.records(rest, known.offset)
        patient, said_on = stream.seekable(), self.now.date()
        while self._chunk(take_portion(records, chunk_records, patient=patient), known, report):
            progress(report)
            if self.now.date() != said_on:
                # A stream that is followed may have no end.
                self._say(known, report)
                said_on = self.now.date()
        report.open = len(self.unsettled)
        self._say(known, report)
        return report

    def _say(self, known: LogProgress, report: LogReport) -> None:
        if report.records > report.told:
            # Also of what a process stored that died before it could say so.
            with transaction.atomic():
                body = {"records": report.records, "rejects": report.rejected.total(), "intervals": report.intervals}
                record_event("lease-log:read", "lease-import", known.log.key, body)
            report.told = report.records
            log_store.keep_counts(known, report.as_counts())
        look_for_drift(self.source.name, now=self.now)

    def _find(self, head: bytes, place: str) -> LogProgress | None:
        for known in log_store.progress_of(self.source):
            same = len(head) >= known.head_bytes and sha256_hex(head[: known.head_bytes]) == known.head_sha256
            # The first bytes of a short log may begin many others.
            if same and (known.head_bytes == HEAD_BYTES or known.place == place):
                if known.format != self.format_name:
                    raise refusal("log.format", "format", f"This log was read as {known.format} before.")
                self._hold_to_what_was_told(known)
                return known
        return None

    def _hold_to_what_was_told(self, known: LogProgress) -> None:
        """Refuse to read on with other options: the same stamp or name would be another moment or holder."""
        # Logs that were begun when nothing was kept have none.
        if known.told is None:
            known.told = self.told
        for option in OPTIONS:
            if (before := known.told.get(option)) != self.told.get(option):
                words = f"without --{option}" if before is None else f"with --{option} {before}"
                raise refusal(
                    "log.told",
                    option,
                    f"This log was read {words} before, and its records would mean something else now. Read it on "
                    "like that. If that was wrong, so is what is stored: say with set_clock of its days that they "
                    "cannot be relied on, and import the log with the right options under a new --source.",
                )

    def _chunk(self, records: list[RawRecord], known: LogProgress, report: LogReport) -> bool:
        """Take a chunk; False when the log is at its end."""
        rejects: list[tuple[int, str]] = []
        events: list[Event] = []
        # Before how many of them something was lost of which nothing else says when.
        places: list[int] = []
        number = known.pk << POSITION_BITS
        taken, last = 0, self.last
        # None of them can have been written after this moment, and those to come may have been.
        self.now = self.clock()
        self.retained_from = self.now - self.keep
        self.fold.not_after = read_at = self.now + self.policy.ahead
        asks = self.reader if isinstance(self.reader, TellsMissing) else None
        for record in records:
            if not record.complete:
                report.unfinished = True
                break
            taken += 1
            report.offset = record.end
            last = (last + record.data)[-TAIL_BYTES:]
            try:
                found = list(self.reader.read(record))
            except RecordError as error:
                rejects.append((record.pos, error.code))
                if error.unread is None:
                    places.append(len(events))
                else:
                    lo, hi = error.unread
                    # What it tells of the time after it was read has not come true yet.
                    report.unread = merge([*report.unread, (lo, max(lo, min(hi, read_at)))])
                continue
            if not found and (asks is None or not asks.keeps(record.pos)):
                report.ignored += 1
            for event in found:
                if (refusal := self._refusal(event)) is not None:
                    rejects.append((record.pos, refusal.value))
                    if (event.received_at or event.at) >= self.retained_from:
                        # It is the stamp that is old, and not the record.
                        places.append(len(events))
                    continue
                events.append(self.rows.without_identity(event, number))
        if not taken:
            return False
        self.last, report.tail = last, tail_of(last)
        if asks is not None:
            rejects += self.gaps.take(known, report, asks, self.reader.state()).given_up
        self.gaps.lose(known, report, events, places, policy=self.policy, read_at=read_at)
        self.fold.silences.know(self.gaps.spans(report))
        # 3. Fold.
        before = self.fold.counts.duplicates
        closed, refused = self.fold.feed(events)
        unused = {reject.pos for reject in refused}
        report.note_first(events, unused)
        report.last_at = self.fold.clocks.newest
        report.unread = merge([*report.unread, *self.fold.unread, *self._disproved(self.fold.clocks.others)])
        offsets = self.lags.measure(events, refused)
        rejects += [(reject.pos & ((1 << POSITION_BITS) - 1), reject.code.value) for reject in refused]
        report.records += taken
        report.read += taken
        report.events += len(events)
        report.duplicates += self.fold.counts.duplicates - before
        report.intervals += len(closed)
        report.rejected.update(code for _, code in rejects)
        # 4. Store.
        self._store(known, report, closed, rejects, offsets)
        return not report.unfinished

    def _disproved(self, late: list[Late]) -> list[Span]:
        """Give the time for which the source does not vouch any more, by events that come behind those of other logs.

        Logs of that time were read, and here is more: something was late, or a clock had run ahead and what it stamped
        meanwhile, up to its last stamp, is no evidence; or it is wrong from now on. A record of which the store knows
        all it says shows none of it: the log is a copy.
        """
        # A restart leaves nothing by which it could be known again; what else came with it tells.
        late = [one for one in late if one.event.kind is not Kind.RESTART]
        copies = log_store.known(self.source, [(one.event.kind.value, self.rows.shown(one.event)) for one in late])
        late = [one for n, one in enumerate(late) if not one.refused or n not in copies]
        spans = [
            (min(one.since, one.event.since or one.since), one.clock)
            for one in late
            if covers(self.read_before, one.event.at, one.event.at)
        ]
        # Of the others the fold knew what they show.
        for device, one in {one.event.device: one for one in late if one.refused}.items():
            if (clock := self.fold.clock_of(device)) > one.clock:
                # It is right again, and past what it had stamped.
                spans.append((one.clock, clock))
            else:
                self.fold.clocks.put_back(one)
        return spans

    def _refusal(self, event: Event) -> Refusal | None:
        """Say why an event has no place in the store, whatever others say."""
        if event.at < self.retained_from:
            return Refusal.BEFORE_RETENTION
        if event.since is not None and event.since < self.now - LONGEST:
            return Refusal.TOO_OLD
        return None

    def _store(
        self,
        known: LogProgress,
        report: LogReport,
        closed: list[LogInterval],
        rejects: list[tuple[int, str]],
        offsets: dict[date, timedelta],
    ) -> None:
        state = self.fold.state()
        now_remembered = {h.serial: json.dumps(plain_holding(h), sort_keys=True) for h in state.holdings}
        changed = {s: text for s, text in now_remembered.items() if self.remembered.get(s) != text}
        unsettled = {h.serial: h for h in state.holdings if not h.emitted}
        rows = [self.rows.row(interval) for interval in closed if interval.possible_to > self.retained_from]
        rows += [
            self.rows.row(unsettled[s].interval(self.fold.policy), serial=s) for s in sorted(changed) if s in unsettled
        ]
        clocks = state.clocks
        # Somebody may say it while a stream is followed.
        self.source.refresh_from_db(fields=["retired"])
        chunk = log_store.Chunk(
            rows=rows,
            rejects=rejects,
            remembered=changed,
            forgotten=[s for s in self.remembered if s not in now_remembered],
            closed_serials=sorted(self.unsettled - unsettled.keys()),
            clocks={name: clock.isoformat() for name, clock in clocks.items()},
            serial=state.serial,
            lags=self.lags.state(),
            heard=self.fold.clocks.state.to_json()
            | {"rhythms": {n: list(r) for n, r in self.fold.silences.rhythms.items()}},
            offsets=offsets,
            offset=report.offset,
            reader=self.reader.state(),
            counts=report.as_counts(),
            covered=self._covered(report, self.fold.clocks.state.ahead | clocks),
            unread=[*self.gaps.spans(report), *unheard(self.source.retired)],
            in_order=self.policy.in_order,
        )
        with transaction.atomic(using=STORE):
            self.gaps.store()
            log_store.store_chunk(known, self.source, chunk, now=self.now)
        self.remembered, self.unsettled = now_remembered, set(unsettled)

    def _covered(self, report: LogReport, clocks: dict[str, datetime]) -> tuple[datetime, datetime] | None:
        """Say for which span everything is in: from the log's first stamp to where late records change nothing.

        A device that has not written for long holds it up until somebody says that it is gone (`retired`): whether it
        has nothing to say cannot be known here. A log vouches for no time after its own last record, for others may
        have gone further before it came.
        """
        if report.first_at is None or report.last_at is None or not clocks:
            return None
        slowest = min(present(clocks, self.source.retired).values())
        first, last = report.first_at, min(slowest - self.settle, report.last_at)
        if report.latest_at is not None and first - report.latest_at <= SILENCE:
            # It goes on where the logs before it ended, and what they could not vouch for yet is settled by it.
            first = min(first, report.covered_to or first)
        return (first, last) if first < last else None
