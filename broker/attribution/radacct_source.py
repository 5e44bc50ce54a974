"""FreeRADIUS accounting in PostgreSQL, asked where it is: one statement for all observations, nothing copied.

An address found here was handed to the subscriber as such; whose it is at all, and whether it was shared all the same
(MAP, lw4o6), the operator's address plan says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from psycopg import sql
from psycopg.types.range import Range

from broker.attribution.ground import Grounds
from broker.attribution.radacct_rows import SLACK, Row, intervals_of
from broker.attribution.radius_connection import IDENTITY_KINDS, radius_connection
from broker.attribution.resolve import REACH, SEAM, Window
from broker.attribution.sources import SOURCE_TOLERANCE, CandidateSet, Observation
from broker.attribution.stored import number_of, read_plan
from broker.errors import ConfigurationError

# How long after the latest Start a packet may still be on its way (retransmissions, a queue that is drained late).
SETTLING = timedelta(minutes=15)
# The number the table has as a source; it is the only one.
_TABLE = 0

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
WITH asked AS (
    SELECT ord, address, lo, hi
    FROM unnest(%(addresses)s::inet[], %(los)s::timestamptz[], %(his)s::timestamptz[])
        WITH ORDINALITY AS t (address, lo, hi, ord)
), settled AS (
    SELECT max(acctstarttime) AS latest FROM radacct WHERE acctstarttime <= now()
)
SELECT a.ord, (SELECT latest FROM settled), r.*
FROM asked a LEFT JOIN LATERAL ({about}) AS r ON true
ORDER BY a.ord"""


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


class RadiusAccounting:
    """The operator's `radacct`.

    retained_from: nothing before it may be answered. plan: gives the rows of the address plan about some addresses.
    The rest are settings: which column names the line, whether addresses are fixed in a session, and since when the
    table is complete. Without the last two nothing is claimed to be complete, and every answer is INCOMPLETE: `radacct`
    forgets earlier addresses of a session, and cleaned-up rows.
    """

    def __init__(
        self, *, retained_from: datetime, plan: Callable[[list[str]], list[tuple[Any, ...]]] = read_plan
    ) -> None:
        self._retained_from = retained_from
        self._plan = plan

    def lookup(self, observations: Sequence[Observation[Any]], tolerance: timedelta) -> list[CandidateSet]:
        """Give one candidate set for each observation, in their order; one SQL statement for all.

        Raises ConfigurationError and RadiusUnavailable.
        """
        if not observations:
            return []
        windows = [o.window(tolerance + SOURCE_TOLERANCE) for o in observations]
        statement = lookup_statement(settings.RADIUS_IDENTITY)
        with radius_connection() as connection:
            found = connection.execute(statement, parameters_of([o.address for o in observations], windows)).fetchall()
        rows: dict[int, list[Row]] = {}
        latest = None
        for number, latest_start, row_id, *columns in found:
            latest = latest_start
            if row_id is not None:
                rows.setdefault(number - 1, []).append(Row(row_id, *columns))
        grounds = self._grounds([o.address for o in observations], None if latest is None else latest - SETTLING)
        kind, fixed = IDENTITY_KINDS[settings.RADIUS_IDENTITY], settings.RADIUS_ADDRESS_FIXED
        candidates = []
        for i, observation in enumerate(observations):
            ground, _ = grounds.of(*number_of(observation.address))
            window = Window(*windows[i], port=observation.port, ground=ground)
            candidates.append(CandidateSet(window, intervals_of(rows.get(i, []), kind=kind, address_fixed=fixed)))
        return candidates

    def _grounds(self, addresses: list[str], settled: datetime | None) -> Grounds:
        """Read the operator's address plan; the one source it can rest on here is the table itself."""
        since = settings.RADIUS_COMPLETE_FROM if settings.RADIUS_ADDRESS_FIXED else None
        complete = [] if since is None or settled is None or settled <= since else [Range(since, settled)]
        table: tuple[Any, ...] = (_TABLE, "", SOURCE_TOLERANCE, True, complete, None, None, [], [], [])
        return Grounds([(*row[:5], _TABLE) for row in self._plan(addresses)], [table], self._retained_from)
