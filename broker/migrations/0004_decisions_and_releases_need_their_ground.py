"""Who may decide, and what a release must rest on, said by the database as well.

A decision is refused when its person filed the request or uploaded or entered the order, when it does not carry the
person of its account, or when a denial has ended its round. A second round needs a third person to start it. A
tranche holds approved lines of its own request under a verified order; a release answers a tranche whose lines are
all approved, and is sealed to the key that was frozen at approval.
"""

from django.db import migrations

FORWARD = """
-- One look at all rows of a statement: row by row, ten thousand lines would take most of a minute.
CREATE FUNCTION decision_guard() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = on AS $$
BEGIN
    -- Whoever decides on the same line waits here, and then sees what the other one decided.
    PERFORM 1 FROM request_line WHERE id IN (SELECT line_id FROM new_rows) ORDER BY id FOR UPDATE;
    IF EXISTS (SELECT 1 FROM new_rows n JOIN user_account u ON u.id = n.decided_by_id
                WHERE u.person_id IS DISTINCT FROM n.person OR u.role <> 'legal' OR NOT u.is_active) THEN
        RAISE EXCEPTION 'a decision is made by active legal staff in their own person'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM new_rows n JOIN request_line l ON l.id = n.line_id WHERE l.state <> 'UNDER_REVIEW') THEN
        RAISE EXCEPTION 'only a line under review is decided' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (
        WITH decided AS (
            SELECT DISTINCT l.request_id, n.person FROM new_rows n JOIN request_line l ON l.id = n.line_id)
        SELECT 1 FROM decided n JOIN disclosure_request q ON q.id = n.request_id
          JOIN user_account u ON u.id = q.filed_by_id AND u.person_id = n.person
        UNION ALL
        SELECT 1 FROM decided n JOIN court_order o ON o.request_id = n.request_id
          JOIN user_account u ON u.id = o.uploaded_by_id AND u.person_id = n.person
        UNION ALL
        SELECT 1 FROM decided n JOIN court_order o ON o.request_id = n.request_id
          JOIN order_terms t ON t.order_id = o.id
          JOIN user_account u ON u.id = t.entered_by_id AND u.person_id = n.person
    ) THEN
        RAISE EXCEPTION 'who filed the request or brought the order does not decide on it'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM new_rows n JOIN decision d ON d.line_id = n.line_id AND d.id <> n.id
                WHERE d.round > n.round OR (d.round = n.round AND d.verdict = 'deny')) THEN
        RAISE EXCEPTION 'this round of decisions is over' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (
        SELECT 1 FROM new_rows n WHERE n.round = 2 AND (
            NOT EXISTS (SELECT 1 FROM decision WHERE line_id = n.line_id AND round = 1 AND verdict = 'deny')
            OR (n.seat = 1 AND EXISTS (SELECT 1 FROM decision
                    WHERE line_id = n.line_id AND round = 1 AND person = n.person)))
    ) THEN
        RAISE EXCEPTION 'a second round follows a denial and is opened by a third person'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM new_rows n WHERE n.seat = 2 AND NOT EXISTS (
            SELECT 1 FROM decision WHERE line_id = n.line_id AND round = n.round AND seat = 1)) THEN
        RAISE EXCEPTION 'the second seat follows the first' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM new_rows n LEFT JOIN line_assessment a ON a.id = n.assessment_id
                WHERE a.line_id IS DISTINCT FROM n.line_id) THEN
        RAISE EXCEPTION 'a decision names an assessment of its own line'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER decision_guard AFTER INSERT ON decision REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION decision_guard();

CREATE FUNCTION tranche_line_guard() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = on AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM new_rows n
          LEFT JOIN tranche x ON x.id = n.tranche_id
          LEFT JOIN request_line l ON l.id = n.line_id
          LEFT JOIN order_terms t ON t.id = x.terms_id
          LEFT JOIN court_order o ON o.id = t.order_id
          LEFT JOIN disclosure_request q ON q.id = x.request_id
          LEFT JOIN recipient_key k ON k.id = x.recipient_key_id
         WHERE l.state IS DISTINCT FROM 'APPROVED' OR o.state IS DISTINCT FROM 'VERIFIED'
            OR l.request_id IS DISTINCT FROM x.request_id OR o.request_id IS DISTINCT FROM x.request_id
            OR k.organisation_id IS DISTINCT FROM q.organisation_id
            -- The terms that are executed are those that two people decided on.
            OR 2 <> (SELECT count(*) FROM decision d JOIN line_assessment a ON a.id = d.assessment_id
                      WHERE d.line_id = n.line_id AND d.verdict = 'approve' AND a.terms_id = x.terms_id
                        AND d.round = (SELECT max(round) FROM decision WHERE line_id = n.line_id))) THEN
        RAISE EXCEPTION 'a tranche holds approved lines of its own request, under the verified order decided on'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM sealed_release WHERE tranche_id IN (SELECT tranche_id FROM new_rows)) THEN
        RAISE EXCEPTION 'an answered tranche gains no lines' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tranche_line_guard AFTER INSERT ON tranche_line REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION tranche_line_guard();

CREATE FUNCTION sealed_release_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM tranche x
          JOIN order_terms t ON t.id = x.terms_id
          JOIN court_order o ON o.id = t.order_id AND o.state = 'VERIFIED'
          JOIN recipient_key k ON k.id = x.recipient_key_id AND k.fingerprint = NEW.recipient_fingerprint
         WHERE x.id = NEW.tranche_id
           AND NOT EXISTS (SELECT 1 FROM tranche_line tl JOIN request_line l ON l.id = tl.line_id
                            WHERE tl.tranche_id = x.id AND l.state NOT IN ('APPROVED', 'RECALLED'))
           AND EXISTS (SELECT 1 FROM tranche_line tl JOIN request_line l ON l.id = tl.line_id
                        WHERE tl.tranche_id = x.id AND l.state = 'APPROVED')) THEN
        RAISE EXCEPTION 'a release answers approved lines under a verified order, to the key frozen at approval'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sealed_release_guard BEFORE INSERT ON sealed_release
    FOR EACH ROW EXECUTE FUNCTION sealed_release_guard();

CREATE FUNCTION terms_line_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM order_check WHERE terms_id IN (SELECT terms_id FROM new_rows)) THEN
        RAISE EXCEPTION 'terms that were checked gain no lines' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER terms_line_guard AFTER INSERT ON terms_line REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION terms_line_guard();

-- A key, once registered, can only be withdrawn: answers are sealed to what was registered at approval.
CREATE FUNCTION recipient_key_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.withdrawn_at IS NOT NULL OR
       (NEW.id, NEW.organisation_id, NEW.public_key, NEW.fingerprint, NEW.registered_by_id, NEW.registered_at)
       IS DISTINCT FROM
       (OLD.id, OLD.organisation_id, OLD.public_key, OLD.fingerprint, OLD.registered_by_id, OLD.registered_at) THEN
        RAISE EXCEPTION 'a recipient key is only ever withdrawn' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER recipient_key_guard BEFORE UPDATE OR DELETE ON recipient_key
    FOR EACH ROW EXECUTE FUNCTION recipient_key_guard();

-- An account stays with its person: four eyes are counted by persons.
CREATE FUNCTION user_account_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.person_id, NEW.organisation_id) IS DISTINCT FROM
                           (OLD.id, OLD.person_id, OLD.organisation_id) THEN
        RAISE EXCEPTION 'an account stays with its person and organisation; deactivate it and make another'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER user_account_guard BEFORE UPDATE OR DELETE ON user_account
    FOR EACH ROW EXECUTE FUNCTION user_account_guard();

-- What the lists and triggers read of an assessment is what it says, and its name is its digest.
ALTER TABLE assessment_record
    ADD CONSTRAINT assessment_record_says_its_outcome CHECK (content::jsonb ->> 'outcome' = outcome),
    ADD CONSTRAINT assessment_record_says_its_grant CHECK (content::jsonb -> 'granted' = granted),
    ADD CONSTRAINT assessment_record_digest CHECK (digest = encode(sha256(convert_to(content, 'UTF8')), 'hex'));
"""

BACK = """
ALTER TABLE assessment_record DROP CONSTRAINT assessment_record_says_its_outcome,
    DROP CONSTRAINT assessment_record_says_its_grant, DROP CONSTRAINT assessment_record_digest;
DROP TRIGGER user_account_guard ON user_account;
DROP FUNCTION user_account_guard();
DROP TRIGGER recipient_key_guard ON recipient_key;
DROP FUNCTION recipient_key_guard();
DROP TRIGGER terms_line_guard ON terms_line;
DROP FUNCTION terms_line_guard();
DROP TRIGGER sealed_release_guard ON sealed_release;
DROP FUNCTION sealed_release_guard();
DROP TRIGGER tranche_line_guard ON tranche_line;
DROP FUNCTION tranche_line_guard();
DROP TRIGGER decision_guard ON decision;
DROP FUNCTION decision_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("broker", "0003_state_needs_its_event")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
