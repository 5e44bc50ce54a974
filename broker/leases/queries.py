"""The SQL of the lease store, in one place because its parts must agree. Every statement is run with parameters."""

# ruff: noqa: S608 - built from constants of this module

from __future__ import annotations

from broker.leases.rows import POSITION_BITS

# -- Storing ---------------------------------------------------------------------------------------------------------

# Addresses come as text, because the binary form of COPY would want them taken apart first.
STAGE = """
CREATE TEMPORARY TABLE lease_staging (
    source_pos bigint, address_text text, port_from int, port_to int, port_step smallint, protocol smallint, kind text,
    reference text, inner_text text, realm text, possible_from timestamptz, possible_to timestamptz,
    certain_from timestamptz, certain_to timestamptz, flags smallint, serial bigint,
    address inet GENERATED ALWAYS AS (address_text::inet) STORED,
    inner_address inet GENERATED ALWAYS AS (inner_text::inet) STORED
) ON COMMIT DROP"""

STAGE_TYPES = [
    *("int8", "text", "int4", "int4", "int2", "int2", "text", "text", "text", "text"),
    *("timestamptz", "timestamptz", "timestamptz", "timestamptz", "int2", "int8"),
]

COPY_STAGED = """
COPY lease_staging (source_pos, address_text, port_from, port_to, port_step, protocol, kind, reference, inner_text,
    realm, possible_from, possible_to, certain_from, certain_to, flags, serial) FROM STDIN (FORMAT BINARY)"""

# What a file knows of by itself: from its earliest stamp to its latest one that is not in the future.
STAGED_SPAN = """
SELECT min(possible_from), max(GREATEST(possible_from, CASE WHEN possible_to <= %(now)s THEN possible_to END))
FROM lease_staging WHERE serial IS NULL"""

# A lease that was open when its file was written, or whose expiry lies ahead, is certain only as far as the file is
# complete.
# Rounded as it would be in the evidence, so that nothing changes when it moves there.
LIMIT_OPEN = """
UPDATE lease_staging SET certain_to = CASE WHEN possible_to IS NULL OR sure >= possible_to THEN sure
    ELSE GREATEST(possible_from, part_to - ceil(extract(epoch FROM part_to - sure)) * interval '1 second') END
FROM (
    SELECT source_pos AS pos, sure,
        LEAST(possible_to, date_trunc('month', sure, 'UTC') + interval '1 month') AS part_to
    FROM (SELECT *, LEAST(possible_to, GREATEST(possible_from, %(complete_until)s::timestamptz)) AS sure
          FROM lease_staging WHERE possible_to IS NULL OR possible_to > %(now)s) AS s
) AS found
WHERE source_pos = pos"""

NEW_HOLDERS = """
INSERT INTO lease_holder (kind, reference, inner_address, realm)
SELECT DISTINCT kind, reference, inner_address, realm FROM lease_staging s
WHERE NOT EXISTS (
    SELECT FROM lease_holder h WHERE h.reference = s.reference AND h.kind = s.kind AND h.realm = s.realm
        AND h.inner_address IS NOT DISTINCT FROM s.inner_address)
ON CONFLICT DO NOTHING"""

NEW_WIDTHS = """
INSERT INTO address_width (family, width) SELECT DISTINCT family(address), masklen(address) FROM lease_staging
ON CONFLICT DO NOTHING"""

# The blocks of a shape are found by computing where the block of a port begins. Groups of interleaved blocks begin at
# multiples of their step; where they do not, each row has its own shape, and such rows go to `odd_block`.
SHAPE = """
    (port_to - port_from) / port_step * port_step + port_step AS span,
    (port_from - port_from %% port_step) %% ((port_to - port_from) / port_step * port_step + port_step) AS phase,
    port_step AS step"""

# Every shape costs one probe for each question, so only the most frequent ones get one.
MOST_SHAPES = 8
NEW_SHAPES = f"""
INSERT INTO block_shape (span, phase, step)
SELECT span, phase, step FROM (
    SELECT span, phase, step, count(*) AS n FROM (SELECT {SHAPE} FROM lease_staging WHERE port_from IS NOT NULL) AS b
    GROUP BY 1, 2, 3
) AS found
WHERE NOT EXISTS (
    SELECT FROM block_shape k WHERE k.span = found.span AND k.phase = found.phase AND k.step = found.step)
ORDER BY n DESC, span, phase, step
LIMIT GREATEST(0, {MOST_SHAPES} - (SELECT count(*) FROM block_shape))
ON CONFLICT DO NOTHING"""

_CLOSED = "s.serial IS NULL AND s.possible_to IS NOT NULL AND s.possible_to <= %(now)s"

# The parts of an interval in each month (UTC) it touches. Certain parts become whole seconds, rounded inwards.
_CUT = """
    CROSS JOIN LATERAL (
        SELECT s.possible_from AS lo, s.possible_to AS hi
        WHERE date_trunc('month', s.possible_from, 'UTC') = date_trunc('month', s.possible_to, 'UTC')
        UNION ALL
        SELECT GREATEST(s.possible_from, t AT TIME ZONE 'UTC'),
            LEAST(s.possible_to, (t + interval '1 month') AT TIME ZONE 'UTC')
        FROM generate_series(date_trunc('month', s.possible_from AT TIME ZONE 'UTC'),
            s.possible_to AT TIME ZONE 'UTC' - interval '1 microsecond', interval '1 month') AS t
        WHERE date_trunc('month', s.possible_from, 'UTC') <> date_trunc('month', s.possible_to, 'UTC')
    ) AS m"""
_HOLDER = """
    JOIN lease_holder h ON h.reference = s.reference AND h.kind = s.kind AND h.realm = s.realm
        AND h.inner_address IS NOT DISTINCT FROM s.inner_address"""
# Where a record stands: its import and its place there.
_IMPORT = f"COALESCE(NULLIF(s.source_pos >> {POSITION_BITS}, 0)::int, %(import_id)s)"
_PLACE = f"s.source_pos & {(1 << POSITION_BITS) - 1}"
_SURE_PART = """ceil(extract(epoch FROM GREATEST(s.certain_from, m.lo) - m.lo))::int,
    ceil(extract(epoch FROM m.hi - LEAST(s.certain_to, m.hi)))::int"""
_PART = f"m.lo, m.hi, h.id, {_PLACE}, {_SURE_PART}, {_IMPORT}"

STORE_LEASES = f"""
INSERT INTO lease (valid_from, valid_to, holder_id, source_pos, certain_after, certain_before, import_id, source_id,
    flags, address)
SELECT {_PART}, %(source_id)s, s.flags, s.address
FROM lease_staging s {_HOLDER} {_CUT}
WHERE {_CLOSED} AND s.port_from IS NULL
ORDER BY s.address, m.lo"""


def _store_blocks(table: str, condition: str) -> str:
    return f"""
INSERT INTO {table} (valid_from, valid_to, holder_id, source_pos, certain_after, certain_before, import_id,
    port_from, port_to, source_id, flags, port_step, protocol, address)
SELECT {_PART}, s.port_from, s.port_to, %(source_id)s, s.flags, s.port_step, s.protocol, s.address
FROM (SELECT *, {SHAPE} FROM lease_staging WHERE port_from IS NOT NULL) AS s {_HOLDER} {_CUT}
WHERE {_CLOSED} AND {condition} EXISTS (
    SELECT FROM block_shape k WHERE k.span = s.span AND k.phase = s.phase AND k.step = s.step)
ORDER BY s.address, s.port_from, m.lo"""


STORE_BLOCKS = _store_blocks("port_block", "")
STORE_ODD_BLOCKS = _store_blocks("odd_block", "NOT")

# A lease that its source shows closed is open no longer; one that it shows open again is certain for longer.
CLOSE_OPEN = f"""
DELETE FROM open_lease o USING lease_staging s {_HOLDER}
WHERE {_CLOSED} AND o.source_id = %(source_id)s AND o.serial IS NULL AND o.address = s.address
    AND o.possible_from = s.possible_from AND o.holder_id = h.id
    AND o.port_from IS NOT DISTINCT FROM s.port_from AND o.port_to IS NOT DISTINCT FROM s.port_to"""

STORE_OPEN = f"""
INSERT INTO open_lease AS known (import_id, source_id, source_pos, address, port_from, port_to, port_step, protocol,
    holder_id, possible_from, possible_to, certain_from, certain_to, flags)
SELECT DISTINCT ON (s.address, s.port_from, s.port_to, s.possible_from, h.id) {_IMPORT}, %(source_id)s,
    {_PLACE}, s.address, s.port_from, s.port_to, s.port_step, s.protocol, h.id, s.possible_from, s.possible_to,
    s.certain_from, s.certain_to, s.flags
FROM lease_staging s {_HOLDER}
WHERE s.serial IS NULL AND NOT COALESCE({_CLOSED}, false)
ORDER BY s.address, s.port_from, s.port_to, s.possible_from, h.id, s.possible_to DESC NULLS FIRST
ON CONFLICT (source_id, address, port_from, port_to, possible_from, holder_id) WHERE serial IS NULL DO UPDATE
    SET possible_to = EXCLUDED.possible_to,
        certain_to = LEAST(EXCLUDED.possible_to, GREATEST(known.certain_to, EXCLUDED.certain_to)),
        flags = EXCLUDED.flags, import_id = EXCLUDED.import_id, source_pos = EXCLUDED.source_pos"""

# Leases that have expired while they were open, of files: their source has delivered beyond their end and did not say
# otherwise. A holding of a log is given out by the reading of its log. Nothing older than the oldest month is kept.
_EXPIRED = """(
    SELECT *, GREATEST(possible_from, %(oldest)s) AS begins FROM open_lease
    WHERE source_id = %(source_id)s AND serial IS NULL AND possible_to <= %(until)s)"""
EXPIRED_SPAN = f"SELECT count(*), min(begins), max(possible_to) FROM {_EXPIRED} AS s"
_MOVED = f"""(
    SELECT import_id, source_pos, source_id, address, port_from, port_to, port_step, protocol, holder_id, flags,
        begins AS possible_from, possible_to, GREATEST(begins, certain_from) AS certain_from,
        GREATEST(begins, certain_to) AS certain_to
    FROM {_EXPIRED} AS e WHERE possible_to > begins)"""
_MOVED_PART = f"m.lo, m.hi, s.holder_id, s.source_pos, {_SURE_PART}, s.import_id"

MOVE_LEASES = f"""
INSERT INTO lease (valid_from, valid_to, holder_id, source_pos, certain_after, certain_before, import_id, source_id,
    flags, address)
SELECT {_MOVED_PART}, s.source_id, s.flags, s.address
FROM {_MOVED} AS s {_CUT}
WHERE s.port_from IS NULL
ORDER BY s.address, m.lo"""


def _move_blocks(table: str, condition: str) -> str:
    return f"""
INSERT INTO {table} (valid_from, valid_to, holder_id, source_pos, certain_after, certain_before, import_id,
    port_from, port_to, source_id, flags, port_step, protocol, address)
SELECT {_MOVED_PART}, s.port_from, s.port_to, s.source_id, s.flags, s.port_step, s.protocol, s.address
FROM (SELECT *, {SHAPE} FROM {_MOVED} AS o WHERE port_from IS NOT NULL) AS s {_CUT}
WHERE {condition} EXISTS (
    SELECT FROM block_shape k WHERE k.span = s.span AND k.phase = s.phase AND k.step = s.step)
ORDER BY s.address, s.port_from, m.lo"""


MOVE_BLOCKS = _move_blocks("port_block", "")
MOVE_ODD_BLOCKS = _move_blocks("odd_block", "NOT")
# What storing them must come to: months touched, counted another way than they are cut.
_MONTHS = """(extract(year FROM e.last) - extract(year FROM e.first)) * 12
    + extract(month FROM e.last) - extract(month FROM e.first) + 1"""
EXPIRED_PARTS = f"""
SELECT COALESCE(sum({_MONTHS}), 0)::bigint FROM {_MOVED} AS s CROSS JOIN LATERAL (
    SELECT s.possible_from AT TIME ZONE 'UTC' AS first,
        s.possible_to AT TIME ZONE 'UTC' - interval '1 microsecond' AS last) AS e"""
FORGET_EXPIRED = """
DELETE FROM open_lease WHERE source_id = %(source_id)s AND serial IS NULL AND possible_to <= %(until)s"""

# What a log shows so far of the holdings that go on; each is one row, which follows it.
STORE_HOLDINGS = f"""
INSERT INTO open_lease (import_id, source_id, source_pos, address, port_from, port_to, port_step, protocol, holder_id,
    possible_from, possible_to, certain_from, certain_to, flags, serial)
SELECT {_IMPORT}, %(source_id)s, {_PLACE}, s.address, s.port_from, s.port_to, s.port_step, s.protocol, h.id,
    s.possible_from, s.possible_to, s.certain_from, s.certain_to, s.flags, s.serial
FROM lease_staging s {_HOLDER}
WHERE s.serial IS NOT NULL
ON CONFLICT (source_id, serial) DO UPDATE
    SET holder_id = EXCLUDED.holder_id, address = EXCLUDED.address, possible_from = EXCLUDED.possible_from,
        possible_to = EXCLUDED.possible_to, certain_from = EXCLUDED.certain_from, certain_to = EXCLUDED.certain_to,
        flags = EXCLUDED.flags"""

FORGET_OPEN = "DELETE FROM open_lease WHERE source_id = %(source_id)s AND serial = ANY (%(serials)s)"
FORGET_HOLDINGS = "DELETE FROM log_holding WHERE source_id = %(source_id)s AND serial = ANY (%(serials)s)"
REMEMBER_HOLDINGS = """
INSERT INTO log_holding (source_id, serial, state)
SELECT %(source_id)s, serial, state::jsonb FROM unnest(%(serials)s::bigint[], %(states)s::text[]) AS t (serial, state)
ON CONFLICT (source_id, serial) DO UPDATE SET state = EXCLUDED.state"""

# What storing must come to: rows whose holder is known, and parts of closed intervals when cut at month ends.
EXPECTED = f"""
SELECT count(*), COALESCE(sum({_MONTHS}) FILTER (WHERE {_CLOSED}), 0)::bigint
FROM lease_staging s {_HOLDER} CROSS JOIN LATERAL (
    SELECT s.possible_from AT TIME ZONE 'UTC' AS first,
        s.possible_to AT TIME ZONE 'UTC' - interval '1 microsecond' AS last) AS e"""

# Events of which the store shows all they say. A row may lie half a unit before its stamps and a unit after them,
# and what is certain of it was rounded inwards.
_SHOWS = """CASE e.kind
    WHEN 'begin' THEN {lo} BETWEEN e.at - (e.until - e.at) AND e.until
    WHEN 'end' THEN {hi} BETWEEN e.at - (e.until - e.at) AND e.until + (e.until - e.at)
    WHEN 'alive' THEN {sure_lo} <= e.until + (e.until - e.at) AND {sure_hi} >= e.at - (e.until - e.at) END"""
_SHOWS_CLOSED = _SHOWS.format(
    lo="l.valid_from",
    hi="l.valid_to",
    sure_lo="l.valid_from + l.certain_after * interval '1 second'",
    sure_hi="l.valid_to - l.certain_before * interval '1 second'",
)
_SHOWS_OPEN = _SHOWS.format(lo="l.possible_from", hi="l.possible_to", sure_lo="l.certain_from", sure_hi="l.certain_to")
_SAME = "l.source_id = %(source_id)s AND l.address = e.address AND l.holder_id = h.id"
_SAME_MONTH = """l.valid_from >= date_trunc('month', e.at - (e.until - e.at), 'UTC')
    AND l.valid_from <= e.until"""
KNOWN = f"""
SELECT e.ord
FROM unnest(%(ords)s::int[], %(kinds)s::text[], %(addresses)s::text[]::inet[], %(ports)s::int[],
    %(holder_kinds)s::text[], %(references)s::text[], %(inners)s::text[]::inet[], %(realms)s::text[],
    %(ats)s::timestamptz[], %(ends)s::timestamptz[])
    AS e (ord, kind, address, port, holder_kind, reference, inner_address, realm, at, until)
JOIN lease_holder h ON h.reference = e.reference AND h.kind = e.holder_kind AND h.realm = e.realm
    AND h.inner_address IS NOT DISTINCT FROM e.inner_address
WHERE EXISTS (SELECT FROM lease l WHERE {_SAME} AND e.port IS NULL AND {_SAME_MONTH} AND {_SHOWS_CLOSED})
    OR EXISTS (SELECT FROM port_block l WHERE {_SAME} AND l.port_from = e.port AND {_SAME_MONTH} AND {_SHOWS_CLOSED})
    OR EXISTS (SELECT FROM odd_block l WHERE {_SAME} AND l.port_from = e.port AND {_SAME_MONTH} AND {_SHOWS_CLOSED})
    OR EXISTS (SELECT FROM open_lease l WHERE {_SAME} AND l.port_from IS NOT DISTINCT FROM e.port AND {_SHOWS_OPEN})
"""

# What was covered before without being logged does not become so because a log goes on that began before it.
EXTEND_COVERAGE = """
UPDATE lease_source SET coverage = coverage + span,
    logged = CASE WHEN %(logged)s THEN logged + (span - coverage) ELSE logged END,
    stated = CASE WHEN %(stated)s THEN stated + span ELSE stated END
FROM tstzmultirange(tstzrange(%(first)s, %(last)s)) AS span WHERE id = %(source_id)s"""
# What began meanwhile is not shown by what goes on after it either.
REDUCE_COVERAGE = """
UPDATE lease_source SET coverage = coverage - unread.spans, logged = logged - unread.spans
FROM (SELECT range_agg(tstzrange(first, last)) AS spans
      FROM unnest(%(firsts)s::timestamptz[], %(lasts)s::timestamptz[]) AS u (first, last)) AS unread
WHERE id = %(source_id)s"""

# What was found on a day is never lowered: one bad hour makes its stamps doubtful, whatever was found in others.
NOTE_OFFSETS = """
INSERT INTO lease_source_day AS known (source_id, day, largest_offset, measured_count, found_offset)
SELECT %(source_id)s, day, '0', 0, found FROM unnest(%(days)s::date[], %(offsets)s::interval[]) AS t (day, found)
ON CONFLICT (source_id, day) DO UPDATE SET found_offset = GREATEST(known.found_offset, EXCLUDED.found_offset)"""

# Rows of the import that overlap a row of another holder on the same address and port, by the position of their record.
OVERLAPS = """
WITH mine AS (
    SELECT DISTINCT s.source_pos, s.address, s.port_from, s.port_to, s.possible_from,
        COALESCE(s.possible_to, 'infinity') AS possible_to, h.id AS holder_id
    FROM lease_staging s JOIN lease_holder h ON h.reference = s.reference AND h.kind = s.kind AND h.realm = s.realm
        AND h.inner_address IS NOT DISTINCT FROM s.inner_address
)
SELECT DISTINCT m.source_pos FROM mine m CROSS JOIN LATERAL (
    SELECT FROM lease l WHERE m.address = l.address AND l.holder_id <> m.holder_id
        AND l.valid_from >= date_trunc('month', m.possible_from, 'UTC')
        AND l.valid_from < m.possible_to AND l.valid_to > m.possible_from
    UNION ALL
    SELECT FROM port_block l WHERE m.address = l.address AND l.holder_id <> m.holder_id
        AND l.valid_from >= date_trunc('month', m.possible_from, 'UTC')
        AND l.valid_from < m.possible_to AND l.valid_to > m.possible_from
        AND (m.port_from IS NULL OR (l.port_from <= m.port_to AND l.port_to >= m.port_from
             AND (l.port_step = 1 OR (l.port_from - m.port_from) %% l.port_step = 0)))
    UNION ALL
    SELECT FROM odd_block l WHERE m.address = l.address AND l.holder_id <> m.holder_id
        AND l.valid_from >= date_trunc('month', m.possible_from, 'UTC')
        AND l.valid_from < m.possible_to AND l.valid_to > m.possible_from
        AND (m.port_from IS NULL OR (l.port_from <= m.port_to AND l.port_to >= m.port_from
             AND (l.port_step = 1 OR (l.port_from - m.port_from) %% l.port_step = 0)))
    UNION ALL
    SELECT FROM open_lease l WHERE m.address = l.address AND l.holder_id <> m.holder_id
        AND l.possible_from < m.possible_to AND COALESCE(l.possible_to, 'infinity') > m.possible_from
        AND (m.port_from IS NULL OR l.port_from IS NULL OR (l.port_from <= m.port_to AND l.port_to >= m.port_from
             AND (l.port_step = 1 OR (l.port_from - m.port_from) %% l.port_step = 0)))
    LIMIT 1
) AS other
ORDER BY 1"""

# -- Asking ----------------------------------------------------------------------------------------------------------

# By equality for each width that occurs: comparing each address with each prefix would cost their product.
PLAN = """
WITH asked AS (
    SELECT DISTINCT network(set_masklen(a, w.width)) AS prefix
    FROM (SELECT DISTINCT family(prefix) AS family, masklen(prefix) AS width FROM address_plan) AS w
        JOIN unnest(%(addresses)b) AS a ON family(a) = w.family
)
SELECT host(network(p.prefix)), masklen(p.prefix), p.from_at, p.to_at, p.sharing, p.source_id, p.port_from, p.port_to
FROM asked JOIN address_plan p USING (prefix)"""

# Days as far as a clock may have moved what they stamped; one that nobody measured is wrong by a day at most.
SOURCES = """
SELECT s.id, s.realm, s.worst_offset, s.derived, s.coverage, s.doubted_from, s.serves_from, s.serves_until,
    ARRAY(SELECT d.day FROM lease_drifted_day d
          WHERE d.source_id = s.id AND d.cleared_at IS NULL AND d.day BETWEEN %(first)s - 1 AND %(last)s + 1),
    s.in_place, s.stated, s.logged, s.shows_within, m.days, m.counts, m.offsets, m.found
FROM lease_source s CROSS JOIN LATERAL (
    SELECT array_agg(d.day) AS days, array_agg(d.measured_count) AS counts, array_agg(d.largest_offset) AS offsets,
        array_agg(d.found) AS found
    FROM (
        SELECT *, CASE WHEN found_offset > accepted_offset THEN found_offset ELSE '0' END AS found FROM lease_source_day
    ) AS d
    WHERE d.source_id = s.id AND d.day - GREATEST(d.largest_offset, d.found) - interval '1 day' <= %(last)s
        AND d.day + GREATEST(d.largest_offset, d.found) + interval '2 days' >= %(first)s) AS m"""

# Rules by which any of these addresses was ever shared.
MAPPINGS = """
WITH rule AS (
    SELECT e.id, o.prefix FROM mapping_epoch e CROSS JOIN LATERAL unnest(e.outside) AS o (prefix)
), asked AS (
    SELECT DISTINCT network(set_masklen(a, w.width)) AS prefix
    FROM (SELECT DISTINCT family(prefix) AS family, masklen(prefix) AS width FROM rule) AS w
        JOIN unnest(%(addresses)s::inet[]) AS a ON family(a) = w.family
)
SELECT e.name, e.kind, e.realm, e.configuration, e.from_at, e.to_at, e.stated_at
FROM mapping_epoch e WHERE e.id IN (SELECT id FROM rule JOIN asked USING (prefix))"""

# Inner addresses that logs name as holders too.
INNER_HOLDERS = """
SELECT h.id, h.realm, host(h.inner_address)
FROM unnest(%(addresses)s::text[]::inet[], %(realms)s::text[]) AS asked (address, realm)
    JOIN lease_holder h ON h.reference = '' AND h.kind = 'inner' AND h.inner_address = asked.address
        AND h.realm = asked.realm"""

LINE_HOLDERS = """
SELECT h.id, h.reference FROM lease_holder h
WHERE h.reference = ANY(%(references)s::text[]) AND h.kind = 'line'"""

# Odd blocks are asked for as soon as there may be any: one of those that are open may be moved before they are asked.
SHAPES = f"""
SELECT ARRAY(SELECT width FROM address_width WHERE family = 4 ORDER BY width),
    ARRAY(SELECT width FROM address_width WHERE family = 6 ORDER BY width),
    ARRAY(SELECT span FROM block_shape ORDER BY span, phase, step),
    ARRAY(SELECT phase FROM block_shape ORDER BY span, phase, step),
    ARRAY(SELECT step FROM block_shape ORDER BY span, phase, step),
    (SELECT count(*) >= {MOST_SHAPES} FROM block_shape) OR EXISTS (SELECT FROM odd_block),
    EXISTS (SELECT FROM open_lease)"""

# Which of these spans of addresses, from the first to the last, have any blocks of ports in these months. Open ones
# count: one may be moved before it is asked for.
SPANS_WITH_BLOCKS = """
SELECT a.ord
FROM unnest(%(first)b, %(last)b) WITH ORDINALITY AS a (first, last, ord)
WHERE EXISTS (SELECT FROM port_block l WHERE l.address BETWEEN a.first AND a.last
        AND l.valid_from >= %(from_at)b AND l.valid_from < %(until)b)
    OR EXISTS (SELECT FROM open_lease l WHERE l.address BETWEEN a.first AND a.last AND l.port_from IS NOT NULL)"""

# Who the holders are: a reference, an inner address, or a line; and the contracts that lines belonged to.
HOLDERS = """
SELECT h.id, h.kind, h.reference, host(h.inner_address), h.realm
FROM unnest(%(ids)b) AS asked (id) JOIN lease_holder h USING (id)"""
LINE_TERMS = """
SELECT t.holder_id, t.subscriber_ref, t.from_at, t.to_at, t.unit
FROM unnest(%(ids)b) AS asked (id) JOIN line_term t ON t.holder_id = asked.id"""
