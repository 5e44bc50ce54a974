"""An approved line may wait until the log has been delivered; expired months are dropped as work of the outbox.

1. From WAITING and RELEASING a line goes where it could go from APPROVED, and nowhere else: both come after two
   people's approval, and an approval is not undone except by a recall.
2. A release answers lines that are approved, or were and waited: those are RELEASING when the package is stored.
"""

from django.db import migrations, models

GUARDS = """
CREATE OR REPLACE FUNCTION sealed_release_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM tranche x
          JOIN order_terms t ON t.id = x.terms_id
          JOIN court_order o ON o.id = t.order_id AND o.state = 'VERIFIED'
          JOIN recipient_key k ON k.id = x.recipient_key_id AND k.fingerprint = NEW.recipient_fingerprint
         WHERE x.id = NEW.tranche_id
           AND NOT EXISTS (SELECT 1 FROM tranche_line tl JOIN request_line l ON l.id = tl.line_id
                            WHERE tl.tranche_id = x.id AND l.state NOT IN ({ANSWERED}, 'RECALLED'))
           AND EXISTS (SELECT 1 FROM tranche_line tl JOIN request_line l ON l.id = tl.line_id
                        WHERE tl.tranche_id = x.id AND l.state IN ({ANSWERED}))) THEN
        RAISE EXCEPTION 'a release answers approved lines under a verified order, to the key frozen at approval'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION release_needs_standing_packs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM require_standing_packs(ARRAY(
        SELECT l.id FROM tranche_line t JOIN request_line l ON l.id = t.line_id
         WHERE t.tranche_id = NEW.tranche_id AND l.state IN ({ANSWERED})));
    RETURN NEW;
END $$;
"""
FORWARD = (
    GUARDS.replace("{ANSWERED}", "'APPROVED', 'RELEASING'")
    + """
CREATE FUNCTION request_line_waited() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp SET enable_nestloop = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM new_rows n JOIN old_rows o USING (id)
                WHERE n.state <> o.state AND o.state IN ('WAITING', 'RELEASING')
                  AND n.state NOT IN ('WAITING', 'RELEASING', 'RELEASED', 'RECALLED', 'NEEDS_ATTENTION')) THEN
        RAISE EXCEPTION 'this move is not among the moves of a line' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
-- By its name it runs after request_line_updated, which says first what else is missing.
CREATE TRIGGER request_line_updated_while_waiting AFTER UPDATE ON request_line
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION request_line_waited();
"""
)
BACK = (
    """
DROP TRIGGER request_line_updated_while_waiting ON request_line;
DROP FUNCTION request_line_waited();
"""
    + GUARDS.replace("{ANSWERED}", "'APPROVED'")
)
KINDS = ["assess", "check-order", "release", "fetch-revocation", "drop-leases"]


class Migration(migrations.Migration):
    dependencies = [("broker", "0017_slips_are_questions")]
    operations = [
        migrations.AlterField(
            model_name="outboxrow",
            name="kind",
            field=models.CharField(choices=[(kind, kind.replace("-", " ").title()) for kind in KINDS], max_length=32),
        ),
        migrations.RunSQL(FORWARD, BACK),
    ]
