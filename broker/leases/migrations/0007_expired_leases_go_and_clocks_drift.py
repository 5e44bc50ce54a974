"""What is open no longer is dropped with its time: leases whose expiry has passed, and what their logs remembered of them.

A lease that expires stands in `open_lease` until its source has delivered beyond its end; the source may never come
back. Nothing there that ended before the floor can be answered, so it goes with the months, by the same function. What
has no end, or one that lies after the floor, stays. Rows under a hold were copied when it was made.

Days whose stamps look like a clock of twelve hours get a table: they are answered with CLOCK_SUSPECT until taken back.
"""

import django.db.models.deletion
from django.db import migrations, models

# What 0004 made, up to its last line.
_MONTHS = """
CREATE OR REPLACE FUNCTION drop_lease_months(keep_from timestamptz) RETURNS TABLE (part text, row_count bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    known record;
BEGIN
    IF keep_from > now() THEN
        RAISE EXCEPTION 'nothing that has not expired is dropped' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR known IN
        SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent IN ('lease'::regclass, 'port_block'::regclass, 'odd_block'::regclass) ORDER BY 1
    LOOP
        IF (to_date(right(known.name, 7), 'YYYY_MM')::timestamp + interval '1 month') AT TIME ZONE 'UTC'
            <= keep_from THEN
            part := known.name;
            EXECUTE format('SELECT count(*) FROM %I', part) INTO row_count;
            EXECUTE format('DROP TABLE %I', part);
            RETURN NEXT;
        END IF;
    END LOOP;
"""
BACK = f"{_MONTHS}END $$;\n"
FORWARD = f"""{_MONTHS}    -- Of those that go on a log remembers what open_lease shows; of those given out, until late records are refused.
    part := 'log_holding';
    DELETE FROM log_holding h
    WHERE CASE WHEN (h.state ->> 'emitted')::boolean THEN (h.state ->> 'due')::timestamptz <= keep_from
        ELSE EXISTS (SELECT FROM open_lease o WHERE o.source_id = h.source_id AND o.serial = h.serial
            AND o.possible_to <= keep_from) END;
    GET DIAGNOSTICS row_count = ROW_COUNT;
    IF row_count > 0 THEN
        RETURN NEXT;
    END IF;
    part := 'open_lease';
    DELETE FROM open_lease WHERE possible_to <= keep_from;
    GET DIAGNOSTICS row_count = ROW_COUNT;
    IF row_count > 0 THEN
        RETURN NEXT;
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("leases", "0006_mappings_and_sources_in_place")]

    operations = [
        migrations.RunSQL(FORWARD, BACK),
        migrations.AddField(
            model_name='leasesource',
            name='drift_checked_on',
            field=models.DateField(null=True),
        ),
        migrations.CreateModel(
            name='DriftedDay',
            fields=[
                ('pk', models.CompositePrimaryKey('source_id', 'day', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('found_at', models.DateTimeField()),
                ('cleared_at', models.DateTimeField(null=True)),
                ('source', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='leases.leasesource')),
            ],
            options={
                'db_table': 'lease_drifted_day',
            },
        ),
    ]
