"""The SQL of the lease store, in one place because its parts must agree."""

from __future__ import annotations

# An open row of evidence is superseded when its source later shows the same lease closed: same address,
# ports, start and subscriber. Rows are never updated, so this is decided when they are read. `l` is the row.
SUPERSEDED = """
l.valid_to IS NULL AND EXISTS (
    SELECT FROM lease c
    WHERE c.address = l.address AND c.valid_from = l.valid_from AND c.valid_to IS NOT NULL
        AND c.subscriber_ref = l.subscriber_ref AND c.source = l.source
        AND c.port_from IS NOT DISTINCT FROM l.port_from AND c.port_to IS NOT DISTINCT FROM l.port_to
)"""

STAGE = """
CREATE TEMPORARY TABLE lease_staging (
    source_pos bigint, address inet, port_from int, port_to int, valid_from timestamptz, valid_to timestamptz,
    subscriber_ref text, provenance text
) ON COMMIT DROP"""

COPY_STAGED = """
COPY lease_staging (source_pos, address, port_from, port_to, valid_from, valid_to, subscriber_ref, provenance)
FROM STDIN"""

# What the file knows of by itself: from its earliest stamp to its latest one that is not in the future.
STAGED_SPAN = """
SELECT min(valid_from), max(GREATEST(valid_from, CASE WHEN valid_to <= %(now)s THEN valid_to END))
FROM lease_staging"""

# A lease that was over when the file was written is certain to its end; one that was open, or whose expiry
# lies ahead, only as far as the file is complete.
STORE_STAGED = """
INSERT INTO lease (lease_import_id, source_pos, source, address, port_from, port_to, valid_from, valid_to,
    certain_from, certain_to, subscriber_ref, provenance)
SELECT %(import_id)s, source_pos, %(source)s, address, port_from, port_to, valid_from, valid_to, valid_from,
    CASE WHEN valid_to <= %(now)s THEN valid_to
        ELSE LEAST(valid_to, GREATEST(valid_from, %(complete_until)s::timestamptz)) END,
    subscriber_ref, provenance
FROM lease_staging ORDER BY address, valid_from"""

# Everything on the addresses of an import that can overlap its rows.
NEIGHBOURHOOD = f"""
SELECT host(l.address), l.valid_from, l.valid_to, l.port_from, l.port_to, l.subscriber_ref,
    CASE WHEN l.lease_import_id = %(import_id)s THEN l.source_pos END
FROM lease l
WHERE l.address IN (SELECT address FROM lease_staging)
    AND (l.valid_to IS NULL OR l.valid_to > (SELECT min(valid_from) FROM lease_staging))
    AND NOT ({SUPERSEDED})
ORDER BY l.address, l.valid_from"""  # noqa: S608 - built from constants of this module

# One row for each question, in the order asked: time to the nearest moment of sharing (negative: inside), the
# span the sources are complete for, and the evidence as parallel arrays. A lease touches a question when it
# lies within `reach` of it. The rows of other port blocks count for sharing and are not returned.
EVIDENCE = f"""
WITH asked AS (
    SELECT ord, address, port, lo, hi
    FROM unnest(%(addresses)s::inet[], %(ports)s::int[], %(los)s::timestamptz[], %(his)s::timestamptz[])
        WITH ORDINALITY AS t (address, port, lo, hi, ord)
), collected AS (
    SELECT max(first) AS first, min(last) AS last
    FROM (SELECT min(complete_from) AS first, max(complete_until) AS last
          FROM lease_import GROUP BY source) AS by_source
), planned AS (
    SELECT a.ord, min(GREATEST(p.from_at - a.hi, a.lo - COALESCE(p.to_at, a.lo + %(reach)s * 2))) AS gap
    FROM asked a JOIN address_plan p ON p.prefix >>= a.address AND p.sharing = 'shared'
    GROUP BY a.ord
), touching AS (
    SELECT a.ord, l.*,
        GREATEST(l.valid_from - a.hi, a.lo - COALESCE(l.valid_to, a.lo + %(reach)s * 2)) AS gap,
        l.port_from IS NULL OR a.port BETWEEN l.port_from AND l.port_to AS about
    FROM asked a CROSS JOIN LATERAL (
        SELECT * FROM lease l
        WHERE l.address = a.address AND l.valid_from <= a.hi + %(reach)s
            AND (l.valid_to IS NULL OR l.valid_to >= a.lo - %(reach)s) AND NOT ({SUPERSEDED})
    ) AS l
)
SELECT a.ord, LEAST(min(p.gap), min(t.gap) FILTER (WHERE t.port_from IS NOT NULL)),
    (SELECT first FROM collected), (SELECT last FROM collected),
    array_agg(t.subscriber_ref) FILTER (WHERE t.about), array_agg(t.valid_from) FILTER (WHERE t.about),
    array_agg(t.valid_to) FILTER (WHERE t.about), array_agg(t.certain_from) FILTER (WHERE t.about),
    array_agg(t.certain_to) FILTER (WHERE t.about), array_agg(t.port_from) FILTER (WHERE t.about),
    array_agg(t.port_to) FILTER (WHERE t.about), array_agg(t.provenance) FILTER (WHERE t.about),
    array_agg(t.lease_import_id) FILTER (WHERE t.about), array_agg(t.source_pos) FILTER (WHERE t.about)
FROM asked a LEFT JOIN planned p USING (ord) LEFT JOIN touching t USING (ord)
GROUP BY a.ord ORDER BY a.ord"""  # noqa: S608 - built from constants of this module
