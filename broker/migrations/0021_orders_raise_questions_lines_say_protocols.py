"""An order dated before a line raises a question to whoever typed that line; lines may say their transport protocol.

1. The question is about an order that by its date was made before the line. The process that checks orders may put it now,
   and no other question; whoever filed the line may put any about it already, by the policy of 0017.
2. The line may have been assessed by then. Whoever typed a line can answer as long as it is neither under review nor
   closed, so until then it can be asked about.
3. The protocol is part of what a line asks about and of what an order covers, so it never changes.
"""

from django.db import migrations, models

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

-- What else a line asks about is held fast by request_line_updated.
CREATE FUNCTION refuse_another_protocol() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what a line asks about, and for which request, never changes'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER request_line_protocol_is_final BEFORE UPDATE OF protocol ON request_line FOR EACH ROW
    WHEN (NEW.protocol IS DISTINCT FROM OLD.protocol) EXECUTE FUNCTION refuse_another_protocol();
"""
)
BACK = (
    """
DROP TRIGGER request_line_protocol_is_final ON request_line;
DROP FUNCTION refuse_another_protocol();
DROP POLICY line_question_of_an_order ON line_question;
"""
    + GUARD.replace("{late}", "")
)


class Migration(migrations.Migration):
    dependencies = [("broker", "0020_data_are_preserved")]
    operations = [
        migrations.AddField(
            model_name='requestline',
            name='protocol',
            field=models.CharField(blank=True, db_default='', default='', max_length=3),
        ),
        migrations.AddConstraint(
            model_name='requestline',
            constraint=models.CheckConstraint(condition=models.Q(('protocol__in', ['', 'tcp', 'udp'])), name='request_line_protocol_known'),
        ),
        migrations.AddField(
            model_name='termsline',
            name='protocol',
            field=models.CharField(blank=True, db_default='', default='', max_length=3),
        ),
        migrations.AddConstraint(
            model_name='termsline',
            constraint=models.CheckConstraint(condition=models.Q(('protocol__in', ['', 'tcp', 'udp'])), name='terms_line_protocol_known'),
        ),
        migrations.RemoveConstraint(model_name='termsline', name='terms_line_selector_once'),
        migrations.AddConstraint(
            model_name='termsline',
            constraint=models.UniqueConstraint(fields=('terms', 'address', 'source_port', 'protocol', 'from_at', 'until_at'), name='terms_line_selector_once', nulls_distinct=False),
        ),
        migrations.RunSQL(FORWARD, BACK),
    ]
