"""What was kept for a case is forgotten when its hold has lapsed, by an owner's function that can do nothing else.

The worker makes holds and may call this; it holds no DELETE, so nothing that a live hold keeps can be removed.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION drop_lapsed_holds() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM held_lease l USING lease_hold k WHERE k.id = l.hold_id AND k.lapses_at <= now();
    DELETE FROM lease_hold WHERE lapses_at <= now();
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("leases", "0004_months_sources_and_holders")]
    operations = [migrations.RunSQL(FORWARD, "DROP FUNCTION drop_lapsed_holds();")]
