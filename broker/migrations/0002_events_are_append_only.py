"""Events get their time and transaction id from the database, and stay as they were written.

The log over these rows is only worth something if no process can quietly rewrite them. Row triggers only:
TRUNCATE is a matter of grants, and a trigger on it would break transactional tests.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION event_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Django names every column on INSERT, so what the writer put there is overwritten, not defaulted.
    NEW.recorded_at := clock_timestamp();
    NEW.xid := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;
CREATE TRIGGER event_stamp BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION event_stamp();
ALTER TABLE event ALTER COLUMN recorded_at SET NOT NULL;

CREATE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: rows of this table are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""

# Everything that proves what was done: once written, never changed.
TABLES = (
    "event", "state_move", "disclosure_request", "order_document", "order_terms", "terms_line", "order_check", "pack_version",
    "assessment_record", "line_assessment", "fact_answer", "decision", "tranche", "tranche_line", "sealed_release", "decision_note",
)

BACK = """
DROP TRIGGER event_stamp ON event;
DROP FUNCTION event_stamp();
ALTER TABLE event ALTER COLUMN recorded_at DROP NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("broker", "0001_initial")]

    operations = [
        migrations.RunSQL(
            FORWARD
            + "".join(
                f"CREATE TRIGGER {t}_is_final BEFORE UPDATE OR DELETE ON {t} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();\n"
                for t in TABLES
            ),
            "".join(f"DROP TRIGGER {t}_is_final ON {t};\n" for t in TABLES)
            + "DROP FUNCTION refuse_rewrite();"
            + BACK,
        )
    ]
