"""FreeRADIUS accounting in PostgreSQL, asked where it is: one statement for all observations, nothing copied.

An address found here was handed to the subscriber as such; whose it is at all, and whether it was shared all the same
(MAP, lw4o6), the operator's address plan says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from broker.attribution.resolve import REACH, SEAM, Interval
from broker.attribution.spans import Span, Spans, meets
from broker.errors import ConfigurationError

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
SELECT r.radacctid, {identity}, r.acctstarttime, r.acctupdatetime, r.acctstoptime, r.acctinterval,
    r.acctsessiontime, r.acctterminatecause
FROM radacct r
WHERE {key} AND (r.acctstoptime IS NULL OR r.acctstoptime >= a.lo) AND (
    r.acctstarttime IS NULL OR r.acctstarttime <= a.hi
    OR COALESCE(r.acctstoptime, r.acctupdatetime, r.acctstarttime) - r.acctsessiontime * interval '1 s' <= a.hi
    OR r.acctstarttime = (SELECT min(r.acctstarttime) FROM radacct r WHERE {key} AND r.acctstarttime > a.hi))"""

# UNION, because one row may hold the address in two of its columns.
LOOKUP = """
SELECT a.ord, r.*
FROM unnest(%(addresses)s::inet[], %(los)s::timestamptz[], %(his)s::timestamptz[])
        WITH ORDINALITY AS a (address, lo, hi, ord)
    CROSS JOIN LATERAL ({about}) AS r"""
LATEST = "SELECT max(acctstarttime) FROM radacct WHERE acctstarttime <= now()"


def lookup_statement(identity: str) -> sql.Composed:
    """Give the statement; identity: the column that names the subscriber's line."""
    if identity not in IDENTITY_KINDS:
        raise ConfigurationError(f"BROKER_RADIUS_IDENTITY must be one of: {', '.join(IDENTITY_KINDS)}.")
    column = sql.Identifier("r", identity)
    about = sql.SQL(" UNION ").join(sql.SQL(_ABOUT).format(identity=column, key=sql.SQL(key)) for key in KEYS.values())
    return sql.SQL(LOOKUP).format(about=about)


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
        """Give what it shows of each question, in their order, by one statement; None if it does not answer.

        Holders are lines, digested as those of imported logs are. A prefix is held by whoever holds all of it.
        """
        if not questions or self.away:
            return None if self.away else []
        addresses = [q.address if q.width is None else f"{q.address}/{q.width}" for q in questions]
        found = self._fetch(self._statement, parameters_of(addresses, [(q.lo, q.hi) for q in questions]))
        if found is None:
            return None
        rows: list[list[Row]] = [[] for _ in questions]
        for number, row_id, identity, *columns in found:
            rows[number - 1].append(Row(row_id, self._holder(identity), *columns))
        fixed = settings.RADIUS_ADDRESS_FIXED
        try:
            return [list(intervals_of(of_one, kind=LINE, address_fixed=fixed)) for of_one in rows]
        except (TypeError, ValueError, OverflowError):
            # Times without zone, or beyond all time. Only a hit can meet such a row, and must not fail for it.
            return None

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
