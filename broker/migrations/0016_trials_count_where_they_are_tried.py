"""Packs enabled for trying out count for the guards in the place that is for trying out, and nowhere else.

`trial_place` holds the identifier of the server cluster whose owner said that it is for trying out (`demo` and `up`);
`prepare` empties it everywhere else. No process has any right to it. Data taken over to another server bring the row
and not the identifier, so their trial rows are nothing there.
"""

from django.db import migrations

STANDING = """
CREATE OR REPLACE FUNCTION require_standing_packs(p_lines uuid[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp SET enable_nestloop = on AS $$
DECLARE
    needed record;
BEGIN
    FOR needed IN
        WITH asked AS (SELECT unnest(p_lines) AS line_id),
        newest AS (
            SELECT DISTINCT ON (a.line_id) a.record_id FROM line_assessment a JOIN asked USING (line_id)
             ORDER BY a.line_id, a.sequence DESC),
        named AS (
            SELECT a.record_id FROM decision d JOIN asked USING (line_id) JOIN line_assessment a ON a.id = d.assessment_id
             WHERE d.verdict = 'approve'
               AND d.round = (SELECT max(x.round) FROM decision x WHERE x.line_id = d.line_id)),
        records AS (SELECT record_id FROM newest UNION SELECT record_id FROM named)
        SELECT DISTINCT v.pack, v.meaning_hash FROM records JOIN assessment_record r ON r.digest = records.record_id
          JOIN pack_version v ON v.text_hash = r.pack_version_id
         ORDER BY v.pack, v.meaning_hash
    LOOP
        PERFORM 1 FROM pack_release
          WHERE pack = needed.pack AND meaning_hash = needed.meaning_hash AND withdrawn_at IS NULL%s FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the rules of pack %% that a line rests on are not enabled here', needed.pack
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END LOOP;
END $$;
"""
FORWARD = (
    """
CREATE TABLE trial_place (system_identifier bigint PRIMARY KEY);
CREATE FUNCTION is_trial_place() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM trial_place JOIN pg_control_system() USING (system_identifier)) $$;
"""
    + STANDING % "\n            AND (NOT for_trial OR is_trial_place())"
)
BACK = (
    STANDING % ""
    + """
DROP FUNCTION is_trial_place();
DROP TABLE trial_place;
"""
)


class Migration(migrations.Migration):
    dependencies = [("broker", "0015_a_tie_releases_nothing")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
