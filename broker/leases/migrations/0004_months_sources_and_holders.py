"""Evidence moves into month partitions; sources, holders, line history and holds get tables of their own.

Why months: an interval is cut where a month (UTC) ends, so that one instant lies in one partition, the index of the
present month stays small, and what has expired is dropped whole. Expiry is therefore a function of the owner: no
process holds DELETE on evidence. Partitions are made detached and then attached, which blocks no reader.
`open_lease` is the one table whose rows change: it holds what has begun and not ended, and nothing else.

Rows of the old tables are not carried over: they lack what the new ones need (whose log, which clock, which plan). A
store that has some stops the migration and says how to go on; the files they came from are imported again.
Source: attribution.md 1.6.
"""

import datetime
import uuid

import django.db.models.deletion
from django.db import migrations, models

import broker.leases.models

REFUSE_ROWS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM lease_import) OR EXISTS (SELECT FROM address_plan) THEN
        RAISE EXCEPTION 'The store of leases has imports in its old form. Keep their files, empty the tables lease, '
            'lease_import and address_plan as the owner of the database, prepare again, and import the files again.';
    END IF;
END $$;
"""

FORWARD = """
CREATE TABLE lease (
    valid_from timestamptz NOT NULL,
    valid_to timestamptz NOT NULL,
    holder_id bigint NOT NULL,
    source_pos bigint NOT NULL,
    certain_after integer NOT NULL,
    certain_before integer NOT NULL,
    import_id integer NOT NULL,
    source_id smallint NOT NULL,
    flags smallint NOT NULL,
    address inet NOT NULL,
    CONSTRAINT lease_ends_after_it_begins CHECK (valid_to > valid_from),
    CONSTRAINT lease_certain_inside CHECK (certain_after >= 0 AND certain_before >= 0)
) PARTITION BY RANGE (valid_from);
CREATE INDEX lease_address ON lease (address, valid_from, valid_to);

CREATE TABLE port_block (
    valid_from timestamptz NOT NULL,
    valid_to timestamptz NOT NULL,
    holder_id bigint NOT NULL,
    source_pos bigint NOT NULL,
    certain_after integer NOT NULL,
    certain_before integer NOT NULL,
    import_id integer NOT NULL,
    port_from integer NOT NULL,
    port_to integer NOT NULL,
    source_id smallint NOT NULL,
    flags smallint NOT NULL,
    port_step smallint NOT NULL,
    protocol smallint,
    address inet NOT NULL,
    CONSTRAINT block_ends_after_it_begins CHECK (valid_to > valid_from),
    CONSTRAINT block_certain_inside CHECK (certain_after >= 0 AND certain_before >= 0),
    CONSTRAINT block_ports CHECK (port_from >= 0 AND port_to >= port_from AND port_to <= 65535 AND port_step > 0)
) PARTITION BY RANGE (valid_from);
CREATE INDEX port_block_address ON port_block (address, port_from, valid_from, valid_to);

-- Blocks of a shape that too few rows share to be worth a probe of their own; found by the address.
CREATE TABLE odd_block (LIKE port_block INCLUDING CONSTRAINTS) PARTITION BY RANGE (valid_from);
CREATE INDEX odd_block_address ON odd_block (address, valid_from, valid_to);

CREATE TRIGGER lease_is_final BEFORE UPDATE ON lease FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER port_block_is_final BEFORE UPDATE ON port_block FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER odd_block_is_final BEFORE UPDATE ON odd_block FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER held_lease_is_final BEFORE UPDATE ON held_lease FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER lease_holder_is_final BEFORE UPDATE OR DELETE ON lease_holder
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER lease_import_is_final BEFORE UPDATE OR DELETE ON lease_import
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

CREATE FUNCTION make_lease_months(first timestamptz, last timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    month timestamp := date_trunc('month', first AT TIME ZONE 'UTC');
    part text;
    kind text;
    made integer := 0;
BEGIN
    IF last > now() + interval '2 months' OR first > last OR last - first > interval '20 years' THEN
        RAISE EXCEPTION 'months from % to % are refused: past ones are made, twenty years of them at most', first, last
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- One at a time: two feeders that need the same month would else both make it.
    PERFORM pg_advisory_xact_lock(7301002);
    WHILE month <= last AT TIME ZONE 'UTC' LOOP
        FOREACH kind IN ARRAY ARRAY['lease', 'port_block', 'odd_block'] LOOP
            part := kind || to_char(month, '_YYYY_MM');
            IF to_regclass('public.' || part) IS NULL THEN
                EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part, kind);
                EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', kind, part,
                    month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
                made := made + 1;
            END IF;
        END LOOP;
        month := month + interval '1 month';
    END LOOP;
    RETURN made;
END $$;

CREATE FUNCTION drop_lease_months(keep_from timestamptz) RETURNS TABLE (part text, row_count bigint)
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
END $$;
"""

BACK = """
DROP FUNCTION drop_lease_months(timestamptz);
DROP FUNCTION make_lease_months(timestamptz, timestamptz);
DROP TABLE odd_block;
DROP TABLE port_block;
DROP TABLE lease;
"""


class Migration(migrations.Migration):
    dependencies = [("leases", "0003_tells_its_schema")]

    operations = [
        migrations.RunSQL(REFUSE_ROWS, migrations.RunSQL.noop),
        migrations.DeleteModel("Lease"),
        migrations.DeleteModel("LeaseImport"),
        migrations.DeleteModel("AddressPlan"),
        migrations.CreateModel(
            name='AddressWidth',
            fields=[
                ('pk', models.CompositePrimaryKey('family', 'width', blank=True, editable=False, primary_key=True, serialize=False)),
                ('family', models.SmallIntegerField()),
                ('width', models.SmallIntegerField()),
            ],
            options={
                'db_table': 'address_width',
            },
        ),
        migrations.CreateModel(
            name='BlockShape',
            fields=[
                ('pk', models.CompositePrimaryKey('span', 'phase', 'step', blank=True, editable=False, primary_key=True, serialize=False)),
                ('span', models.IntegerField()),
                ('phase', models.IntegerField()),
                ('step', models.SmallIntegerField()),
            ],
            options={
                'db_table': 'block_shape',
            },
        ),
        migrations.CreateModel(
            name='LeaseImport',
            fields=[
                ('id', models.AutoField(primary_key=True, serialize=False)),
                ('key', models.UUIDField(default=uuid.uuid4, unique=True)),
                ('sha256', models.CharField(max_length=64, null=True, unique=True)),
                ('row_count', models.PositiveIntegerField(null=True)),
                ('complete_from', models.DateTimeField(null=True)),
                ('complete_until', models.DateTimeField(null=True)),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'lease_import',
            },
        ),
        migrations.CreateModel(
            name='Hold',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('case_id', models.UUIDField()),
                ('address', broker.leases.models.InetField()),
                ('port', models.IntegerField(null=True)),
                ('from_at', models.DateTimeField()),
                ('to_at', models.DateTimeField()),
                ('made_at', models.DateTimeField()),
                ('lapses_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'lease_hold',
                'indexes': [models.Index(fields=['address'], name='lease_hold_address')],
                'constraints': [models.CheckConstraint(condition=models.Q(('to_at__gt', models.F('from_at'))), name='hold_ends_after_it_begins'), models.CheckConstraint(condition=models.Q(('lapses_at__gt', models.F('made_at'))), name='hold_lapses_after_it_is_made')],
            },
        ),
        migrations.CreateModel(
            name='Holder',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('subscriber', 'Reference of a contract'), ('line', 'Connection as a log names it'), ('inner', 'Inner address')], max_length=16)),
                ('reference', models.CharField(blank=True, max_length=64)),
                ('inner_address', broker.leases.models.InetField(null=True)),
                ('realm', models.CharField(blank=True, max_length=64)),
            ],
            options={
                'db_table': 'lease_holder',
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('inner_address__isnull', True), ('kind__in', ('subscriber', 'line')), ('realm', ''), ('reference__regex', '^[A-Za-z0-9._-]{1,64}$')), models.Q(('inner_address__isnull', False), ('kind', 'inner'), ('reference', '')), _connector='OR'), name='lease_holder_form'), models.UniqueConstraint(fields=('reference', 'kind', 'inner_address', 'realm'), name='lease_holder_once', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='LogProgress',
            fields=[
                ('log', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, serialize=False, to='leases.leaseimport')),
                ('format', models.CharField(max_length=32)),
                ('place', models.CharField(max_length=1000)),
                ('head_bytes', models.IntegerField()),
                ('head_sha256', models.CharField(max_length=64)),
                ('offset', models.BigIntegerField()),
                ('reader', models.JSONField()),
                ('counts', models.JSONField()),
                ('updated_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'log_progress',
            },
        ),
        migrations.CreateModel(
            name='LeaseSource',
            fields=[
                ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=64, unique=True)),
                ('realm', models.CharField(blank=True, max_length=64)),
                ('worst_offset', models.DurationField(default=datetime.timedelta(seconds=1))),
                ('derived', models.BooleanField(default=False)),
                ('coverage', broker.leases.models.SpansField()),
                ('clocks', models.JSONField(default=dict)),
                ('serial', models.BigIntegerField(default=0)),
                ('serves_from', models.DateTimeField(null=True)),
                ('serves_until', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'lease_source',
                'constraints': [models.CheckConstraint(condition=models.Q(('name__regex', '^[A-Za-z0-9._-]{1,64}$')), name='lease_source_name')],
            },
        ),
        migrations.AddField(
            model_name='leaseimport',
            name='source',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='leases.leasesource'),
        ),
        migrations.CreateModel(
            name='HeldLease',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('import_id', models.IntegerField()),
                ('source_pos', models.BigIntegerField()),
                ('port_from', models.IntegerField(null=True)),
                ('port_to', models.IntegerField(null=True)),
                ('port_step', models.SmallIntegerField(null=True)),
                ('protocol', models.SmallIntegerField(null=True)),
                ('address', broker.leases.models.InetField()),
                ('possible_from', models.DateTimeField()),
                ('possible_to', models.DateTimeField(null=True)),
                ('certain_from', models.DateTimeField()),
                ('certain_to', models.DateTimeField()),
                ('flags', models.SmallIntegerField()),
                ('hold', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='leases.hold')),
                ('holder', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='leases.holder')),
                ('source', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='leases.leasesource')),
            ],
            options={
                'db_table': 'held_lease',
            },
        ),
        migrations.CreateModel(
            name='AddressPlan',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('prefix', broker.leases.models.CidrField()),
                ('from_at', models.DateTimeField()),
                ('to_at', models.DateTimeField(null=True)),
                ('sharing', models.CharField(choices=[('dedicated', 'One subscriber for each address'), ('static', 'One subscriber for each address, by contract'), ('cgn-block', 'Carrier-grade NAT, port blocks in the log'), ('cgn-session', 'Carrier-grade NAT, every flow in the log'), ('deterministic', 'Deterministic NAT (RFC 7422)'), ('map', 'MAP-E or MAP-T (RFC 7597, RFC 7599)'), ('lw4o6', 'Lightweight 4over6 (RFC 7596)'), ('ds-lite', 'Dual-Stack Lite (RFC 6333)'), ('nat64', 'Stateful NAT64 (RFC 6146)'), ('shared', 'Several subscribers behind each address, otherwise'), ('unknown', 'Not known; treated as shared')], max_length=16)),
                ('source', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='leases.leasesource')),
            ],
            options={
                'db_table': 'address_plan',
            },
        ),
        migrations.CreateModel(
            name='LineTerm',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('subscriber_ref', models.CharField(max_length=64)),
                ('from_at', models.DateTimeField()),
                ('to_at', models.DateTimeField(null=True)),
                ('unit', models.DurationField(default=datetime.timedelta(days=1))),
                ('holder', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='leases.holder')),
            ],
            options={
                'db_table': 'line_term',
            },
        ),
        migrations.CreateModel(
            name='LogHolding',
            fields=[
                ('pk', models.CompositePrimaryKey('source_id', 'serial', blank=True, editable=False, primary_key=True, serialize=False)),
                ('serial', models.BigIntegerField()),
                ('state', models.JSONField()),
                ('source', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='leases.leasesource')),
            ],
            options={
                'db_table': 'log_holding',
            },
        ),
        migrations.CreateModel(
            name='LogReject',
            fields=[
                ('pk', models.CompositePrimaryKey('log_id', 'position', 'code', blank=True, editable=False, primary_key=True, serialize=False)),
                ('position', models.BigIntegerField()),
                ('code', models.CharField(max_length=48)),
                ('log', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='leases.leaseimport')),
            ],
            options={
                'db_table': 'log_reject',
            },
        ),
        migrations.CreateModel(
            name='OpenLease',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('import_id', models.IntegerField()),
                ('source_pos', models.BigIntegerField()),
                ('address', broker.leases.models.InetField()),
                ('port_from', models.IntegerField(null=True)),
                ('port_to', models.IntegerField(null=True)),
                ('port_step', models.SmallIntegerField(null=True)),
                ('protocol', models.SmallIntegerField(null=True)),
                ('possible_from', models.DateTimeField()),
                ('possible_to', models.DateTimeField(null=True)),
                ('certain_from', models.DateTimeField()),
                ('certain_to', models.DateTimeField()),
                ('flags', models.SmallIntegerField()),
                ('serial', models.BigIntegerField(null=True)),
                ('holder', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='leases.holder')),
                ('source', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='leases.leasesource')),
            ],
            options={
                'db_table': 'open_lease',
            },
        ),
        migrations.CreateModel(
            name='SourceDay',
            fields=[
                ('pk', models.CompositePrimaryKey('source_id', 'day', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('largest_offset', models.DurationField()),
                ('measured_count', models.PositiveIntegerField()),
                ('source', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='leases.leasesource')),
            ],
            options={
                'db_table': 'lease_source_day',
            },
        ),
        migrations.AddConstraint(
            model_name='leaseimport',
            constraint=models.CheckConstraint(condition=models.Q(('complete_from__isnull', True), ('complete_from__lte', models.F('complete_until')), _connector='OR'), name='lease_import_complete_in_order'),
        ),
        migrations.AddConstraint(
            model_name='leaseimport',
            constraint=models.CheckConstraint(condition=models.Q(('sha256__regex', '^[0-9a-f]{64}$')), name='lease_import_sha256'),
        ),
        migrations.AddConstraint(
            model_name='addressplan',
            constraint=models.CheckConstraint(condition=models.Q(('to_at__isnull', True), ('to_at__gt', models.F('from_at')), _connector='OR'), name='plan_ends_after_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='addressplan',
            constraint=models.CheckConstraint(condition=models.Q(('sharing__in', ('dedicated', 'static', 'cgn-block', 'cgn-session', 'deterministic', 'map', 'lw4o6', 'ds-lite', 'nat64', 'shared', 'unknown'))), name='plan_sharing_known'),
        ),
        migrations.AddIndex(
            model_name='lineterm',
            index=models.Index(fields=['holder', 'from_at'], name='line_term_holder'),
        ),
        migrations.AddConstraint(
            model_name='lineterm',
            constraint=models.CheckConstraint(condition=models.Q(('to_at__isnull', True), ('to_at__gt', models.F('from_at')), _connector='OR'), name='line_term_ends_after_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='lineterm',
            constraint=models.CheckConstraint(condition=models.Q(('subscriber_ref__regex', '^[A-Za-z0-9._-]{1,64}$')), name='line_term_opaque'),
        ),
        migrations.AddIndex(
            model_name='openlease',
            index=models.Index(fields=['address'], name='open_lease_address'),
        ),
        migrations.AddConstraint(
            model_name='openlease',
            constraint=models.CheckConstraint(condition=models.Q(('certain_from__gte', models.F('possible_from')), ('certain_to__gte', models.F('certain_from')), models.Q(('possible_to__isnull', True), ('possible_to__gte', models.F('certain_to')), _connector='OR')), name='open_lease_certain_inside_possible'),
        ),
        migrations.AddConstraint(
            model_name='openlease',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('port_from__isnull', True), ('port_step__isnull', True), ('port_to__isnull', True)), models.Q(('port_from__gte', 0), ('port_step__gt', 0), ('port_to__gte', models.F('port_from')), ('port_to__lte', 65535)), _connector='OR'), name='open_lease_ports_all_or_none'),
        ),
        migrations.AddConstraint(
            model_name='openlease',
            constraint=models.UniqueConstraint(condition=models.Q(('serial__isnull', True)), fields=('source', 'address', 'port_from', 'port_to', 'possible_from', 'holder'), name='open_lease_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='openlease',
            constraint=models.UniqueConstraint(fields=('source', 'serial'), name='open_lease_of_one_holding'),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(FORWARD, BACK)],
            state_operations=[
                migrations.CreateModel(
                    name='Lease',
                    fields=[
                        ('pk', models.CompositePrimaryKey('import_id', 'source_pos', 'valid_from', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('valid_from', models.DateTimeField()),
                        ('valid_to', models.DateTimeField()),
                        ('source_pos', models.BigIntegerField()),
                        ('certain_after', models.IntegerField()),
                        ('certain_before', models.IntegerField()),
                        ('import_id', models.IntegerField()),
                        ('flags', models.SmallIntegerField()),
                        ('address', broker.leases.models.InetField()),
                        ('holder', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='leases.holder')),
                        ('source', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='leases.leasesource')),
                    ],
                    options={
                        'db_table': 'lease',
                    },
                ),
                migrations.CreateModel(
                    name='PortBlock',
                    fields=[
                        ('pk', models.CompositePrimaryKey('import_id', 'source_pos', 'valid_from', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('valid_from', models.DateTimeField()),
                        ('valid_to', models.DateTimeField()),
                        ('source_pos', models.BigIntegerField()),
                        ('certain_after', models.IntegerField()),
                        ('certain_before', models.IntegerField()),
                        ('import_id', models.IntegerField()),
                        ('flags', models.SmallIntegerField()),
                        ('address', broker.leases.models.InetField()),
                        ('port_from', models.IntegerField()),
                        ('port_to', models.IntegerField()),
                        ('port_step', models.SmallIntegerField()),
                        ('protocol', models.SmallIntegerField(null=True)),
                        ('holder', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='leases.holder')),
                        ('source', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='leases.leasesource')),
                    ],
                    options={
                        'db_table': 'port_block',
                    },
                ),
                migrations.CreateModel(
                    name='OddBlock',
                    fields=[
                        ('pk', models.CompositePrimaryKey('import_id', 'source_pos', 'valid_from', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('valid_from', models.DateTimeField()),
                        ('valid_to', models.DateTimeField()),
                        ('source_pos', models.BigIntegerField()),
                        ('certain_after', models.IntegerField()),
                        ('certain_before', models.IntegerField()),
                        ('import_id', models.IntegerField()),
                        ('flags', models.SmallIntegerField()),
                        ('address', broker.leases.models.InetField()),
                        ('port_from', models.IntegerField()),
                        ('port_to', models.IntegerField()),
                        ('port_step', models.SmallIntegerField()),
                        ('protocol', models.SmallIntegerField(null=True)),
                        ('holder', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='leases.holder')),
                        ('source', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='leases.leasesource')),
                    ],
                    options={
                        'db_table': 'odd_block',
                    },
                ),
            ],
        ),
    ]
