"""Nobody grades a question after having seen how somebody else graded it, however the law was asked in between.

1. An answer that changes nothing is no answer: it would only make another record of the law's answer, to be judged
   anew. Of a question for two people each person has a standing answer of their own.
2. Whoever graded a rule about a line, where the second person has as well, does not grade that rule about that line
   again under a later record, whatever has changed since: two people grade it who did not.
3. Only the newest record about a line under review is graded, so that no older one is completed to be looked at.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION fact_answer_changes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE standing jsonb;
BEGIN
    -- Whoever answers beside this waits here; keys that point to the request do not.
    PERFORM 1 FROM disclosure_request WHERE id = NEW.request_id FOR NO KEY UPDATE;
    SELECT value INTO standing FROM fact_answer
     WHERE request_id = NEW.request_id AND fact = NEW.fact AND settled_by IN (NEW.settled_by, '')
       AND (NEW.settled_by <> 'two people' OR person = NEW.person)
     ORDER BY id DESC LIMIT 1;
    IF NOT FOUND AND NEW.settled_by = 'requester' THEN
        SELECT facts -> NEW.fact INTO standing FROM disclosure_request WHERE id = NEW.request_id;
    END IF;
    IF standing = NEW.value THEN
        RAISE EXCEPTION 'an answer that stands already is not given again'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
-- By its name it runs after fact_answer_guard, which writes the person.
CREATE TRIGGER fact_answer_guard_changes BEFORE INSERT ON fact_answer
    FOR EACH ROW EXECUTE FUNCTION fact_answer_changes();

CREATE FUNCTION balancing_grading_is_first() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE judged balancing%ROWTYPE;
BEGIN
    SELECT * INTO judged FROM balancing WHERE id = NEW.balancing_id;
    IF NOT EXISTS (
        SELECT 1 FROM request_line l
         WHERE l.request_id = judged.request_id AND l.state = 'UNDER_REVIEW'
           AND judged.record_id = (SELECT a.record_id FROM line_assessment a WHERE a.line_id = l.id
                                    ORDER BY a.sequence DESC LIMIT 1)) THEN
        RAISE EXCEPTION 'only the newest answer about a line under review is graded'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (
        SELECT 1 FROM balancing earlier JOIN balancing_grading g ON g.balancing_id = earlier.id
         WHERE earlier.request_id = judged.request_id AND earlier.rule = judged.rule AND earlier.id <> judged.id
           AND g.person = NEW.person AND gradings_given(earlier.id) = 2
           AND EXISTS (SELECT 1 FROM line_assessment was JOIN line_assessment now USING (line_id)
                        WHERE was.record_id = earlier.record_id AND now.record_id = judged.record_id)) THEN
        RAISE EXCEPTION 'who has seen this graded about the same line does not grade it again'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
-- By its name it runs after balancing_grading_guard, which makes whoever acts on the same balancing wait.
CREATE TRIGGER balancing_grading_guard_is_first BEFORE INSERT ON balancing_grading
    FOR EACH ROW EXECUTE FUNCTION balancing_grading_is_first();
"""
BACK = """
DROP TRIGGER balancing_grading_guard_is_first ON balancing_grading;
DROP FUNCTION balancing_grading_is_first();
DROP TRIGGER fact_answer_guard_changes ON fact_answer;
DROP FUNCTION fact_answer_changes();
"""


class Migration(migrations.Migration):
    dependencies = [("broker", "0013_lone_answers_are_secret")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
