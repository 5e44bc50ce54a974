"""A state changes only together with the event that says so; some states need more than an event.

1. `require_event` holds one move to one event: it must name this subject and this new state, be written by this
   very transaction, cover exactly the rows moved (by the digest of their ids), and never have moved them before.
2. The statement triggers on request_line call it for every group of lines that moved, on INSERT and UPDATE. They
   are immediate: a deferred check by transaction id alone is satisfied by any earlier event.
3. APPROVED needs two approvals of two people in one round, neither the filer nor the uploader of the order,
   under a verified order, and an assessment of the law in force. RELEASED needs the sealed release.
4. Columns that say what a line or an order is about never change.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION require_event(
    p_event uuid, p_subject_kind text, p_subject uuid, p_state text, p_members uuid[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    named event%ROWTYPE;
    digest text;
BEGIN
    SELECT * INTO named FROM event WHERE id = p_event;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'state % of % % names no event', p_state, p_subject_kind, p_subject
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT encode(sha256(convert_to(string_agg(m::text, ',' ORDER BY m::text COLLATE "C"), 'UTF8')), 'hex')
      INTO digest FROM unnest(p_members) AS m;
    IF named.subject_kind IS DISTINCT FROM p_subject_kind OR named.subject_id IS DISTINCT FROM p_subject
       OR named.new_state IS DISTINCT FROM p_state THEN
        RAISE EXCEPTION 'event % is about something else than % % moving to %',
            p_event, p_subject_kind, p_subject, p_state USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF named.xid IS DISTINCT FROM pg_current_xact_id()::text::bigint THEN
        RAISE EXCEPTION 'event % was not written by this transaction', p_event
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF named.members_digest IS DISTINCT FROM digest THEN
        RAISE EXCEPTION 'event % does not cover exactly the rows that moved', p_event
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END $$;

-- Transition tables have no statistics and no index; a nested loop over 10,000 lines would take a minute.
CREATE FUNCTION request_line_inserted() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE g record;
BEGIN
    IF EXISTS (SELECT 1 FROM new_rows WHERE state <> 'RECEIVED') THEN
        RAISE EXCEPTION 'a line starts as RECEIVED' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    FOR g IN SELECT event_id, request_id, state, array_agg(id) AS ids FROM new_rows GROUP BY 1, 2, 3 LOOP
        PERFORM require_event(g.event_id, 'request', g.request_id, g.state, g.ids);
    END LOOP;
    INSERT INTO state_move (subject_id, event_id, old_state, new_state)
        SELECT id, event_id, '', state FROM new_rows;
    RETURN NULL;
END $$;

CREATE FUNCTION request_line_updated() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE g record;
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_rows n LEFT JOIN old_rows o USING (id)
         WHERE (n.request_id, n.number, n.address, n.observed_at, n.observed_text, n.unit_seconds, n.evidence)
               IS DISTINCT FROM
               (o.request_id, o.number, o.address, o.observed_at, o.observed_text, o.unit_seconds, o.evidence)
            OR n.source_port IS DISTINCT FROM o.source_port
    ) THEN
        RAISE EXCEPTION 'what a line asks about, and for which request, never changes'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM new_rows n JOIN old_rows o USING (id)
                WHERE (n.state = o.state) IS DISTINCT FROM (n.event_id = o.event_id)) THEN
        RAISE EXCEPTION 'a state and the event that put it there change together'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    FOR g IN SELECT n.event_id, n.request_id, n.state, array_agg(n.id) AS ids
               FROM new_rows n JOIN old_rows o USING (id) WHERE n.state <> o.state GROUP BY 1, 2, 3 LOOP
        PERFORM require_event(g.event_id, 'request', g.request_id, g.state, g.ids);
        IF g.state = 'APPROVED' THEN PERFORM require_two_people(g.ids); END IF;
        IF g.state = 'RELEASED' THEN PERFORM require_release(g.ids); END IF;
    END LOOP;
    INSERT INTO state_move (subject_id, event_id, old_state, new_state)
        SELECT n.id, n.event_id, o.state, n.state
          FROM new_rows n JOIN old_rows o USING (id) WHERE n.state <> o.state;
    -- The two moves that a name depends on are held to their starting state here as well.
    IF EXISTS (SELECT 1 FROM new_rows n JOIN old_rows o USING (id) WHERE n.state <> o.state AND (
            (n.state = 'APPROVED' AND o.state NOT IN ('UNDER_REVIEW', 'NEEDS_ATTENTION'))
         OR (n.state IN ('WAITING', 'RELEASING') AND o.state NOT IN ('APPROVED', 'WAITING', 'RELEASING'))
         OR (n.state = 'RELEASED' AND o.state NOT IN ('APPROVED', 'WAITING', 'RELEASING'))
         OR (o.state = 'APPROVED'
             AND n.state NOT IN ('WAITING', 'RELEASING', 'RELEASED', 'RECALLED', 'NEEDS_ATTENTION'))
         -- Only a new order reopens what an earlier one closed.
         OR (o.state = 'REFUSED' AND n.state <> 'AWAITING_ORDER')
         OR o.state IN ('RELEASED', 'WITHDRAWN', 'EXPIRED', 'RECALLED'))) THEN
        RAISE EXCEPTION 'this move is not among the moves of a line' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION require_two_people(p_lines uuid[]) RETURNS void LANGUAGE plpgsql SET enable_nestloop = on AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM unnest(p_lines) AS l(id)
         WHERE NOT EXISTS (
            SELECT 1 FROM decision d
             WHERE d.line_id = l.id
               AND d.round = (SELECT max(round) FROM decision WHERE line_id = l.id)
            HAVING count(*) = 2 AND count(DISTINCT d.person) = 2 AND count(DISTINCT d.seat) = 2
               AND count(DISTINCT d.decided_by_id) = 2
               AND bool_and(d.verdict = 'approve'))
    ) THEN
        RAISE EXCEPTION 'APPROVED needs two approvals by two people in one round'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- The newest assessment must rest on a verified order and on the law of the day, not on an as-of date.
    IF EXISTS (
        SELECT 1 FROM unnest(p_lines) AS l(id)
          LEFT JOIN LATERAL (
                SELECT a.for_study, a.terms_id, r.outcome, r.granted, o.state, o.request_id
                  FROM line_assessment a JOIN assessment_record r ON r.digest = a.record_id
                  LEFT JOIN order_terms t ON t.id = a.terms_id LEFT JOIN court_order o ON o.id = t.order_id
                 WHERE a.line_id = l.id ORDER BY a.sequence DESC LIMIT 1) AS newest ON true
         WHERE newest.for_study IS DISTINCT FROM false OR newest.state IS DISTINCT FROM 'VERIFIED'
            OR newest.request_id IS DISTINCT FROM (SELECT request_id FROM request_line WHERE id = l.id)
            OR newest.outcome NOT IN ('PERMITTED', 'CONDITIONAL')
            -- Both people must have decided on these terms of the order and on this answer of the law.
            OR EXISTS (SELECT 1 FROM decision d JOIN line_assessment a ON a.id = d.assessment_id
                         JOIN assessment_record r ON r.digest = a.record_id
                        WHERE d.line_id = l.id
                          AND (a.terms_id, r.outcome, r.granted)
                              IS DISTINCT FROM (newest.terms_id, newest.outcome, newest.granted)
                          AND d.round = (SELECT max(round) FROM decision WHERE line_id = l.id))
    ) THEN
        RAISE EXCEPTION 'APPROVED needs a verified order and an assessment that permits'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END $$;

CREATE FUNCTION require_release(p_lines uuid[]) RETURNS void LANGUAGE plpgsql SET enable_nestloop = on AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM unnest(p_lines) AS l(id)
         WHERE NOT EXISTS (SELECT 1 FROM tranche_line t JOIN sealed_release r ON r.tranche_id = t.tranche_id
                            WHERE t.line_id = l.id)
    ) THEN
        RAISE EXCEPTION 'RELEASED needs the sealed release' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END $$;

CREATE TRIGGER request_line_inserted AFTER INSERT ON request_line
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION request_line_inserted();
CREATE TRIGGER request_line_updated AFTER UPDATE ON request_line
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION request_line_updated();
CREATE TRIGGER request_line_stays BEFORE DELETE ON request_line
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

CREATE FUNCTION court_order_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.id, NEW.request_id, NEW.court_id, NEW.file_number, NEW.document_id, NEW.uploaded_by_id, NEW.uploaded_at)
           IS DISTINCT FROM
           (OLD.id, OLD.request_id, OLD.court_id, OLD.file_number, OLD.document_id, OLD.uploaded_by_id, OLD.uploaded_at)
        THEN
            RAISE EXCEPTION 'an order stays as it was received' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF (NEW.state = OLD.state) IS DISTINCT FROM (NEW.event_id = OLD.event_id) THEN
            RAISE EXCEPTION 'a state and the event that put it there change together'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NEW.state = OLD.state THEN RETURN NULL; END IF;
        IF NEW.state = 'RECEIVED' OR OLD.state IN ('REJECTED', 'REVOKED')
           OR (NEW.state = 'REVOKED' AND OLD.state <> 'VERIFIED')
           OR (NEW.state = 'VERIFIED' AND OLD.state <> 'RECEIVED') THEN
            RAISE EXCEPTION 'this move is not among the moves of an order'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    ELSIF NEW.state <> 'RECEIVED' THEN
        RAISE EXCEPTION 'an order starts as RECEIVED' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    PERFORM require_event(NEW.event_id, 'order', NEW.id, NEW.state, ARRAY[NEW.id]);
    IF NOT EXISTS (SELECT 1 FROM disclosure_request WHERE id = NEW.request_id AND court_id = NEW.court_id) THEN
        RAISE EXCEPTION 'an order comes from the court of its request' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- VERIFIED says that every check of the document was made and passed.
    IF NEW.state = 'VERIFIED' AND NOT EXISTS (
        SELECT 1 FROM order_check c WHERE c.order_id = NEW.id AND c.terms_id IS NULL
        HAVING count(*) > 0 AND bool_and(c.passed IS TRUE)) THEN
        RAISE EXCEPTION 'VERIFIED needs every check of the document passed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO state_move (subject_id, event_id, old_state, new_state)
        VALUES (NEW.id, NEW.event_id, CASE TG_OP WHEN 'UPDATE' THEN OLD.state ELSE '' END, NEW.state);
    RETURN NULL;
END $$;
CREATE TRIGGER court_order_guard AFTER INSERT OR UPDATE ON court_order
    FOR EACH ROW EXECUTE FUNCTION court_order_guard();
CREATE TRIGGER court_order_stays BEFORE DELETE ON court_order
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
"""

BACK = """
DROP TRIGGER court_order_stays ON court_order;
DROP TRIGGER court_order_guard ON court_order;
DROP FUNCTION court_order_guard();
DROP TRIGGER request_line_stays ON request_line;
DROP TRIGGER request_line_updated ON request_line;
DROP TRIGGER request_line_inserted ON request_line;
DROP FUNCTION request_line_updated();
DROP FUNCTION request_line_inserted();
DROP FUNCTION require_release(uuid[]);
DROP FUNCTION require_two_people(uuid[]);
DROP FUNCTION require_event(uuid, text, uuid, text, uuid[]);
"""


class Migration(migrations.Migration):
    dependencies = [("broker", "0002_events_are_append_only")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
