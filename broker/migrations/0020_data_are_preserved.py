"""A request to preserve comes to a hold, and never to an answer.

1. A line is HELD by a hold that stands, only where preservation is what its request asks for. From there it is let go,
   withdrawn or recalled, and nothing else.
2. Nothing of a request that asks for anything but a disclosure is approved or answered, whatever an assessment says.
3. Who asked for it, and the court, see through which day, though no hold: `preserved_until`. For other requests it says
   nothing.
"""

from django.db import migrations, models

STATES = [
    ('RECEIVED', 'Received'), ('REFUSED', 'Refused'), ('INCOMPLETE', 'Incomplete'), ('AWAITING_ORDER', 'Awaiting Order'),
    ('UNDER_REVIEW', 'Under Review'), ('DENIED', 'Denied'), ('CONTESTED', 'Contested'), ('HELD', 'Held'),
    ('APPROVED', 'Approved'), ('WAITING', 'Waiting'), ('RELEASING', 'Releasing'), ('RELEASED', 'Released'),
    ('WITHDRAWN', 'Withdrawn'), ('EXPIRED', 'Expired'), ('RECALLED', 'Recalled'),
    ('NEEDS_ATTENTION', 'Needs Attention'),
]

FORWARD = """
CREATE FUNCTION request_line_preserved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp SET enable_nestloop = off AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM new_rows WHERE state IN ('HELD', 'APPROVED', 'WAITING', 'RELEASING', 'RELEASED'))
       AND NOT EXISTS (SELECT 1 FROM old_rows WHERE state = 'HELD') THEN
        RETURN NULL;
    END IF;
    IF EXISTS (
        SELECT 1 FROM new_rows n JOIN old_rows o USING (id) JOIN disclosure_request q ON q.id = n.request_id
         WHERE n.state <> o.state AND (
               (q.measure <> 'disclosure' AND n.state IN ('APPROVED', 'WAITING', 'RELEASING', 'RELEASED'))
            OR (o.state = 'HELD' AND n.state NOT IN ('EXPIRED', 'WITHDRAWN', 'RECALLED'))
            OR (n.state = 'HELD' AND (q.measure <> 'preservation' OR o.state <> 'UNDER_REVIEW' OR NOT EXISTS (
                SELECT 1 FROM line_hold h JOIN hold_act a ON a.id = h.act_id
                 WHERE h.line_id = n.id AND a.until_on >= (now() AT TIME ZONE 'UTC')::date
                   AND NOT EXISTS (SELECT 1 FROM hold_end e WHERE e.line_hold_id = h.id)))))) THEN
        RAISE EXCEPTION 'what is to be preserved is held by a hold that stands, and never answered'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER request_line_preserved AFTER UPDATE ON request_line
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION request_line_preserved();

CREATE FUNCTION preserved_until(p_lines uuid[]) RETURNS TABLE (line uuid, until_on date)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT h.line_id, max(a.until_on)
      FROM line_hold h JOIN hold_act a ON a.id = h.act_id JOIN disclosure_request q ON q.id = a.request_id
     WHERE h.line_id = ANY (p_lines) AND q.measure = 'preservation'
       AND a.until_on >= (now() AT TIME ZONE 'UTC')::date
       AND NOT EXISTS (SELECT 1 FROM hold_end e WHERE e.line_hold_id = h.id)
     GROUP BY h.line_id
$$;
"""
BACK = """
DROP FUNCTION preserved_until(uuid[]);
DROP TRIGGER request_line_preserved ON request_line;
DROP FUNCTION request_line_preserved();
"""


class Migration(migrations.Migration):
    dependencies = [("broker", "0019_log_rows_are_held")]
    operations = [
        migrations.RemoveConstraint(model_name='requestline', name='request_line_state_known'),
        migrations.AlterField(
            model_name='requestline',
            name='state',
            field=models.CharField(choices=STATES, max_length=16),
        ),
        migrations.AddConstraint(
            model_name='requestline',
            constraint=models.CheckConstraint(
                condition=models.Q(('state__in', [state for state, _ in STATES])), name='request_line_state_known'
            ),
        ),
        migrations.RunSQL(FORWARD, BACK),
    ]
