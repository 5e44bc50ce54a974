"""An answer is given in one's own name; a line is approved under rules that stand at that moment.

1. Two people settle a fact only if neither can answer for the other: web adds an answer for the person who asks, and
   for nobody else, as with gradings.
2. Two approvals given while the rules stood do not make a line APPROVED after these were withdrawn: the state asks
   again, as the decisions and the release do.
"""

from django.db import migrations

# As in 0006.
ROLE = "(SELECT current_setting('broker.role', true))"
USER = "(SELECT nullif(current_setting('broker.user', true), '')::uuid)"
SEEN = "EXISTS (SELECT 1 FROM disclosure_request seen WHERE seen.id = fact_answer.request_id)"
BELONGS = f"{ROLE} IN ('jobs', 'worker', 'legal') OR (answered_by_id = {USER} AND {SEEN})"

FORWARD = f"""
DROP POLICY fact_answer_belongs ON fact_answer;
CREATE POLICY fact_answer_belongs ON fact_answer FOR SELECT USING ({BELONGS});
CREATE POLICY fact_answer_is_added ON fact_answer FOR INSERT WITH CHECK (answered_by_id = {USER} AND {SEEN});

CREATE FUNCTION request_line_approved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp SET enable_nestloop = off AS $$
BEGIN
    PERFORM require_standing_packs(ARRAY(
        SELECT n.id FROM new_rows n JOIN old_rows o USING (id) WHERE n.state = 'APPROVED' AND o.state <> 'APPROVED'));
    RETURN NULL;
END $$;
-- By its name it runs after request_line_updated, which says first what else is missing.
CREATE TRIGGER request_line_updated_to_approved AFTER UPDATE ON request_line
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION request_line_approved();
"""
BACK = f"""
DROP TRIGGER request_line_updated_to_approved ON request_line;
DROP FUNCTION request_line_approved();
DROP POLICY fact_answer_is_added ON fact_answer;
DROP POLICY fact_answer_belongs ON fact_answer;
CREATE POLICY fact_answer_belongs ON fact_answer USING ({BELONGS}) WITH CHECK ({BELONGS});
"""


class Migration(migrations.Migration):
    dependencies = [("broker", "0011_packs_decide_once_enabled")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
