"""A court's registration says what its signatures must bring; a signed order is known by its signature.

An order gets its identity with VERIFIED and keeps it, so that one signature is one order, in whatever file. Policies
are never rewritten: what an order was held to stays known.
"""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models

# Orders verified before have no identity yet; a made-up one keeps them, and is nobody's signature.
IDENTIFY = """
UPDATE court_order SET signed_identity = encode(sha256(convert_to('before 0005 ' || id::text, 'UTF8')), 'hex')
 WHERE state IN ('VERIFIED', 'REVOKED');
"""

GUARD = """
CREATE FUNCTION signed_identity_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.signed_identity IS DISTINCT FROM OLD.signed_identity
       AND (OLD.signed_identity IS NOT NULL OR NEW.state <> 'VERIFIED') THEN
        RAISE EXCEPTION 'an order gets its identity when it is verified, once'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER signed_identity_guard BEFORE UPDATE ON court_order
    FOR EACH ROW EXECUTE FUNCTION signed_identity_guard();
CREATE TRIGGER signature_policy_is_final BEFORE UPDATE OR DELETE ON signature_policy
    FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
"""

BACK = """
DROP TRIGGER signature_policy_is_final ON signature_policy;
DROP TRIGGER signed_identity_guard ON court_order;
DROP FUNCTION signed_identity_guard();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('broker', '0004_decisions_and_releases_need_their_ground'),
    ]

    operations = [
        migrations.CreateModel(
            name='RevocationSource',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('url', models.URLField(max_length=500)),
                ('registered_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('asked_at', models.DateTimeField(null=True)),
                ('content', models.BinaryField(null=True)),
                ('issued_at', models.DateTimeField(null=True)),
                ('next_at', models.DateTimeField(null=True)),
                ('fetched_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'revocation_source',
                'ordering': ['registered_at'],
            },
        ),
        migrations.CreateModel(
            name='SignaturePolicy',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('timestamp_required', models.BooleanField(default=False)),
                ('revocation_required', models.BooleanField(default=True)),
                ('revocation_max_age_hours', models.PositiveIntegerField(default=24)),
                ('certificate_policies', models.JSONField(default=list)),
                ('key_usage', models.JSONField(default=list)),
                ('registered_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'db_table': 'signature_policy',
                'ordering': ['court', 'id'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='courtcertificate',
            name='court_certificate_known_once',
        ),
        migrations.RemoveConstraint(
            model_name='courtorder',
            name='court_order_attached_once',
        ),
        migrations.AddField(
            model_name='courtcertificate',
            name='use',
            field=models.CharField(choices=[('signature', 'Signature'), ('timestamp', 'Timestamp')], default='signature', max_length=16),
        ),
        migrations.AddField(
            model_name='courtorder',
            name='signed_identity',
            field=models.CharField(max_length=64, null=True, unique=True),
        ),
        migrations.RunSQL(IDENTIFY, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name='outboxrow',
            name='kind',
            field=models.CharField(choices=[('assess', 'Assess'), ('check-order', 'Check Order'), ('release', 'Release'), ('fetch-revocation', 'Fetch Revocation')], max_length=32),
        ),
        migrations.AddConstraint(
            model_name='courtcertificate',
            constraint=models.UniqueConstraint(fields=('court', 'sha256', 'use'), name='court_certificate_known_once'),
        ),
        migrations.AddConstraint(
            model_name='courtcertificate',
            constraint=models.CheckConstraint(condition=models.Q(('use__in', ['signature', 'timestamp'])), name='court_certificate_use_known'),
        ),
        migrations.AddConstraint(
            model_name='courtorder',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'REJECTED'), _negated=True), fields=('court', 'document'), name='court_order_attached_once'),
        ),
        migrations.AddConstraint(
            model_name='courtorder',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('signed_identity', None), ('state__in', ['RECEIVED', 'REJECTED'])), models.Q(('signed_identity__isnull', False), ('state__in', ['VERIFIED', 'REVOKED'])), _connector='OR'), name='court_order_identity_if_verified'),
        ),
        migrations.AddField(
            model_name='revocationsource',
            name='court',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='revocation_sources', to='broker.organisation'),
        ),
        migrations.AddField(
            model_name='signaturepolicy',
            name='court',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='signature_policies', to='broker.organisation'),
        ),
        migrations.AddConstraint(
            model_name='revocationsource',
            constraint=models.UniqueConstraint(fields=('court', 'url'), name='revocation_source_known_once'),
        ),
        migrations.AddConstraint(
            model_name='revocationsource',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('content', None), ('fetched_at', None), ('issued_at', None)), models.Q(('content__isnull', False), ('fetched_at__isnull', False), ('issued_at__isnull', False)), _connector='OR'), name='revocation_source_whole_or_none'),
        ),
        migrations.RunSQL(GUARD, BACK),
    ]
