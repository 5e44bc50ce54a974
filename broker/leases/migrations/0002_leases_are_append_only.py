"""Evidence stays as it was written: a row of a log that can be changed proves nothing.

DELETE stays possible, because leases expire by law; which role may do it is a matter of grants. Row triggers
only: a trigger on TRUNCATE would break transactional tests.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: rows of this table are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER lease_is_final BEFORE UPDATE ON lease FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER lease_import_is_final BEFORE UPDATE OR DELETE ON lease_import
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
"""

BACK = """
DROP TRIGGER lease_import_is_final ON lease_import;
DROP TRIGGER lease_is_final ON lease;
DROP FUNCTION refuse_rewrite();
"""


class Migration(migrations.Migration):
    dependencies = [("leases", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACK)]
