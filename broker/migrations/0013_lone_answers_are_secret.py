"""An answer says of whom its question was asked; what two people answer is secret until both have.

1. `settled_by` is the pack's own word. The guard lets only an account of a role that it names add the answer, and
   those who assess count an answer only where the pack asks the same people. So nobody answers for others, whatever a
   row says. Answers from before this migration say nothing and count as they did.
2. The first of two answers is seen by its author alone, until two people have answered (row-level security). How many
   have is all that others may know before.
"""

from django.db import migrations, models

# As in 0006.
ROLE = "(SELECT current_setting('broker.role', true))"
USER = "(SELECT nullif(current_setting('broker.user', true), '')::uuid)"
SEEN = "EXISTS (SELECT 1 FROM disclosure_request seen WHERE seen.id = fact_answer.request_id)"
BELONGED = f"{ROLE} IN ('jobs', 'worker', 'legal') OR (answered_by_id = {USER} AND {SEEN})"
BELONGS = f"""{ROLE} IN ('jobs', 'worker') OR (answered_by_id = {USER} AND {SEEN})
    OR ({ROLE} = 'legal' AND (settled_by <> 'two people' OR people_answered(request_id, fact) > 1))"""

FORWARD = f"""
CREATE FUNCTION people_answered(p_request uuid, p_fact text) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp
    AS $$ SELECT count(DISTINCT person) FROM fact_answer
           WHERE request_id = p_request AND fact = p_fact AND settled_by = 'two people' $$;

DROP POLICY fact_answer_belongs ON fact_answer;
CREATE POLICY fact_answer_belongs ON fact_answer FOR SELECT USING ({BELONGS});

DROP TRIGGER fact_answer_person ON fact_answer;
DROP FUNCTION fact_answer_person();
CREATE FUNCTION fact_answer_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE author user_account%ROWTYPE;
BEGIN
    SELECT * INTO author FROM user_account WHERE id = NEW.answered_by_id;
    -- Whatever the row says, the database writes the person itself.
    NEW.person := author.person_id;
    IF NOT author.is_active OR (CASE NEW.settled_by
            WHEN 'requester' THEN author.role IN ('counsel', 'authority')
            WHEN 'legal staff' THEN author.role = 'legal'
            WHEN 'two people' THEN author.role = 'legal'
            ELSE false END) IS NOT TRUE THEN
        RAISE EXCEPTION 'a question is answered by those it is asked of'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fact_answer_guard BEFORE INSERT ON fact_answer FOR EACH ROW EXECUTE FUNCTION fact_answer_guard();
"""
BACK = f"""
DROP TRIGGER fact_answer_guard ON fact_answer;
DROP FUNCTION fact_answer_guard();
CREATE FUNCTION fact_answer_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.person := (SELECT person_id FROM user_account WHERE id = NEW.answered_by_id);
    RETURN NEW;
END $$;
CREATE TRIGGER fact_answer_person BEFORE INSERT ON fact_answer FOR EACH ROW EXECUTE FUNCTION fact_answer_person();
DROP POLICY fact_answer_belongs ON fact_answer;
CREATE POLICY fact_answer_belongs ON fact_answer FOR SELECT USING ({BELONGED});
DROP FUNCTION people_answered(uuid, text);
"""


class Migration(migrations.Migration):
    dependencies = [("broker", "0012_answers_are_ones_own")]
    operations = [
        migrations.AddField(
            model_name="factanswer",
            name="settled_by",
            field=models.CharField(default="", max_length=16),
            preserve_default=False,
        ),
        migrations.RunSQL(FORWARD, BACK),
    ]
