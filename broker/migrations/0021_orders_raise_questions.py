"""An order that by its date was made before a line raises a question to whoever typed that line.

1. It is put by the process that checks orders, and by no other; that process puts no other question.
2. The line may have been assessed by then. Whoever typed a line can answer as long as it is neither under review nor
   closed, so until then it can be asked about.
"""

from django.db import migrations

# As in 0006.
ROLE = "(SELECT current_setting('broker.role', true))"

GUARD = """
CREATE OR REPLACE FUNCTION line_question_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    -- Whoever moves these lines waits, and then sees the question.
    PERFORM 1 FROM request_line WHERE id IN (SELECT line_id FROM new_rows) ORDER BY id FOR SHARE;
    IF EXISTS (SELECT 1 FROM new_rows n JOIN request_line l ON l.id = n.line_id WHERE l.state <> 'RECEIVED'{late}) THEN
        RAISE EXCEPTION 'a line is questioned when it is received' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
"""
LATE = """
               AND NOT (n.code = 'ORDER_BEFORE_EVENT' AND l.state IN ('INCOMPLETE', 'AWAITING_ORDER'))"""

FORWARD = (
    GUARD.replace("{late}", LATE)
    + f"""
CREATE POLICY line_question_of_an_order ON line_question FOR INSERT
    WITH CHECK ({ROLE} = 'jobs' AND code = 'ORDER_BEFORE_EVENT');
"""
)
BACK = (
    """
DROP POLICY line_question_of_an_order ON line_question;
"""
    + GUARD.replace("{late}", "")
)


class Migration(migrations.Migration):
    dependencies = [("broker", "0020_data_are_preserved")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
