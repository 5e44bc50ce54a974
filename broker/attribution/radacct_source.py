"""FreeRADIUS accounting in PostgreSQL, asked where it is: a few statements for all observations.

Nothing is copied but the rows in reach of a line that is held, because whoever keeps the table may clean it up. Those
are asked together with the table, and only for the case they were held for: what is still there counts as it is there,
and what is gone as it was.

An address found here was handed to the subscriber as such; whose it is at all, and whether it was shared all the same
(MAP, lw4o6), the operator's address plan says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from psycopg import sql

from broker.attribution.ground import Grounds
from broker.attribution.holders import LINE
from broker.attribution.logs import text
from broker.attribution.logs.events import RecordError
from broker.attribution.logs.identity import stored_digest
from broker.attribution.questions import Question
from broker.attribution.radacct_rows import SLACK, Row, intervals_of
from broker.attribution.radius_connection import IDENTITY_KINDS, RadiusUnavailable, radius_connection
from broker.attribution.resolve import REACH, SEAM, Interval, Window
from broker.attribution.spans import EVER, Span, Spans, common, meets, merge, without
from broker.errors import ConfigurationError
from broker.leases import hold_queries
from broker.leases.reading import fetch

# How long after the latest Start a packet may still be on its way (retransmissions, a queue that is drained late).
SETTLING = timedelta(minutes=15)

# How a row is about the address asked for, by the family of the address.
KEYS = {
    "framedipaddress": "family(a.address) = 4 AND r.framedipaddress = a.address",
    "framedipv6address": "family(a.address) = 6 AND r.framedipv6address = a.address",
    "framedipv6prefix": "family(a.address) = 6 AND r.framedipv6prefix >>= a.address",
    "delegatedipv6prefix": "family(a.address) = 6 AND r.delegatedipv6prefix >>= a.address",
}

# Rows that can touch the window: begun by its end and not over before it; or begun later by what the row says and
# earlier by its own count of seconds, for then its Start was lost; and the next one, where an open row ends.
_ABOUT = """
SELECT r.radacctid, {identity}, {times}, r.acctinterval, r.acctsessiontime, r.acctterminatecause {more}
FROM {table} r
WHERE {key} AND (r.acctstoptime IS NULL OR r.acctstoptime >= a.lo) AND (
    r.acctstarttime IS NULL OR r.acctstarttime <= a.hi
    OR COALESCE(r.acctstoptime, r.acctupdatetime, r.acctstarttime) - r.acctsessiontime * interval '1 s' <= a.hi
    OR r.acctstarttime = (SELECT min(r.acctstarttime) FROM {table} r WHERE {key} AND r.acctstarttime > a.hi))"""

# UNION, because one row may hold the address in two of its columns.
LOOKUP = """
SELECT a.ord, r.*
FROM unnest(%(addresses)s::inet[], %(los)s::timestamptz[], %(his)s::timestamptz[])
        WITH ORDINALITY AS a (address, lo, hi, ord)
    CROSS JOIN LATERAL ({about}) AS r"""
_TIMES = ("r.acctstarttime", "r.acctupdatetime", "r.acctstoptime")
_FIRST, _LAST = "timestamp '0001-01-02'", "timestamp '9999-12-30'"
LATEST = "SELECT max(acctstarttime) FROM radacct WHERE acctstarttime <= now()"


# What is kept of it for the case of a question.
_KEPT = """(
    SELECT s.* FROM held_radacct s JOIN lease_hold k ON k.id = s.hold_id
    WHERE k.case_id = a.case_id AND k.lapses_at > now())"""
KEPT = """
SELECT a.ord, r.*
FROM unnest(%(addresses)s::inet[], %(los)s::timestamptz[], %(his)s::timestamptz[], %(cases)s::uuid[])
        WITH ORDINALITY AS a (address, lo, hi, case_id, ord)
    CROSS JOIN LATERAL ({about}) AS r"""


STILL = """
SELECT a.place, r.radacctid, {identity}, {times}, r.acctinterval, r.acctsessiontime, r.acctterminatecause
FROM unnest(%(places)s::int[], %(addresses)s::inet[], %(ids)s::bigint[]) AS a (place, address, id)
    JOIN radacct r ON r.radacctid = a.id AND ({keys})"""


def lookup_statement(identity: str, *, with_addresses: bool = False) -> sql.Composed:
    """Give the statement; identity: the column that names the subscriber's line. with_addresses: as rows are kept."""
    if identity not in IDENTITY_KINDS:
        raise ConfigurationError(f"BROKER_RADIUS_IDENTITY must be one of: {', '.join(IDENTITY_KINDS)}.")
    if not with_addresses:
        return sql.SQL(LOOKUP).format(about=_about("radacct", identity))
    # A moment beyond all time is none: it could not be read, and a row that fails would show that there is one.
    times = (f"CASE WHEN {t} BETWEEN {_FIRST} AND {_LAST} THEN {t} END" for t in _TIMES)
    more = "".join(f", r.{column}::text" for column in KEYS)
    return sql.SQL(LOOKUP).format(about=_about("radacct", identity, times, more))


def still_statement(identity: str) -> sql.Composed:
    """Give the statement that reads rows by their number, if they are still about the address that was asked for."""
    return sql.SQL(STILL).format(
        identity=sql.Identifier("r", identity),
        times=sql.SQL(", ".join(_TIMES)),
        keys=sql.SQL(" OR ".join(f"({key})" for key in KEYS.values())),
    )


def _about(table: str, identity: str, times: Iterable[str] = _TIMES, more: str = "") -> sql.Composed:
    parts = {
        "table": sql.SQL(table),
        "identity": sql.Identifier("r", identity),
        "times": sql.SQL(", ".join(times)),
        "more": sql.SQL(more),
    }
    return sql.SQL(" UNION ").join(sql.SQL(_ABOUT).format(**parts, key=sql.SQL(key)) for key in KEYS.values())


def parameters_of(
    addresses: Sequence[str], windows: Sequence[tuple[datetime, datetime]]
) -> dict[str, list[str] | list[datetime]]:
    """Give the parameters: windows are widened by what is needed to state a margin and to see who comes next."""
    around = REACH + SEAM + SLACK
    return {
        "addresses": list(addresses),
        "los": [lo - around for lo, _ in windows],
        "his": [hi + around for _, hi in windows],
    }


def ask_in_place(grounds: Grounds, first: datetime, last: datetime) -> RadiusAccounting | None:
    """Ask the one source that is asked where it is what it has delivered, if it may tell anything of [first, last].

    Whatever the questions are, so that it shows nothing of them. Raises ConfigurationError if it is not set up.
    """
    for number, source in grounds.sources.items():
        if source.in_place and meets([source.serves], first, last):
            found = RadiusAccounting(number, source.serves)
            grounds.deliver(number, found.delivered())
            return found
    return None


class RadiusAccounting:
    """The operator's `radacct`, for one batch. number: of the source; serves: when it has anything to say.

    What else is known of it are settings: which column names the line, whether addresses are fixed in a session, and
    since when the table is complete. Without the last two nothing is claimed to be complete, and every answer is
    INCOMPLETE: `radacct` forgets earlier addresses of a session, and cleaned-up rows.

    Raises ConfigurationError if it is not set up, and nothing else. Once it has not answered it is `away`.
    """

    def __init__(self, number: int, serves: Span) -> None:
        self.number, self.serves = number, serves
        self.away = False
        self._kind = IDENTITY_KINDS.get(settings.RADIUS_IDENTITY, "")
        self._statement = lookup_statement(settings.RADIUS_IDENTITY)
        self._reference = stored_digest(settings.KEY_DIR).reference
        self._kept_settled: dict[tuple[object, ...], list[Span]] = {}

    def delivered(self) -> Spans:
        """Say for what time it holds everything; reads no row of anybody."""
        found = self._fetch(sql.SQL(LATEST), {})
        since = settings.RADIUS_COMPLETE_FROM if settings.RADIUS_ADDRESS_FIXED else None
        latest = found[0][0] if found else None
        if since is None or latest is None or latest - SETTLING <= since:
            return ()
        return ((since, latest - SETTLING),)

    def tells_of(self, question: Question) -> bool:
        """Tell whether it has to be asked: it is one of those that tell, and served about then."""
        return self.number in question.tellers and meets([self.serves], question.lo - REACH, question.hi + REACH)

    def holds_up(self, question: Question) -> bool:
        """Tell whether it is away and may have to be asked, now or for what lies behind a shared address."""
        lo, hi = question.lo, question.hi
        near = self.number in question.tellers or meets(question.ground.shared, lo, hi)
        return self.away and near and meets([self.serves], lo, hi)

    def evidence(self, questions: Sequence[Question]) -> list[list[Interval]] | None:
        """Give what it shows of each question, in their order; None if it does not answer.

        Holders are lines, digested as those of imported logs are. A prefix is held by whoever holds all of it. Rows
        that are kept for the case of a question, and that it does not hold any more, count as they were.
        """
        if not questions or self.away:
            return None if self.away else []
        windows = [(q.lo, q.hi) for q in questions]
        found = self._fetch(self._statement, parameters_of([_asked(q) for q in questions], windows))
        if found is None:
            return None
        rows = self._kept(questions)
        still = self._still_there(questions, rows)
        if still is None:
            return None
        for number, row_id, identity, *columns in (*still, *found):
            rows[number - 1][row_id] = Row(row_id, self._holder(identity), *columns)
        fixed = settings.RADIUS_ADDRESS_FIXED
        try:
            return [list(intervals_of(of_one.values(), kind=LINE, address_fixed=fixed)) for of_one in rows]
        except (TypeError, ValueError, OverflowError):
            # Times without zone, or beyond all time. Only a hit can meet such a row, and must not fail for it.
            return None

    def window(self, question: Question, grounds: Grounds | None) -> Window:
        """Give the window of a question whose evidence was asked for, settled also for what is kept for its case.

        What was copied whole stays whole, whatever has been cleaned up since; other sources have to tell as before.
        """
        window = question.window()
        kept = self._kept_settled.get(_key(question), [])
        # Where a rule tells as well, what is settled is not the logs' to say alone.
        if not kept or grounds is None or self._by_rule(question, grounds):
            return window
        # What was copied whole shows everybody, too: whom another source may lack, it may lack all the same.
        settled, shown = list(kept), list(kept)
        for other in (grounds.sources[number] for number in question.tellers - {self.number}):
            settled, shown = common(settled, other.settled), common(shown, other.shown)
        settled = merge([*window.ground.settled, *common(settled, window.ground.ours)])
        unshown = without(window.ground.unshown, shown)
        return replace(window, ground=replace(window.ground, settled=tuple(settled), unshown=tuple(unshown)))

    @staticmethod
    def _by_rule(question: Question, grounds: Grounds) -> bool:
        return question.sources is None and grounds.of(question.version, question.value).rule is not None

    def rows_to_keep(
        self, addresses: Sequence[str], windows: Sequence[tuple[datetime, datetime]]
    ) -> list[tuple[int, tuple[object, ...]]]:
        """Read the rows in reach of these windows as they are kept, each with the place of its window in the list.

        Raises RadiusUnavailable if it does not answer; nothing that is in a row may raise, for it would show a hit.
        """
        statement = lookup_statement(settings.RADIUS_IDENTITY, with_addresses=True)
        found = self._fetch(statement, parameters_of(addresses, windows))
        if found is None:
            raise RadiusUnavailable("The RADIUS database could not be read, so its rows are not kept yet.")
        return [
            (place - 1, (row_id, self._holder(who) or "", start, update, stop, interval, seconds, cause or "", *held))
            for place, row_id, who, start, update, stop, interval, seconds, cause, *held in found
        ]

    def _still_there(
        self, questions: Sequence[Question], kept: Sequence[Mapping[int, Row]]
    ) -> list[tuple[Any, ...]] | None:
        """Read anew the rows that are kept, wherever they reach by now: one that was open may have ended since.

        None if it does not answer. Asked for whoever has a case, so that it does not matter whether anything is kept.
        """
        if all(question.case is None for question in questions):
            return []
        asked = [(n, _asked(questions[n]), row_id) for n, rows in enumerate(kept) for row_id in rows]
        parameters = {
            "places": [n + 1 for n, _, _ in asked],
            "addresses": [address for _, address, _ in asked],
            "ids": [row_id for *_, row_id in asked],
        }
        return self._fetch(still_statement(settings.RADIUS_IDENTITY), parameters)

    def _kept(self, questions: Sequence[Question]) -> list[dict[int, Row]]:
        """Read what is kept for the case of each question: rows by their number there, and note what is settled."""
        rows: list[dict[int, Row]] = [{} for _ in questions]
        own = [(n, q) for n, q in enumerate(questions) if q.case is not None]
        if not own:
            return rows
        asked = parameters_of([_asked(q) for _, q in own], [(q.lo, q.hi) for _, q in own])
        kept = fetch(_KEPT_STATEMENT, {**asked, "cases": [q.case for _, q in own]})
        # Of two copies of a row the later one says more.
        for number, row_id, holder, *columns in sorted(kept, key=_last_seen):
            rows[own[number - 1][0]][row_id] = Row(row_id, holder or None, *columns)
        settled = fetch(
            hold_queries.HELD_SETTLED,
            {
                "ords": [n for n, _ in own],
                "addresses": [q.address for _, q in own],
                "ports": [q.port for _, q in own],
                "cases": [q.case for _, q in own],
                "los": [q.lo for _, q in own],
                "his": [q.hi for _, q in own],
            },
        )
        for n, spans in settled:
            known = self._kept_settled.get(_key(questions[n]), [])
            self._kept_settled[_key(questions[n])] = merge([*known, *((span.lower, span.upper) for span in spans)])
        return rows

    def _holder(self, identity: str | None) -> str | None:
        try:
            return self._reference(text.name(self._kind, (identity or "").encode()))
        except RecordError:
            return None

    def _fetch(self, statement: sql.SQL | sql.Composed, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]] | None:
        try:
            with radius_connection() as connection:
                return connection.execute(statement, parameters).fetchall()
        except RadiusUnavailable:
            self.away = True
            return None


_KEPT_STATEMENT = sql.SQL(KEPT).format(about=_about(_KEPT, "holder")).as_string()


def _asked(question: Question) -> str:
    return question.address if question.width is None else f"{question.address}/{question.width}"


def _key(question: Question) -> tuple[object, ...]:
    return question.case, question.address, question.port, question.lo, question.hi


def _last_seen(row: Sequence[Any]) -> datetime:
    """When a kept row was last written to: (place, number, holder, start, update, stop, ...)."""
    return max((time for time in row[3:6] if time is not None), default=EVER)
