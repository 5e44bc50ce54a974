"""Rows of the operator's RADIUS accounting are copied under a hold, because whoever keeps that table may clean it up.

They are kept as they stood and not as evidence: what a table of states proves depends on all of its rows together.
Both kinds of copies answer only for the time that was complete when they were made.
"""

import broker.leases.models
import django.db.models.deletion
from django.db import migrations, models

FORWARD = """
CREATE OR REPLACE FUNCTION drop_lapsed_holds() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM held_radacct l USING lease_hold k WHERE k.id = l.hold_id AND k.lapses_at <= now();
    DELETE FROM held_lease l USING lease_hold k WHERE k.id = l.hold_id AND k.lapses_at <= now();
    DELETE FROM lease_hold WHERE lapses_at <= now();
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;
"""
# What 0005 made.
BACK = FORWARD.replace(
    "    DELETE FROM held_radacct l USING lease_hold k WHERE k.id = l.hold_id AND k.lapses_at <= now();\n", ""
)


class Migration(migrations.Migration):
    dependencies = [("leases", "0007_expired_leases_go_and_clocks_drift")]
    operations = [
        migrations.AddField(
            model_name='hold',
            name='settled',
            field=broker.leases.models.SpansField(null=True),
        ),
        migrations.AddField(
            model_name='hold',
            name='radius_settled',
            field=broker.leases.models.SpansField(null=True),
        ),
        migrations.CreateModel(
            name='HeldSession',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('radacctid', models.BigIntegerField()),
                ('holder', models.CharField(blank=True, max_length=64)),
                ('acctstarttime', models.DateTimeField(null=True)),
                ('acctupdatetime', models.DateTimeField(null=True)),
                ('acctstoptime', models.DateTimeField(null=True)),
                ('acctinterval', models.BigIntegerField(null=True)),
                ('acctsessiontime', models.BigIntegerField(null=True)),
                ('acctterminatecause', models.TextField(blank=True)),
                ('framedipaddress', broker.leases.models.InetField(null=True)),
                ('framedipv6address', broker.leases.models.InetField(null=True)),
                ('framedipv6prefix', broker.leases.models.InetField(null=True)),
                ('delegatedipv6prefix', broker.leases.models.InetField(null=True)),
                ('hold', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='leases.hold')),
            ],
            options={
                'db_table': 'held_radacct',
            },
        ),
        migrations.RunSQL(FORWARD, BACK),
    ]
